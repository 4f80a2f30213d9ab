import ModerationKit

/// What became of one picture or frame.
struct Verdict: Equatable, Sendable {
    let decision: Decision
    let scores: Scores

    /// From the pixels at hand to the scores.
    let latency: Duration
}
