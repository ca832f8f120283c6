import Engine
import Kernel
import Routing

/// Two connections whose bytes are passed on both ways as they come: what becomes of a connection for which a rule of
/// kind `tcp` is there.
///
///     accept ──► look ──► open ──► secure ──► pass on ──► end
///
///     Looking           what the connection begins with, and so whose it is
///     PostgresPreamble  clients that ask for TLS in words of their own
///     MySQLPreamble     clients that wait to be greeted first
///     TunnelOpening     its route's rules, TLS taken off, the way to an endpoint
///     TunnelHeader      what the endpoint is told first: for whom the connection is
///     TunnelSecuring    what is settled with the endpoint before the client's bytes: header, preamble, TLS
///     TunnelRelay       bytes, both ways
///     TunnelEnding      counts and the record
///     HeldRules         why its numbers stay its own while revisions come and go
///
/// While it has no endpoint it is an exchange that ``Exchange/opensTunnel``: chosen, balanced, held and tried again as
/// requests are. From then on it is this, which is small, because it may stand for days without a byte.
struct Tunnel: BitwiseCopyable {
    var client: UInt32
    var upstream: UInt32
    var route: UInt32
    var endpoint: UInt32
    /// Where its rule is kept (`HeldRules`).
    var hold: UInt32
    /// Connects that were begun for it.
    var attempts: UInt16
    var hasPlan: Bool
    /// The client, the upstream, has said that it sends no more, and the other was told.
    var clientEnded = false
    var upstreamEnded = false
    /// What its endpoint did says enough of it: a byte came, or the end and none before it.
    var isJudged = false
    /// Bytes from the client, bytes to it.
    var received: UInt64 = 0
    var sent: UInt64 = 0
    /// Nanoseconds of the monotonic clock: accept; when it must be over.
    var began: UInt64
    var deadline: UInt64
    /// Nanoseconds without a byte after which it ends.
    var idle: UInt64
    /// Microseconds that it was held, and that its connect took.
    var heldTime: UInt32
    var connectTime: UInt32
}

/// How the endpoint is made ready for the client's bytes, in this order.
enum Opening: UInt8 {
    /// It is no tunnel that is to be opened.
    case none
    /// No endpoint has taken a connection.
    case connecting
    /// The PROXY protocol header, and a preamble that asks for TLS, are on their way to it.
    case sending
    /// PostgreSQL: it has been asked for TLS and has not answered.
    case asking
    /// MySQL: its greeting is waited for; the client's question for TLS is on its way to it.
    case greeting
    case questioning
    /// The TLS handshake is under way.
    case handshaking
}
