import Foundation

/// What a neighbour counts for by its distance in pixels.
struct Kernel {
    /// Beyond this distance a neighbour counts for nothing.
    let reach: Double
    let weigh: @Sendable (Double) -> Double

    static let bilinear = Kernel(reach: 1) { distance in
        max(0, 1 - abs(distance))
    }

    /// Keys' kernel with a = -0.5, as Pillow has it.
    static let bicubic = Kernel(reach: 2) { distance in
        let x = abs(distance)
        if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
        if x < 2 { return (((x - 5) * x + 8) * x - 4) * -0.5 }
        return 0
    }

    static let lanczos = Kernel(reach: 3) { distance in
        -3 <= distance && distance < 3 ? sinc(distance) * sinc(distance / 3) : 0
    }

    private static func sinc(_ x: Double) -> Double {
        x == 0 ? 1 : sin(x * .pi) / (x * .pi)
    }
}
