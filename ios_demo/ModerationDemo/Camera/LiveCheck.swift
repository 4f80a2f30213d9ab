import ModerationKit
import Observation

/// Judges what a camera sees, and keeps the shield on until that is proven clear.
@MainActor @Observable final class LiveCheck {
    private(set) var state: Shield.State = .covered(.notJudgedYet)
    private(set) var latest: Verdict?
    private(set) var problem: String?

    @ObservationIgnored private var live = LiveShield()

    private static let pauseBeforeRestart = Duration.seconds(1)

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
            group.addTask { await self.watch(camera) }
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
        latest = nil
        state = live.state
    }

    private func watch(_ camera: Camera) async {
        for await change in camera.changes {
            switch change {
            case .interrupted: cover(.cameraInterrupted)
            case .resumed: cover(.newPicture)
            case .failed(let why):
                problem = why
                cover(.failed)
                await restart(camera)
            }
        }
    }

    /// After a failure the session stands still until it is started again.
    private func restart(_ camera: Camera) async {
        try? await Task.sleep(for: Self.pauseBeforeRestart)
        guard !Task.isCancelled else { return }
        do {
            try await camera.start()
        } catch {
            problem = error.localizedDescription
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
                problem = nil
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
