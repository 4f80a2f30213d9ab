/// Scales a picture and keeps a part of it.
enum Resampling {
    /// Pillow's arithmetic for 8-bit pixels: weights of 22 bits, and 8 bits between the passes.
    static func widening(_ picture: RGBPicture, across: Side, down: Side, _ kernel: Kernel)
        -> RGBPicture
    {
        let columns = Neighbours.widening(across, kernel)
        let rows = Neighbours.widening(down, kernel)
        let wide = pass(
            picture.bytes, width: picture.width, rows: rows.range, columns, count: across.count)
        let turned = transposed(wide, width: across.count, height: rows.range.count)
        let shifted = rows.shifted(by: -rows.range.lowerBound)
        let tall = pass(
            turned, width: rows.range.count, rows: 0..<across.count, shifted, count: down.count)
        return RGBPicture(
            width: across.count, height: down.count,
            bytes: transposed(tall, width: down.count, height: across.count))
    }

    /// Half-pixel centres, and one rounding at the end.
    static func fixed(_ picture: RGBPicture, across: Side, down: Side, _ kernel: Kernel)
        -> RGBPicture
    {
        let columns = Neighbours.fixed(across, kernel)
        let rows = Neighbours.fixed(down, kernel)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(across.count * down.count * 3)
        for y in 0..<down.count {
            for x in 0..<across.count {
                for channel in 0..<3 {
                    let level = rows.weighted(y, source: picture.height) { row in
                        columns.weighted(x, source: picture.width) { column in
                            Double(picture.bytes[(row * picture.width + column) * 3 + channel])
                        }
                    }
                    bytes.append(UInt8(min(max(level.rounded(.toNearestOrEven), 0), 255)))
                }
            }
        }
        return RGBPicture(width: across.count, height: down.count, bytes: bytes)
    }

    /// The nearest pixel. Steps are added to steps, and so are their roundings, as Pillow does.
    static func nearest(_ picture: RGBPicture, across: Side, down: Side) -> RGBPicture {
        let columns = nearest(across)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(across.count * down.count * 3)
        for row in nearest(down) {
            for column in columns {
                let pixel = (row * picture.width + column) * 3
                bytes += picture.bytes[pixel..<pixel + 3]
            }
        }
        return RGBPicture(width: across.count, height: down.count, bytes: bytes)
    }

    private static func nearest(_ side: Side) -> [Int] {
        var place = side.scale / 2
        var found: [Int] = []
        for pixel in 0..<side.start + side.count {
            if pixel >= side.start { found.append(min(Int(place), side.source - 1)) }
            place += side.scale
        }
        return found
    }

    private static let bits = 22

    /// Scales some rows of RGB bytes across.
    private static func pass(
        _ bytes: [UInt8], width: Int, rows: Range<Int>, _ neighbours: Neighbours, count: Int
    ) -> [UInt8] {
        let weights = neighbours.weights.map { weight in
            Int32((weight * Double(1 << bits)).rounded(.toNearestOrAwayFromZero))
        }
        let half = Int32(1 << (bits - 1))
        return [UInt8](unsafeUninitializedCapacity: rows.count * count * 3) { result, written in
            bytes.withUnsafeBufferPointer { bytes in
                for row in rows {
                    for kept in 0..<count {
                        let first = (row * width + neighbours.firsts[kept]) * 3
                        var red = half
                        var green = half
                        var blue = half
                        for tap in 0..<neighbours.taps(of: kept, source: width) {
                            let weight = weights[kept * neighbours.taps + tap]
                            red &+= Int32(bytes[first + tap * 3]) &* weight
                            green &+= Int32(bytes[first + tap * 3 + 1]) &* weight
                            blue &+= Int32(bytes[first + tap * 3 + 2]) &* weight
                        }
                        let target = ((row - rows.lowerBound) * count + kept) * 3
                        result.initializeElement(at: target, to: clipped(red))
                        result.initializeElement(at: target + 1, to: clipped(green))
                        result.initializeElement(at: target + 2, to: clipped(blue))
                    }
                }
            }
            written = rows.count * count * 3
        }
    }

    private static func clipped(_ sum: Int32) -> UInt8 {
        UInt8(min(max(sum >> bits, 0), 255))
    }

    private static func transposed(_ bytes: [UInt8], width: Int, height: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: bytes.count) { result, written in
            for x in 0..<width {
                for y in 0..<height {
                    for channel in 0..<3 {
                        result.initializeElement(
                            at: (x * height + y) * 3 + channel,
                            to: bytes[(y * width + x) * 3 + channel])
                    }
                }
            }
            written = bytes.count
        }
    }
}
