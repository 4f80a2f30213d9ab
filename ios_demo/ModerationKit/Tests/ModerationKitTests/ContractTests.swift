import Foundation
import Testing

@testable import ModerationKit

@Suite struct ContractTests {
    @Test func readsWhatEdgeconvEmbeds() throws {
        let contract = try Contract.decoded(from: Fixtures.demo())
        #expect(contract.model == "demo")
        #expect(contract.notice?.contains("no moderation model") == true)
        #expect(contract.labels == ["Dots", "Rings", "Stripes"])
        #expect(contract.unsafeLabels == ["Rings", "Stripes"])
        #expect(contract.operatingPoints.isEmpty)
        #expect(contract.input.name == "image")
        #expect(contract.input.height == 224)
        #expect(contract.input.width == 224)
        #expect(contract.input.resize == Resize(mode: .stretch))
        #expect(contract.input.exif == .apply)
        #expect(contract.input.background == RGBColour(red: 255, green: 255, blue: 255))
        #expect(contract.output == ScoresOutput(name: "scores", kind: .softmax))
        #expect(contract.precision.activationType == "float16")
        #expect(contract.golden.count == 8)
        #expect(contract.golden.allSatisfy { Set($0.scores.keys) == Set(contract.labels) })
    }

    @Test func comesBackFromItsOwnJSON() throws {
        let contract = try Contract.decoded(from: Fixtures.demo())
        let again = try Contract.decoded(from: JSONEncoder().encode(contract))
        #expect(again == contract)
    }

    @Test func readsOperatingPoints() throws {
        let points: [[String: Any]] = [
            ["name": "strict", "threshold": 0.2, "recall": 0.99, "false_positive_rate": 0.05]
        ]
        let contract = try Contract.decoded(
            from: Fixtures.demo(with: ["operating_points": points]))
        #expect(
            contract.operatingPoints == [
                OperatingPoint(
                    name: "strict", threshold: 0.2, recall: 0.99, falsePositiveRate: 0.05)
            ])
    }

    @Test func readsOperatingPointsThatSayMoreThanItKnows() throws {
        let point: [String: Any] = [
            "name": "strict", "threshold": 0.2, "recall": ["low": 0.97, "high": 0.99],
            "precision": [0.8, 0.9], "false_positive_rate": 0.05,
            "chosen_on": ["pictures": 320, "labels": ["Rings"]],
        ]
        let contract = try Contract.decoded(
            from: Fixtures.demo(with: ["operating_points": [point]]))
        #expect(
            contract.operatingPoints == [
                OperatingPoint(name: "strict", threshold: 0.2, falsePositiveRate: 0.05)
            ])
    }

    @Test func refusesAnOperatingPointWithoutAThreshold() throws {
        for threshold: Any in [NSNull(), "0.2", [0.2]] {
            let points: [[String: Any]] = [["name": "strict", "threshold": threshold]]
            let json = try Fixtures.demo(with: ["operating_points": points])
            #expect(throws: ContractError.self) { try Contract.decoded(from: json) }
        }
    }

    @Test(arguments: [#""cheerful""#, #"{"a": [1, {"b": null}]}"#, "[[0.5], {}]", "null"])
    func ignoresKeysItDoesNotKnow(value: String) throws {
        let strange = try JSONSerialization.jsonObject(
            with: Data(value.utf8), options: .fragmentsAllowed)
        let json = try Fixtures.demo(with: ["mood": strange])
        #expect(try Contract.decoded(from: json) == Contract.decoded(from: Fixtures.demo()))
    }

    @Test func refusesAnotherVersionBeforeItReadsOn() throws {
        let json = try Fixtures.demo(with: ["version": 2, "labels": NSNull()])
        #expect(throws: ContractError.unknownVersion(2)) { try Contract.decoded(from: json) }
    }

    @Test func refusesAModelOfEmbeddings() throws {
        let input: [String: Any] = ["name": "embedding", "length": 768, "unit": true]
        let json = try Fixtures.demo(with: ["input": input])
        #expect(throws: ContractError.takesEmbeddings(length: 768)) {
            try Contract.decoded(from: json)
        }
    }

    @Test func refusesLabelsThatDoNotFitTogether() throws {
        let repeated = try Fixtures.demo(with: ["labels": ["Rings", "Rings", "Stripes"]])
        #expect(throws: ContractError.self) { try Contract.decoded(from: repeated) }
        let strange = try Fixtures.demo(with: ["unsafe_labels": ["Squares"]])
        #expect(throws: ContractError.unknownUnsafeLabels(["Squares"])) {
            try Contract.decoded(from: strange)
        }
    }

    @Test(arguments: ["", "{", "[]", "null", #"{"version": "1"}"#, #"{"version": 1}"#])
    func saysWhatIsNoContract(text: String) {
        do {
            let contract = try Contract.decoded(from: Data(text.utf8))
            Issue.record("read as \(contract)")
        } catch ContractError.unreadable(let why) {
            #expect(!why.isEmpty)
        } catch {
            Issue.record("another error: \(error)")
        }
    }

    @Test(arguments: ["size", "resize", "background"])
    func refusesABrokenInput(key: String) throws {
        let document = try JSONSerialization.jsonObject(with: Fixtures.demo())
        let whole = try #require(document as? [String: Any])
        var input = try #require(whole["input"] as? [String: Any])
        input[key] = ["size": [224], "resize": "stretch", "background": "white"][key] as Any
        let json = try Fixtures.demo(with: ["input": input])
        #expect(throws: ContractError.self) { try Contract.decoded(from: json) }
    }
}
