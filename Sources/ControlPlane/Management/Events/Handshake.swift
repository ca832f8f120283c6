import Accounts
import Crypto
import Foundation
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Looks at the first request of a connection: a WebSocket's handshake for the events (RFC 6455 §4.2) from somebody who
/// may hear them takes the connection over; whatever else it is goes on as HTTP, and is answered there.
///
/// NIO's own handler for upgrades forgets a request that it does not upgrade, and its client waits for ever.
final class Handshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Parts of the request that are kept until it is known who asks: a handshake has two.
    private static let partLimit = 4
    private static let identifier = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    private let limit: TimeAmount
    private let accounts: AccountDesk?
    private let codec: [any RemovableChannelHandler]
    /// Sets the connection up for HTTP, or for frames.
    private let plain: (any Channel) throws -> Void
    private let upgraded: (any Channel, Principal) throws -> Void
    private let failed: (any Error) -> Void
    private var end: Scheduled<Void>?
    private var waiting: [NIOAny]?
    private var parts = 0

    /// - Parameters:
    ///   - limit: in which the first request must be here.
    ///   - codec: what reads and writes HTTP, taken away once the connection speaks frames; the reader last.
    init(
        limit: TimeAmount, accounts: AccountDesk?, codec: [any RemovableChannelHandler],
        plain: @escaping (any Channel) throws -> Void,
        upgraded: @escaping (any Channel, Principal) throws -> Void, failed: @escaping (any Error) -> Void
    ) {
        self.limit = limit
        self.accounts = accounts
        self.codec = codec
        self.plain = plain
        self.upgraded = upgraded
        self.failed = failed
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        end = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end?.cancel()
        failed(ChannelError.eof)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What is no HTTP is told by the handlers of HTTP.
        if waiting == nil { goOn(context, with: []) }
        context.fireErrorCaught(error)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if waiting != nil {
            parts += 1
            guard parts <= Self.partLimit else { return context.close(promise: nil) }
            waiting?.append(data)
            return
        }
        guard case .head(let head) = unwrapInboundIn(data), let accounts, Self.isHandshake(head) else {
            return goOn(context, with: [data])
        }
        waiting = [data]
        let token = Self.token(head) ?? ""
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.makeFutureWithTask { await accounts.principal(bearer: token) }.whenComplete { result in
            let (handshake, context) = bound.value
            let principal = (try? result.get()) ?? nil
            handshake.decide(context, head, principal)
        }
    }

    private func decide(_ context: ChannelHandlerContext, _ head: HTTPRequestHead, _ principal: Principal?) {
        let parts = waiting ?? []
        waiting = nil
        guard context.channel.isActive else { return failed(ChannelError.eof) }
        guard let principal, let accept = Self.accept(head) else { return goOn(context, with: parts) }
        end?.cancel()
        var headers: HTTPHeaders = ["Upgrade": "websocket", "Connection": "upgrade", "Sec-WebSocket-Accept": accept]
        if Self.offers(head).contains(EventChannel.subprotocol) {
            headers.add(name: "Sec-WebSocket-Protocol", value: EventChannel.subprotocol)
        }
        context.write(
            wrapOutboundOut(.head(.init(version: .http1_1, status: .switchingProtocols, headers: headers))),
            promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        do {
            let pipeline = context.pipeline.syncOperations
            try upgraded(context.channel, principal)
            pipeline.removeHandler(self, promise: nil)
            for handler in codec { pipeline.removeHandler(handler, promise: nil) }
        } catch {
            failed(error)
            context.close(promise: nil)
        }
    }

    private func goOn(_ context: ChannelHandlerContext, with parts: [NIOAny]) {
        end?.cancel()
        do {
            try plain(context.channel)
            for part in parts { context.fireChannelRead(part) }
            context.fireChannelReadComplete()
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            failed(error)
            context.close(promise: nil)
        }
    }

    // MARK: - What a client says

    private static func isHandshake(_ head: HTTPRequestHead) -> Bool {
        head.method == .GET && head.uri.prefix { $0 != "?" } == EventChannel.path
            && head.headers[canonicalForm: "upgrade"].contains { $0.lowercased() == "websocket" }
            && head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
            && head.headers["sec-websocket-version"] == ["13"] && accept(head) != nil
    }

    private static func accept(_ head: HTTPRequestHead) -> String? {
        guard let key = head.headers["sec-websocket-key"].first, head.headers["sec-websocket-key"].count == 1,
            Data(base64Encoded: key)?.count == 16
        else { return nil }
        return Data(Insecure.SHA1.hash(data: Data((key + identifier).utf8))).base64EncodedString()
    }

    private static func offers(_ head: HTTPRequestHead) -> [String] {
        head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
    }

    private static func token(_ head: HTTPRequestHead) -> String? {
        if let field = head.headers.first(name: "authorization"), field.lowercased().hasPrefix("bearer ") {
            return String(field.dropFirst(7))
        }
        let prefix = EventChannel.tokenPrefix
        return offers(head).first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }
}
