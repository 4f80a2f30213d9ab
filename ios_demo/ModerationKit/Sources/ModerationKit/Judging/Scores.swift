import Foundation

/// One finite score for each label of a contract, and for nothing else.
///
/// A model that answers otherwise is not the one that the contract speaks of; nothing is decided
/// on its answer.
public struct Scores: Equatable, Sendable {
    /// Why an answer cannot be judged.
    public enum Problem: Error, Equatable, Sendable {
        case otherLabels(missing: [String], unknown: [String])
        case notFinite(label: String)
    }

    private let byLabel: [String: Double]

    /// - Throws: ``Problem``
    public init(_ byLabel: [String: Double], labels: [String]) throws {
        let missing = labels.filter { byLabel[$0] == nil }
        let unknown = Set(byLabel.keys).subtracting(labels).sorted()
        guard missing.isEmpty, unknown.isEmpty else {
            throw Problem.otherLabels(missing: missing, unknown: unknown)
        }
        if let label = labels.first(where: { byLabel[$0]?.isFinite != true }) {
            throw Problem.notFinite(label: label)
        }
        self.byLabel = byLabel
    }

    public subscript(label: String) -> Double? { byLabel[label] }

    /// The sum over some labels; one that has no score counts for nothing.
    public func sum(over labels: [String]) -> Double {
        labels.reduce(0) { $0 + (byLabel[$1] ?? 0) }
    }

    /// The label with the highest score: the first in this order, where several have it.
    public func top(of labels: [String]) -> String? {
        labels.reduce(nil) { best, label in
            guard let best else { return label }
            return (byLabel[label] ?? -.infinity) > (byLabel[best] ?? -.infinity) ? label : best
        }
    }

    /// Labels and scores, highest first; labels in alphabetical order where scores are equal.
    public var ranked: [(label: String, score: Double)] {
        byLabel
            .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { (label: $0.key, score: $0.value) }
    }
}

extension Scores.Problem: LocalizedError {
    public var errorDescription: String? {
        switch self {
        case .otherLabels(let missing, let unknown):
            "The model answers for other labels than its contract: "
                + "missing \(missing.joined(separator: ", ")); "
                + "unknown \(unknown.joined(separator: ", "))"
        case .notFinite(let label):
            "The score of \(label) is not a number."
        }
    }
}
