/// Decides whether the scores of one input are flagged.
///
/// With an operating point: the unsafe score reaches its threshold. Without one: the best label is
/// an unsafe one.
public struct Policy: Equatable, Sendable {
    /// The operating point that is taken where none is asked for.
    public static let usualPoint = "balanced"

    public let labels: [String]
    public let unsafeLabels: [String]
    public let point: OperatingPoint?

    /// - Parameter pointName: of an operating point; by default the one called "balanced", else the
    ///   first, else none.
    /// - Throws: ``ContractError/unknownOperatingPoint(_:known:)``
    public init(contract: Contract, pointName: String? = nil) throws {
        try self.init(
            labels: contract.labels, unsafeLabels: contract.unsafeLabels,
            points: contract.operatingPoints, pointName: pointName)
    }

    /// - Throws: ``ContractError/unknownOperatingPoint(_:known:)``
    public init(
        labels: [String], unsafeLabels: [String], points: [OperatingPoint], pointName: String? = nil
    ) throws {
        self.labels = labels
        self.unsafeLabels = unsafeLabels
        guard let pointName else {
            point = points.first { $0.name == Self.usualPoint } ?? points.first
            return
        }
        guard let named = points.first(where: { $0.name == pointName }) else {
            throw ContractError.unknownOperatingPoint(pointName, known: points.map(\.name))
        }
        point = named
    }

    /// - Throws: ``ContractError/labelsRepeatOrMissing(_:)`` where there are no labels.
    public func decide(_ scores: Scores) throws -> Decision {
        guard let label = scores.top(of: labels) else {
            throw ContractError.labelsRepeatOrMissing(labels)
        }
        let unsafeScore = scores.sum(over: unsafeLabels)
        return Decision(
            label: label,
            unsafeScore: unsafeScore,
            isFlagged: point.map { unsafeScore >= $0.threshold } ?? unsafeLabels.contains(label),
            point: point?.name
        )
    }
}
