import CoreVideo
import ModerationKit

/// Pixels as Vision takes them.
enum PixelBuffer {
    /// Why there is none.
    struct Problem: Error, Equatable {
        let code: CVReturn
    }

    /// A picture as blue, green, red, alpha; the alpha is 255.
    ///
    /// - Throws: ``Problem``
    static func made(of picture: RGBPicture) throws -> CVPixelBuffer {
        var made: CVPixelBuffer?
        let code = CVPixelBufferCreate(
            kCFAllocatorDefault, picture.width, picture.height, kCVPixelFormatType_32BGRA, nil,
            &made)
        guard code == kCVReturnSuccess, let buffer = made else { throw Problem(code: code) }
        CVPixelBufferLockBaseAddress(buffer, [])
        defer { CVPixelBufferUnlockBaseAddress(buffer, []) }
        guard let base = CVPixelBufferGetBaseAddress(buffer) else {
            throw Problem(code: kCVReturnError)
        }
        let rowBytes = CVPixelBufferGetBytesPerRow(buffer)
        for row in 0..<picture.height {
            let target = (base + row * rowBytes).assumingMemoryBound(to: UInt8.self)
            for column in 0..<picture.width {
                let source = (row * picture.width + column) * 3
                target[column * 4] = picture.bytes[source + 2]
                target[column * 4 + 1] = picture.bytes[source + 1]
                target[column * 4 + 2] = picture.bytes[source]
                target[column * 4 + 3] = 255
            }
        }
        return buffer
    }
}
