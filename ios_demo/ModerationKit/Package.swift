// swift-tools-version: 6.0

import PackageDescription

let package = Package(
    name: "ModerationKit",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "ModerationKit", targets: ["ModerationKit"])],
    targets: [
        .target(name: "ModerationKit"),
        .testTarget(
            name: "ModerationKitTests",
            dependencies: ["ModerationKit"],
            exclude: ["Fixtures"]
        ),
    ]
)
