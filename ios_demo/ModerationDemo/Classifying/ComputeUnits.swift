import CoreML

/// What Core ML may compute on.
enum ComputeUnits {
    /// The simulator has no Neural Engine, and its GPU is reported to give wrong scores.
    static var here: MLComputeUnits {
        #if targetEnvironment(simulator)
            .cpuOnly
        #else
            .all
        #endif
    }
}
