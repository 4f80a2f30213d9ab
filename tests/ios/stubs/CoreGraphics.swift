@_exported import Foundation

public typealias CFData = Data
public typealias CFDictionary = [AnyHashable: Any]
public typealias CFString = String

public enum CGColorSpaceModel: Sendable { case monochrome, rgb, cmyk, indexed }

public final class CGColorSpace {
    public static var sRGB: CFString { fatalError() }
    public init?(name: CFString) {}
    public var model: CGColorSpaceModel { fatalError() }
}

public enum CGImageAlphaInfo: UInt32 { case none, noneSkipLast = 5 }

public final class CGImage {
    public var width: Int { fatalError() }
    public var height: Int { fatalError() }
    public var colorSpace: CGColorSpace? { fatalError() }
}

public final class CGContext {
    public init?(
        data: UnsafeMutableRawPointer?, width: Int, height: Int, bitsPerComponent: Int,
        bytesPerRow: Int, space: CGColorSpace, bitmapInfo: UInt32
    ) {}
    public var data: UnsafeMutableRawPointer? { fatalError() }
    public var width: Int { fatalError() }
    public var height: Int { fatalError() }
    public var bytesPerRow: Int { fatalError() }
    public func setFillColor(red: CGFloat, green: CGFloat, blue: CGFloat, alpha: CGFloat) {}
    public func fill(_ rects: [CGRect]) {}
    public func draw(_ image: CGImage, in rect: CGRect) {}
}
