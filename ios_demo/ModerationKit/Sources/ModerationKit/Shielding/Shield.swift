/// Covers a picture until it is proven clear. Whatever goes wrong covers it.
public struct Shield: Equatable, Sendable {
    /// Why the shield is on.
    public enum Cover: Equatable, Sendable {
        case notJudgedYet
        case flagged
        case failed
        case modelMissing
        case cameraInterrupted
        case inBackground
    }

    public enum State: Equatable, Sendable {
        case covered(Cover)
        case revealed
    }

    /// What can happen to what is shown.
    public enum Event: Equatable, Sendable {
        /// Another picture, or another camera, is about to be shown.
        case newPicture
        /// One still picture was judged.
        case judged(isFlagged: Bool)
        /// The frames of a camera were judged together.
        ///
        /// `frames` counts those that could be judged since anything last went wrong, and `needed`
        /// how many of them it takes to reveal.
        case smoothed(isOn: Bool, frames: Int, needed: Int)
        case failed
        case modelMissing
        case cameraInterrupted
        case enteredBackground
    }

    public private(set) var state: State = .covered(.notJudgedYet)

    public init() {}

    public var isCovered: Bool { state != .revealed }

    public mutating func handle(_ event: Event) {
        state =
            switch event {
            case .newPicture: .covered(.notJudgedYet)
            case .judged(let isFlagged): isFlagged ? .covered(.flagged) : .revealed
            case .smoothed(isOn: true, _, _): .covered(.flagged)
            case .smoothed(isOn: false, let frames, let needed):
                frames >= needed ? .revealed : .covered(.notJudgedYet)
            case .failed: .covered(.failed)
            case .modelMissing: .covered(.modelMissing)
            case .cameraInterrupted: .covered(.cameraInterrupted)
            case .enteredBackground: .covered(.inBackground)
            }
    }
}
