@_exported import CoreVideo
@_exported import Dispatch
@_exported import QuartzCore

public let AVCaptureSessionErrorKey = ""

public struct AVMediaType: Sendable {
    public static let video = AVMediaType()
}

public class AVCaptureInput: NSObject {}
public class AVCaptureOutput: NSObject {}
public class CMSampleBuffer {}

public class AVCaptureConnection: NSObject {
    public var videoRotationAngle: CGFloat = 0
    public func isVideoRotationAngleSupported(_ angle: CGFloat) -> Bool { false }
}

public class AVCaptureSession: NSObject {
    public struct Preset: Sendable {
        public static let vga640x480 = Preset()
    }

    public static let wasInterruptedNotification = Notification.Name("")
    public static let interruptionEndedNotification = Notification.Name("")
    public static let runtimeErrorNotification = Notification.Name("")

    public var inputs: [AVCaptureInput] { [] }
    public var sessionPreset = Preset()
    public func beginConfiguration() {}
    public func commitConfiguration() {}
    public func canAddInput(_ input: AVCaptureInput) -> Bool { false }
    public func canAddOutput(_ output: AVCaptureOutput) -> Bool { false }
    public func addInput(_ input: AVCaptureInput) {}
    public func addOutput(_ output: AVCaptureOutput) {}
    public func startRunning() {}
    public func stopRunning() {}
}

public class AVCaptureDevice: NSObject {
    public struct DeviceType: Sendable {
        public static let builtInWideAngleCamera = DeviceType()
    }

    public enum Position: Int { case unspecified, back, front }

    public class RotationCoordinator: NSObject {
        public init(device: AVCaptureDevice, previewLayer: CALayer?) {}
        public var videoRotationAngleForHorizonLevelCapture: CGFloat { 0 }
    }

    public class func requestAccess(for type: AVMediaType) async -> Bool { false }
    public class func `default`(
        _ type: DeviceType, for media: AVMediaType?, position: Position
    ) -> AVCaptureDevice? { nil }
}

public struct AVLayerVideoGravity: Sendable {
    public static let resizeAspectFill = AVLayerVideoGravity()
}

public class AVCaptureVideoPreviewLayer: CALayer {
    public var session: AVCaptureSession?
    public var videoGravity = AVLayerVideoGravity()
}

public class AVCaptureDeviceInput: AVCaptureInput {
    public init(device: AVCaptureDevice) throws {}
}

public protocol AVCaptureVideoDataOutputSampleBufferDelegate: NSObjectProtocol {
    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer,
        from connection: AVCaptureConnection)
}

public class AVCaptureVideoDataOutput: AVCaptureOutput {
    public var alwaysDiscardsLateVideoFrames = false
    public var videoSettings: [String: Any]! = [:]
    public func setSampleBufferDelegate(
        _ delegate: (any AVCaptureVideoDataOutputSampleBufferDelegate)?, queue: DispatchQueue?
    ) {}
}

public func CMSampleBufferGetImageBuffer(_ buffer: CMSampleBuffer) -> CVImageBuffer? { nil }
