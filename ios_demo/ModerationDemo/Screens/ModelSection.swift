import ModerationKit
import SwiftUI

/// What the model's contract says of it.
struct ModelSection: View {
    let contract: Contract

    var body: some View {
        Section("Model") {
            LabeledContent("Name") { Text(verbatim: contract.model) }
            LabeledContent("Labels") { Text(verbatim: list(contract.labels)) }
            LabeledContent("Unsafe") { Text(verbatim: list(contract.unsafeLabels)) }
            LabeledContent("Weights") { Text(verbatim: contract.precision.weightType) }
            Text(verbatim: contract.summary)
                .font(.footnote)
                .foregroundStyle(.secondary)
            NoticeView(notice: contract.notice)
        }
    }

    private func list(_ labels: [String]) -> String {
        labels.formatted(.list(type: .and, width: .narrow))
    }
}
