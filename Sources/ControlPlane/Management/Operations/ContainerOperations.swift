import Accounts
import Docker
import Foundation
import HTTPTypes
import KontainersConfiguration
import Store

/// Containers of the engines: looking, running, making and taking away.
struct ContainerOperations: Sendable {
    let desk: ContainerDesk
    /// The settings that say what may be made.
    let settings: @Sendable () async throws -> [String: JSONValue]

    init(_ desk: ContainerDesk, settings: @escaping @Sendable () async throws -> [String: JSONValue]) {
        self.desk = desk
        self.settings = settings
    }

    static let path = "/api/containers"
    private static let one = path + "/{id}"
    private static let texts = JSONSchema.text(0...8_192)
    private static let port = JSONSchema.object(
        .init([
            .init("privatePort", .integer(1...65_535), isRequired: true), .init("publicPort", .integer(0...65_535)),
            .init("type", .choice(["tcp", "udp", "sctp"]), isRequired: true),
            .init("ip", .text(0...64), isRequired: true),
        ]))
    private static let volume = JSONSchema.object(
        .init([
            .init("source", .text(1...4_096), isRequired: true),
            .init("destination", .text(1...4_096), isRequired: true),
            .init("mode", .choice(["rw", "ro"]), isRequired: true),
        ]))
    private static let container = JSONSchema.named(
        "Container",
        .object(
            .init([
                .init("id", .identifier, isRequired: true), .init("name", texts, isRequired: true),
                .init("image", texts, isRequired: true),
                .init("state", .choice(ContainerDocument.State.allCases.map(\.rawValue)), isRequired: true),
                .init("status", texts, isRequired: true), .init("ports", .list(port, limit: 10_000), isRequired: true),
                .init("volumes", .list(volume, limit: 1_000), isRequired: true),
                .init("networks", .list(texts, limit: 1_000), isRequired: true),
                .init("created", .time, isRequired: true), .init("labels", .map(.text(0...65_536), limit: 10_000)),
                .init("env", .list(.text(0...65_536), limit: 10_000), says: "Of one; for administrators."),
            ])))
    private static let policies = JSONSchema.choice(["no", "always", "unless-stopped", "on-failure"])
    private static let changes: [JSONSchema.Shape.Field] = [
        .init("restartPolicy", policies), .init("memory", .integer(6_291_456...1 << 50), says: "Bytes."),
        .init("cpuPercent", .integer(1...100_000), says: "100 is one processor."),
    ]
    private static let name = JSONSchema.Shape.Field("name", .line(1...128))
    private static let request = JSONSchema.named(
        "NewContainer",
        .object(
            .init(
                [
                    name, .init("image", .line(1...512), isRequired: true),
                    .init("command", .list(.text(0...65_536), limit: 1_000)),
                    .init("env", .list(.text(1...65_536), limit: 1_000), says: "NAME=VALUE."),
                    .init("labels", .map(.text(0...65_536), limit: 1_000)), .init("ports", .list(port, limit: 1_000)),
                    .init(
                        "volumes", .list(volume, limit: 100),
                        says: "A volume's name, or a path of the host where containerPaths allows it."),
                    .init("network", .line(1...128)), .init("start", .boolean, says: "Standard: true."),
                ] + changes)))
    private static let entry = JSONSchema.named(
        "LogEntry",
        .object(
            .init([
                .init("containerId", .identifier, isRequired: true), .init("timestamp", .time, isRequired: true),
                .init("message", .text(0...100_000), isRequired: true),
                .init("level", .choice(LogEntry.Level.allCases.map(\.rawValue)), isRequired: true),
            ])))

    var all: [Operation] { looking + running + changing }

    // MARK: - Looking

    private var looking: [Operation] {
        [
            Operation(
                "listContainers", .get, Self.path, .role(.viewer, .containersRead), "Containers of all engines.",
                parameters: [.init("running", .choice(["true", "false"]), says: "true: only those that run.")],
                outcomes: [.init(.ok, "By name.", .list(Self.container, limit: 100_000))]
            ) { call in Answer(.ok, try await desk.list(all: call.query["running"] != "true")) },
            Operation(
                "getContainer", .get, Self.one, .role(.viewer, .containersRead), "One container, by id or name.",
                outcomes: [.init(.ok, "The container.", Self.container)], problems: [.notFound]
            ) { call in
                guard var container = try await desk.one(call.name("id")) else { throw Self.missing(call) }
                if call.principal?.role != .admin { container.env = nil }
                return Answer(.ok, container)
            },
            Operation(
                "getContainerLogs", .get, Self.one + "/logs", .role(.viewer, .containersRead),
                "The last lines that it wrote. Live ones: the topic logs:ID of the events.",
                parameters: [
                    .init("tail", .integer(1...ContainerDesk.logLimit), says: "How many at most; standard: 100."),
                    .init("since", .integer(0...9_007_199_254_740), says: "Seconds since 1970."),
                ], outcomes: [.init(.ok, "In order.", .list(Self.entry, limit: ContainerDesk.logLimit))],
                problems: [.notFound]
            ) { call in
                let tail = call.query["tail"].flatMap { Int($0) } ?? 100
                let since = call.query["since"].flatMap { Int($0) }
                guard let entries = try await desk.logs(call.name("id"), tail: tail, since: since) else {
                    throw Self.missing(call)
                }
                return Answer(.ok, entries)
            },
            Operation(
                "getContainerStats", .get, Self.one + "/stats", .role(.viewer, .containersRead),
                "What it uses, counted over half a second.",
                outcomes: [.init(.ok, "Every field real.", .any("a DetailedContainerStats"))], problems: [.notFound]
            ) { call in
                guard let readings = try await desk.readings(call.name("id")) else { throw Self.missing(call) }
                return Answer(.ok, readings)
            },
            Operation(
                "listImages", .get, "/api/images", .role(.viewer, .containersRead), "Images, as the engines tell them.",
                outcomes: [.init(.ok, "Images.", .list(.any("an image"), limit: 100_000))]
            ) { _ in Answer(.ok, try await desk.images()) },
            Operation(
                "listNetworks", .get, "/api/networks", .role(.viewer, .containersRead),
                "Networks, as the engines tell them.",
                outcomes: [.init(.ok, "Networks.", .list(.any("a network"), limit: 100_000))]
            ) { _ in Answer(.ok, try await desk.networks()) },
        ]
    }

    // MARK: - Running

    private var running: [Operation] {
        let acts: [(id: String, act: ContainerDesk.Act)] = [
            ("startContainer", .start), ("stopContainer", .stop), ("restartContainer", .restart),
        ]
        return acts.map { id, act in
            Operation(
                id, .post, Self.one + "/" + act.rawValue, .role(.user, .containersWrite),
                "Has the engine \(act.rawValue) it; answers when that is done.",
                outcomes: [.init(.ok, "As it is then.", Self.container)], problems: [.notFound, .conflict],
                audit: "container.\(act.rawValue)"
            ) { call in
                guard var container = try await desk.carryOut(act, call.name("id")) else { throw Self.missing(call) }
                container.env = nil
                var answer = Answer(.ok, container)
                answer.note.object = container.name
                return answer
            }
        } + [
            Operation(
                "deleteContainer", .delete, Self.one, .role(.user, .containersWrite), "Takes a container away.",
                parameters: [
                    .init("force", .choice(["true", "false"]), says: "true: even while it runs."),
                    .init("volumes", .choice(["true", "false"]), says: "true: its volumes without a name too."),
                ], outcomes: [.init(.noContent, "It is gone.")], problems: [.notFound, .conflict],
                audit: "container.delete"
            ) { call in
                let was = try await desk.remove(
                    call.name("id"), force: call.query["force"] == "true", volumes: call.query["volumes"] == "true")
                guard let was else { throw Self.missing(call) }
                var answer = Answer.nothing
                answer.note.object = was.name
                return answer
            }
        ]
    }

    // MARK: - Making and changing

    private var changing: [Operation] {
        [
            Operation(
                "createContainer", .post, Self.path, .role(.user, .containersWrite),
                "Makes a container of an image that the engine has, and starts it.", body: Self.request,
                outcomes: [.init(.created, "The container.", Self.container)], problems: [.notFound, .conflict],
                audit: "container.create"
            ) { call in
                let request: ContainerRequest = try call.decoded()
                try await check(request, call)
                guard var container = try await desk.create(request) else {
                    throw Problem(
                        .conflict, "found no Docker engine; wanted one in the file: docker: { endpoint: unix:///… }",
                        code: "no-engine")
                }
                container.env = nil
                var answer = Answer(
                    .created, container, fields: [.location: Self.path + "/" + container.id])
                answer.note.object = container.name
                return answer
            },
            Operation(
                "updateContainer", .put, Self.one, .role(.user, .containersWrite),
                "Changes what an engine changes in place: name, restart policy, memory, processors.",
                body: .named("ContainerUpdate", .object(.init([Self.name] + Self.changes))),
                outcomes: [.init(.ok, "As it is then.", Self.container)], problems: [.notFound, .conflict],
                audit: "container.update"
            ) { call in
                guard var container = try await desk.update(call.name("id"), try call.decoded()) else {
                    throw Self.missing(call)
                }
                container.env = nil
                var answer = Answer(.ok, container)
                answer.note.object = container.name
                answer.note.after = call.body
                return answer
            },
        ]
    }

    /// Only an administrator opens the policy, for everybody, and it is one who asks then.
    private func check(_ request: ContainerRequest, _ call: Call) async throws {
        let settings = try await settings()
        if settings["privilegedContainers"] == .boolean(true), call.principal?.role == .admin { return }
        let paths = settings["containerPaths"]?.list?.compactMap(\.text) ?? []
        let faults = request.faults(allowing: paths).map { FieldFault($0.pointer, found: $0.found, wanted: $0.wanted) }
        guard faults.isEmpty else { throw Problem.invalid(faults) }
    }

    private static func missing(_ call: Call) -> Problem { .missing("container \(JSONSchema.shown(call.name("id")))") }
}
