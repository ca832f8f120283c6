import Balancing
import Bytes
import Compression
import HTTP
import HTTP1
import Kernel
import Routing

/// The life of one request with its response: read this file first.
///
///     begin ──► route ──► connect or reuse ──► relay both ways ──► complete
///       │         │              │                   │
///       └─────────┴── answer ◄───┴───── abort ◄──────┘
///
/// A head was parsed (`ClientConnection`), so ``Worker/begin(_:)`` makes an exchange, finds the route
/// (`Exchange+Begin`), takes an upstream connection (`UpstreamPool`), and from then on every event of either connection
/// calls ``Worker/pump(_:)`` (`Exchange+Pump`), which moves both directions as far as they go. Whatever goes wrong ends
/// in ``Worker/answer(_:_:)`` while the client has seen nothing of a response, and in ``Worker/abort(_:_:)``
/// afterwards.
struct Exchange: BitwiseCopyable {
    enum RequestPhase: UInt8 {
        /// The client's password is being verified; nothing has gone to an upstream, and none is there.
        case verifying
        /// It waits for an endpoint (`Holding`); nothing has gone to an upstream, and none is there.
        case held
        /// Head or body are still on their way to the upstream.
        case streaming
        /// The upstream has all of it.
        case sent
    }

    enum ResponsePhase: UInt8 {
        /// No final head has come.
        case awaitingHead
        /// The head went to the client; the body follows.
        case streaming
        /// Neither side of the connection is HTTP any more (status 101).
        case tunnelling
        case finished
    }

    var client: UInt32
    var upstream = Connection.nobody
    /// The table the exchange started with, by its place among the worker's tables.
    var table: UInt32
    /// The table whose endpoints it is offered: the same, until it was held and others came.
    var poolTable: UInt32
    var route: UInt32 = .max
    var endpoint: UInt32 = Connection.nobody
    /// Where in the pool the search began, and how many endpoints were tried.
    var firstCandidate: UInt32 = 0
    var attempts: UInt32 = 0
    /// Its way through the pool, where its route has a plan by which the endpoints are chosen.
    var turn = Turn()
    var hasPlan = false
    /// Endpoints of its pool are to be asked for leave; and the leave of the one it has, where a circuit gave it.
    var asksLeave = false
    var pass = CircuitBreaker.Pass.none
    /// The leave that the circuit of its pool gave; and that it is counted among those of its pool.
    var poolPass = CircuitBreaker.Pass.none
    var isInPool = false

    /// Bytes of the request head that still lie at the front of the client's input.
    var headBytes: UInt32 = 0
    var requestPhase = RequestPhase.streaming
    var responsePhase = ResponsePhase.awaitingHead
    var method: Method
    var version: HTTPVersion
    /// The client's connection goes on after this exchange.
    var clientPersists: Bool
    /// The upstream's connection can go back to the pool after this exchange.
    var upstreamPersists = false
    /// All of the request is in the upstream connection's output buffer: it can be sent again from there.
    var isReplayable = false
    /// It is counted among those that wait at their pool.
    var isPending = false
    /// The client was sent, or is about to be sent, a part of the final response.
    var responseBegan = false
    /// A pooled connection failed before any byte of a response, and the request was sent again.
    var wasResent = false
    /// A connection was made for it: none was pooled, or none that worked.
    var hasDialled = false
    var wantsUpgrade = false
    /// How far its endpoint is, where it is no request and its client's connection is to become a tunnel.
    var opening = Opening.none
    /// The client was told of a chunked response.
    var chunksResponse = false
    var chunksRequest = false
    /// When it may go to another endpoint after it was sent to one, and how often it did.
    var retries = RetryPolicy.standard
    var retryCount: UInt8 = 0
    /// The endpoint at which a pooled connection failed, so that it was sent there again.
    var resentTo = Connection.nobody
    /// The client takes trailers of a response (RFC 9110 §10.1.4).
    var takesTrailers = false
    /// The client is a browser, as far as one can tell: answers of our own are pages for it.
    var takesPages = false
    /// What is held of the request where the rule wants it whole.
    var held = HeldRequest()
    /// How it waits for an endpoint.
    var hold = Hold()
    /// The client takes gzip, where the rule compresses; and what becomes of the response.
    var takesGzip = false
    var recoding = Recoding.none
    /// The upstream's `Vary` names the coding.
    var saysVary = false
    /// What the body goes through; it holds bytes that the client could have; it has made its last byte.
    var deflater: Deflater?
    var holdsBack = false
    var hasDeflated = false
    /// Interim responses passed on so far.
    var interimCount: UInt8 = 0
    /// Interim responses of our own, to learn whether the client is still there.
    var probes: UInt8 = 0

    var requestBody: BodyProgress
    var responseBody = BodyProgress(.none)

    var status: UInt16 = 0
    /// Of a record in combined format: where in it the status belongs. 0 for JSON.
    var recordSplit: UInt16 = 0
    var end = EndCause.complete
    /// Which answer of ours it was; `nil` for a redirect.
    var answered: Answer?
    /// Nanoseconds of the monotonic clock when the events of the turn arrived in which it happened: the head's first
    /// byte was here; the head was complete; an upstream was looked for; the upstream connection was there; the first
    /// byte of a response was. 0 for what did not happen.
    var headBegan: UInt64
    var began: UInt64
    var chosen: UInt64 = 0
    var connected: UInt64 = 0
    var firstByte: UInt64 = 0
    /// When it must be over, by the same clock.
    var deadline: UInt64 = .max
    /// What the route does beside passing the request on.
    var rules: RouteOptions.Flags = []
    /// Where the route has options: whether it came by TLS, and who asks.
    var cameByTLS = false
    var asker = SocketAddress(ipv4: 0, port: 0)
    /// Of the request's ID, while a password is being verified: other requests come meanwhile.
    var requestNumber: UInt64 = 0
    /// Bytes of the request's body; 0 means no limit.
    var bodyLimit: UInt64
    /// The request's ID and host, where the response needs them.
    var remembered: Buffer?
    /// The first half of the access record, or `nil` when nobody reads it.
    var record: Buffer?
}

/// Why an exchange ended, for the access record.
enum EndCause: UInt8, CaseIterable {
    case complete, answered, clientClosed, upstreamClosed, upstreamMalformed, drained
    case bodyIdleTimeout, connectTimeout, firstByteTimeout, responseIdleTimeout, tunnelIdleTimeout, totalTimeout
    /// `responseIdleTimeout`, because the client did not take the response.
    case responseStuckTimeout
    /// No endpoint was ready, or none free, for as long as it could wait.
    case holdTimeout, queueTimeout

    var name: StaticString {
        switch self {
        case .complete: "complete"
        case .answered: "answered"
        case .clientClosed: "client closed"
        case .upstreamClosed: "upstream closed"
        case .upstreamMalformed: "upstream malformed"
        case .drained: "drained"
        case .bodyIdleTimeout: "body idle timeout"
        case .connectTimeout: "connect timeout"
        case .firstByteTimeout: "first byte timeout"
        case .responseIdleTimeout, .responseStuckTimeout: "response idle timeout"
        case .tunnelIdleTimeout: "tunnel idle timeout"
        case .totalTimeout: "total timeout"
        case .holdTimeout: "hold timeout"
        case .queueTimeout: "queue timeout"
        }
    }

    /// Who ended the exchange. `nil`: nobody, it is complete; or its answer says who.
    var party: Party? {
        switch self {
        case .complete, .answered: nil
        case .clientClosed, .bodyIdleTimeout, .responseStuckTimeout: .client
        case .upstreamClosed, .upstreamMalformed, .connectTimeout, .firstByteTimeout, .responseIdleTimeout,
            .holdTimeout, .queueTimeout:
            .upstream
        case .drained, .tunnelIdleTimeout, .totalTimeout: .proxy
        }
    }
}

/// The three that take part in an exchange.
enum Party: UInt8 {
    case client, upstream, proxy

    var name: StaticString {
        switch self {
        case .client: "client"
        case .upstream: "upstream"
        case .proxy: "proxy"
        }
    }
}

/// The part of its way on which an exchange ended.
enum Step: UInt8 {
    case head, route, held, connect, firstByte, body

    var name: StaticString {
        switch self {
        case .head: "head"
        case .route: "route"
        case .held: "held"
        case .connect: "connect"
        case .firstByte: "first_byte"
        case .body: "body"
        }
    }
}

extension Exchange {
    // Inlined, because a call would be handed a copy of the whole exchange.

    /// The client was not served as its request deserved: a server's error, or the exchange was cut.
    @inline(__always)
    var hasFailed: Bool { status >= 500 || end != .complete && end != .answered }

    @inline(__always)
    var opensTunnel: Bool { opening != .none }

    /// The first step that has no end.
    @inline(__always)
    var step: Step {
        if firstByte != 0 { return .body }
        if connected != 0 { return .firstByte }
        if chosen != 0 { return .connect }
        return hold.since != 0 ? .held : .route
    }
}

/// How far a body has been moved. A body of known length is counted here as it is sent, so that it never needs a copy;
/// a chunked one is taken apart by the decoder and put together anew.
struct BodyProgress: BitwiseCopyable {
    enum Kind: UInt8 { case counted, chunked, untilClose }

    var kind: Kind
    var isFinished: Bool
    /// Of a counted body.
    var remaining: UInt64 = 0
    /// Bytes of content moved so far.
    var moved: UInt64 = 0
    /// Trailers go on: the source may send some, and the target takes them.
    var passesTrailers = false
    /// The lines of the trailer section that have come; only where they go on, and until they are sent.
    var trailers: Buffer?
    var decoder: BodyDecoder

    init(_ framing: BodyFraming) {
        decoder = BodyDecoder(framing)
        switch framing {
        case .none:
            kind = .counted
            isFinished = true
        case .length(let count):
            kind = .counted
            isFinished = count == 0
            remaining = count
        case .chunked:
            kind = .chunked
            isFinished = false
        case .untilClose:
            kind = .untilClose
            isFinished = false
        }
    }

    /// Counts bytes of a body that is moved as it is.
    mutating func move(_ count: Int) {
        moved &+= UInt64(count)
        guard kind == .counted else { return }
        remaining -= UInt64(count)
        isFinished = remaining == 0
    }

    /// How many of `available` bytes belong to a body that is moved as it is.
    func share(of available: Int) -> Int {
        kind == .counted ? Int(min(UInt64(available), remaining)) : available
    }
}
