import Accounts
import Foundation
import HTTPTypes
import KontainersConfiguration
import NIOCore
public import Reconciliation
import Store

/// The appliance itself: how it is, what it serves, what is wrong, and its settings.
public struct SystemOperations: Sendable {
    /// What is known of the program and its machine.
    public struct Facts: Sendable {
        public var version: String
        /// Milliseconds since 1970.
        public var started: Int64
        public var hostname: String
        public var processors: Int
        public var read: @Sendable () async -> Readings

        public init(
            version: String, started: Int64, hostname: String, processors: Int,
            read: @escaping @Sendable () async -> Readings
        ) {
            self.version = version
            self.started = started
            self.hostname = hostname
            self.processors = processors
            self.read = read
        }
    }

    let facts: Facts
    let reconciler: Reconciler
    let keeper: StoreKeeper?
    /// Reads the file again, and what engines say.
    let reconcile: @Sendable () async -> Void

    public init(
        _ facts: Facts, reconciler: Reconciler, keeper: StoreKeeper?, reconcile: @escaping @Sendable () async -> Void
    ) {
        self.facts = facts
        self.reconciler = reconciler
        self.keeper = keeper
        self.reconcile = reconcile
    }

    /// The settings that can be changed while it runs, each with what it may be.
    static let settings: [JSONSchema.Shape.Field] = [
        .init("registration", .boolean, says: "Whether anybody may make an account (as user). Standard: false."),
        .init("acmeEmail", .text(3...254, form: .email), says: "Where certificate authorities write to."),
        .init("containerPaths", .list(.line(1...4_096), limit: 100), says: "Host paths that containers may mount."),
        .init("privilegedContainers", .boolean, says: "Whether the policy for new containers is open."),
    ]

    public var all: [Operation] { open + looking + changing }

    private var open: [Operation] {
        let health = JSONSchema.named(
            "Health",
            .object(.init([.init("control", .boolean, isRequired: true), .init("edge", .boolean, isRequired: true)])))
        @Sendable func tell(_ call: Call) async -> Answer {
            Answer(.ok, ["control": true, "edge": await facts.read().isEdgeUp])
        }
        return [
            Operation(
                "health", .get, "/health", .open, "Whether control and the edge are up.",
                outcomes: [.init(.ok, "What is up.", health)], run: tell),
            Operation(
                "getSystemHealth", .get, "/api/system/health", .open, "Whether control and the edge are up.",
                outcomes: [.init(.ok, "What is up.", health)], run: tell),
            Operation(
                "metrics", .get, "/metrics", .open, "Edge and control for Prometheus.",
                outcomes: [
                    .init(.ok, "The page.", contentType: "text/plain; version=0.0.4; charset=utf-8")
                ]
            ) { call in
                let form = Exposition.Form(accept: call.fields[.accept])
                let page = MetricsPage.render(await facts.read(), as: form)
                return Answer(.ok, bytes: ByteBuffer(string: page), contentType: form.contentType)
            },
            Operation(
                "getVersion", .get, "/api/system/version", .open, "Which release this is.",
                outcomes: [
                    .init(.ok, "The release.", .object(.init([.init("version", .line(1...64), isRequired: true)])))
                ]
            ) { _ in Answer(.ok, ["version": facts.version]) },
        ]
    }

    private var looking: [Operation] {
        [
            Operation(
                "getSystemInfo", .get, "/api/system/info", .role(.viewer, .systemRead), "The appliance in numbers.",
                outcomes: [.init(.ok, "Numbers.", Self.info)], run: tellInfo),
            Operation(
                "getSystemConfig", .get, "/api/system/config", .role(.admin, .systemRead), "The settings.",
                outcomes: [.init(.ok, "Those that are set.", .named("Settings", .object(.init(Self.settings))))]
            ) { _ in
                let settings = try await keeper?.store.settings() ?? [:]
                return Answer(.ok, JSONValue.object(settings.filter { Self.isSetting($0.key) }))
            },
            Operation(
                "lint", .get, "/api/lint", .role(.viewer, .rulesRead), "What is wrong with what was asked for.",
                parameters: [.init("subject", .text(0...1_000), says: "Only of this rule, listener or certificate.")],
                outcomes: [.init(.ok, "Each with its fix.", .list(RuleSchemas.diagnosis, limit: 1_000_000))]
            ) { call in
                let subject = call.query["subject"]
                let all = await reconciler.diagnoses.filter { subject == nil || $0.subject == subject }
                return Answer(.ok, all.map(DiagnosisDocument.init))
            },
            Operation(
                "getProxyConfig", .get, "/api/proxy/config", .role(.admin, .rulesRead),
                "What the edge serves: the snapshot, without keys and passwords.",
                outcomes: [.init(.ok, "The snapshot.", .any("the snapshot of the newest revision"))]
            ) { _ in
                guard let snapshot = await reconciler.snapshot else {
                    throw Problem(.serviceUnavailable, "control has just started and publishes nothing yet")
                }
                return Answer(.ok, Mask.masked(try JSONValue(encoding: snapshot)))
            },
        ]
    }

    private var changing: [Operation] {
        [
            Operation(
                "putSystemConfig", .put, "/api/system/config", .role(.admin, .systemWrite),
                "Changes the settings that are sent; null takes one away.",
                body: .object(
                    .init(
                        Self.settings.map { field in
                            var field = field
                            field.schema = .nullable(field.schema)
                            return field
                        })), outcomes: [.init(.ok, "The settings.", .named("Settings", .object(.init(Self.settings))))],
                problems: [.conflict], audit: "system.config"
            ) { call in
                guard let keeper else { throw Problem(.serviceUnavailable, "there is no folder to keep settings in") }
                let changes = (call.body.object ?? [:]).sorted { $0.key < $1.key }.map {
                    Change.set(name: $0.key, value: $0.value == .null ? nil : $0.value)
                }
                let outcome = try await keeper.apply(changes, by: call.author, source: "api")
                let settings = try await keeper.store.settings().filter { Self.isSetting($0.key) }
                var answer = Answer(.ok, JSONValue.object(settings), fields: RuleOperations.fields(outcome))
                answer.note.after = call.body
                answer.note.revision = outcome.revision?.id
                return answer
            },
            Operation(
                "reloadProxy", .post, "/api/proxy/reload", .role(.user, .rulesWrite),
                "Reads the file and asks the engines again now. Nothing needs it: all are followed.",
                outcomes: [
                    .init(
                        .ok, "The revision that is published.",
                        .object(.init([.init("revision", .count, isRequired: true)])))
                ], audit: "proxy.reload"
            ) { _ in
                await reconcile()
                return Answer(.ok, ["revision": await reconciler.revision])
            },
        ]
    }

    private static func isSetting(_ name: String) -> Bool { settings.contains { $0.name == name } }

    // MARK: - Numbers

    private struct Info: Encodable {
        struct Engine: Encodable {
            var name: String
            var reachable: Bool
            var containers: Int
        }

        var version: String
        var started: Int64
        var hostname: String
        var processors: Int
        var revision: UInt64
        var configurationRevision: Int64
        var rules: Int
        var listeners: Int
        var edges: Int
        var edgeUp: Bool
        var errors: Int
        var warnings: Int
        var residentBytes: UInt64
        var processorMilliseconds: UInt64
        var engines: [Engine]
    }

    private static let infoFields: [JSONSchema.Shape.Field] = [
        .init("version", .line(1...64), isRequired: true), .init("started", .time, isRequired: true),
        .init("hostname", .text(0...255), isRequired: true), .init("processors", .count, isRequired: true),
        .init("revision", .count, isRequired: true), .init("configurationRevision", .count, isRequired: true),
        .init("rules", .count, isRequired: true), .init("listeners", .count, isRequired: true),
        .init("edges", .count, isRequired: true), .init("edgeUp", .boolean, isRequired: true),
        .init("errors", .count, isRequired: true), .init("warnings", .count, isRequired: true),
        .init("residentBytes", .count, isRequired: true), .init("processorMilliseconds", .count, isRequired: true),
        .init("engines", .list(engine, limit: 64), isRequired: true),
    ]
    private static let engine = JSONSchema.object(
        .init([
            .init("name", .text(0...4_096), isRequired: true), .init("reachable", .boolean, isRequired: true),
            .init("containers", .count, isRequired: true),
        ]))
    private static let info = JSONSchema.named("SystemInfo", .object(.init(infoFields)))

    private func tellInfo(_ call: Call) async throws -> Answer {
        let readings = await facts.read()
        return Answer(
            .ok,
            Info(
                version: facts.version, started: facts.started, hostname: facts.hostname, processors: facts.processors,
                revision: readings.control.revision,
                configurationRevision: try await keeper?.store.newestRevision() ?? 0, rules: readings.rules.count,
                listeners: readings.listeners.count, edges: readings.edges.count, edgeUp: readings.isEdgeUp,
                errors: readings.control.errors, warnings: readings.control.warnings,
                residentBytes: readings.control.residentBytes,
                processorMilliseconds: readings.control.processorMilliseconds,
                engines: readings.control.engines.map {
                    .init(name: $0.name, reachable: $0.isReachable, containers: $0.containers)
                }))
    }
}
