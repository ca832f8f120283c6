import Balancing
import Engine
import Kernel
import Routing

// Datagrams of one client are kept together in a session, so that all of them go to one endpoint and what that answers
// finds its way back. The path of a datagram, in reading order:
//
//     DatagramListening    datagrams come in by the batch, and each is put to its session
//     ProxiedDatagrams     those with a PROXY protocol header in front
//     SessionBeginning     a client that has no session gets one, if it may
//     SessionChoosing      an endpoint for it
//     SessionForwarding    what came for a session goes to its endpoint, several datagrams at once
//     SessionReplies       what the endpoint answers goes back, as far as SessionCredit allows
//     SessionMoving        refused, or with an endpoint that has left: to another
//     SessionAdopting      what a revision changes for sessions that are there
//     SessionEnding        idle, done or sent away; its record
//
// SessionBook finds sessions, SessionCredit says what a client may be sent; neither touches a socket or a clock.

/// What tells one session from another.
struct SessionKey: Equatable, BitwiseCopyable {
    /// Who sends the datagrams to us, and gets ours.
    var peer: SocketAddress
    /// For whom it does: itself, or what a PROXY protocol header said.
    var client: SocketAddress
    /// The address it sends to, where the listener stands for more than one.
    var local: SocketAddress?
    var listener: UInt16
}

/// Why a session is over.
enum SessionEnd: UInt8, CaseIterable {
    /// Nothing came from either side for its rule's time.
    case idle
    /// As many replies came as its rule wants.
    case complete
    /// It gave its place to another: its client was never seen to answer.
    case evicted
    /// Its rule, or its endpoint, is gone.
    case removed
    /// Its listener is closed.
    case closed
    case drained

    var name: StaticString {
        switch self {
        case .idle: "idle"
        case .complete: "complete"
        case .evicted: "evicted"
        case .removed: "removed"
        case .closed: "closed"
        case .drained: "drained"
        }
    }
}

/// The datagrams of one client and one endpoint. Trivial, as a connection is.
struct Session: BitwiseCopyable {
    static let nobody = Connection.nobody

    let key: SessionKey
    /// Of the key's hash: where it stands in the table.
    let tag: UInt32
    /// Where the client sent its datagrams, as far as is known: what a PROXY protocol header tells the endpoint.
    var destination: SocketAddress
    var credit = SessionCredit()
    var terms: SessionTerms
    /// A PROXY protocol header stands in front of each datagram to the endpoint.
    var sendsHeader = false
    /// Whether several datagrams may go to the endpoint as one.
    var segmenting = true
    /// The endpoint refused what was sent: the next datagram goes to another.
    var isRefused = false
    /// Its endpoint has left the rule.
    var isOrphan = false
    /// The pool counts it.
    var isPooled = false
    /// The listener counts it.
    var isCounted = false
    /// Its endpoint has answered, and was judged for it.
    var isJudged = false
    var pass = CircuitBreaker.Pass.none
    /// By number; `nobody` once no rule serves the listener, and once no revision has the endpoint.
    var route: UInt32
    var endpoint = Session.nobody
    /// The socket to the endpoint, by its place among the connections.
    var connection = Session.nobody
    /// Where it was counted at its client's address.
    var addressPlace = Session.nobody
    /// Neighbours in the line of those whose clients were not seen to answer, the oldest first.
    var next = Session.nobody
    var previous = Session.nobody
    var isInLine = false
    /// Its endpoint sends in one turn after the other: in how many, and the last of them. From some on, many datagrams
    /// are asked for at once.
    var isStream = false
    var streak: UInt8 = 0
    var lastTurn: UInt32 = 0
    /// What came for it in this batch: the first and the last of the letters.
    var firstLetter = Session.nobody
    var lastLetter = Session.nobody
    /// Nanoseconds of the monotonic clock.
    var began: UInt64
    /// When the last datagram came from either side.
    var moved: UInt64
    /// Not moved to another endpoint before then, should that one not be better.
    var movesAgain: UInt64 = 0

    init(
        key: SessionKey, tag: UInt32, destination: SocketAddress, route: UInt32, terms: SessionTerms, now: UInt64
    ) {
        self.terms = terms
        self.key = key
        self.tag = tag
        self.destination = destination
        self.route = route
        began = now
        moved = now
    }
}
