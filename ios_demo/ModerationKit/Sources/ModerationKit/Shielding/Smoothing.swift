/// Judges frames together: on when k of the last n are flagged, off when hardly any is any more.
///
/// One wrong frame neither covers a video nor uncovers it.
public struct Smoothing: Equatable, Sendable {
    /// Whether the window is flagged, after the last frame.
    public private(set) var isOn = false
    public let rule: Rule

    private var window: [Bool] = []

    public init(_ rule: Rule = .live) {
        self.rule = rule
    }

    /// Takes the next frame.
    ///
    /// - Parameter flagged: nil for a frame that could not be judged. It counts as flagged where
    ///   the rule fails closed, and is left out of the window where it does not.
    /// - Returns: whether the window is flagged now.
    @discardableResult
    public mutating func add(_ flagged: Bool?) -> Bool {
        guard let flagged = flagged ?? (rule.failClosed ? true : nil) else { return isOn }
        window.append(flagged)
        window.removeFirst(max(0, window.count - rule.window))
        let count = window.count { $0 }
        isOn = isOn ? count > rule.release : count >= rule.flagged
        return isOn
    }

    /// Forgets all frames.
    public mutating func reset() {
        self = Smoothing(rule)
    }
}
