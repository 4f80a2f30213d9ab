import ModerationKit
import SwiftUI

/// Chooses how readily pictures are covered.
struct LevelPicker: View {
    @Binding var level: PolicyLevel

    var body: some View {
        Picker("Level", selection: $level) {
            ForEach(PolicyLevel.allCases) { level in
                Text(words(for: level)).tag(level)
            }
        }
        .accessibilityHint("How readily pictures are covered")
    }

    private func words(for level: PolicyLevel) -> LocalizedStringKey {
        switch level {
        case .strict: "Strict"
        case .balanced: "Balanced"
        case .lenient: "Lenient"
        }
    }
}
