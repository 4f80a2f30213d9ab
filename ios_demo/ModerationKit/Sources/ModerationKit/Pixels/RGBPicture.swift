/// RGB pixels 0...255, row by row, three bytes a pixel.
public struct RGBPicture: Equatable, Sendable {
    public let width: Int
    public let height: Int
    public let bytes: [UInt8]

    /// - Precondition: `bytes` holds `width * height * 3` of them.
    public init(width: Int, height: Int, bytes: [UInt8]) {
        precondition(bytes.count == width * height * 3, "three bytes a pixel")
        self.width = width
        self.height = height
        self.bytes = bytes
    }

    /// A picture of one colour.
    public init(width: Int, height: Int, colour: RGBColour) {
        let pixel = [colour.red, colour.green, colour.blue]
        self.init(
            width: width, height: height,
            bytes: (0..<width * height * 3).map { pixel[$0 % 3] })
    }

    /// This picture with another one laid over it, whole.
    func overlaid(with other: RGBPicture, left: Int, top: Int) -> RGBPicture {
        var result = bytes
        for row in 0..<other.height {
            let source = row * other.width * 3
            let target = ((top + row) * width + left) * 3
            result.replaceSubrange(
                target..<target + other.width * 3,
                with: other.bytes[source..<source + other.width * 3])
        }
        return RGBPicture(width: width, height: height, bytes: result)
    }
}
