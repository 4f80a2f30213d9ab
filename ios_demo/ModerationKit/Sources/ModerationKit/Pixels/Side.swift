/// A side of `source` pixels, scaled to `scaled`, of which `count` from `start` on are kept.
struct Side: Equatable {
    let source: Int
    let scaled: Int
    let start: Int
    let count: Int

    /// Source pixels for each pixel of the scaled side.
    var scale: Double { Double(source) / Double(scaled) }

    /// Where a kept pixel's centre lies in the source, whose first pixel spans 0 to 1.
    func centre(of kept: Int) -> Double {
        (Double(start + kept) + 0.5) * scale
    }
}
