import SwiftUI

/// One label's score, as a bar and a number.
struct ScoreRow: View {
    let label: String
    let score: Double

    var body: some View {
        VStack(alignment: .leading, spacing: 2) {
            LabeledContent {
                Text(score, format: .number.precision(.fractionLength(3)))
                    .monospacedDigit()
            } label: {
                Text(verbatim: label)
            }
            ProgressView(value: min(max(score, 0), 1))
                .accessibilityHidden(true)
        }
        .font(.footnote)
        .accessibilityElement(children: .combine)
    }
}
