import SwiftUI

/// What the model's contract wants users to be told.
struct NoticeView: View {
    let notice: String?

    var body: some View {
        if let notice {
            Label {
                Text(verbatim: notice)
            } icon: {
                Image(systemName: "info.circle")
            }
            .font(.footnote)
            .foregroundStyle(.secondary)
            .padding(.horizontal)
        }
    }
}
