/// Which source pixels make each kept pixel of a side, and what each of them counts for.
///
/// The weights of one pixel sum to one.
struct Neighbours {
    /// The first source pixel of each kept one.
    let firsts: [Int]

    /// As many weights a kept pixel, zero behind the last neighbour.
    let weights: [Double]
    let taps: Int

    /// The source pixels that any kept pixel needs.
    let range: Range<Int>

    /// A kernel that widens when it shrinks a picture, as Pillow's does (`precompute_coeffs`).
    static func widening(_ side: Side, _ kernel: Kernel) -> Neighbours {
        let widened = max(1, side.scale)
        let support = kernel.reach * widened
        return Neighbours(
            (0..<side.count).map { kept in
                let centre = side.centre(of: kept)
                let first = max(0, Int(centre - support + 0.5))
                let end = min(side.source, Int(centre + support + 0.5))
                let weights = (first..<end).map {
                    kernel.weigh((Double($0) - centre + 0.5) * (1 / widened))
                }
                return (first, weights)
            })
    }

    /// A kernel over the nearest pixels alone, with the pixels at the edges repeated.
    static func fixed(_ side: Side, _ kernel: Kernel) -> Neighbours {
        let reach = Int(kernel.reach)
        return Neighbours(
            (0..<side.count).map { kept in
                let centre = side.centre(of: kept)
                let middle = Int((centre - 0.5).rounded(.down))
                let wanted = (middle + 1 - reach)...(middle + reach)
                let inside = wanted.clamped(to: 0...(side.source - 1))
                var weights = [Double](repeating: 0, count: inside.count)
                for tap in wanted {
                    let repeated = min(max(tap, inside.lowerBound), inside.upperBound)
                    weights[repeated - inside.lowerBound] += kernel.weigh(
                        Double(tap) - centre + 0.5)
                }
                return (inside.lowerBound, weights)
            })
    }

    private init(firsts: [Int], weights: [Double], taps: Int, range: Range<Int>) {
        self.firsts = firsts
        self.weights = weights
        self.taps = taps
        self.range = range
    }

    private init(_ pixels: [(first: Int, weights: [Double])]) {
        let taps = pixels.map(\.weights.count).max() ?? 0
        self.taps = taps
        firsts = pixels.map(\.first)
        weights = pixels.flatMap { pixel in
            let sum = pixel.weights.reduce(0, +)
            let padding = [Double](repeating: 0, count: taps - pixel.weights.count)
            return pixel.weights.map { $0 / sum } + padding
        }
        let ends = pixels.map { $0.first + $0.weights.count }
        range = (firsts.min() ?? 0)..<(ends.max() ?? 0)
    }

    /// The same, for a source of which pixels before the first have been cut off, or added.
    func shifted(by offset: Int) -> Neighbours {
        Neighbours(
            firsts: firsts.map { $0 + offset }, weights: weights, taps: taps,
            range: range.lowerBound + offset..<range.upperBound + offset)
    }

    /// How many of a kept pixel's taps lie in a source of this length.
    func taps(of kept: Int, source: Int) -> Int {
        min(taps, source - firsts[kept])
    }

    /// The weighted sum of what a kept pixel's neighbours are.
    func weighted(_ kept: Int, source: Int, of value: (Int) -> Double) -> Double {
        (0..<taps(of: kept, source: source)).reduce(0) { sum, tap in
            sum + value(firsts[kept] + tap) * weights[kept * taps + tap]
        }
    }
}
