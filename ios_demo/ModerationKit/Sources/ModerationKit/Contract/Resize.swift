/// How a picture is brought to the model's size.
///
/// `centerCrop` scales the picture until it covers `size / crop` and keeps the middle; `stretch`
/// does the same without minding its proportions; `pad` fits the whole picture in.
public struct Resize: Codable, Equatable, Sendable {
    public enum Mode: String, Codable, Sendable {
        case stretch, pad
        case centerCrop = "center_crop"
    }

    public enum Filter: String, Codable, Sendable { case nearest, bilinear, bicubic, lanczos }

    /// Where the middle starts when the margin is odd.
    public enum Offset: String, Codable, Sendable { case round, floor }

    public let mode: Mode
    public let filter: Filter

    /// Whether the filter widens when it shrinks a picture.
    public let antialias: Bool

    /// The share of the scaled picture's side that is kept, above 0 and up to 1.
    public let crop: Double
    public let offset: Offset

    public init(
        mode: Mode, filter: Filter = .bilinear, antialias: Bool = true, crop: Double = 1,
        offset: Offset = .round
    ) {
        self.mode = mode
        self.filter = filter
        self.antialias = antialias
        self.crop = crop
        self.offset = offset
    }
}
