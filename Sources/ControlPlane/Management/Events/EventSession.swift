import Accounts
import Foundation
import KontainersConfiguration
import Logging
import NIOCore
import NIOWebSocket
import Synchronization

/// One client of the events, from its handshake to its end (RFC 6455).
struct EventSession: Sendable {
    typealias Frames = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

    /// Bytes of one message of a client; those are wishes, and short.
    static let messageLimit = 16 << 10
    /// Messages of a client in a second.
    static let messageRate = 50
    static let topicLimit = 64
    static let pingInterval = Duration.seconds(20)
    /// A client that has not said anything for so long, not even a pong, is gone.
    static let silenceLimit = Duration.seconds(60)

    /// Why a connection ends, as its close code says.
    enum End: Error {
        case byClient
        case malformed, tooLong, tooMany
        case slow, silent, revoked

        var code: (number: UInt16, reason: String) {
            switch self {
            case .byClient: (1_000, "")
            case .malformed: (1_007, "wanted a JSON object with subscribe, unsubscribe or ping")
            case .tooLong: (1_009, "wanted messages of at most \(EventSession.messageLimit) bytes")
            case .tooMany: (1_008, "wanted at most \(EventSession.messageRate) messages a second")
            case .slow: (4_008, "events were not taken in time; come back with the last seq")
            case .silent: (4_009, "nothing was heard for too long")
            case .revoked: (4_001, "the session has ended; sign in again")
            }
        }
    }

    let hub: EventHub
    let principal: Principal
    /// Whether whoever it is may still listen.
    let isAlive: @Sendable () -> Bool
    let logger: Logger

    private final class Heard: Sendable { let at = Mutex(ContinuousClock.now) }

    func run(_ frames: Frames) async {
        guard let listener = hub.join() else {
            try? await frames.channel.close()
            return
        }
        defer { hub.leave(listener) }
        do {
            try await frames.executeThenClose { inbound, outbound in
                let end = await withTaskGroup(of: End.self) { group in
                    let heard = Heard()
                    group.addTask { await write(listener, outbound) }
                    group.addTask { await read(inbound, listener, outbound, heard) }
                    group.addTask { await watch(outbound, heard) }
                    let end = await group.next() ?? .byClient
                    group.cancelAll()
                    return end
                }
                try? await outbound.write(Self.close(end))
            }
        } catch {
            logger.debug("a client of the events is gone", metadata: ["reason": "\(error)"])
        }
    }

    private func write(
        _ listener: EventHub.Listener, _ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>
    ) async -> End {
        for await text in listener.events {
            do {
                try await outbound.write(WebSocketFrame(fin: true, opcode: .text, data: text))
            } catch {
                return .byClient
            }
        }
        return listener.isSlow ? .slow : .byClient
    }

    /// Pings, and looks whether the client may still be here.
    private func watch(_ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>, _ heard: Heard) async -> End {
        while true {
            try? await Task.sleep(for: Self.pingInterval)
            if Task.isCancelled { return .byClient }
            if heard.at.withLock({ $0.duration(to: .now) }) > Self.silenceLimit { return .silent }
            guard isAlive() else { return .revoked }
            do {
                try await outbound.write(WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer()))
            } catch {
                return .byClient
            }
        }
    }

    private func read(
        _ inbound: NIOAsyncChannelInboundStream<WebSocketFrame>, _ listener: EventHub.Listener,
        _ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>, _ heard: Heard
    ) async -> End {
        var message: ByteBuffer?
        var (second, count) = (ContinuousClock.now, 0)
        do {
            for try await frame in inbound {
                heard.at.withLock { $0 = .now }
                if second.duration(to: .now) > .seconds(1) { (second, count) = (.now, 0) }
                count += 1
                guard count <= Self.messageRate else { return .tooMany }
                switch frame.opcode {
                case .connectionClose: return .byClient
                case .ping:
                    try await outbound.write(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData))
                case .pong: break
                case .binary: return .malformed
                case .text, .continuation:
                    // A fragment goes on where one began, and nowhere else (RFC 6455 §5.4).
                    guard (frame.opcode == .text) == (message == nil) else { return .malformed }
                    var whole = message ?? ByteBuffer()
                    guard whole.readableBytes + frame.unmaskedData.readableBytes <= Self.messageLimit else {
                        return .tooLong
                    }
                    whole.writeImmutableBuffer(frame.unmaskedData)
                    message = frame.fin ? nil : whole
                    if frame.fin, !take(whole, listener) { return .malformed }
                case _: return .malformed
                }
            }
        } catch {
            return .byClient
        }
        return .byClient
    }

    // MARK: - Wishes

    /// `false`: it is no wish.
    private func take(_ message: ByteBuffer, _ listener: EventHub.Listener) -> Bool {
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(message.readableBytesView)),
            let wish = value.object
        else { return false }
        let known: Set = ["subscribe", "unsubscribe", "from", "ping"]
        guard !wish.isEmpty, known.isSuperset(of: wish.keys) else { return false }
        if let token = wish["ping"] { listener.tell(EventHub.bytes(.object(["pong": token]))) }
        guard wish["subscribe"] != nil || wish["unsubscribe"] != nil else { return true }
        var refused: [String: JSONValue] = [:]
        let adding = topics(wish["subscribe"], &refused)
        let removing = topics(wish["unsubscribe"], &refused)
        let heard = hub.change(
            listener, adding: adding, removing: removing, from: wish["from"]?.integer.flatMap { UInt64(exactly: $0) })
        var answer: [String: JSONValue] = [
            "subscribed": .list(heard.topics.map(\.text).sorted().map(JSONValue.text)),
            "seq": .integer(Int(heard.sequence)), "resync": .boolean(heard.isGap),
        ]
        if !refused.isEmpty { answer["refused"] = .object(refused) }
        listener.tell(EventHub.bytes(.object(answer)))
        return true
    }

    private func topics(_ value: JSONValue?, _ refused: inout [String: JSONValue]) -> Set<Topic> {
        var topics: Set<Topic> = []
        for text in (value?.list ?? []).prefix(Self.topicLimit).compactMap(\.text) {
            guard let topic = Topic(text) else {
                let known = Topic.plain.map(\.text) + ["logs:CONTAINER"]
                refused[text] = .text(Suggestion.question(text, among: known, calling: "one of"))
                continue
            }
            do {
                try Interface.authorize(principal, topic.access)
                topics.insert(topic)
            } catch {
                refused[text] = .text((error as? Problem)?.detail ?? "it is not for you")
            }
        }
        return topics
    }

    private static func close(_ end: End) -> WebSocketFrame {
        let (number, reason) = end.code
        var data = ByteBuffer()
        data.write(webSocketErrorCode: WebSocketErrorCode(codeNumber: Int(number)))
        data.writeString(reason)
        return WebSocketFrame(fin: true, opcode: .connectionClose, data: data)
    }
}
