import Foundation

@testable import ModerationKit

/// Contracts that edgeconv embedded, and small ones made up from them.
enum Fixtures {
    /// The contract of the demo's `.mlpackage`, byte for byte.
    static func demo() throws -> Data {
        let here = URL(filePath: #filePath).deletingLastPathComponent()
        return try Data(contentsOf: here.appending(path: "Fixtures/Demo.mlpackage.json"))
    }

    /// The demo's contract, with some keys of the document replaced; null removes one.
    static func demo(with changes: [String: Any]) throws -> Data {
        let document = try JSONSerialization.jsonObject(with: demo())
        guard var contract = document as? [String: Any] else { throw CocoaError(.coderReadCorrupt) }
        for (key, value) in changes {
            contract[key] = value is NSNull ? nil : value
        }
        return try JSONSerialization.data(withJSONObject: contract)
    }
}
