import AVFoundation
import CoreVideo

/// A camera that gives upright frames, the newest one only, and says when it is interrupted.
final class Camera: NSObject, @unchecked Sendable {
    /// A frame's pixels. Nobody writes to them after the camera has.
    struct Picture: @unchecked Sendable {
        let pixels: CVPixelBuffer
    }

    /// Why no frames come, or come again.
    enum Change: Sendable {
        case interrupted
        case failed(String)
        case resumed
    }

    /// Why a camera cannot be used.
    enum Problem: Error, Equatable {
        case notAllowed
        case noCamera
        case notUsable
    }

    let session = AVCaptureSession()

    /// Waits for nobody: a frame that was not taken is replaced by the next one.
    let pictures: AsyncStream<Picture>
    let changes: AsyncStream<Change>

    private let giveOut: AsyncStream<Picture>.Continuation
    private let report: AsyncStream<Change>.Continuation
    private let output = AVCaptureVideoDataOutput()
    private let queue = DispatchQueue(label: "camera")
    private var rotation: AVCaptureDevice.RotationCoordinator?
    private var observations: [Any] = []

    override init() {
        (pictures, giveOut) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (changes, report) = AsyncStream.makeStream()
        super.init()
    }

    deinit {
        for observation in observations { NotificationCenter.default.removeObserver(observation) }
        giveOut.finish()
        report.finish()
    }

    /// Asks for permission where that has not been done, and starts.
    ///
    /// - Throws: ``Problem``
    func start() async throws {
        guard await AVCaptureDevice.requestAccess(for: .video) else { throw Problem.notAllowed }
        try await onQueue { [self] in
            if session.inputs.isEmpty { try configure() }
            session.startRunning()
        }
    }

    func stop() {
        queue.async { [self] in session.stopRunning() }
    }

    private func onQueue(_ work: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Void, any Error>) in
            queue.async { continuation.resume(with: Swift.Result(catching: work)) }
        }
    }

    private func configure() throws {
        guard
            let device = AVCaptureDevice.default(
                .builtInWideAngleCamera, for: .video, position: .back)
        else { throw Problem.noCamera }
        let input = try AVCaptureDeviceInput(device: device)
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        session.sessionPreset = .vga640x480
        output.alwaysDiscardsLateVideoFrames = true
        output.videoSettings = [
            kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA
        ]
        output.setSampleBufferDelegate(self, queue: queue)
        guard session.canAddInput(input), session.canAddOutput(output) else {
            throw Problem.notUsable
        }
        session.addInput(input)
        session.addOutput(output)
        rotation = AVCaptureDevice.RotationCoordinator(device: device, previewLayer: nil)
        observeChanges()
    }

    private func observeChanges() {
        observe(AVCaptureSession.wasInterruptedNotification) { _ in .interrupted }
        observe(AVCaptureSession.interruptionEndedNotification) { _ in .resumed }
        observe(AVCaptureSession.runtimeErrorNotification) { notification in
            let error = notification.userInfo?[AVCaptureSessionErrorKey] as? any Error
            return .failed(error?.localizedDescription ?? String(localized: "The camera failed."))
        }
    }

    private func observe(
        _ name: Notification.Name, as change: @escaping @Sendable (Notification) -> Change
    ) {
        let report = report
        observations.append(
            NotificationCenter.default.addObserver(forName: name, object: session, queue: nil) {
                report.yield(change($0))
            })
    }
}

extension Camera: AVCaptureVideoDataOutputSampleBufferDelegate {
    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection
    ) {
        turnUpright(connection)
        guard let pixels = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        giveOut.yield(Picture(pixels: pixels))
    }

    private func turnUpright(_ connection: AVCaptureConnection) {
        guard let angle = rotation?.videoRotationAngleForHorizonLevelCapture,
            connection.videoRotationAngle != angle,
            connection.isVideoRotationAngleSupported(angle)
        else { return }
        connection.videoRotationAngle = angle
    }
}

extension Camera.Problem: LocalizedError {
    var errorDescription: String? {
        switch self {
        case .notAllowed:
            String(localized: "The app may not use the camera. You can allow it in Settings.")
        case .noCamera: String(localized: "This device has no camera.")
        case .notUsable: String(localized: "The camera cannot be used.")
        }
    }
}
