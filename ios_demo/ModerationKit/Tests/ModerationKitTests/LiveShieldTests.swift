import Testing

@testable import ModerationKit

@Suite struct LiveShieldTests {
    private func revealed() -> LiveShield {
        var live = LiveShield()
        for _ in 0..<8 { live.judged(isFlagged: false) }
        return live
    }

    @Test func theFirstWindowHasToBeClear() {
        var live = LiveShield()
        for _ in 0..<7 {
            live.judged(isFlagged: false)
            #expect(live.isCovered)
        }
        live.judged(isFlagged: false)
        #expect(!live.isCovered)
    }

    @Test func oneWrongFrameCoversNothing() {
        var live = revealed()
        live.judged(isFlagged: true)
        #expect(!live.isCovered)
    }

    @Test func fourOfEightCoverAndHysteresisReveals() {
        var live = revealed()
        for _ in 0..<4 { live.judged(isFlagged: true) }
        #expect(live.state == .covered(.flagged))
        var clearFrames = 0
        while live.isCovered, clearFrames < 100 {
            live.judged(isFlagged: false)
            clearFrames += 1
        }
        // Of the last eight, one may still be flagged.
        #expect(clearFrames == 7)
    }

    @Test func aFrameThatCannotBeJudgedCoversForAWholeWindow() {
        var live = revealed()
        live.failed()
        #expect(live.state == .covered(.failed))
        for _ in 0..<7 {
            live.judged(isFlagged: false)
            #expect(live.isCovered)
        }
        live.judged(isFlagged: false)
        #expect(!live.isCovered)
    }

    @Test(arguments: [Shield.Event.cameraInterrupted, .enteredBackground, .modelMissing])
    func aBreakStartsOver(event: Shield.Event) {
        var live = revealed()
        live.interrupted(by: event)
        #expect(live.isCovered)
        for _ in 0..<7 { live.judged(isFlagged: false) }
        #expect(live.isCovered)
        live.judged(isFlagged: false)
        #expect(!live.isCovered)
    }

    @Test func errorsAloneNeverReveal() {
        var live = LiveShield()
        for _ in 0..<100 { live.failed() }
        #expect(live.isCovered)
    }

    @Test func noHistoryOfFramesRevealsAFlaggedWindow() {
        // Every sequence of twelve frames: revealed only where the smoothing is off and the last
        // eight frames could all be judged.
        for history in 0..<Int(1 << 12) {
            var live = LiveShield()
            var smoothing = Smoothing()
            for frame in 0..<12 {
                let isFlagged = history >> frame & 1 == 1
                live.judged(isFlagged: isFlagged)
                smoothing.add(isFlagged)
                #expect(live.isCovered == (smoothing.isOn || frame < 7))
            }
        }
    }
}
