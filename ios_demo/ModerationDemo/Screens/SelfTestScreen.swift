import SwiftUI

/// Whether the model answers on this device as it did where it was made.
struct SelfTestScreen: View {
    let moderator: Moderator

    @State private var results: [SelfTest.Result]?

    var body: some View {
        List {
            if let results {
                if results.isEmpty {
                    Text("The model came without golden pictures.")
                }
                ForEach(results) { result in
                    SelfTestRow(result: result)
                }
            } else {
                ProgressView("Testing")
            }
        }
        .navigationTitle("Self-test")
        .task { results = await SelfTest(moderator: moderator).run() }
    }
}
