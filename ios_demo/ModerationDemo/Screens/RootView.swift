import SwiftUI

/// The app: its three screens, or why there is nothing to show yet.
struct RootView: View {
    @Environment(ModelLoader.self) private var loader

    var body: some View {
        switch loader.state {
        case .loading:
            ProgressView("Loading the model")
        case .missing:
            NoModelView()
        case .failed(let why):
            ContentUnavailableView(
                "The model cannot be used", systemImage: "exclamationmark.triangle",
                description: Text(verbatim: why))
        case .ready(let moderator):
            screens(moderator)
        }
    }

    private func screens(_ moderator: Moderator) -> some View {
        TabView {
            PhotoScreen(moderator: moderator)
                .tabItem { Label("Photo", systemImage: "photo") }
            CameraScreen(moderator: moderator)
                .tabItem { Label("Camera", systemImage: "camera") }
            SettingsScreen(moderator: moderator)
                .tabItem { Label("Settings", systemImage: "gearshape") }
        }
    }
}
