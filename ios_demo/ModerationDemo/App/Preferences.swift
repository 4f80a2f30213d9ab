import Foundation
import ModerationKit
import Observation

/// What the user chose. It is kept on the device.
@MainActor @Observable final class Preferences {
    private enum Key {
        static let level = "level"
        static let pointName = "operatingPoint"
        static let showsDetails = "showsDetails"
    }

    var level: PolicyLevel {
        didSet { defaults.set(level.rawValue, forKey: Key.level) }
    }

    /// Of an operating point, in place of the level's own.
    var pointName: String? {
        didSet { defaults.set(pointName, forKey: Key.pointName) }
    }

    /// Whether scores and latency are shown.
    var showsDetails: Bool {
        didSet { defaults.set(showsDetails, forKey: Key.showsDetails) }
    }

    @ObservationIgnored private let defaults: UserDefaults

    init(defaults: UserDefaults = .standard) {
        self.defaults = defaults
        level = defaults.string(forKey: Key.level).flatMap(PolicyLevel.init) ?? .balanced
        pointName = defaults.string(forKey: Key.pointName)
        showsDetails = defaults.bool(forKey: Key.showsDetails)
    }

    /// The policy that was chosen. An operating point that this contract does not have, because
    /// it was chosen with another model, gives way to the level's own.
    ///
    /// - Throws: `ContractError`
    func policy(for contract: Contract) throws -> Policy {
        let chosen = contract.operatingPoints.first { $0.name == pointName }?.name
        return try Policy(contract: contract, pointName: chosen ?? level.pointName(in: contract))
    }
}
