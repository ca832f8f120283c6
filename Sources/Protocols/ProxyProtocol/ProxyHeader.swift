/// What a PROXY protocol header says ("The PROXY protocol", W. Tarreau, versions 1 and 2): for whom the connection was
/// opened.
public struct ProxyHeader: Equatable, Sendable {
    /// Bytes of the whole header. What the connection carries begins behind it.
    public var byteCount: Int
    /// Who connected to the proxy in front, or `nil` when that is the proxy itself (`LOCAL`, §2.2) or nothing that has
    /// an IP address (`UNKNOWN`, `UNSPEC`, `UNIX`): then the connection's own address holds.
    public var source: ProxiedAddress?
    /// Where it connected to; `nil` with `source`.
    public var destination: ProxiedAddress?

    public init(byteCount: Int, source: ProxiedAddress? = nil, destination: ProxiedAddress? = nil) {
        self.byteCount = byteCount
        self.source = source
        self.destination = destination
    }
}

/// An address as a header gives it.
public enum ProxiedAddress: Equatable, Sendable {
    case ipv4(UInt32, port: UInt16)
    case ipv6(UInt128, port: UInt16)
}

/// How large a header may be, in bytes.
public enum ProxyHeaderLimit {
    /// Version 1, with its CRLF (§2.1).
    public static let version1 = 107
    /// Version 2, fixed part, addresses and extensions together. The format allows 65,551; what is known of (TLS
    /// details, a certificate's name, an authority) fits well.
    public static let version2 = 4_096
    /// Of any header.
    public static let any = 4_096
}

/// What the bytes that have come amount to.
public enum ProxyHeaderProgress: Equatable, Sendable {
    /// They are the beginning of a header; more must come.
    case incomplete
    /// They are no header: the connection begins with something else.
    case absent
    case complete(ProxyHeader)
    case refused(ProxyHeaderError)
}

/// Why a header is refused. The connection cannot go on: where the header ends is not known.
public enum ProxyHeaderError: UInt8, Error, CaseIterable, Sendable {
    /// No CRLF within the bytes that version 1 allows, or a length beyond the limit of version 2.
    case tooLong
    /// Version 1: another byte than the format has at this place.
    case badLine
    /// A protocol or family that is not defined.
    case badFamily
    /// Version 1: no address of the family that was named.
    case badAddress
    case badPort
    /// Version 2: another version.
    case badVersion
    /// Version 2: neither LOCAL nor PROXY.
    case badCommand
    /// Version 2: datagrams, on a connection.
    case datagrams
    /// Version 2: a connection, in front of a datagram.
    case stream
    /// Version 2: shorter than the addresses it must hold.
    case badLength
    /// Version 2: an extension that does not end where the header does.
    case badExtension
    /// Version 2: the bytes are not those whose checksum was sent.
    case badChecksum

    public var name: StaticString {
        switch self {
        case .tooLong: "proxy header too long"
        case .badLine: "bad proxy header"
        case .badFamily: "bad family in proxy header"
        case .badAddress: "bad address in proxy header"
        case .badPort: "bad port in proxy header"
        case .badVersion: "bad version of proxy header"
        case .badCommand: "bad command in proxy header"
        case .datagrams: "datagrams in proxy header"
        case .stream: "stream in proxy header"
        case .badLength: "bad length of proxy header"
        case .badExtension: "bad extension in proxy header"
        case .badChecksum: "bad checksum of proxy header"
        }
    }
}
