@_exported import CoreML
@_exported import CoreVideo
@_exported import ImageIO

public enum VNImageCropAndScaleOption: UInt, Sendable { case centerCrop, scaleFit, scaleFill }

public class VNObservation: NSObject {
    public var confidence: Float { 0 }
}

public class VNClassificationObservation: VNObservation {
    public var identifier: String { "" }
}

public class VNRequest: NSObject {
    public var results: [VNObservation]? { nil }
}

public class VNImageBasedRequest: VNRequest {
    public var regionOfInterest: CGRect = .zero
}

public class VNCoreMLModel: NSObject {
    public init(for model: MLModel) throws {}
}

public class VNCoreMLRequest: VNImageBasedRequest {
    public init(model: VNCoreMLModel) {}
    public var imageCropAndScaleOption: VNImageCropAndScaleOption = .centerCrop
}

public class VNImageRequestHandler: NSObject {
    public init(
        cvPixelBuffer: CVPixelBuffer, orientation: CGImagePropertyOrientation,
        options: [VNImageOption: Any]
    ) {}
    public func perform(_ requests: [VNRequest]) throws {}
}

public struct VNImageOption: Hashable, Sendable {}

@available(iOS 18.0, *)
public enum ImageCropAndScaleAction: Sendable {
    case centerCrop, scaleToFit, scaleToFill
    case scaleToFitPlus90CCWRotation, scaleToFillPlus90CCWRotation
}

@available(iOS 18.0, *)
public struct NormalizedRect: Sendable {
    public init(x: CGFloat, y: CGFloat, width: CGFloat, height: CGFloat) {}
}

@available(iOS 18.0, *)
public protocol VisionObservation: Sendable {
    var confidence: Float { get }
}

@available(iOS 18.0, *)
public struct ClassificationObservation: VisionObservation {
    public let identifier: String
    public let confidence: Float
}

@available(iOS 18.0, *)
public struct CoreMLModelContainer: Sendable {
    public init(model: MLModel, featureProvider: (any Sendable)? = nil) throws {}
}

@available(iOS 18.0, *)
public struct CoreMLRequest: Sendable {
    public init(model: CoreMLModelContainer) { fatalError() }
    public var cropAndScaleAction: ImageCropAndScaleAction = .scaleToFill
    public var regionOfInterest: NormalizedRect
    public func perform(
        on pixelBuffer: CVPixelBuffer, orientation: CGImagePropertyOrientation? = nil
    ) async throws -> [any VisionObservation] { [] }
}
