import Testing

@testable import ModerationKit

@Suite struct ScoresTests {
    let labels = ["Neutral", "Porn", "Sexy"]

    @Test func takesOneScoreALabel() throws {
        let scores = try Scores(["Sexy": 0.3, "Neutral": 0.6, "Porn": 0.1], labels: labels)
        #expect(scores["Porn"] == 0.1)
        #expect(scores["Drawing"] == nil)
        #expect(scores.sum(over: ["Porn", "Sexy"]) == 0.1 + 0.3)
        #expect(scores.ranked.map(\.label) == ["Neutral", "Sexy", "Porn"])
    }

    @Test func theFirstLabelWinsATie() throws {
        let scores = try Scores(["Neutral": 0.2, "Porn": 0.4, "Sexy": 0.4], labels: labels)
        #expect(scores.top(of: labels) == "Porn")
        #expect(scores.top(of: labels.reversed()) == "Sexy")
        #expect(scores.top(of: []) == nil)
    }

    @Test func refusesAnswersOfAnotherModel() {
        #expect(throws: Scores.Problem.otherLabels(missing: ["Sexy"], unknown: ["Drawing"])) {
            try Scores(["Neutral": 0.2, "Porn": 0.4, "Drawing": 0.4], labels: labels)
        }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func refusesWhatIsNoNumber(score: Double) {
        #expect(throws: Scores.Problem.notFinite(label: "Porn")) {
            try Scores(["Neutral": 0.2, "Porn": score, "Sexy": 0.4], labels: labels)
        }
    }
}
