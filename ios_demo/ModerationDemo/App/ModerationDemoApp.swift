import SwiftUI

@main
struct ModerationDemoApp: App {
    @State private var loader = ModelLoader()
    @State private var preferences = Preferences()

    var body: some Scene {
        WindowGroup {
            RootView()
                .environment(loader)
                .environment(preferences)
                .task { await loader.load() }
        }
    }
}
