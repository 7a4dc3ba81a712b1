// swift-tools-version:6.2
import PackageDescription

/// One set of compiler rules for every target of ours: Swift 6 with strict concurrency, strict memory
/// safety, and no warning left standing.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

/// The generated gRPC code is not ours to edit, so it gets the language mode and nothing else.
let generatedSettings: [SwiftSetting] = [.swiftLanguageMode(.v6)]

/// The two executables carry the Swift runtime with them, so that a wheel works without a toolchain.
/// What follows the first flag is what Foundation's static library needs and does not name by itself.
let standalone: [LinkerSetting] = [
    .unsafeFlags(["-static-stdlib", "-l_FoundationCShims", "-l_FoundationCollections", "-l_FoundationICU"])
]

func ours(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// Tests read their scenarios and vectors from the source tree; `exclude` names what is not Swift there.
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

let package = Package(
    name: "isthmus",
    products: [
        .library(name: "Isthmus", targets: ["Isthmus"]),
        .executable(name: "isthmus", targets: ["IsthmusCommand"]),
        .executable(name: "isthmus-executor", targets: ["ExecutorCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2.git", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport.git", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf.git", from: "2.4.1"),
        .package(url: "https://github.com/apple/swift-protobuf.git", from: "1.39.0"),
        // What gRPC is built on: its transport has no limit of its own for a TLS handshake.
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
    ],
    targets: [
        // MARK: The words
        ours("TaskModel"),
        ours("Wire", ["TaskModel"]),

        // MARK: Deciding
        ours("SessionCore", ["TaskModel"]),
        ours("SchedulerCore", ["TaskModel"]),
        ours("WorkerCore", ["TaskModel"]),

        // MARK: Proving
        ours("Simulation", ["SchedulerCore", "WorkerCore", "SessionCore", "TaskModel"]),

        // MARK: Doing
        ours("SessionTransport", ["SessionCore", "Wire", "TaskModel", "ZeroMQ", "Posix"]),
        ours("StateStore", ["TaskModel"]),
        ours(
            "SchedulerServer",
            [
                "SchedulerCore", "StateStore", "SessionTransport", "Wire", "TaskModel", "ZeroMQ", "Posix",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        ours(
            "WorkerServer",
            [
                "WorkerCore", "SessionTransport", "Wire", "TaskModel", "ZeroMQ", "Posix",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        ours(
            "ControlServer",
            [
                "ControlAPI", "SchedulerServer", "WorkerServer", "TaskModel", "Posix",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .target(
            name: "ControlAPI",
            dependencies: [
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            exclude: ["Protos", "Generated/control.proto.sha256"],
            swiftSettings: generatedSettings),

        // MARK: Running tasks
        ours("ExecutorRuntime", ["Wire", "TaskModel", "Posix"]),
        ours(
            "PythonHost", ["CPython", "CProcessState", "ExecutorRuntime", "Wire", "TaskModel", "Posix"]),

        // MARK: What a user touches
        ours(
            "Isthmus",
            [
                "SessionTransport", "ExecutorRuntime", "Wire", "TaskModel", "ZeroMQ", "Posix",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(name: "DemoFunctions", dependencies: ["Isthmus"], swiftSettings: settings),
        .executableTarget(
            name: "IsthmusCommand",
            dependencies: [
                "SchedulerServer", "WorkerServer", "ControlServer", "ControlAPI", "SessionTransport",
                "Simulation", "TaskModel", "ZeroMQ", "Posix",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: settings, linkerSettings: standalone),
        .executableTarget(
            name: "ExecutorCommand", dependencies: ["PythonHost", "ExecutorRuntime", "Posix"],
            swiftSettings: settings, linkerSettings: standalone),

        // MARK: C, as it is
        ours("ZeroMQ", ["CZeroMQ"]),
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        ours("Posix", ["TaskModel", "CPosix"]),
        .target(name: "CPosix"),
        .target(name: "CPython"),
        .target(name: "CProcessState"),

        // MARK: Measuring
        .executableTarget(
            name: "SchedulerCoreBenchmark", dependencies: ["SchedulerCore", "TaskModel", "CAllocationCount"],
            path: "benchmarks/SchedulerCoreBenchmark", swiftSettings: settings),
        .executableTarget(
            name: "PlacementBenchmark", dependencies: ["SchedulerCore", "TaskModel"],
            path: "benchmarks/PlacementBenchmark", swiftSettings: settings),
        .target(name: "CAllocationCount", path: "benchmarks/CAllocationCount"),
        .executableTarget(
            name: "SchedulerServerBenchmark",
            dependencies: [
                "SchedulerServer", "SessionTransport", "Wire", "TaskModel", "ZeroMQ", "Posix",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "benchmarks/SchedulerServerBenchmark", swiftSettings: settings),

        // MARK: Tests
        tests("ZeroMQTests", ["ZeroMQ", "Posix", "TaskModel"]),
        tests("SessionTransportTests", ["SessionTransport", "Wire", "TaskModel", "ZeroMQ", "Posix"]),
        tests("SessionCoreTests", ["SessionCore", "TaskModel"], exclude: ["Scenarios"]),
        tests("WorkerCoreTests", ["WorkerCore", "TaskModel"], exclude: ["Scenarios"]),
        tests(
            "WorkerServerTests",
            [
                "WorkerServer", "SessionTransport", "Wire", "TaskModel", "ZeroMQ", "Posix",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], exclude: ["Executors"]),
        tests(
            "WireTests", ["Wire", "TaskModel"],
            exclude: ["Vectors", "make_vectors.py", "malformed_vectors.py", "vector_bytes.py"]),
        tests("IsthmusTests", ["Isthmus", "TestFunctions"]),
        .executableTarget(
            name: "TestFunctions", dependencies: ["Isthmus"], path: "Tests/TestFunctions",
            swiftSettings: settings),
        tests("ExecutorRuntimeTests", ["ExecutorRuntime", "Wire", "TaskModel", "Posix"]),
        tests("PythonHostTests", ["PythonHost", "ExecutorRuntime", "Posix"]),
        tests("SimulationTests", ["Simulation"], exclude: ["trace-hashes.txt"]),
        tests("SchedulerCoreTests", ["SchedulerCore", "TaskModel"], exclude: ["Scenarios"]),
        tests(
            "SchedulerServerTests",
            [
                "SchedulerServer", "SessionTransport", "Wire", "TaskModel", "ZeroMQ", "Posix",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
            ]),
        tests(
            "ControlServerTests",
            [
                "ControlServer", "ControlAPI", "SchedulerServer", "TaskModel",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            exclude: ["Certificates"]),
    ]
)
