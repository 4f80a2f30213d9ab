/// Brings a picture to a model's size as its contract says, as edgeconv itself does.
///
/// The rules are those of `edgeconv/resizing.py`. `tests/vectors/resize.json` holds both to them,
/// within one level of 255.
public struct Resizer: Sendable {
    private let input: PictureInput

    public init(_ input: PictureInput) {
        self.input = input
    }

    /// - Returns: a picture of the contract's height and width.
    public func resize(_ picture: RGBPicture) -> RGBPicture {
        switch input.resize.mode {
        case .pad: padded(picture)
        case .stretch, .centerCrop: cropped(picture)
        }
    }

    private func cropped(_ picture: RGBPicture) -> RGBPicture {
        let whole = scaledSize(of: picture)
        return resample(
            picture,
            across: Side(
                source: picture.width, scaled: whole.width,
                start: margin(whole.width - input.width), count: input.width),
            down: Side(
                source: picture.height, scaled: whole.height,
                start: margin(whole.height - input.height), count: input.height))
    }

    private func padded(_ picture: RGBPicture) -> RGBPicture {
        let scale = min(
            Double(input.width) / Double(picture.width),
            Double(input.height) / Double(picture.height))
        let width = max(1, rounded(Double(picture.width) * scale))
        let height = max(1, rounded(Double(picture.height) * scale))
        let inner = resample(
            picture,
            across: Side(source: picture.width, scaled: width, start: 0, count: width),
            down: Side(source: picture.height, scaled: height, start: 0, count: height))
        return RGBPicture(width: input.width, height: input.height, colour: input.background)
            .overlaid(
                with: inner, left: (input.width - width) / 2, top: (input.height - height) / 2)
    }

    /// What the whole picture is scaled to before the middle is kept.
    private func scaledSize(of picture: RGBPicture) -> (width: Int, height: Int) {
        // A crop that is written as size / scaled may miss the quotient by a rounding.
        let width = Int(Double(input.width) / input.resize.crop + 1e-6)
        let height = Int(Double(input.height) / input.resize.crop + 1e-6)
        if input.resize.mode == .stretch { return (width, height) }
        if width == height {
            let shorter = min(picture.width, picture.height)
            return (width * picture.width / shorter, width * picture.height / shorter)
        }
        let ratio = min(
            Double(picture.width) / Double(width), Double(picture.height) / Double(height))
        return (
            rounded(Double(picture.width) / ratio), rounded(Double(picture.height) / ratio)
        )
    }

    /// What is cut off at the start, of what is cut off at start and end.
    private func margin(_ both: Int) -> Int {
        switch input.resize.offset {
        case .floor: both / 2
        case .round: rounded(Double(both) / 2)
        }
    }

    private func rounded(_ value: Double) -> Int {
        Int(value.rounded(.toNearestOrEven))
    }

    private func resample(_ picture: RGBPicture, across: Side, down: Side) -> RGBPicture {
        let how = input.resize
        let kernel: Kernel
        switch how.filter {
        case .nearest: return Resampling.nearest(picture, across: across, down: down)
        case .bilinear: kernel = .bilinear
        case .bicubic: kernel = .bicubic
        case .lanczos: kernel = .lanczos
        }
        return how.antialias
            ? Resampling.widening(picture, across: across, down: down, kernel)
            : Resampling.fixed(picture, across: across, down: down, kernel)
    }
}
