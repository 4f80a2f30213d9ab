import SwiftUI

/// How to put a model into the app.
struct NoModelView: View {
    private let command = "edgeconv bundle ios NSFW.mlpackage --app ios_demo"

    var body: some View {
        ContentUnavailableView {
            Label("No model yet", systemImage: "shippingbox")
        } description: {
            Text("Run this where you exported the model, then run the app again:")
        } actions: {
            Text(verbatim: command)
                .font(.footnote.monospaced())
                .textSelection(.enabled)
        }
    }
}
