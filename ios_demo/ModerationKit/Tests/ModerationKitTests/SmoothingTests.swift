import Foundation
import Testing

@testable import ModerationKit

@Suite struct SmoothingTests {
    private struct Case: Decodable {
        let name: String
        let n: Int
        let k: Int
        let release: Int
        let failClosed: Bool
        let frames: [Bool?]
        let expected: [Bool]

        enum CodingKeys: String, CodingKey {
            case name, n, k, release, frames, expected
            case failClosed = "fail_closed"
        }

        func states(failClosed: Bool? = nil, release: Int? = nil) throws -> [Bool] {
            var smoothing = Smoothing(
                try Smoothing.Rule(
                    window: n, flagged: k, release: release ?? self.release,
                    failClosed: failClosed ?? self.failClosed))
            return frames.map { smoothing.add($0) }
        }
    }

    @Test func smoothsAsTheVectorsSay() throws {
        for one in try Vectors<Case>.read("smoothing.json") {
            #expect(try one.states() == one.expected, "\(one.name)")
        }
    }

    @Test func theVectorsTellAWrongSmoothingFromARightOne() throws {
        let cases = try Vectors<Case>.read("smoothing.json")
        #expect(try cases.contains { try $0.states(failClosed: !$0.failClosed) != $0.expected })
        #expect(try cases.contains { try $0.states(release: $0.k - 1) != $0.expected })
    }

    @Test func theLiveRuleIsFourOfEightAndFailsClosed() throws {
        #expect(
            try Smoothing.Rule.live
                == Smoothing.Rule(window: 8, flagged: 4, release: 1, failClosed: true))
    }

    @Test(arguments: [(8, 4, 4), (8, 9, 1), (8, 0, 0), (8, 4, -1), (0, 0, 0)])
    func refusesARuleOutOfOrder(window: Int, flagged: Int, release: Int) {
        #expect(throws: Smoothing.Rule.Problem.self) {
            try Smoothing.Rule(
                window: window, flagged: flagged, release: release, failClosed: true)
        }
    }

    @Test func forgetsAllFrames() {
        var smoothing = Smoothing()
        for _ in 0..<4 { smoothing.add(true) }
        #expect(smoothing.isOn)
        smoothing.reset()
        #expect(smoothing == Smoothing())
    }
}
