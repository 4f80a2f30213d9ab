import CoreGraphics
import ModerationKit
import Vision

/// What Vision keeps of a picture, and how it brings that to the model's size.
///
/// The two generations of Vision crop differently when nothing is said, so it is always said.
struct Framing: Equatable, Sendable {
    /// The part that is kept, in 0...1 of the upright picture.
    let region: CGRect
    let mode: Resize.Mode

    /// A picture that is at the model's size already.
    static let exact = Framing(region: CGRect(x: 0, y: 0, width: 1, height: 1), mode: .stretch)

    /// As the contract says. A centre crop of a scaled picture is the same as a centre crop of the
    /// picture's middle.
    static func contracted(_ resize: Resize) -> Framing {
        let margin = (1 - resize.crop) / 2
        return Framing(
            region: CGRect(x: margin, y: margin, width: resize.crop, height: resize.crop),
            mode: resize.mode)
    }

    private init(region: CGRect, mode: Resize.Mode) {
        self.region = region
        self.mode = mode
    }

    /// For `VNCoreMLRequest`.
    var option: VNImageCropAndScaleOption {
        switch mode {
        case .stretch: .scaleFill
        case .centerCrop: .centerCrop
        case .pad: .scaleFit
        }
    }

    /// For `CoreMLRequest`.
    @available(iOS 18.0, *)
    var action: ImageCropAndScaleAction {
        switch mode {
        case .stretch: .scaleToFill
        case .centerCrop: .centerCrop
        case .pad: .scaleToFit
        }
    }
}
