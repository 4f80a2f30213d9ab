import SwiftUI

/// What became of one golden picture.
struct SelfTestRow: View {
    let result: SelfTest.Result

    var body: some View {
        Label {
            VStack(alignment: .leading) {
                Text(verbatim: result.name)
                Text(words)
                    .font(.footnote)
                    .foregroundStyle(.secondary)
            }
        } icon: {
            Image(systemName: result.passed ? "checkmark.circle.fill" : "xmark.circle.fill")
                .foregroundStyle(result.passed ? .green : .red)
        }
        .accessibilityElement(children: .combine)
    }

    private var words: LocalizedStringKey {
        switch result.outcome {
        case .agrees(let difference): "Scores differ by \(digits(difference))"
        case .differs(let difference): "Scores differ by too much: \(digits(difference))"
        case .missing: "The picture is not in the app"
        case .otherPixels: "The picture is not the one that the model was tested with"
        case .failed(let why): "Failed: \(why)"
        }
    }

    private func digits(_ difference: Double) -> String {
        difference.formatted(.number.precision(.significantDigits(2)))
    }
}
