import Foundation
import Observation

/// Loads the bundled model once.
@MainActor @Observable final class ModelLoader {
    enum State {
        case loading
        case missing
        case failed(String)
        case ready(Moderator)
    }

    private(set) var state: State = .loading

    func load() async {
        do {
            state = .ready(try Moderator(await BundledModel.load()))
        } catch BundledModel.Problem.missing {
            state = .missing
        } catch {
            state = .failed(error.localizedDescription)
        }
    }
}
