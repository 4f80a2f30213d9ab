import ModerationKit
import SwiftUI

/// Why the shield is on, in words.
struct CoverLabel: View {
    let cover: Shield.Cover

    var body: some View {
        Label(words, systemImage: symbol)
            .font(.headline)
            .multilineTextAlignment(.center)
            .padding()
            .accessibilityElement(children: .combine)
            .accessibilityAddTraits(.updatesFrequently)
    }

    private var words: LocalizedStringKey {
        switch cover {
        case .notJudgedYet: "Checking"
        case .flagged: "Covered: this may be sensitive"
        case .failed: "Covered: this could not be checked"
        case .modelMissing: "Covered: there is no model"
        case .cameraInterrupted: "Covered: the camera was interrupted"
        case .inBackground: "Covered"
        }
    }

    private var symbol: String {
        switch cover {
        case .notJudgedYet: "hourglass"
        case .flagged: "eye.slash"
        case .failed, .modelMissing: "exclamationmark.triangle"
        case .cameraInterrupted: "video.slash"
        case .inBackground: "moon"
        }
    }
}
