import ModerationKit
import SwiftUI

/// How strictly to judge, what to show, and what the model is.
struct SettingsScreen: View {
    let moderator: Moderator

    @Environment(Preferences.self) private var preferences

    var body: some View {
        @Bindable var preferences = preferences
        NavigationStack {
            Form {
                Section("Policy") {
                    LevelPicker(level: $preferences.level)
                    if !moderator.contract.operatingPoints.isEmpty {
                        OperatingPointPicker(
                            points: moderator.contract.operatingPoints,
                            pointName: $preferences.pointName)
                    }
                }
                Section {
                    Toggle("Show scores and time", isOn: $preferences.showsDetails)
                } footer: {
                    Text("Pictures are checked on this device. Nothing leaves it.")
                }
                ModelSection(contract: moderator.contract)
                Section {
                    NavigationLink("Self-test") { SelfTestScreen(moderator: moderator) }
                } footer: {
                    Text("Replays the golden pictures that came with the model.")
                }
            }
            .navigationTitle("Settings")
        }
    }
}
