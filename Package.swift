// swift-tools-version: 6.2
import PackageDescription

// The manifest reads as the diagram: shelves from the lowest to the highest, and a module uses its
// own shelf and those below it (TidyTests checks the imports).
//
// KONTAINERS_PLANE=data leaves the control plane out. What remains, the data plane with all its tests,
// builds without one third-party package, in seconds.
let dataPlaneAlone = Context.environment["KONTAINERS_PLANE"] == "data"

enum Shelf: String { case Platform, Protocols, DataPlane, ControlPlane }

/// What every module of the house is compiled with.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableExperimentalFeature("Lifetimes"),
]

/// The path of a request: exclusivity is checked in debug builds and costs a third of the instructions in release.
let hot: [SwiftSetting] =
    house + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

func module(
    _ name: String, on shelf: Shelf, uses: [Target.Dependency] = [], testedWith: [Target.Dependency] = [],
    resources: [String] = [], folder: String? = nil
) -> [Target] {
    let settings = shelf == .ControlPlane ? house : hot
    return [
        .target(
            name: name, dependencies: uses, path: "Sources/\(shelf.rawValue)/\(folder ?? name)",
            swiftSettings: settings),
        .testTarget(
            name: "\(name)Tests", dependencies: [.byName(name: name), "TestKit"] + uses + testedWith,
            exclude: resources, swiftSettings: house),
    ]
}

func cModule(_ name: String, links: [String] = []) -> Target {
    .target(
        name: name, path: "Sources/Platform/\(name)", linkerSettings: links.map { .linkedLibrary($0) })
}

// MARK: - Platform: what the operating system and C give us, made safe

var targets: [Target] =
    [
        cModule("CLinux"), cModule("COpenSSL", links: ["ssl", "crypto"]), cModule("CCrypt", links: ["crypt"]),
        cModule("CZlib", links: ["z"]),
    ]
    + module("Kernel", on: .Platform, uses: ["CLinux", "Bytes"])
    + module("Bytes", on: .Platform)
    + module("Telemetry", on: .Platform, uses: ["Bytes", "Kernel"])
    + module("Compression", on: .Platform, uses: ["CZlib", "Bytes"])
    + module("Passwords", on: .Platform, uses: ["CCrypt", "Kernel"])

// MARK: - Protocols: bytes in, meaning out

targets +=
    module("HTTP", on: .Protocols, uses: ["Bytes"])
    + module("HTTP1", on: .Protocols, uses: ["HTTP", "Bytes"])
    + module("ProxyProtocol", on: .Protocols, uses: ["Bytes"])
    + module("Preface", on: .Protocols)
    + module("TLS", on: .Protocols, uses: ["COpenSSL", "Bytes"])

// MARK: - Contract: what the planes say to each other

targets += [
    .target(name: "Contract", dependencies: [], path: "Sources/Contract", swiftSettings: house),
    .testTarget(name: "ContractTests", dependencies: ["Contract", "TestKit"], swiftSettings: house),
]

// MARK: - Data plane: the path of a request

targets +=
    module("Engine", on: .DataPlane, uses: ["Kernel", "Bytes"])
    + module("Balancing", on: .DataPlane)
    + module("Routing", on: .DataPlane, uses: ["Balancing", "Bytes", "Contract"])
    + module(
        "Proxy", on: .DataPlane,
        uses: [
            "Engine", "Kernel", "Bytes", "Telemetry", "HTTP", "HTTP1", "ProxyProtocol", "Preface", "TLS", "Routing",
            "Balancing", "Contract", "Passwords", "Compression",
        ], testedWith: ["HealthChecking"])
    + module(
        "HealthChecking", on: .DataPlane,
        uses: ["Engine", "Kernel", "Bytes", "Telemetry", "HTTP", "HTTP1", "TLS", "Routing", "Balancing", "Contract"])

targets += [
    .executableTarget(
        name: "kontainers-edge",
        dependencies: [
            "Proxy", "HealthChecking", "Engine", "Kernel", "Bytes", "Telemetry", "Contract", "TLS", "Routing",
            "Balancing", "Passwords",
        ],
        path: "Sources/kontainers-edge", swiftSettings: hot),
    .target(name: "TestKit", dependencies: ["Kernel"], path: "Tests/TestKit", swiftSettings: house),
    .testTarget(
        name: "SimulationTests",
        dependencies: ["Proxy", "Engine", "Kernel", "Bytes", "Telemetry", "TLS", "Routing", "Contract", "TestKit"],
        swiftSettings: house),
    .testTarget(name: "TidyTests", swiftSettings: house),
]

var products: [Product] = [.executable(name: "kontainers-edge", targets: ["kontainers-edge"])]
var packages: [Package.Dependency] = []

// MARK: - Control plane: what should be true, and making it so

if !dataPlaneAlone {
    packages = [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ]
    let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
    let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
    let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
    let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
    let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
    let nioHTTP: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
    let webSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
    let nioHTTPTypes: [Target.Dependency] = [
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
    ]
    let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
    let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
    let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
    let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
    let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
    let sqlite: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
    let jwt: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
    let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

    targets +=
        module("Certificates", on: .ControlPlane, uses: ["Contract", x509, crypto])
        // Not plain "Configuration": target names are unique across the package graph, and swift-configuration has
        // that one.
        + module(
            "KontainersConfiguration", on: .ControlPlane, uses: ["Contract", "Certificates", "Yams"],
            testedWith: [x509, crypto], resources: ["Mistakes"], folder: "Configuration")
        + module(
            "Docker", on: .ControlPlane,
            uses: ["Contract", "KontainersConfiguration", httpClient, nio, nioHTTP, logging], testedWith: [nioPosix])
        + module(
            "Reconciliation", on: .ControlPlane,
            uses: [
                "Contract", "KontainersConfiguration", "Docker", "Certificates", "Store", "Kernel", "Telemetry",
                logging, lifecycle, nio, nioPosix,
            ])
        + module(
            "Management", on: .ControlPlane,
            uses: [
                "Contract", "Routing", "Telemetry", "KontainersConfiguration", "Certificates", "Docker", "Store",
                "Accounts", "Reconciliation", sqlite,
                hummingbird, hummingbirdCore, httpTypes, logging, nio, nioHTTP, webSocket, crypto,
            ] + nioHTTPTypes,
            testedWith: [httpClient, nioPosix])
        + module("Store", on: .ControlPlane, uses: ["Contract", "KontainersConfiguration", sqlite])
        + module("Accounts", on: .ControlPlane, uses: ["Store", "Passwords", crypto, jwt])
        + module("Supervision", on: .ControlPlane, uses: ["Contract", "KontainersConfiguration", "Kernel", logging])

    targets += [
        .executableTarget(
            name: "kontainers",
            dependencies: [
                "KontainersConfiguration", "Docker", "Reconciliation", "Certificates", "Management", "Supervision",
                "Store", "Accounts", "Contract", "Kernel",
                arguments, logging, lifecycle, signals, httpClient, nio, nioHTTP,
            ],
            path: "Sources/kontainers", swiftSettings: house),
        .testTarget(
            name: "CommandTests",
            dependencies: ["kontainers", "Management", "Reconciliation", "Contract", "Docker", "TestKit", arguments],
            swiftSettings: house),
        .testTarget(
            name: "ApplianceTests", dependencies: ["TestKit", "Kernel"], exclude: ["Clients"], swiftSettings: house),
    ]
    products.append(.executable(name: "kontainers", targets: ["kontainers"]))
}

let package = Package(
    name: "Kontainers", platforms: [.macOS(.v15)], products: products, dependencies: packages, targets: targets)
