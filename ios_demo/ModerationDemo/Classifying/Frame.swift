import CoreGraphics
import CoreVideo
import ImageIO

/// A picture for the classifier, and how it has to be fitted to the model's size.
///
/// Nobody writes to the pixels after the frame was made.
struct Frame: @unchecked Sendable {
    let pixels: CVPixelBuffer
    var orientation: CGImagePropertyOrientation = .up
    let framing: Framing
}
