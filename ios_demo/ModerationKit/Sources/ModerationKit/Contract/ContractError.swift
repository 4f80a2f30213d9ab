import Foundation

/// Why a contract cannot be used.
public enum ContractError: Error, Equatable, Sendable {
    case unreadable(String)
    case unknownVersion(Int)
    case takesEmbeddings(length: Int)
    case labelsRepeatOrMissing([String])
    case unknownUnsafeLabels([String])
    case unknownOperatingPoint(String, known: [String])
}

extension ContractError: LocalizedError {
    public var errorDescription: String? {
        switch self {
        case .unreadable(let why):
            "The contract cannot be read: \(why)"
        case .unknownVersion(let version):
            "The contract is of version \(version); this app knows \(Contract.knownVersion)."
        case .takesEmbeddings(let length):
            "The model takes embeddings of \(length) numbers, not pictures."
        case .labelsRepeatOrMissing(let labels):
            "The labels repeat, or there are none: \(labels.joined(separator: ", "))"
        case .unknownUnsafeLabels(let labels):
            "Unsafe labels that are no labels: \(labels.joined(separator: ", "))"
        case .unknownOperatingPoint(let name, let known):
            "No operating point is called \(name); there are: \(known.joined(separator: ", "))"
        }
    }
}
