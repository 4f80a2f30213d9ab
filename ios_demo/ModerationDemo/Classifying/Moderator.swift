import CoreVideo
import Foundation
import ModerationKit

/// Judges photos and camera frames by the bundled model. Nothing leaves the device.
struct Moderator: Sendable {
    let contract: Contract

    private let classifier: any PictureClassifier

    init(_ bundled: BundledModel) throws {
        try self.init(
            contract: bundled.contract,
            classifier: pictureClassifier(bundled.model, labels: bundled.contract.labels))
    }

    init(contract: Contract, classifier: any PictureClassifier) {
        self.contract = contract
        self.classifier = classifier
    }

    /// Judges an image file, resized here as edgeconv does it.
    func judge(photo data: Data, by policy: Policy) async throws -> Verdict {
        let picture = try StillPicture.decoded(data, for: contract.input)
        return try await judge(Resizer(contract.input).resize(picture), by: policy)
    }

    /// Judges a picture that is at the model's size already.
    func judge(_ picture: RGBPicture, by policy: Policy) async throws -> Verdict {
        try await judge(
            Frame(pixels: PixelBuffer.made(of: picture), framing: .exact), by: policy)
    }

    /// Judges a camera's frame, which Vision fits to the model's size as the contract says.
    func judge(cameraFrame pixels: CVPixelBuffer, by policy: Policy) async throws -> Verdict {
        try await judge(
            Frame(pixels: pixels, framing: .contracted(contract.input.resize)), by: policy)
    }

    private func judge(_ frame: Frame, by policy: Policy) async throws -> Verdict {
        let clock = ContinuousClock()
        let start = clock.now
        let scores = try await classifier.scores(of: frame)
        return Verdict(
            decision: try policy.decide(scores), scores: scores, latency: clock.now - start)
    }
}
