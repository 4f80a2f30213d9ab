import Foundation
import ModerationKit
import Observation

/// Judges one photo at a time, and keeps the shield on until that is proven clear.
@MainActor @Observable final class PhotoCheck {
    private(set) var photo: Data?
    private(set) var verdict: Verdict?
    private(set) var problem: String?
    private(set) var shield = Shield()

    /// Takes a photo and judges it.
    ///
    /// - Parameter load: gives the file's content; nil where there is none.
    func check(
        by moderator: Moderator, policy: () throws -> Policy, load: () async throws -> Data?
    ) async {
        reset()
        do {
            guard let data = try await load() else { throw StillPicture.Problem.unreadable }
            try Task.checkCancellation()
            photo = data
            let verdict = try await moderator.judge(photo: data, by: policy())
            try Task.checkCancellation()
            self.verdict = verdict
            shield.handle(.judged(isFlagged: verdict.decision.isFlagged))
        } catch {
            // Another photo is being judged already.
            guard !Task.isCancelled else { return }
            problem = error.localizedDescription
            shield.handle(.failed)
        }
    }

    /// Covers the photo until it is judged again.
    func cover(_ event: Shield.Event) {
        shield.handle(event)
    }

    private func reset() {
        shield.handle(.newPicture)
        photo = nil
        verdict = nil
        problem = nil
    }
}
