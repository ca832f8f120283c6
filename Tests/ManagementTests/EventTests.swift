import Accounts
import Foundation
import HTTPTypes
import KontainersConfiguration
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Store
import TestKit
import Testing

@testable import Management

@Suite("Events and who hears them")
struct EventHubTests {
    private func texts(_ listener: EventHub.Listener, _ count: Int) async -> [JSONValue] {
        var texts: [JSONValue] = []
        for await text in listener.events {
            if let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text.readableBytesView)) {
                texts.append(value)
            }
            if texts.count == count { break }
        }
        return texts
    }

    @Test("a listener hears its topics and no others, in order")
    func topics() async throws {
        let hub = EventHub(now: 5)
        let listener = try #require(hub.join())
        hub.publish(.proxy, ["n": .integer(0)])
        _ = hub.change(listener, adding: [.proxy], removing: [], from: nil)
        hub.publish(.proxy, ["n": .integer(1)])
        hub.publish(.traffic, ["n": .integer(2)])
        hub.publish(.proxy, ["n": .integer(3)])
        let heard = await texts(listener, 2)
        #expect(heard.compactMap { $0["n"]?.integer } == [1, 3])
        #expect(heard.compactMap { $0["seq"]?.integer } == [5_002, 5_004])
        #expect(hub.isHeard(.proxy) && !hub.isHeard(.traffic))
        hub.leave(listener)
        #expect(!hub.isHeard(.proxy) && hub.listenerCount == 0)
    }

    @Test("who comes back gets what it missed, or is told that something is missing")
    func resume() async throws {
        let hub = EventHub(now: 1)
        for number in 0..<10 { hub.publish(number % 2 == 0 ? .proxy : .traffic, ["n": .integer(number)]) }
        let listener = try #require(hub.join())
        let heard = hub.change(listener, adding: [.proxy], removing: [], from: 1_003)
        #expect(!heard.isGap && heard.sequence == 1_010)
        #expect(await texts(listener, 3).compactMap { $0["n"]?.integer } == [4, 6, 8])
        for number in 0..<(2 * EventHub.memoryLimit) { hub.publish(.proxy, ["n": .integer(number)]) }
        let late = try #require(hub.join())
        #expect(hub.change(late, adding: [.proxy], removing: [], from: 1_003).isGap)
        #expect(hub.change(late, adding: [.proxy], removing: [], from: hub.sequence).isGap == false)
        // Of a life of control that nobody knows of.
        #expect(hub.change(late, adding: [.proxy], removing: [], from: hub.sequence + 5).isGap)
    }

    @Test("who does not listen is let go, and costs the others nothing")
    func slow() async throws {
        let hub = EventHub()
        let (slow, good) = (try #require(hub.join()), try #require(hub.join()))
        for listener in [slow, good] { _ = hub.change(listener, adding: [.stats], removing: [], from: nil) }
        let reading = Task { await texts(good, 2 * EventHub.queueLimit).count }
        for number in 0..<(2 * EventHub.queueLimit) {
            hub.publish(.stats, ["n": .integer(number)])
            if number % 50 == 0 { try await Task.sleep(for: .milliseconds(2)) }
        }
        #expect(await reading.value == 2 * EventHub.queueLimit)
        #expect(slow.isSlow && !good.isSlow)
        hub.leave(slow)
        #expect(hub.dropped == 1)
    }

    @Test("there is an end to how many may listen")
    func many() throws {
        let hub = EventHub()
        let listeners = (0..<EventHub.listenerLimit).compactMap { _ in hub.join() }
        #expect(hub.join() == nil)
        hub.leave(listeners[0])
        #expect(hub.join() != nil)
    }
}

@Suite("Events over a WebSocket", .timeLimit(.minutes(2)))
struct EventChannelTests {
    typealias Frames = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    /// What a client got: an open WebSocket, or nothing.
    private static func connect(_ port: Int, headers: HTTPHeaders) async throws -> Frames? {
        let upgraded: EventLoopFuture<Frames?> = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let upgrader = NIOTypedWebSocketClientUpgrader<Frames?>(
                        upgradePipelineHandler: { channel, _ in
                            channel.eventLoop.makeCompletedFuture {
                                try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                            }
                        })
                    var all: HTTPHeaders = ["Host": "control", "Content-Length": "0"]
                    all.add(contentsOf: headers)
                    let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/api/events", headers: all)
                    return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                        configuration: .init(
                            upgradeConfiguration: .init(
                                upgradeRequestHead: head, upgraders: [upgrader],
                                notUpgradingCompletionHandler: { $0.eventLoop.makeSucceededFuture(nil) })))
                }
            }
        return try await upgraded.get()
    }

    private static func serving(
        _ body: @Sendable (InterfaceFixture, EventHub, Int) async throws -> Void
    ) async throws {
        let fixture = try await InterfaceFixture()
        let hub = EventHub()
        let sources = EventSources(
            hub: hub, keeper: fixture.keeper,
            endpoints: EndpointDesk(
                list: { _ in .success(.init(revision: 0, edges: 0, endpoints: [])) },
                change: { _, _, _ in .failure(.init(.unknown, "")) }), traffic: { TrafficCounts() })
        let server = ManagementServer(
            address: "127.0.0.1:0", interface: fixture.interface, hub: hub, accounts: fixture.accounts,
            logger: InterfaceFixture.quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run() }
            group.addTask { await sources.run() }
            for await port in server.ports {
                try await body(fixture, hub, port)
                break
            }
            group.cancelAll()
        }
    }

    private static func send(_ text: String, _ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>) async throws {
        try await outbound.write(
            WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: ByteBuffer(string: text)))
    }

    private static func next(
        _ iterator: inout NIOAsyncChannelInboundStream<WebSocketFrame>.AsyncIterator
    ) async throws -> (opcode: WebSocketOpcode, text: String) {
        while let frame = try await iterator.next(isolation: #isolation) {
            if frame.opcode == .ping { continue }
            return (frame.opcode, String(buffer: frame.unmaskedData))
        }
        return (.connectionClose, "")
    }

    @Test("a change of a rule is heard with its number; a plain request and a stranger are refused")
    func change() async throws {
        try await Self.serving { fixture, _, port in
            #expect(try await Self.connect(port, headers: [:]) == nil)
            #expect(try await Self.connect(port, headers: ["Authorization": "Bearer nonsense"]) == nil)
            let (token, _) = try await fixture.signIn(.viewer)
            let plain = await fixture.ask(.get, "/api/events", token: token)
            #expect(plain.status == 426)
            // As a browser does it, which cannot set Authorization.
            let frames = try #require(
                try await Self.connect(port, headers: ["Sec-WebSocket-Protocol": "kontainers, bearer.\(token)"]))
            try await frames.executeThenClose { inbound, outbound in
                var iterator = inbound.makeAsyncIterator()
                try await Self.send(#"{"subscribe":["proxy","revisions","trafic"]}"#, outbound)
                let answer = try await Self.next(&iterator).text
                #expect(answer.contains(#""subscribed":["proxy","revisions"]"#), "\(answer)")
                #expect(answer.contains(#"did you mean \"traffic\"?"#))
                _ = await fixture.ask(.post, "/api/proxy/rules", InterfaceFixture.rule("a"))
                let event = try await Self.next(&iterator).text
                #expect(event.contains(#""type":"CREATED""#) && event.contains(#""topic":"proxy""#), "\(event)")
                #expect(try await Self.next(&iterator).text.contains(#""summary":"rule a: created""#))
                try await Self.send(#"{"ping":7}"#, outbound)
                #expect(try await Self.next(&iterator).text == #"{"pong":7}"#)
            }
        }
    }

    @Test(
        "what is no wish ends the connection with a code",
        arguments: [
            ("nonsense", 1_007), (#"{"subscrib":[]}"#, 1_007), ("[]", 1_007), ("{}", 1_007),
            (String(repeating: "x", count: 15_000), 1_007),
        ])
    func wishes(text: String, code: Int) async throws {
        try await Self.serving { fixture, _, port in
            let (token, _) = try await fixture.signIn(.viewer)
            let frames = try #require(try await Self.connect(port, headers: ["Authorization": "Bearer \(token)"]))
            try await frames.executeThenClose { inbound, outbound in
                var iterator = inbound.makeAsyncIterator()
                try await Self.send(text, outbound)
                var last: WebSocketFrame?
                while let frame = try await iterator.next(isolation: #isolation) { last = frame }
                var data = try #require(last?.unmaskedData)
                #expect(last?.opcode == .connectionClose && data.readInteger(as: UInt16.self) == UInt16(code))
            }
        }
    }

    @Test("fragments out of protocol, and too many messages, end it; others go on")
    func frames() async throws {
        try await Self.serving { fixture, hub, port in
            let (token, _) = try await fixture.signIn(.viewer)
            func attack(_ make: @Sendable (NIOAsyncChannelOutboundWriter<WebSocketFrame>) async throws -> Void)
                async throws
            {
                let frames = try #require(try await Self.connect(port, headers: ["Authorization": "Bearer \(token)"]))
                try await frames.executeThenClose { inbound, outbound in
                    try? await make(outbound)
                    // It may end by a close or by a reset: that it ends is what counts.
                    do { for try await _ in inbound {} } catch {}
                }
            }
            try await attack { outbound in
                try await outbound.write(
                    WebSocketFrame(fin: true, opcode: .continuation, maskKey: .random(), data: ByteBuffer(string: "{}"))
                )
            }
            try await attack { outbound in
                for _ in 0..<200 { try await Self.send(#"{"ping":1}"#, outbound) }
            }
            try await attack { outbound in
                try await outbound.write(
                    WebSocketFrame(
                        fin: true, opcode: .text, maskKey: .random(),
                        data: ByteBuffer(string: String(repeating: "x", count: 40_000))))
            }
            try await eventually("nobody to be left behind") { hub.listenerCount == 0 }
        }
    }
}
