/// The pixels that a model takes, and how a program makes them from an image file.
public struct PictureInput: Codable, Equatable, Sendable {
    /// What to do with the orientation that a camera wrote into the file.
    public enum Exif: String, Codable, Sendable { case apply, ignore }

    public let name: String

    /// Pixels.
    public let height: Int

    /// Pixels.
    public let width: Int
    public let resize: Resize
    public let exif: Exif

    /// What shows through transparency, and around a padded picture.
    public let background: RGBColour

    private enum CodingKeys: String, CodingKey {
        case name, size, resize, exif, background, length
    }

    public init(
        name: String, height: Int, width: Int, resize: Resize, exif: Exif, background: RGBColour
    ) {
        self.name = name
        self.height = height
        self.width = width
        self.resize = resize
        self.exif = exif
        self.background = background
    }

    public init(from decoder: Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let length = try container.decodeIfPresent(Int.self, forKey: .length) {
            throw ContractError.takesEmbeddings(length: length)
        }
        let size = try container.decode([Int].self, forKey: .size)
        guard size.count == 2, size.allSatisfy({ $0 > 0 }) else {
            throw DecodingError.dataCorruptedError(
                forKey: .size, in: container, debugDescription: "height and width, got \(size)")
        }
        self.init(
            name: try container.decode(String.self, forKey: .name),
            height: size[0],
            width: size[1],
            resize: try container.decode(Resize.self, forKey: .resize),
            exif: try container.decode(Exif.self, forKey: .exif),
            background: try container.decode(RGBColour.self, forKey: .background)
        )
    }

    public func encode(to encoder: Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode([height, width], forKey: .size)
        try container.encode(resize, forKey: .resize)
        try container.encode(exif, forKey: .exif)
        try container.encode(background, forKey: .background)
    }
}
