import ModerationKit
import Observation

/// Judges what a camera sees, and keeps the shield on until that is proven clear.
@MainActor @Observable final class LiveCheck {
    private(set) var state: Shield.State = .covered(.notJudgedYet)
    private(set) var latest: Verdict?
    private(set) var problem: String?

    @ObservationIgnored private var live = LiveShield()

    /// Judges frames until the task is cancelled; the shield is on before and after.
    func run(_ camera: Camera, by moderator: Moderator, policy: Policy, rule: Smoothing.Rule) async
    {
        live = LiveShield(rule)
        cover(.newPicture)
        problem = nil
        do {
            try await camera.start()
        } catch {
            problem = error.localizedDescription
            return cover(.failed)
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.watch(camera.changes) }
            group.addTask {
                await self.judge(camera.pictures, by: moderator, policy: policy)
            }
        }
        camera.stop()
        cover(.newPicture)
    }

    /// Covers at once, whatever was seen before.
    func cover(_ event: Shield.Event) {
        live.interrupted(by: event)
        state = live.state
    }

    private func watch(_ changes: AsyncStream<Camera.Change>) async {
        for await change in changes {
            switch change {
            case .interrupted: cover(.cameraInterrupted)
            case .resumed: cover(.newPicture)
            case .failed(let why):
                problem = why
                cover(.failed)
            }
        }
    }

    private func judge(
        _ pictures: AsyncStream<Camera.Picture>, by moderator: Moderator, policy: Policy
    ) async {
        for await picture in pictures {
            do {
                let verdict = try await moderator.judge(cameraFrame: picture.pixels, by: policy)
                guard !Task.isCancelled else { return }
                latest = verdict
                live.judged(isFlagged: verdict.decision.isFlagged)
            } catch {
                guard !Task.isCancelled else { return }
                latest = nil
                live.failed()
            }
            state = live.state
        }
    }
}
