import Foundation

/// The JSON inside every file that edgeconv exports: all a program needs to use the model rightly.
///
/// Pixels 0...255 go in, one score a label comes out; normalisation and softmax are inside the
/// model. Keys that are not known here are ignored. A version that is not known here is refused,
/// because it may mean something else by the same keys.
public struct Contract: Codable, Equatable, Sendable {
    /// The one version that this package understands.
    public static let knownVersion = 1

    /// Under which Core ML files keep the contract, in their user-defined metadata.
    public static let metadataKey = "edgeconv"

    public let version: Int
    public let model: String
    public let summary: String

    /// What a user has to be told, for instance that this is a demonstration model.
    public let notice: String?

    /// Every label that has a score, in the model's order.
    public let labels: [String]
    public let unsafeLabels: [String]
    public let operatingPoints: [OperatingPoint]
    public let input: PictureInput
    public let output: ScoresOutput
    public let precision: Precision
    public let golden: [GoldenPicture]

    /// The runtime that gave the golden scores: another one may round otherwise.
    public let goldenFrom: String?

    private enum CodingKeys: String, CodingKey {
        case version, model, summary, notice, labels, input, output, precision, golden
        case unsafeLabels = "unsafe_labels"
        case operatingPoints = "operating_points"
        case goldenFrom = "golden_from"
    }

    /// - Throws: ``ContractError`` for another version, an embedding model, or labels that do not
    ///   fit together; `DecodingError` where a key is missing or of another type.
    public init(from decoder: Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        version = try container.decode(Int.self, forKey: .version)
        guard version == Self.knownVersion else { throw ContractError.unknownVersion(version) }
        model = try container.decode(String.self, forKey: .model)
        summary = try container.decode(String.self, forKey: .summary)
        notice = try container.decodeIfPresent(String.self, forKey: .notice)
        labels = try container.decode([String].self, forKey: .labels)
        unsafeLabels = try container.decode([String].self, forKey: .unsafeLabels)
        operatingPoints =
            try container.decodeIfPresent([OperatingPoint].self, forKey: .operatingPoints) ?? []
        input = try container.decode(PictureInput.self, forKey: .input)
        output = try container.decode(ScoresOutput.self, forKey: .output)
        precision = try container.decode(Precision.self, forKey: .precision)
        golden = try container.decodeIfPresent([GoldenPicture].self, forKey: .golden) ?? []
        goldenFrom = try container.decodeIfPresent(String.self, forKey: .goldenFrom)
        try checkLabels()
    }

    /// Reads a contract from its JSON text.
    ///
    /// - Throws: ``ContractError``; ``ContractError/unreadable(_:)`` where it is no contract.
    public static func decoded(from json: Data) throws -> Contract {
        do {
            return try JSONDecoder().decode(Contract.self, from: json)
        } catch let error as ContractError {
            throw error
        } catch {
            throw ContractError.unreadable(String(describing: error))
        }
    }

    private func checkLabels() throws {
        guard !labels.isEmpty, Set(labels).count == labels.count else {
            throw ContractError.labelsRepeatOrMissing(labels)
        }
        let strangers = Set(unsafeLabels).subtracting(labels)
        guard strangers.isEmpty else { throw ContractError.unknownUnsafeLabels(strangers.sorted()) }
    }
}
