@_exported import SwiftUI

public struct PhotosPickerItem: Hashable, Sendable {
    public func loadTransferable<Content: Sendable>(type: Content.Type) async throws -> Content? {
        nil
    }
}

public struct PHPickerFilter: Sendable {
    public static let images = PHPickerFilter()
}

public struct PhotosPicker<Title: View>: Leaf {
    public init(
        selection: Binding<PhotosPickerItem?>, matching: PHPickerFilter? = nil,
        @ViewBuilder label: () -> Title
    ) {}
}
