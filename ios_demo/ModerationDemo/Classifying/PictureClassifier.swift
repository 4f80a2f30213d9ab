import CoreML
import ModerationKit

/// Gives one score a label for a frame.
protocol PictureClassifier: Sendable {
    /// - Throws: whatever Vision throws, and `Scores.Problem` where the model answers for other
    ///   labels than the contract's.
    func scores(of frame: Frame) async throws -> Scores
}

/// The newest way of Vision that this system has.
func pictureClassifier(_ model: MLModel, labels: [String]) throws -> any PictureClassifier {
    if #available(iOS 18.0, *) {
        return try CoreMLRequestClassifier(model: model, labels: labels)
    }
    return try VNCoreMLRequestClassifier(model: model, labels: labels)
}
