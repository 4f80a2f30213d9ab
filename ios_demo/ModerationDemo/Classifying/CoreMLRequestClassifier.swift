import CoreML
import ModerationKit
import Vision

/// Vision from iOS 18 on.
@available(iOS 18.0, *)
struct CoreMLRequestClassifier: PictureClassifier, @unchecked Sendable {
    private let container: CoreMLModelContainer
    private let labels: [String]

    init(model: MLModel, labels: [String]) throws {
        container = try CoreMLModelContainer(model: model)
        self.labels = labels
    }

    func scores(of frame: Frame) async throws -> Scores {
        var request = CoreMLRequest(model: container)
        request.cropAndScaleAction = frame.framing.action
        request.regionOfInterest = NormalizedRect(
            x: frame.framing.region.minX, y: frame.framing.region.minY,
            width: frame.framing.region.width, height: frame.framing.region.height)
        let observations = try await request.perform(
            on: frame.pixels, orientation: frame.orientation)
        let answers = observations.compactMap { $0 as? ClassificationObservation }
        return try Scores(
            answers: answers.map { ($0.identifier, Double($0.confidence)) }, labels: labels)
    }
}
