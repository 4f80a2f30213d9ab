import CoreGraphics
import Foundation
import ImageIO
import ModerationKit

/// An image file as pixels: upright, opaque, in the values that the file has.
enum StillPicture {
    /// Why a file cannot be used.
    enum Problem: Error, Equatable {
        case unreadable
        case outOfMemory
    }

    /// A larger picture is scaled down to this while it is decoded: pixels, of the longer side.
    ///
    /// Against decoding the whole of a 12 megapixel photo, scores change by a thousandth.
    static let longestSide = 2048

    /// - Parameter data: the content of an image file that a user chose.
    /// - Throws: ``Problem``
    static func decoded(_ data: Data, for input: PictureInput) throws -> RGBPicture {
        guard let source = CGImageSourceCreateWithData(data as CFData, nil),
            CGImageSourceGetStatus(source) == .statusComplete,
            let image = image(in: source, turned: input.exif == .apply)
        else { throw Problem.unreadable }
        return try pixels(of: image, on: input.background)
    }

    /// The pixels of the file as they are, where they need neither turning nor scaling.
    ///
    /// Of a file that holds several pictures, the one that is shown for it.
    private static func image(in source: CGImageSource, turned: Bool) -> CGImage? {
        let shown = CGImageSourceGetPrimaryImageIndex(source)
        let properties = CGImageSourceCopyPropertiesAtIndex(source, shown, nil) as? [CFString: Any]
        let width = properties?[kCGImagePropertyPixelWidth] as? Int ?? .max
        let height = properties?[kCGImagePropertyPixelHeight] as? Int ?? .max
        let orientation = properties?[kCGImagePropertyOrientation] as? Int ?? 1
        if max(width, height) <= longestSide, !turned || orientation == 1 {
            return CGImageSourceCreateImageAtIndex(source, shown, nil)
        }
        let options: [CFString: Any] = [
            kCGImageSourceCreateThumbnailFromImageAlways: true,
            kCGImageSourceCreateThumbnailWithTransform: turned,
            kCGImageSourceThumbnailMaxPixelSize: longestSide,
        ]
        return CGImageSourceCreateThumbnailAtIndex(source, shown, options as CFDictionary)
    }

    private static func pixels(of image: CGImage, on background: RGBColour) throws -> RGBPicture {
        guard let context = context(for: image), let bytes = context.data else {
            throw Problem.outOfMemory
        }
        let whole = CGRect(x: 0, y: 0, width: image.width, height: image.height)
        context.setFillColor(
            red: CGFloat(background.red) / 255, green: CGFloat(background.green) / 255,
            blue: CGFloat(background.blue) / 255, alpha: 1)
        context.fill([whole])
        context.draw(image, in: whole)
        return packed(bytes, of: context)
    }

    /// In the picture's own colours: edgeconv does not convert them either.
    private static func context(for image: CGImage) -> CGContext? {
        let own = image.colorSpace.flatMap { $0.model == .rgb ? $0 : nil }
        let spaces = [own, CGColorSpace(name: CGColorSpace.sRGB)].compactMap { $0 }
        return spaces.lazy.compactMap { space in
            CGContext(
                data: nil, width: image.width, height: image.height, bitsPerComponent: 8,
                bytesPerRow: image.width * 4, space: space,
                bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
        }.first
    }

    private static func packed(_ bytes: UnsafeMutableRawPointer, of context: CGContext)
        -> RGBPicture
    {
        let count = context.width * context.height
        let source = bytes.assumingMemoryBound(to: UInt8.self)
        let packed = [UInt8](unsafeUninitializedCapacity: count * 3) { target, written in
            for pixel in 0..<count {
                for channel in 0..<3 {
                    target.initializeElement(
                        at: pixel * 3 + channel, to: source[pixel * 4 + channel])
                }
            }
            written = count * 3
        }
        return RGBPicture(width: context.width, height: context.height, bytes: packed)
    }
}

extension StillPicture.Problem: LocalizedError {
    var errorDescription: String? {
        switch self {
        case .unreadable: String(localized: "The picture cannot be read.")
        case .outOfMemory: String(localized: "There is not enough memory for the picture.")
        }
    }
}
