extension Smoothing {
    /// How many frames of how many turn a smoothing on, and how few turn it off again.
    public struct Rule: Equatable, Sendable {
        /// What a rule must hold to.
        public enum Problem: Error, Equatable, Sendable {
            /// `0 <= release < flagged <= window` does not hold.
            case outOfOrder(window: Int, flagged: Int, release: Int)
        }

        /// n: how many of the last frames count.
        public let window: Int

        /// k: how many flagged frames among them turn the smoothing on.
        public let flagged: Int

        /// How many flagged frames among them turn it off again, at most.
        public let release: Int

        /// Whether a frame that could not be judged counts as flagged.
        public let failClosed: Bool

        /// 4 of 8 turn on, 1 of 8 turns off, and what cannot be judged counts as flagged.
        public static let live = Rule(uncheckedWindow: 8, flagged: 4, release: 1, failClosed: true)

        /// - Throws: ``Problem``
        public init(window: Int, flagged: Int, release: Int, failClosed: Bool) throws {
            guard 0 <= release, release < flagged, flagged <= window else {
                throw Problem.outOfOrder(window: window, flagged: flagged, release: release)
            }
            self.init(
                uncheckedWindow: window, flagged: flagged, release: release, failClosed: failClosed)
        }

        init(uncheckedWindow window: Int, flagged: Int, release: Int, failClosed: Bool) {
            self.window = window
            self.flagged = flagged
            self.release = release
            self.failClosed = failClosed
        }
    }
}
