/// A threshold on the sum of the unsafe scores, with what it was chosen for.
public struct OperatingPoint: Codable, Equatable, Sendable, Identifiable {
    public let name: String
    public let threshold: Double
    public let precision: Double?
    public let recall: Double?
    public let falsePositiveRate: Double?

    public var id: String { name }

    private enum CodingKeys: String, CodingKey {
        case name, threshold, precision, recall
        case falsePositiveRate = "false_positive_rate"
    }

    public init(
        name: String, threshold: Double, precision: Double? = nil, recall: Double? = nil,
        falsePositiveRate: Double? = nil
    ) {
        self.name = name
        self.threshold = threshold
        self.precision = precision
        self.recall = recall
        self.falsePositiveRate = falsePositiveRate
    }
}
