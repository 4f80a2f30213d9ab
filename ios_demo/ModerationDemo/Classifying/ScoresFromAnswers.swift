import ModerationKit

extension Scores {
    /// What Vision answered, in any order. Of two answers for one label, neither can be trusted.
    ///
    /// - Throws: `Scores.Problem`
    init(answers: [(label: String, score: Double)], labels: [String]) throws {
        try self.init(
            Dictionary(answers.map { ($0.label, $0.score) }, uniquingKeysWith: { _, _ in .nan }),
            labels: labels)
    }
}
