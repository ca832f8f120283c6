import Accounts
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// A connection of the interface: HTTP/1.1, or the events once a client asked for them.
struct EventChannel: ServerChildChannel, HTTPChannelHandler {
    static let path = "/api/events"
    /// What a client asks for beside its token, where it cannot set Authorization: browsers cannot.
    static let subprotocol = "kontainers"
    static let tokenPrefix = "bearer."

    enum Upgraded: Sendable {
        case events(EventSession.Frames, EventSession)
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let upgraded: EventLoopFuture<Upgraded>
    }

    struct Settings: Sendable {
        var idle: TimeAmount
        var decoder: HTTP1Channel.Configuration.DecoderConfiguration
    }

    let responder: HTTPChannelHandler.Responder
    let settings: Settings
    let hub: EventHub?
    let accounts: AccountDesk?
    let logger: Logger

    static func builder(
        _ settings: Settings, hub: EventHub?, accounts: AccountDesk?, logger: Logger
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            EventChannel(responder: responder, settings: settings, hub: hub, accounts: accounts, logger: logger)
        }
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = settings.decoder.maxHeaderFieldSize
            limits.maxHeaderListSize = settings.decoder.maxHeaderListSize
            limits.maxHeaderFieldCount = settings.decoder.maxHeaderFieldCount
            let writer = HTTPResponseEncoder()
            let reader = ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
            let promise = channel.eventLoop.makePromise(of: Upgraded.self)
            let handshake = Handshake(
                limit: settings.idle, accounts: hub == nil ? nil : accounts, codec: [writer, reader],
                plain: { promise.succeed(.http(try plain($0, logger))) },
                upgraded: { promise.succeed(try events($0, $1)) }, failed: { promise.fail($0) })
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(writer)
            try pipeline.addHandler(reader)
            try pipeline.addHandler(handshake)
            return Value(channel: channel, upgraded: promise.futureResult)
        }
    }

    func handle(value: Value, logger: Logger) async {
        guard let upgraded = try? await value.upgraded.get() else { return }
        switch upgraded {
        case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
        case .events(let frames, let session): await session.run(frames)
        }
    }

    private func plain(
        _ channel: any Channel, _ logger: Logger
    ) throws -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        try channel.pipeline.syncOperations.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        try channel.pipeline.syncOperations.addHandler(
            HTTPConnectionStateHandler(idleTimeout: .init(settings.idle), logger: logger))
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }

    private func events(_ channel: any Channel, _ principal: Principal) throws -> Upgraded {
        guard let hub, let accounts else { throw ChannelError.operationUnsupported }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(WebSocketFrameEncoder())
        try pipeline.addHandler(
            ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: EventSession.messageLimit)))
        try pipeline.addHandler(WebSocketProtocolErrorHandler())
        let frames = try EventSession.Frames(wrappingChannelSynchronously: channel)
        return .events(
            frames,
            EventSession(hub: hub, principal: principal, isAlive: { accounts.isAlive(principal) }, logger: logger))
    }
}
