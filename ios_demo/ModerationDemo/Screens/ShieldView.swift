import ModerationKit
import SwiftUI

/// Content under a shield: blurred, and out of reach, until it is proven clear.
struct ShieldView<Content: View>: View {
    let state: Shield.State
    @ViewBuilder let content: Content

    var body: some View {
        ZStack {
            content
                .blur(radius: isCovered ? 60 : 0, opaque: true)
                .accessibilityHidden(isCovered)
                .allowsHitTesting(!isCovered)
            if case .covered(let cover) = state {
                Rectangle().fill(.ultraThickMaterial)
                CoverLabel(cover: cover)
            }
        }
        .clipped()
    }

    private var isCovered: Bool { state != .revealed }
}
