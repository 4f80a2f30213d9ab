import Testing

@testable import ModerationKit

@Suite struct GoldenPictureTests {
    let golden = GoldenPicture(name: "a.png", sha256: "", scores: ["Neutral": 0.75, "Porn": 0.25])

    @Test func measuresTheLargestDifferenceOverAllLabels() throws {
        let same = try Scores(["Neutral": 0.75, "Porn": 0.25], labels: ["Neutral", "Porn"])
        #expect(golden.largestDifference(from: same) == 0)
        let other = try Scores(["Neutral": 0.5, "Porn": 0.125], labels: ["Neutral", "Porn"])
        #expect(golden.largestDifference(from: other) == 0.25)
    }

    @Test func aLabelWithoutAScoreIsNoAgreement() throws {
        let scores = try Scores(["Neutral": 0.75, "Sexy": 0.25], labels: ["Neutral", "Sexy"])
        #expect(golden.largestDifference(from: scores) == .infinity)
    }
}
