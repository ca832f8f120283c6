/// What a TLS ClientHello (RFC 8446 §4.1.2) says of where its client wants to go: enough to route a connection without
/// taking its TLS off.
///
/// It is the scratch of one worker, filled anew by ``parse(_:)``; it allocates only in `init`. Names are copied out of
/// the message, because records may cut them in two.
public struct ClientHello: ~Copyable {
    /// `server_name` (RFC 6066 §3), in lower case; empty when the client names nobody.
    public internal(set) var name = ClientHelloText(capacity: ClientHelloLimit.name)
    /// The protocols of `application_layer_protocol_negotiation` (RFC 7301 §3.1) as they are on the wire: each with its
    /// length in front. Empty when the client names none.
    public internal(set) var protocols = ClientHelloText(capacity: ClientHelloLimit.protocols)
    /// Bytes of the records that hold the message.
    public internal(set) var byteCount = 0

    public init() {}

    /// Whether the client offers a protocol: `h2`, `http/1.1`, `postgresql`.
    public func offers(_ wanted: Span<UInt8>) -> Bool {
        let list = protocols.bytes
        var place = 0
        // The list was checked when it was read: each length leads to the next, the last to the end.
        while place < list.count {
            let count = Int(list[place])
            if list.extracting((place &+ 1)..<(place &+ 1 &+ count)).equals(wanted) { return true }
            place &+= 1 &+ count
        }
        return false
    }
}

/// How much of a ClientHello is looked at.
public enum ClientHelloLimit {
    /// Bytes of the whole message with its record headers. Those of today's browsers have 2,000.
    public static let message = 16_384
    /// Records over which it may be spread.
    public static let records = 32
    /// Bytes of a server's name (RFC 1035 §2.3.4).
    public static let name = 255
    /// Bytes of the list of protocols.
    public static let protocols = 1_024
}

/// What the bytes that have come amount to.
public enum ClientHelloProgress: Equatable, Sendable {
    /// They are the beginning of one; more must come.
    case incomplete
    /// They are no TLS handshake: the connection begins with something else.
    case absent
    case complete
    case refused(ClientHelloError)
}

/// Why a ClientHello is refused. Whoever terminates TLS would refuse it too, or nobody could agree on where it leads.
public enum ClientHelloError: UInt8, Error, CaseIterable, Sendable {
    /// Larger than ``ClientHelloLimit/message``, or in more records than ``ClientHelloLimit/records``.
    case tooLong
    /// A record of another type in the middle, without content, or longer than RFC 8446 §5.1 allows.
    case badRecord
    /// A handshake that begins with another message.
    case badMessage
    /// A length inside that leads beyond what holds it, or bytes left over behind it.
    case badLength
    /// `server_name` or the protocols twice: two readers could take different ones.
    case repeatedExtension
    /// A name that is empty, too long, or holds what no host name does.
    case badName
    /// A list of protocols that is empty or too long, or an empty protocol in it.
    case badProtocols

    public var name: StaticString {
        switch self {
        case .tooLong: "client hello too long"
        case .badRecord: "bad record in client hello"
        case .badMessage: "no client hello"
        case .badLength: "bad length in client hello"
        case .repeatedExtension: "repeated extension in client hello"
        case .badName: "bad server name in client hello"
        case .badProtocols: "bad protocols in client hello"
        }
    }
}

/// A text of limited length in memory of its own.
public struct ClientHelloText: ~Copyable {
    private var storage: [UInt8]
    public private(set) var count = 0

    init(capacity: Int) { storage = [UInt8](repeating: 0, count: capacity) }

    public var isEmpty: Bool { count == 0 }

    public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get { storage.span.extracting(0..<count) }
    }

    /// For whoever keeps it.
    public var copy: [UInt8] { Array(storage[0..<count]) }

    mutating func clear() { count = 0 }

    /// `false`: it is full.
    mutating func append(_ byte: UInt8) -> Bool {
        guard count < storage.count else { return false }
        storage[count] = byte
        count &+= 1
        return true
    }
}

extension Span where Element == UInt8 {
    func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for place in 0..<count where self[place] != other[place] { return false }
        return true
    }
}
