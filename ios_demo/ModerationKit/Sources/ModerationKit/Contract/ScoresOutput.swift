/// What the scores of a model are.
public struct ScoresOutput: Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable {
        /// One score a label; they sum to one.
        case softmax
        /// Two labels, whose scores sum to one.
        case sigmoid
        /// One score a label; they do not sum to one.
        case multiLabel = "multi-label"
        /// Two labels; a number that was trained towards 0 and 1, and may leave them.
        case linear
    }

    public let name: String
    public let kind: Kind

    public init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }
}
