import Foundation
import Testing

@testable import ModerationKit

@Suite struct PolicyTests {
    private struct Case: Decodable {
        struct Expected: Decodable {
            let label: String
            let unsafeScore: Double
            let flagged: Bool
            let point: String?

            enum CodingKeys: String, CodingKey {
                case label, flagged, point
                case unsafeScore = "unsafe_score"
            }
        }

        let name: String
        let labels: [String]
        let unsafeLabels: [String]
        let operatingPoints: [OperatingPoint]
        let point: String?
        let scores: [String: Double]
        let expected: Expected

        enum CodingKeys: String, CodingKey {
            case name, labels, point, scores, expected
            case unsafeLabels = "unsafe_labels"
            case operatingPoints = "operating_points"
        }

        func decision() throws -> Decision {
            let policy = try Policy(
                labels: labels, unsafeLabels: unsafeLabels, points: operatingPoints,
                pointName: point)
            return try policy.decide(Scores(scores, labels: labels))
        }
    }

    @Test func decidesAsTheVectorsSay() throws {
        for one in try Vectors<Case>.read("decisions.json") {
            let decision = try one.decision()
            #expect(decision.label == one.expected.label, "\(one.name)")
            #expect(abs(decision.unsafeScore - one.expected.unsafeScore) < 1e-12, "\(one.name)")
            #expect(decision.isFlagged == one.expected.flagged, "\(one.name)")
            #expect(decision.point == one.expected.point, "\(one.name)")
        }
    }

    @Test func theVectorsTellAWrongPolicyFromARightOne() throws {
        let cases = try Vectors<Case>.read("decisions.json")
        #expect(Set(cases.map(\.expected.flagged)) == [true, false])
        // By the best label alone, whatever the operating points say.
        let byLabel = cases.map { $0.unsafeLabels.contains($0.expected.label) }
        #expect(byLabel != cases.map(\.expected.flagged))
    }

    @Test func aPointThatIsNotThereIsRefused() throws {
        let points = [OperatingPoint(name: "strict", threshold: 0.2)]
        #expect(throws: ContractError.unknownOperatingPoint("lenient", known: ["strict"])) {
            try Policy(labels: ["a"], unsafeLabels: [], points: points, pointName: "lenient")
        }
    }

    @Test func nothingIsDecidedWithoutLabels() throws {
        let policy = try Policy(labels: [], unsafeLabels: [], points: [])
        #expect(throws: ContractError.self) { try policy.decide(Scores([:], labels: [])) }
    }

    @Test func aLevelTakesItsPointWhereTheContractHasIt() throws {
        let points: [[String: Any]] = [
            ["name": "strict", "threshold": 0.2], ["name": "balanced", "threshold": 0.5],
        ]
        let contract = try Contract.decoded(
            from: Fixtures.demo(with: ["operating_points": points]))
        let chosen = try PolicyLevel.allCases.map {
            try Policy(contract: contract, pointName: $0.pointName(in: contract)).point?.name
        }
        #expect(chosen == ["strict", "balanced", "balanced"])
    }

    @Test func theStricterALevelTheSoonerItCovers() throws {
        for level in PolicyLevel.allCases {
            let rule = level.smoothing
            _ = try Smoothing.Rule(
                window: rule.window, flagged: rule.flagged, release: rule.release,
                failClosed: rule.failClosed)
            #expect(rule.failClosed)
        }
        let flagged = PolicyLevel.allCases.map(\.smoothing.flagged)
        #expect(flagged == flagged.sorted() && Set(flagged).count == flagged.count)
    }
}
