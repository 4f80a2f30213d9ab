import Foundation
import Testing

@testable import ModerationKit

/// A folder with a contract for each model that edgeconv knows; `tests/ios/test_swift.py` writes it.
private let contracts = ProcessInfo.processInfo.environment["EDGECONV_CONTRACTS"]

@Suite struct EveryContractTests {
    @Test(.enabled(if: contracts != nil)) func readsEveryContractOfAPictureModel() throws {
        let folder = URL(filePath: try #require(contracts))
        let files = try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files {
            let name = file.deletingPathExtension().lastPathComponent
            let contract = try Contract.decoded(from: Data(contentsOf: file))
            #expect(contract.model == name)
            _ = try Policy(contract: contract)
            let input = contract.input
            let tall = RGBPicture(
                width: input.width / 2, height: input.height * 2, colour: input.background)
            let whole = RGBPicture(
                width: input.width, height: input.height, colour: input.background)
            #expect(Resizer(input).resize(tall) == whole, "\(name)")
        }
    }
}
