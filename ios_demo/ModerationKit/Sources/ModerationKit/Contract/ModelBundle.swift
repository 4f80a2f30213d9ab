import Foundation

/// What `edgeconv bundle ios` says about the files that it put into the app.
public struct ModelBundle: Codable, Equatable, Sendable {
    /// The file that says so, without its suffix `json`.
    public static let resourceName = "bundle"

    /// The model's file name, for instance `NSFW.mlpackage`.
    public let model: String

    public init(model: String) {
        self.model = model
    }

    /// The name of what Xcode compiles from the model, without its suffix `mlmodelc`.
    public var compiledName: String {
        (model as NSString).deletingPathExtension
    }
}
