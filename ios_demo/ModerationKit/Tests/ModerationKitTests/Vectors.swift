import Foundation
import Testing

/// The test vectors that Python, the device scripts and this package all pass.
struct Vectors<Case: Decodable>: Decodable {
    let version: Int
    let cases: [Case]

    /// - Parameter name: of a file in the repository's `tests/vectors`.
    static func read(_ name: String) throws -> [Case] {
        let file = repository.appending(path: "tests/vectors").appending(path: name)
        let vectors = try JSONDecoder().decode(Self.self, from: Data(contentsOf: file))
        #expect(vectors.version == 1)
        #expect(!vectors.cases.isEmpty)
        return vectors.cases
    }
}

/// The checkout that this file is in.
private let repository = (0..<5).reduce(URL(filePath: #filePath)) { place, _ in
    place.deletingLastPathComponent()
}
