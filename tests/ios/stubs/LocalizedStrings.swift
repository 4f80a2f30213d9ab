import Foundation

/// Compiled with the app's files: Foundation on Linux has no string catalogues.
extension String {
    init(localized text: String) { self = text }
}
