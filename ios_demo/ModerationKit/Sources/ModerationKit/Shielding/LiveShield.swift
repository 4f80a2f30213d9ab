/// The shield of a camera: judges frames together, and starts over when anything goes wrong.
public struct LiveShield: Equatable, Sendable {
    public private(set) var shield = Shield()

    private var smoothing: Smoothing
    private var judgedFrames = 0

    public init(_ rule: Smoothing.Rule = .live) {
        smoothing = Smoothing(rule)
    }

    public var state: Shield.State { shield.state }

    public var isCovered: Bool { shield.isCovered }

    /// Takes a frame's decision.
    public mutating func judged(isFlagged: Bool) {
        judgedFrames += 1
        let isOn = smoothing.add(isFlagged)
        shield.handle(.smoothed(isOn: isOn, frames: judgedFrames, needed: smoothing.rule.window))
    }

    /// Takes a frame that could not be judged: covers at once, and a whole window has to be clear
    /// before anything is shown again.
    public mutating func failed() {
        judgedFrames = 0
        smoothing.add(nil)
        shield.handle(.failed)
    }

    /// Takes a break in the stream of frames; what was seen before it proves nothing after it.
    public mutating func interrupted(by event: Shield.Event) {
        judgedFrames = 0
        smoothing.reset()
        shield.handle(event)
    }
}
