/// How readily an app covers what it shows.
///
/// A level names an operating point, which judges one picture, and a smoothing rule, which judges
/// a camera's frames together.
public enum PolicyLevel: String, CaseIterable, Codable, Sendable, Identifiable {
    case strict, balanced, lenient

    public var id: Self { self }

    /// The level's operating point in a contract; nil, for the policy's usual one, where the
    /// contract has none of that name.
    public func pointName(in contract: Contract) -> String? {
        contract.operatingPoints.first { $0.name == rawValue }?.name
    }

    /// The level's rule for a live shield.
    public var smoothing: Smoothing.Rule {
        switch self {
        case .strict: Smoothing.Rule(uncheckedWindow: 8, flagged: 2, release: 0, failClosed: true)
        case .balanced: .live
        case .lenient: Smoothing.Rule(uncheckedWindow: 8, flagged: 6, release: 2, failClosed: true)
        }
    }
}
