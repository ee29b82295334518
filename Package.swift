// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// Strict everywhere: a warning is an error, an import shows up in an interface only when it says so.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]
let cSettings: [CSetting] = [
    .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil)
    -> Target
{
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

func executable(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies + [
            .product(name: "ArgumentParser", package: "swift-argument-parser")
        ],
        swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil)
    -> Target
{
    .testTarget(
        name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
]
let tls: [Target.Dependency] = [
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "NIOTLS", package: "swift-nio"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let leaves: [Target] = [
    library("GenerationTypes"),
    library("ServiceLedger", ["GenerationTypes"]),
    library("Requests", ["GenerationTypes"]),
    library("ProcessSupport"),
    .target(name: "CKernels", cSettings: cSettings),
    .target(name: "CProcess", cSettings: cSettings),
    .target(name: "CThreadTeam", cSettings: cSettings, linkerSettings: [.linkedLibrary("gomp")]),
    .target(name: "COpenBLAS", cSettings: cSettings, linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "COneDNN", cSettings: cSettings, linkerSettings: [.linkedLibrary("dnnl")]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    library("Digests", ["CCrypto"]),
    .target(name: "CPNG", cSettings: cSettings, linkerSettings: [.linkedLibrary("png")]),
    .target(name: "CJPEG", cSettings: cSettings, linkerSettings: [.linkedLibrary("jpeg")]),
]

let compute: [Target] = [
    library("TensorKit", ["CKernels", "CThreadTeam", "COpenBLAS", "COneDNN"]),
    library("SafeTensors", ["CKernels"]),
    library(
        "StableDiffusion",
        [
            "GenerationTypes", "Requests", "Digests", "TensorKit", "SafeTensors", "TokenMerging",
        ]),
    library("TokenMerging", ["GenerationTypes", "TensorKit"]),
    library(
        "EmbeddedModel",
        resources: [
            .copy("Resources/postcards"), .copy("Resources/judge"), .copy("Resources/clip"),
            .copy("Resources/clip-vocabulary"),
        ]),
    library("ImageCodec", ["GenerationTypes", "CPNG", "CJPEG", "CZlib"]),
]

let cluster: [Target] = [
    .target(
        name: "WireProtocol", dependencies: ["GenerationTypes", "Digests", "CZstd", "CZlib"],
        exclude: ["Protocol.md"], swiftSettings: settings),
    library(
        "ClusterTransport",
        ["GenerationTypes", "WireProtocol", "Digests", "CCrypto", logging] + nio + tls),
    library("Worker", ["GenerationTypes", "WireProtocol", "ClusterTransport", logging] + nio),
    library(
        "Coordinator",
        ["GenerationTypes", "WireProtocol", "ClusterTransport", "CProcess", "Digests", logging]
            + nio),
]

let runs: [Target] = [
    library(
        "Runs",
        [
            "GenerationTypes", "Requests", "ImageCodec", "Digests", "ProcessSupport",
            "ServiceLedger", .product(name: "GRDB", package: "GRDB.swift"),
        ]),
    library(
        "RunService",
        [
            "Runs", "Requests", "Coordinator", "ClusterTransport", "WireProtocol",
            "StableDiffusion", "TokenMerging", "TensorKit", "SafeTensors", "ProcessSupport",
            "GenerationTypes", logging,
        ] + nio),
]

let service: [Target] = [
    library(
        "WebPage", ["Digests", "GenerationTypes"],
        resources: [
            "app.css", "icon.svg", "index.html", "theme.js", "api.js", "app.js", "cluster.js",
            "compare.js", "details.js", "dom.js", "events.js", "form.js", "gallery.js", "queue.js",
            "state.js", "words.js",
        ].map { .embedInCode("Resources/\($0)") }),
    library(
        "ServiceAPI", ["ServiceLedger", "Requests", "GenerationTypes", "ProcessSupport"],
        resources: [.embedInCode("Resources/openapi.json")]),
    library(
        "ServiceEngine",
        [
            "ServiceAPI", "ServiceLedger", "RunService", "Runs", "Requests", "Coordinator",
            "ClusterTransport", "WireProtocol", "ImageCodec", "Digests", "ProcessSupport",
            "GenerationTypes", logging,
        ] + nio),
    library(
        "HTTPService",
        [
            "ServiceAPI", "ServiceLedger", "Requests", "ProcessSupport", "GenerationTypes",
            "WebPage", logging,
            .product(name: "Hummingbird", package: "hummingbird"),
            .product(name: "HummingbirdCore", package: "hummingbird"),
            .product(name: "HTTPTypes", package: "swift-http-types"),
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
            .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        ] + nio),
]

let executables: [Target] = [
    library(
        "CommandSupport",
        [
            "GenerationTypes", "Requests", "ProcessSupport", "StableDiffusion", "TokenMerging",
            "TensorKit", "EmbeddedModel", "CProcess",
            .product(name: "ArgumentParser", package: "swift-argument-parser"), logging,
        ]),
    library("RunDisplay", ["GenerationTypes", "Runs", "Requests", "CommandSupport"]),
    library(
        "NodeSupport",
        [
            "ClusterTransport", "WireProtocol", "CommandSupport", "ProcessSupport", "Requests",
            logging,
            .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ] + nio),
    library(
        "ClusterOptions",
        [
            "RunService", "Runs", "Coordinator", "ClusterTransport", "NodeSupport",
            "CommandSupport", "ProcessSupport",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ]),
    executable(
        "retom-serve",
        [
            "HTTPService", "ServiceEngine", "ServiceAPI", "ServiceLedger", "ClusterOptions",
            "RunService", "Runs", "Requests", "ClusterTransport", "NodeSupport",
            "CommandSupport", "StableDiffusion", "TokenMerging", "GenerationTypes", logging,
        ] + nio),
    executable(
        "retom-coord",
        [
            "ClusterOptions", "RunService", "RunDisplay", "Runs", "Requests", "Coordinator",
            "ClusterTransport",
            "NodeSupport", "CommandSupport", "ProcessSupport", "StableDiffusion",
            "GenerationTypes",
        ]),
    executable(
        "retom-worker",
        [
            "Worker", "NodeSupport", "ClusterTransport", "CommandSupport", "ProcessSupport",
            "Requests", "StableDiffusion", "TensorKit", "GenerationTypes", logging,
        ] + nio),
    library(
        "Evaluation",
        [
            "CommandSupport", "ProcessSupport", "Requests", "Runs", "StableDiffusion",
            "TokenMerging", "TensorKit", "SafeTensors", "ImageCodec", "Digests",
            "GenerationTypes",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ]),
    executable(
        "retom-eval",
        [
            "Evaluation", "CommandSupport", "ProcessSupport", "Requests", "Runs",
            "StableDiffusion", "TokenMerging", "TensorKit", "EmbeddedModel", "ImageCodec",
            "GenerationTypes",
        ]),
]

let testTargets: [Target] = [
    .target(
        name: "TestSupport", dependencies: ["GenerationTypes", "SafeTensors"],
        path: "Tests/Support/TestSupport", resources: [.copy("Fixtures")], swiftSettings: settings),
    .target(name: "CAllocationCounter", path: "Tests/Support/CAllocationCounter"),
    .target(name: "CDiskFaults", path: "Tests/Support/CDiskFaults", cSettings: cSettings),
    .target(
        name: "DiskFaults", dependencies: ["CDiskFaults"], path: "Tests/Support/DiskFaults",
        swiftSettings: settings),
    tests("DigestsTests", ["Digests"]),
    .target(
        name: "CTileModel", dependencies: ["CKernels"], path: "Tests/Support/CTileModel",
        cSettings: cSettings + [.headerSearchPath("../../../Sources/CKernels")]),
    tests(
        "CKernelsTests", ["CKernels", "CTileModel", "SafeTensors", "TestSupport"],
        resources: [.copy("Goldens")]),
    tests("TensorKitTests", ["TensorKit", "CKernels", "TestSupport"]),
    tests("SafeTensorsTests", ["SafeTensors", "TestSupport"]),
    tests(
        "StableDiffusionTests", ["StableDiffusion", "GenerationTypes", "TestSupport"],
        resources: [.copy("Goldens")]),
    tests(
        "ParityTests",
        [
            "StableDiffusion", "TokenMerging", "GenerationTypes", "TensorKit", "SafeTensors",
            "CKernels", "EmbeddedModel", "TestSupport", "CAllocationCounter", "ProcessSupport",
        ],
        resources: [.copy("Goldens")]),
    tests(
        "TokenMergingTests",
        ["TokenMerging", "GenerationTypes", "TensorKit", "SafeTensors", "TestSupport"],
        resources: [.copy("Goldens")]),
    tests(
        "RunsTests",
        [
            "Runs", "ServiceLedger", "Requests", "GenerationTypes", "ImageCodec", "ProcessSupport",
            "WireProtocol",
            "DiskFaults", "TestSupport",
            .product(name: "GRDB", package: "GRDB.swift"),
        ]),
    tests(
        "RequestsTests", ["Requests", "GenerationTypes", "TokenMerging", "TestSupport"],
        resources: [.copy("Goldens")]),
    tests(
        "ServiceAPITests",
        ["ServiceAPI", "ServiceLedger", "Requests", "GenerationTypes", "BodyFuzzing"]),
    tests(
        "HTTPServiceTests",
        [
            "HTTPService", "ServiceAPI", "ServiceLedger", "Requests", "ProcessSupport",
            "GenerationTypes", "WebPage", "Runs", "TestSupport", logging,
            .product(name: "NIOPosix", package: "swift-nio"),
        ]),
    tests(
        "ServiceEngineTests",
        [
            "HTTPService", "ServiceEngine", "ServiceAPI", "ServiceLedger", "Runs", "Requests",
            "ImageCodec", "Coordinator", "Worker", "FakeGenerator", "ClusterTransport",
            "ProcessSupport",
            "GenerationTypes", "TestSupport", logging,
            .product(name: "NIOPosix", package: "swift-nio"),
        ]),
    tests("ServiceLedgerTests", ["ServiceLedger", "GenerationTypes", "TestSupport"]),
    tests("ImageCodecTests", ["ImageCodec", "GenerationTypes", "TestSupport"]),
    .target(
        name: "WireFuzzing",
        dependencies: [
            "WireProtocol", "ClusterTransport", "GenerationTypes", "CZlib", "TestSupport",
            .product(name: "NIOCore", package: "swift-nio"),
        ],
        path: "Tests/Support/WireFuzzing", swiftSettings: settings),
    .executableTarget(
        name: "wire-fuzz",
        dependencies: [
            "WireFuzzing", "WireProtocol",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ],
        path: "Tests/Support/FuzzProgram", swiftSettings: settings),
    .target(
        name: "BodyFuzzing",
        dependencies: [
            "ServiceAPI", "ServiceLedger", "Requests", "GenerationTypes", "TestSupport",
        ],
        path: "Tests/Support/BodyFuzzing", swiftSettings: settings),
    .executableTarget(
        name: "body-fuzz",
        dependencies: [
            "BodyFuzzing", "ServiceAPI", "ServiceLedger", "Requests", "RunService",
            "CommandSupport",
            "StableDiffusion", "EmbeddedModel", "GenerationTypes",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ],
        path: "Tests/Support/BodyFuzzProgram", swiftSettings: settings),
    tests(
        "WireProtocolTests",
        [
            "WireProtocol", "ClusterTransport", "GenerationTypes", "CZstd", "WireFuzzing",
            "TestSupport", .product(name: "NIOTestUtils", package: "swift-nio"),
        ] + nio),
    .target(
        name: "ClusterSimulation",
        dependencies: [
            "Coordinator", "Worker", "WireProtocol", "ClusterTransport", "GenerationTypes",
            "TestSupport",
        ],
        path: "Tests/Support/ClusterSimulation", swiftSettings: settings),
    .executableTarget(
        name: "cluster-simulation",
        dependencies: [
            "ClusterSimulation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ],
        path: "Tests/Support/SimulationProgram", swiftSettings: settings),
    .target(
        name: "FakeGenerator", dependencies: ["GenerationTypes", "Worker"],
        path: "Tests/Support/FakeGenerator",
        swiftSettings: settings),
    .target(
        name: "LyingWorkers",
        dependencies: [
            "Coordinator", "Worker", "WireProtocol", "ClusterTransport", "FakeGenerator",
            "GenerationTypes", "TestSupport", logging,
        ] + nio,
        path: "Tests/Support/LyingWorkers", swiftSettings: settings),
    .executableTarget(
        name: "simulated-workers",
        dependencies: [
            "FakeGenerator", "LyingWorkers", "Coordinator", "Worker", "ClusterTransport",
            "CommandSupport", "NodeSupport", "ProcessSupport",
            "StableDiffusion", "ImageCodec", "GenerationTypes", logging,
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ] + nio,
        path: "Tests/Support/SimulatedWorkers", swiftSettings: settings),
    tests(
        "ClusterTests",
        [
            "Coordinator", "Worker", "WireProtocol", "ClusterTransport", "ClusterSimulation",
            "FakeGenerator", "LyingWorkers", "WireFuzzing", "GenerationTypes", "TestSupport",
            logging,
        ] + nio),
    tests(
        "CommandTests",
        [
            "CommandSupport", "NodeSupport", "ProcessSupport", "Requests", "Runs", "RunDisplay",
            "TokenMerging", "GenerationTypes", "TestSupport", "Digests", "SafeTensors",
            "StableDiffusion",
            "EmbeddedModel", logging,
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ]),
    tests(
        "RunServiceTests",
        [
            "RunService", "Runs", "Requests", "Coordinator", "ClusterTransport", "WireProtocol",
            "GenerationTypes", "TestSupport",
            .product(name: "NIOPosix", package: "swift-nio"),
        ]),
    tests(
        "EvaluationTests",
        [
            "Evaluation", "CommandSupport", "Requests", "Runs", "EmbeddedModel", "GenerationTypes",
            "ImageCodec", "SafeTensors", "StableDiffusion", "TensorKit", "TestSupport",
        ], resources: [.copy("Goldens")]),
    // They run the built executables, which are no dependency because nothing links them.
    tests(
        "EndToEndTests",
        [
            "CProcess", "EmbeddedModel", "GenerationTypes", "ImageCodec", "Runs", "SafeTensors",
            "WireProtocol", "TestSupport",
        ]),
]

let package = Package(
    name: "retom",
    products: [
        .executable(name: "retom-coord", targets: ["retom-coord"]),
        .executable(name: "retom-worker", targets: ["retom-worker"]),
        .executable(name: "retom-serve", targets: ["retom-serve"]),
        .executable(name: "retom-eval", targets: ["retom-eval"]),
        // Tests preload it into the programs: their disk fails when they say so.
        .library(name: "DiskFaults", type: .dynamic, targets: ["CDiskFaults"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: leaves + compute + cluster + runs + service + executables + testTargets,
    cLanguageStandard: .gnu17
)
