/// A picture at the model's size, and the scores that the file gave for it where it was made.
public struct GoldenPicture: Codable, Equatable, Sendable, Identifiable {
    public let name: String

    /// Of the picture's RGB bytes, row by row, in lower-case hexadecimal.
    public let sha256: String
    public let scores: [String: Double]

    public var id: String { name }

    public init(name: String, sha256: String, scores: [String: Double]) {
        self.name = name
        self.sha256 = sha256
        self.scores = scores
    }

    /// The largest difference between the golden scores and these, over all labels.
    public func largestDifference(from scores: Scores) -> Double {
        self.scores.map { label, golden in
            scores[label].map { abs($0 - golden) } ?? .infinity
        }.max() ?? .infinity
    }
}
