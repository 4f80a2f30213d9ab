import ModerationKit
import SwiftUI

/// Checks what the camera sees, frame by frame.
struct CameraScreen: View {
    let moderator: Moderator

    @Environment(Preferences.self) private var preferences
    @Environment(\.scenePhase) private var scenePhase
    @State private var camera: Camera?
    @State private var live = LiveCheck()
    @State private var isVisible = false

    var body: some View {
        ZStack(alignment: .bottom) {
            ShieldView(state: live.state) {
                if let camera {
                    CameraPreview(session: camera.session)
                        .accessibilityLabel("What the camera sees")
                } else {
                    Color.black
                }
            }
            .ignoresSafeArea(edges: .top)
            VStack(spacing: 8) {
                NoticeView(notice: moderator.contract.notice)
                result
            }
            .padding()
        }
        .onAppear { isVisible = true }
        .onDisappear { isVisible = false }
        .onChange(of: scenePhase) { _, phase in
            if phase != .active { live.cover(.enteredBackground) }
        }
        .task(id: request) { await run() }
    }

    @ViewBuilder private var result: some View {
        if let problem = live.problem {
            Label(problem, systemImage: "exclamationmark.triangle")
                .padding()
                .background(.regularMaterial, in: .rect(cornerRadius: 12))
        } else if preferences.showsDetails, let verdict = live.latest {
            VerdictView(verdict: verdict, showsDetails: true)
        }
    }

    /// What makes the camera start anew when it changes.
    private struct Request: Equatable {
        let isRunning: Bool
        let level: PolicyLevel
        let pointName: String?
    }

    private var request: Request {
        Request(
            isRunning: isVisible && scenePhase == .active,
            level: preferences.level, pointName: preferences.pointName)
    }

    private func run() async {
        guard request.isRunning, let policy = try? preferences.policy(for: moderator.contract)
        else { return }
        let camera = Camera()
        self.camera = camera
        await live.run(
            camera, by: moderator, policy: policy, rule: preferences.level.smoothing)
    }
}
