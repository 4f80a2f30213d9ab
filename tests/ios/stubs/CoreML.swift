@_exported import Foundation

public enum MLComputeUnits: Int, Sendable { case cpuOnly, cpuAndGPU, all, cpuAndNeuralEngine }

public class MLModelConfiguration: NSObject {
    public var computeUnits: MLComputeUnits = .all
}

public struct MLModelMetadataKey: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public static let creatorDefinedKey = MLModelMetadataKey(rawValue: "")
}

public class MLModelDescription: NSObject {
    public var metadata: [MLModelMetadataKey: Any] { [:] }
}

public class MLModel: NSObject {
    public class func load(contentsOf url: URL, configuration: MLModelConfiguration) async throws
        -> MLModel
    { fatalError() }
    public var modelDescription: MLModelDescription { fatalError() }
}
