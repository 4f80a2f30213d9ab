import Foundation
import Testing

@testable import ModerationKit

@Suite struct ModelBundleTests {
    @Test(arguments: [
        ("NSFW.mlpackage", "NSFW"), ("NSFW.fp16.mlmodel", "NSFW.fp16"), ("NSFW.mlmodel", "NSFW"),
    ])
    func namesWhatXcodeCompiles(file: String, compiled: String) throws {
        let json = #"{"bundle": "ios", "version": 1, "model": "\#(file)", "sha256": {}}"#
        let bundle = try JSONDecoder().decode(ModelBundle.self, from: Data(json.utf8))
        #expect(bundle == ModelBundle(model: file))
        #expect(bundle.compiledName == compiled)
    }
}
