import CryptoKit
import Foundation
import ModerationKit

/// Replays the golden pictures: does the model answer on this device as it did where it was made?
struct SelfTest: Sendable {
    /// What became of one golden picture.
    struct Result: Identifiable, Equatable, Sendable {
        enum Outcome: Equatable, Sendable {
            case agrees(difference: Double)
            case differs(difference: Double)
            case missing
            case otherPixels
            case failed(String)
        }

        let name: String
        let outcome: Outcome

        var id: String { name }

        var passed: Bool {
            if case .agrees = outcome { true } else { false }
        }
    }

    /// How far a score may be off. Golden scores are made in float32, and the Neural Engine computes
    /// in float16.
    static let tolerance = 0.02

    let moderator: Moderator
    var bundle: Bundle = .main

    /// One result a golden picture, in the contract's order.
    func run() async -> [Result] {
        var results: [Result] = []
        for golden in moderator.contract.golden {
            results.append(Result(name: golden.name, outcome: await outcome(of: golden)))
        }
        return results
    }

    private func outcome(of golden: GoldenPicture) async -> Result.Outcome {
        guard let file = bundle.url(forResource: golden.name, withExtension: nil) else {
            return .missing
        }
        do {
            let picture = try StillPicture.decoded(
                Data(contentsOf: file), for: moderator.contract.input)
            guard Self.sha256(of: picture) == golden.sha256 else { return .otherPixels }
            let policy = try Policy(contract: moderator.contract)
            let verdict = try await moderator.judge(picture, by: policy)
            let difference = golden.largestDifference(from: verdict.scores)
            return difference <= Self.tolerance
                ? .agrees(difference: difference) : .differs(difference: difference)
        } catch {
            return .failed(error.localizedDescription)
        }
    }

    private static func sha256(of picture: RGBPicture) -> String {
        SHA256.hash(data: picture.bytes).map { String(format: "%02x", $0) }.joined()
    }
}
