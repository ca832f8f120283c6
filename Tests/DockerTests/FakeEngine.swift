import FoundationEssentials
import NIOCore
import NIOPosix

@testable import Docker

/// An engine that answers what a test wants, over a Unix socket of its own.
actor FakeEngine {
    struct Container {
        var state = "running"
        var labels = ["kontainers.host": "a.test"]
        var address = "198.18.0.2"
    }

    enum Answer {
        case json(String)
        case refusal(Int, String)
        /// Raw bytes, then the end.
        case raw(String)
        /// Nothing, for ever.
        case silence
        case events
    }

    nonisolated let path = "/tmp/kontainers-engine-\(UInt64.random(in: 0 ... .max)).sock"
    private var containers: [String: Container] = [:]
    private var overrides: [String: Answer] = [:]
    private var listeners: [Int: AsyncStream<String?>.Continuation] = [:]
    private var counter = 0
    private(set) var calls: [String] = []

    func set(_ id: String, _ container: Container?) { containers[id] = container }

    /// From now on calls whose path starts so are answered so; `nil` is the ordinary answer.
    func answer(_ prefix: String, with answer: Answer?) { overrides[prefix] = answer }

    func forgetCalls() { calls = [] }

    /// How many hear the events.
    var audience: Int { listeners.count }

    func emit(_ action: String, _ id: String, kind: String = "container", attributes: String = "{}") {
        emit(
            raw: #"{"Type":"\#(kind)","Action":"\#(action)","Actor":{"ID":"\#(id)","Attributes":\#(attributes)}}"#
                + "\n")
    }

    func emit(raw text: String) { for listener in listeners.values { listener.yield(text) } }

    /// Ends the streams of events.
    func hangUp() { for listener in listeners.values { listener.yield(nil) } }

    /// Serves while `body` runs.
    func serve(_ body: @escaping @Sendable () async throws -> Void) async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await withThrowingDiscardingTaskGroup { connections in
                    try await server.executeThenClose { accepted in
                        for try await connection in accepted {
                            connections.addTask { try? await self.converse(connection) }
                        }
                    }
                }
            }
            try await body()
            group.cancelAll()
        }
    }

    private func converse(_ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async throws {
        try await connection.executeThenClose { inbound, outbound in
            var text = ""
            for try await bytes in inbound {
                text += String(buffer: bytes)
                guard text.hasSuffix("\r\n\r\n") else { continue }
                let method = text.split(separator: " ")[0]
                let target = text.split(separator: " ")[1].split(separator: "?")[0]
                // Engines refuse a request without a host.
                guard text.contains("\r\nHost: ") else { return }
                text = ""
                let path = "/" + target.split(separator: "/").dropFirst().joined(separator: "/")
                calls.append(path)
                guard try await reply(to: method == "POST" ? "POST \(path)" : path, outbound) else { return }
            }
        }
    }

    /// Whether the connection goes on.
    private func reply(
        to path: String, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws -> Bool {
        func send(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }
        func send(_ status: Int, _ body: String) async throws {
            try await send("HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
        switch overrides.first(where: { path.hasPrefix($0.key) })?.value ?? ordinary(path) {
        case .json(let text): try await send(200, text)
        case .refusal(let status, let text): try await send(status, text)
        case .raw(let text):
            try await send(text)
            return false
        case .silence: try await Task.sleep(for: .seconds(3_600))
        case .events:
            let (stream, listener) = AsyncStream<String?>.makeStream()
            counter += 1
            let number = counter
            listeners[number] = listener
            defer { listeners[number] = nil }
            try await send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for await text in stream {
                guard let text else { return false }
                try await send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
            }
        }
        return true
    }

    private func ordinary(_ path: String) -> Answer {
        switch path {
        case "/version": return .json(#"{"Version":"20.10","ApiVersion":"1.41"}"#)
        case "/networks": return .json(#"[{"Id":"n0","Name":"bridge","Driver":"bridge"}]"#)
        case "/events": return .events
        case "/containers/json":
            return .json("[" + containers.sorted { $0.key < $1.key }.map(Self.summary).joined(separator: ",") + "]")
        case let path where path.hasPrefix("POST "): return change(path.split(separator: "/").map(String.init))
        case let path:
            let parts = path.split(separator: "/").map(String.init)
            guard parts.count == 3, let container = containers[parts[1]] else {
                return .refusal(404, #"{"message":"No such container"}"#)
            }
            return .json(Self.inspection(parts[1], container))
        }
    }

    /// `POST /containers/ID/stop` or `start`: done at once, with the events that engines tell of it.
    private func change(_ parts: [String]) -> Answer {
        guard parts.count == 4, let container = containers[parts[2]] else {
            return .refusal(404, #"{"message":"No such container"}"#)
        }
        let isStart = parts[3] == "start"
        guard isStart != (container.state == "running") else { return .refusal(304, "") }
        containers[parts[2]]?.state = isStart ? "running" : "exited"
        for action in isStart ? ["start"] : ["kill", "die", "stop"] {
            emit(action, parts[2], attributes: action == "kill" ? #"{"signal":"15"}"# : "{}")
        }
        return .refusal(204, "")
    }

    private static func labels(_ container: Container) -> String {
        "{" + container.labels.map { "\"\($0.key)\":\"\($0.value)\"" }.joined(separator: ",") + "}"
    }

    private static func networks(_ container: Container) -> String {
        let address = container.state == "running" ? container.address : ""
        return #"{"Networks":{"bridge":{"NetworkID":"n0","IPAddress":"\#(address)"}}}"#
    }

    private static func summary(_ id: String, _ container: Container) -> String {
        #"{"Id":"\#(id)","Names":["/name-\#(id)"],"State":"\#(container.state)","Status":"","#
            + #""Labels":\#(labels(container)),"NetworkSettings":\#(networks(container))}"#
    }

    private static func inspection(_ id: String, _ container: Container) -> String {
        #"{"Id":"\#(id)","Name":"/name-\#(id)","Config":{"Labels":\#(labels(container)),"ExposedPorts":{"80/tcp":{}}},"#
            + #""State":{"Status":"\#(container.state)"},"NetworkSettings":\#(networks(container))}"#
    }
}
