// swift-tools-version:6.2
import PackageDescription

let package = Package(
    name: "swift-functions",
    platforms: [.macOS(.v15)],
    dependencies: [
        // Outside of this repository: .package(url: "https://…/isthmus.git", from: "0.1.0")
        .package(name: "isthmus", path: "../..")
    ],
    targets: [
        .executableTarget(name: "Functions", dependencies: [.product(name: "Isthmus", package: "isthmus")]),
        .executableTarget(name: "Program", dependencies: [.product(name: "Isthmus", package: "isthmus")]),
    ]
)
