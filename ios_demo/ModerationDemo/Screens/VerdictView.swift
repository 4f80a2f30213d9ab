import ModerationKit
import SwiftUI

/// What was decided, and on demand by which scores and how fast.
struct VerdictView: View {
    let verdict: Verdict
    let showsDetails: Bool

    var body: some View {
        VStack(alignment: .leading, spacing: 8) {
            Label(words, systemImage: verdict.decision.isFlagged ? "eye.slash" : "checkmark.shield")
                .font(.headline)
            if showsDetails {
                ForEach(verdict.scores.ranked, id: \.label) { entry in
                    ScoreRow(label: entry.label, score: entry.score)
                }
                LabeledContent("Time") {
                    Text(verdict.latency, format: .units(allowed: [.milliseconds], width: .narrow))
                }
                .font(.footnote)
            }
        }
        .padding()
        .frame(maxWidth: .infinity, alignment: .leading)
        .background(.regularMaterial, in: .rect(cornerRadius: 12))
    }

    private var words: LocalizedStringKey {
        verdict.decision.isFlagged ? "This may be sensitive" : "Nothing sensitive found"
    }
}
