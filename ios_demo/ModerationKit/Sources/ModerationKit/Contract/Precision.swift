/// What the finished file was found to hold, never what was asked for.
public struct Precision: Codable, Equatable, Sendable {
    public let asked: String
    public let weightType: String
    public let activationType: String

    private enum CodingKeys: String, CodingKey {
        case asked
        case weightType = "weight_type"
        case activationType = "activation_type"
    }

    public init(asked: String, weightType: String, activationType: String) {
        self.asked = asked
        self.weightType = weightType
        self.activationType = activationType
    }
}
