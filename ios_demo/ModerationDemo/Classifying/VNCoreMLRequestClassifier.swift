import CoreML
import ModerationKit
import Vision

/// Vision before iOS 18.
///
/// A request is made for each frame; the model is only read, and may be read from several threads.
struct VNCoreMLRequestClassifier: PictureClassifier, @unchecked Sendable {
    private let model: VNCoreMLModel
    private let labels: [String]

    init(model: MLModel, labels: [String]) throws {
        self.model = try VNCoreMLModel(for: model)
        self.labels = labels
    }

    func scores(of frame: Frame) async throws -> Scores {
        let request = VNCoreMLRequest(model: model)
        request.imageCropAndScaleOption = frame.framing.option
        request.regionOfInterest = frame.framing.region
        let handler = VNImageRequestHandler(
            cvPixelBuffer: frame.pixels, orientation: frame.orientation, options: [:])
        try handler.perform([request])
        let answers = (request.results ?? []).compactMap { $0 as? VNClassificationObservation }
        return try Scores(
            answers: answers.map { ($0.identifier, Double($0.confidence)) }, labels: labels)
    }
}
