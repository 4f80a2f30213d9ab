import ModerationKit
import PhotosUI
import SwiftUI
import UIKit

/// Checks a photo that the user picks.
struct PhotoScreen: View {
    let moderator: Moderator

    @Environment(Preferences.self) private var preferences
    @Environment(\.scenePhase) private var scenePhase
    @State private var item: PhotosPickerItem?
    @State private var check = PhotoCheck()

    var body: some View {
        NavigationStack {
            VStack(spacing: 16) {
                NoticeView(notice: moderator.contract.notice)
                picture
                result
                PhotosPicker(selection: $item, matching: .images) {
                    Label("Choose a photo", systemImage: "photo.badge.plus")
                        .frame(maxWidth: .infinity)
                }
                .buttonStyle(.borderedProminent)
                .controlSize(.large)
            }
            .padding()
            .navigationTitle("Photo")
        }
        .onChange(of: scenePhase) { _, phase in
            if phase == .background { check.cover(.enteredBackground) }
        }
        .task(id: request) { await judge() }
    }

    @ViewBuilder private var picture: some View {
        if let image = check.photo.flatMap(UIImage.init(data:)) {
            ShieldView(state: check.shield.state) {
                Image(uiImage: image)
                    .resizable()
                    .scaledToFit()
                    .accessibilityLabel("The photo you chose")
            }
            .clipShape(.rect(cornerRadius: 12))
            .frame(maxHeight: .infinity)
        } else {
            ContentUnavailableView(
                "No photo chosen", systemImage: "photo",
                description: Text("It is checked on this device, and never leaves it."))
        }
    }

    @ViewBuilder private var result: some View {
        if let verdict = check.verdict {
            VerdictView(verdict: verdict, showsDetails: preferences.showsDetails)
        } else if let problem = check.problem {
            Label(problem, systemImage: "exclamationmark.triangle")
        }
    }

    /// What has to be judged again when it changes.
    private struct Request: Equatable {
        let item: PhotosPickerItem?
        let isInBackground: Bool
        let level: PolicyLevel
        let pointName: String?
    }

    private var request: Request {
        Request(
            item: item, isInBackground: scenePhase == .background,
            level: preferences.level, pointName: preferences.pointName)
    }

    private func judge() async {
        guard let item, !request.isInBackground else { return }
        await check.check(
            by: moderator,
            policy: { try preferences.policy(for: moderator.contract) },
            load: { try await item.loadTransferable(type: Data.self) })
    }
}
