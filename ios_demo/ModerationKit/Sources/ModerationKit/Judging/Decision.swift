/// What a policy makes of the scores of one input.
public struct Decision: Equatable, Sendable {
    /// The label with the highest score.
    public let label: String

    /// The sum of the scores of the unsafe labels.
    public let unsafeScore: Double
    public let isFlagged: Bool

    /// The operating point that decided; nil where the best label did.
    public let point: String?

    public init(label: String, unsafeScore: Double, isFlagged: Bool, point: String?) {
        self.label = label
        self.unsafeScore = unsafeScore
        self.isFlagged = isFlagged
        self.point = point
    }
}
