@_exported import CoreGraphics
@_exported import Observation
@_exported import UIKit

// What is built of views.

@MainActor public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}

extension Never: View {
    public var body: Never { fatalError() }
}

/// A view without a body of its own.
public protocol Leaf: View where Body == Never {}
extension Leaf {
    public var body: Never { fatalError() }
}

public struct EmptyView: Leaf {
    public init() {}
}
public struct Several<each Content: View>: Leaf {}
public struct Either<One: View, Other: View>: Leaf {}
extension Optional: View where Wrapped: View {
    public var body: Never { fatalError() }
}

@MainActor @resultBuilder public enum ViewBuilder {
    public static func buildBlock() -> EmptyView { fatalError() }
    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
    public static func buildBlock<each Content: View>(_ content: repeat each Content)
        -> Several<repeat each Content>
    { fatalError() }
    public static func buildExpression<Content: View>(_ content: Content) -> Content { content }
    public static func buildIf<Content: View>(_ content: Content?) -> Content? { content }
    public static func buildEither<One: View, Other: View>(first: One) -> Either<One, Other> {
        fatalError()
    }
    public static func buildEither<One: View, Other: View>(second: Other) -> Either<One, Other> {
        fatalError()
    }
}

// What an app is made of.

@MainActor public protocol Scene {}
@MainActor public protocol App {
    associatedtype Body: Scene
    var body: Body { get }
    init()
}
extension App {
    public static func main() {}
}
public struct WindowGroup<Content: View>: Scene {
    public init(@ViewBuilder content: () -> Content) {}
}

// What views keep.

@MainActor @propertyWrapper public struct State<Value> {
    public init(wrappedValue: Value) {}
    public var wrappedValue: Value {
        get { fatalError() }
        nonmutating set {}
    }
    public var projectedValue: Binding<Value> { fatalError() }
}
extension State where Value: ExpressibleByNilLiteral {
    public init() { self.init(wrappedValue: nil) }
}
@MainActor @propertyWrapper @dynamicMemberLookup public struct Binding<Value> {
    public init(get: @escaping () -> Value, set: @escaping (Value) -> Void) {}
    public var wrappedValue: Value {
        get { fatalError() }
        nonmutating set {}
    }
    public var projectedValue: Binding<Value> { self }
    public subscript<Part>(dynamicMember path: WritableKeyPath<Value, Part>) -> Binding<Part> {
        fatalError()
    }
}
@MainActor @propertyWrapper @dynamicMemberLookup public struct Bindable<Value: AnyObject> {
    public var wrappedValue: Value
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
    public var projectedValue: Bindable<Value> { self }
    public subscript<Part>(dynamicMember path: ReferenceWritableKeyPath<Value, Part>)
        -> Binding<Part>
    { fatalError() }
}
@MainActor @propertyWrapper public struct Environment<Value> {
    public init(_ path: KeyPath<EnvironmentValues, Value>) {}
    public init(_ type: Value.Type) where Value: AnyObject & Observable {}
    public var wrappedValue: Value { fatalError() }
}
public struct EnvironmentValues {
    public var scenePhase: ScenePhase { .active }
}
public enum ScenePhase: Sendable { case background, inactive, active }

// Texts.

public struct LocalizedStringKey: ExpressibleByStringInterpolation {
    public init(stringLiteral: String) {}
}
public struct Text: Leaf {
    public init(_ key: LocalizedStringKey) {}
    public init(verbatim: String) {}
    public init<Style: FormatStyle>(_ value: Style.FormatInput, format: Style)
    where Style.FormatInput: Equatable, Style.FormatOutput == String {}
    public func monospacedDigit() -> Text { self }
}
public struct Image: Leaf {
    public init(systemName: String) {}
    public init(uiImage: UIImage) {}
    public func resizable() -> Image { self }
}
public struct Label<Title: View, Icon: View>: Leaf {
    public init(@ViewBuilder title: () -> Title, @ViewBuilder icon: () -> Icon) {}
}
extension Label where Title == Text, Icon == Image {
    public init(_ key: LocalizedStringKey, systemImage: String) {}
    @_disfavoredOverload public init<Words: StringProtocol>(_ words: Words, systemImage: String) {}
}

// Where views stand.

public enum HorizontalAlignment: Sendable { case leading, center, trailing }
public struct Alignment: Sendable {
    public static let center = Alignment()
    public static let bottom = Alignment()
    public static let leading = Alignment()
}
public struct Edge: Sendable {
    public struct Set: Sendable {
        public static let all = Set()
        public static let top = Set()
        public static let horizontal = Set()
    }
}
public enum TextAlignment: Sendable { case leading, center, trailing }
public struct VStack<Content: View>: Leaf {
    public init(
        alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil,
        @ViewBuilder content: () -> Content
    ) {}
}
public struct ZStack<Content: View>: Leaf {
    public init(alignment: Alignment = .center, @ViewBuilder content: () -> Content) {}
}
public struct TabView<Content: View>: Leaf {
    public init(@ViewBuilder content: () -> Content) {}
}
public struct NavigationStack<Content: View>: Leaf {
    public init(@ViewBuilder root: () -> Content) {}
}
public struct Form<Content: View>: Leaf {
    public init(@ViewBuilder content: () -> Content) {}
}
public struct List<Content: View>: Leaf {
    public init(@ViewBuilder content: () -> Content) {}
}
public struct Section<Content: View>: Leaf {
    public init(_ key: LocalizedStringKey, @ViewBuilder content: () -> Content) {}
    public init<Footer: View>(
        @ViewBuilder content: () -> Content, @ViewBuilder footer: () -> Footer
    ) {}
}
public struct ForEach<Data: RandomAccessCollection, ID: Hashable, Content: View>: Leaf {
    public init(
        _ data: Data, id: KeyPath<Data.Element, ID>,
        @ViewBuilder content: @escaping (Data.Element) -> Content
    ) {}
}
extension ForEach where Data.Element: Identifiable, ID == Data.Element.ID {
    public init(_ data: Data, @ViewBuilder content: @escaping (Data.Element) -> Content) {}
}
public struct ContentUnavailableView<Title: View, Description: View, Actions: View>: Leaf {
    public init(
        @ViewBuilder label: () -> Title, @ViewBuilder description: () -> Description,
        @ViewBuilder actions: () -> Actions
    ) {}
}
extension ContentUnavailableView
where Title == Label<Text, Image>, Description == Text?, Actions == EmptyView {
    public init(_ key: LocalizedStringKey, systemImage: String, description: Text? = nil) {}
}

// What users work.

public struct ProgressView: Leaf {
    public init(_ key: LocalizedStringKey) {}
    public init<Value: BinaryFloatingPoint>(value: Value?, total: Value = 1) {}
}
public struct LabeledContent<Content: View>: Leaf {
    public init(_ key: LocalizedStringKey, @ViewBuilder content: () -> Content) {}
    public init<Title: View>(@ViewBuilder content: () -> Content, @ViewBuilder label: () -> Title) {
    }
}
public struct Toggle: Leaf {
    public init(_ key: LocalizedStringKey, isOn: Binding<Bool>) {}
}
public struct Picker<Choice: Hashable, Content: View>: Leaf {
    public init(
        _ key: LocalizedStringKey, selection: Binding<Choice>, @ViewBuilder content: () -> Content
    ) {}
}
public struct NavigationLink<Destination: View>: Leaf {
    public init(_ key: LocalizedStringKey, @ViewBuilder destination: () -> Destination) {}
}

// How views look.

public protocol ShapeStyle: Sendable {}
public struct Color: ShapeStyle, Leaf {
    nonisolated init() {}
    public static let black = Color()
    public static let green = Color()
    public static let red = Color()
}
public struct Material: ShapeStyle {}
extension ShapeStyle where Self == Material {
    public static var ultraThickMaterial: Material { Material() }
    public static var regularMaterial: Material { Material() }
}
public struct HierarchicalShapeStyle: ShapeStyle {}
extension ShapeStyle where Self == HierarchicalShapeStyle {
    public static var secondary: HierarchicalShapeStyle { HierarchicalShapeStyle() }
}
extension ShapeStyle where Self == Color {
    public static var green: Color { Color() }
    public static var red: Color { Color() }
}
public protocol Shape: View, Sendable {}
extension Shape {
    public func fill<Style: ShapeStyle>(_ style: Style) -> some View { self }
}
public struct Rectangle: Shape, Leaf {
    public init() {}
}
public struct RoundedRectangle: Shape, Leaf {
    nonisolated init() {}
}
extension Shape where Self == RoundedRectangle {
    public static func rect(cornerRadius: CGFloat) -> RoundedRectangle { RoundedRectangle() }
}
public struct Font: Sendable {
    public static let headline = Font()
    public static let footnote = Font()
    public func monospaced() -> Font { self }
}
public enum ControlSize: Sendable { case regular, large }
public struct BorderedProminentButtonStyle: Sendable {
    public static var borderedProminent: Self { Self() }
}
public struct EnabledTextSelectability: Sendable {
    public static var enabled: Self { Self() }
}
public struct AccessibilityChildBehavior: Sendable {
    public static let combine = AccessibilityChildBehavior()
}
public struct AccessibilityTraits: Sendable {
    public static let updatesFrequently = AccessibilityTraits()
}

extension View {
    public func environment<Value: AnyObject & Observable>(_ value: Value?) -> some View { self }
    public func task(@_inheritActorContext _ action: @escaping @Sendable () async -> Void)
        -> some View
    { self }
    public func task<ID: Equatable>(
        id: ID, @_inheritActorContext _ action: @escaping @Sendable () async -> Void
    ) -> some View { self }
    public func onAppear(perform action: (() -> Void)? = nil) -> some View { self }
    public func onDisappear(perform action: (() -> Void)? = nil) -> some View { self }
    public func onChange<Value: Equatable>(
        of value: Value, _ action: @escaping (Value, Value) -> Void
    ) -> some View { self }
    public func tabItem<Item: View>(@ViewBuilder _ item: () -> Item) -> some View { self }
    public func tag<Value: Hashable>(_ tag: Value) -> some View { self }
    public func navigationTitle(_ key: LocalizedStringKey) -> some View { self }
    public func font(_ font: Font?) -> some View { self }
    public func foregroundStyle<Style: ShapeStyle>(_ style: Style) -> some View { self }
    public func background<Style: ShapeStyle, Outline: Shape>(_ style: Style, in shape: Outline)
        -> some View
    { self }
    public func blur(radius: CGFloat, opaque: Bool = false) -> some View { self }
    public func clipped() -> some View { self }
    public func clipShape<Outline: Shape>(_ shape: Outline) -> some View { self }
    public func scaledToFit() -> some View { self }
    public func padding(_ edges: Edge.Set = .all, _ length: CGFloat? = nil) -> some View { self }
    public func frame(
        maxWidth: CGFloat? = nil, maxHeight: CGFloat? = nil, alignment: Alignment = .center
    ) -> some View { self }
    public func ignoresSafeArea(edges: Edge.Set = .all) -> some View { self }
    public func multilineTextAlignment(_ alignment: TextAlignment) -> some View { self }
    public func textSelection(_ selectability: EnabledTextSelectability) -> some View { self }
    public func buttonStyle(_ style: BorderedProminentButtonStyle) -> some View { self }
    public func controlSize(_ size: ControlSize) -> some View { self }
    public func allowsHitTesting(_ enabled: Bool) -> some View { self }
    public func accessibilityHidden(_ hidden: Bool) -> some View { self }
    public func accessibilityLabel(_ key: LocalizedStringKey) -> some View { self }
    public func accessibilityHint(_ key: LocalizedStringKey) -> some View { self }
    public func accessibilityElement(children: AccessibilityChildBehavior) -> some View { self }
    public func accessibilityAddTraits(_ traits: AccessibilityTraits) -> some View { self }
}

// Views of UIKit.

@MainActor public protocol UIViewRepresentable: Leaf {
    associatedtype UIViewType: UIView
    typealias Context = UIViewRepresentableContext<Self>
    func makeUIView(context: Context) -> UIViewType
    func updateUIView(_ view: UIViewType, context: Context)
}
public struct UIViewRepresentableContext<Representable> {}
