import Testing

@testable import ModerationKit

@Suite struct ShieldTests {
    @Test func coversUntilProvenClear() {
        var shield = Shield()
        #expect(shield.state == .covered(.notJudgedYet))
        shield.handle(.judged(isFlagged: false))
        #expect(!shield.isCovered)
    }

    @Test(arguments: [
        (Shield.Event.newPicture, Shield.Cover.notJudgedYet),
        (.judged(isFlagged: true), .flagged),
        (.smoothed(isOn: true, frames: 100, needed: 8), .flagged),
        (.smoothed(isOn: false, frames: 7, needed: 8), .notJudgedYet),
        (.failed, .failed),
        (.modelMissing, .modelMissing),
        (.cameraInterrupted, .cameraInterrupted),
        (.enteredBackground, .inBackground),
    ])
    func whateverGoesWrongCovers(event: Shield.Event, cover: Shield.Cover) {
        var shield = Shield()
        shield.handle(.judged(isFlagged: false))
        shield.handle(event)
        #expect(shield.state == .covered(cover))
    }

    @Test func aWholeWindowOfClearFramesReveals() {
        var shield = Shield()
        shield.handle(.smoothed(isOn: false, frames: 8, needed: 8))
        #expect(!shield.isCovered)
    }
}
