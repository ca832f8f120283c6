import Bytes
import Kernel
import TLS

/// An accepted or dialled socket, or one of the worker's own descriptors, in its place of the slab.
///
/// Trivial, so that an idle connection costs its bytes here and nothing else: no buffer, no object.
struct Connection: BitwiseCopyable {
    static let nobody: UInt32 = .max

    enum Role: UInt8 {
        case client, upstream, listener
        /// The socket of one client's session to its endpoint, which `exchange` names; clients' datagrams come by
        /// another.
        case session, datagrams
        case bell
    }

    enum Phase: UInt8 {
        /// A listener or the bell.
        case open
        /// Client: a PROXY protocol header is to come before anything else.
        case readingProxyHeader
        /// Client: whose it is depends on its first bytes.
        case readingPreface
        /// Client: the TLS handshake is under way.
        case handshaking
        /// Client: idle, or part of a request head has come.
        case readingHead
        /// Client and upstream: an exchange is under way; the exchange decides what happens.
        case exchanging
        /// Client: the last answer is being sent, then the connection ends.
        case closing
        /// Client: our side is finished; what still comes in is read and forgotten, so that no reset destroys the
        /// answer.
        case lingering
        /// Upstream: the TCP handshake is under way.
        case connecting
        /// Upstream: what comes before the client's bytes is settled.
        case securing
        /// Client and upstream: a tunnel stands; `exchange` is the tunnel's place.
        case tunnelling
        /// Upstream: in the pool, between exchanges.
        case pooled
    }

    var socket: CInt
    var role: Role
    var phase: Phase
    /// The last call did not say that there is nothing to read.
    var isReadable = false
    var isWritable = false
    /// The peer will send no more, or the socket failed: reading goes on until the end is seen.
    var peerFinished = false
    /// It is in the worker's list of clients to go on with.
    var isResuming = false
    /// The upstream connection served an exchange before this one.
    var isReused = false
    /// Its connect is pending for too long: it is in the endpoint's list of those.
    var isStalled = false
    /// It was counted at its listener; upstream: at the pool of the rule that it was made for, and its connect too.
    var isCounted = false
    var isCountedConnect = false
    /// It is not let in, and being told so.
    var isTurnedAway = false
    /// The client speaks for others, and its word is believed.
    var isTrusted = false
    /// The client asked for TLS in words of its own, and was told to go on.
    var asksTLS = false
    /// The client was greeted in the place of a server of MySQL.
    var isGreeted = false
    /// Which listener accepted it, by the compiler's index.
    var listener: UInt16 = 0
    var exchange = Connection.nobody
    /// Where it was counted at its address; upstream: how many others its endpoint had when the connect began.
    var addressPlace = Connection.nobody
    /// Exchanges begun on this connection; upstream: how often its connect was begun anew.
    var served: UInt32 = 0
    /// How far the head in `input` was searched for its end; or how much of a PROXY protocol header has come.
    var scanned: UInt32 = 0
    /// Which endpoint an upstream connection leads to.
    var endpoint: UInt32 = Connection.nobody
    /// Neighbours in the endpoint's list of pooled connections, or of those that have stalled.
    var next = Connection.nobody
    var previous = Connection.nobody
    /// Received and not yet used. Held only while bytes are in it.
    var input: Buffer?
    /// To be sent. Held only while bytes are in it.
    var output: Buffer?
    var session: TLSSession?
    /// Client, nanoseconds of the monotonic clock: since when its next request is waited for (accept, the end of the
    /// TLS handshake, the end of the exchange before), and when that request's first byte was here.
    /// Upstream: when the connect began, and in the other's place when it is to be over.
    var waitingSince: UInt64 = 0
    var headBegan: UInt64 = 0
    /// Client: microseconds from accept to the end of the TLS handshake, until a record has told them; 0 afterwards.
    var handshakeTime: UInt32 = 0
    /// The other end: the socket's, or what a PROXY protocol header said in its place.
    var peer: SocketAddress

    /// Upstream: the route that it was made for, where its pool limits connections.
    var pool: UInt32 {
        get { handshakeTime }
        set { handshakeTime = newValue }
    }

    var connectDue: UInt64 {
        get { headBegan }
        set { headBegan = newValue }
    }

    init(socket: CInt, role: Role, phase: Phase, peer: SocketAddress = SocketAddress(ipv4: 0, port: 0)) {
        self.socket = socket
        self.role = role
        self.phase = phase
        self.peer = peer
    }
}
