/// A threshold on the sum of the unsafe scores, with what it was chosen for.
///
/// Name and threshold decide. The rates are told only: one that a later edgeconv writes in another
/// form is left out.
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

    public init(from decoder: Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            threshold: try container.decode(Double.self, forKey: .threshold),
            precision: try? container.decode(Double.self, forKey: .precision),
            recall: try? container.decode(Double.self, forKey: .recall),
            falsePositiveRate: try? container.decode(Double.self, forKey: .falsePositiveRate)
        )
    }
}
