import ModerationKit
import SwiftUI

/// Chooses one of the contract's operating points in place of the level's own.
struct OperatingPointPicker: View {
    let points: [OperatingPoint]
    @Binding var pointName: String?

    var body: some View {
        Picker("Operating point", selection: $pointName) {
            Text("As the level says").tag(String?.none)
            ForEach(points) { point in
                Text(verbatim: title(of: point)).tag(String?.some(point.name))
            }
        }
    }

    private func title(of point: OperatingPoint) -> String {
        "\(point.name) (≥ \(point.threshold.formatted(.number.precision(.fractionLength(0...3)))))"
    }
}
