import ModerationKit
import XCTest

@testable import ModerationDemo

/// Replays the golden pictures on the device or simulator that the tests run on.
final class GoldenTests: XCTestCase {
    private func bundled() async throws -> BundledModel {
        do {
            return try await BundledModel.load()
        } catch BundledModel.Problem.missing {
            throw XCTSkip("no model: run  edgeconv bundle ios NSFW.mlpackage --app ios_demo")
        }
    }

    func testEveryGoldenPictureScoresAsItDidWhereTheModelWasMade() async throws {
        let moderator = try Moderator(await bundled())
        let results = await SelfTest(moderator: moderator).run()
        XCTAssertFalse(results.isEmpty, "the model came without golden pictures")
        for result in results {
            XCTAssertTrue(result.passed, "\(result.name): \(result.outcome)")
        }
    }

    func testBothGenerationsOfVisionAgree() async throws {
        guard #available(iOS 18.0, *) else { throw XCTSkip("one generation only before iOS 18") }
        let bundled = try await bundled()
        let labels = bundled.contract.labels
        let generations: [any PictureClassifier] = [
            try VNCoreMLRequestClassifier(model: bundled.model, labels: labels),
            try CoreMLRequestClassifier(model: bundled.model, labels: labels),
        ]
        for classifier in generations {
            let moderator = Moderator(contract: bundled.contract, classifier: classifier)
            let results = await SelfTest(moderator: moderator).run()
            XCTAssertTrue(results.allSatisfy(\.passed), "\(classifier): \(results)")
        }
    }

    func testTheContractBesideTheModelIsTheOneInsideIt() async throws {
        let bundled = try await bundled()
        let url = try XCTUnwrap(Bundle.main.url(forResource: "contract", withExtension: "json"))
        XCTAssertEqual(try Contract.decoded(from: Data(contentsOf: url)), bundled.contract)
    }
}
