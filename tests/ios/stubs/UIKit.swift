@_exported import CoreGraphics
@_exported import QuartzCore

@MainActor open class UIView: NSObject {
    open class var layerClass: AnyClass { CALayer.self }
    public var layer: CALayer { fatalError() }
    public override nonisolated init() {}
}

public class UIImage: NSObject {
    public init?(data: Data) {}
}

public class UIColor: NSObject, @unchecked Sendable {
    public static let orange = UIColor()
    public func setFill() {}
}

public class UIGraphicsImageRendererContext: NSObject {
    public func fill(_ rect: CGRect) {}
}

public class UIGraphicsImageRenderer: NSObject {
    public init(size: CGSize) {}
    public func jpegData(
        withCompressionQuality quality: CGFloat,
        actions: (UIGraphicsImageRendererContext) -> Void
    ) -> Data { Data() }
}
