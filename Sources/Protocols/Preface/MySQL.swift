/// The first packets of a MySQL or MariaDB connection, as far as TLS by name wants them ("Client/Server Protocol",
/// Connection Phase). Its server speaks first; where a name chooses the server, somebody greets in its place.
public enum MySQL {
    /// What a client answers a greeting with.
    public enum ClientWord: Equatable, Sendable {
        case incomplete
        /// SSLRequest; its ClientHello follows.
        case asksTLS
        /// A HandshakeResponse: it would send its password without TLS.
        case speaksPlainly
        case malformed
    }

    /// What a server begins with.
    public enum ServerWord: Equatable, Sendable {
        case incomplete
        /// A greeting of so many bytes, header included.
        case greets(count: Int, offersTLS: Bool)
        /// It refuses with a packet of so many bytes: too many connections, a host that is blocked.
        case refuses(count: Int)
        case malformed
    }

    /// Bytes of a packet's header: three of length, the lowest first, and its number.
    public static let headerBytes = 4
    /// Bytes of an SSLRequest, header included.
    public static let requestBytes = 36
    /// Bytes of a greeting's payload that are read: those of servers have about a hundred.
    public static let greetingLimit = 1_024
    /// Bytes of a client's first packet: names, a password's digest, attributes.
    public static let responseLimit = 65_535

    private static let protocolVersion: UInt8 = 10
    private static let errorMark: UInt8 = 0xff
    /// CLIENT_SSL, CLIENT_PROTOCOL_41 in their byte.
    private static let speaksTLS: UInt8 = 0x08
    private static let speaksProtocol41: UInt8 = 0x02

    /// More bytes never contradict an answer that was given.
    public static func clientWord(_ bytes: Span<UInt8>) -> ClientWord {
        guard bytes.count > headerBytes + 1 else { return .incomplete }
        let count = length(bytes)
        guard bytes[3] == 1, count >= 32, count <= responseLimit else { return .malformed }
        // Flags of 32 bits, of which these are in the second byte.
        let flags = bytes[headerBytes + 1]
        guard flags & speaksProtocol41 != 0 else { return .malformed }
        guard flags & speaksTLS != 0 else { return .speaksPlainly }
        guard count == requestBytes - headerBytes else { return .malformed }
        return bytes.count < requestBytes ? .incomplete : .asksTLS
    }

    /// - Parameter bytes: at most ``headerBytes`` and ``greetingLimit``.
    public static func serverWord(_ bytes: Span<UInt8>) -> ServerWord {
        guard bytes.count > headerBytes else { return .incomplete }
        let count = length(bytes)
        guard bytes[3] == 0, count >= 1, count <= greetingLimit else { return .malformed }
        guard bytes[headerBytes] == protocolVersion || bytes[headerBytes] == errorMark else { return .malformed }
        guard bytes.count >= headerBytes + count else { return .incomplete }
        if bytes[headerBytes] == errorMark { return .refuses(count: headerBytes + count) }
        // Version as text with a zero, four bytes of thread, eight of challenge, a zero, then the flags.
        var place = headerBytes + 1
        while place < headerBytes + count, bytes[place] != 0 { place += 1 }
        let flags = place + 1 + 4 + 8 + 1 + 1
        guard flags < headerBytes + count else { return .malformed }
        return .greets(count: headerBytes + count, offersTLS: bytes[flags] & speaksTLS != 0)
    }

    private static func length(_ bytes: Span<UInt8>) -> Int {
        Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16
    }

    // MARK: - In a server's place

    /// A greeting, header included, for a challenge of 20 bytes without a zero.
    ///
    /// The server that the client comes to has never seen the challenge. So the greeting names `caching_sha2_password`:
    /// over TLS a server of MySQL that finds another answer than it wants asks for the password itself, and one whose
    /// account has another method asks anew, with a challenge of its own. What the flags offer every server since
    /// MySQL 5.7 and MariaDB 10.2 can do.
    public static func greeting(challenge: InlineArray<20, UInt8>) -> InlineArray<81, UInt8> {
        var greeting = greetingForm
        for place in 0..<8 { greeting[19 + place] = challenge[place] }
        for place in 0..<12 { greeting[46 + place] = challenge[8 + place] }
        return greeting
    }

    /// Protocol 10, "8.0.0-tls", thread 1, zeros for eight bytes of challenge, flags without compression, utf8mb4,
    /// zeros for twelve more bytes of challenge, the method's name.
    private static let greetingForm: InlineArray<81, UInt8> = [
        0x4d, 0x00, 0x00, 0x00, 0x0a, 0x38, 0x2e, 0x30, 0x2e, 0x30, 0x2d, 0x74, 0x6c, 0x73, 0x00, 0x01,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xcf, 0xff, 0x2d, 0x02,
        0x00, 0x7f, 0x00, 0x15, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x63, 0x61, 0x63, 0x68, 0x69,
        0x6e, 0x67, 0x5f, 0x73, 0x68, 0x61, 0x32, 0x5f, 0x70, 0x61, 0x73, 0x73, 0x77, 0x6f, 0x72, 0x64,
        0x00,
    ]

    /// What a client without TLS is told: ER_SECURE_TRANSPORT_REQUIRED, in words.
    public static let tlsWanted: InlineArray<63, UInt8> = [
        0x3b, 0x00, 0x00, 0x02, 0xff, 0x57, 0x0c, 0x23, 0x48, 0x59, 0x30, 0x30, 0x30, 0x54, 0x4c, 0x53,
        0x20, 0x69, 0x73, 0x20, 0x77, 0x61, 0x6e, 0x74, 0x65, 0x64, 0x20, 0x68, 0x65, 0x72, 0x65, 0x3a,
        0x20, 0x63, 0x6f, 0x6e, 0x6e, 0x65, 0x63, 0x74, 0x20, 0x77, 0x69, 0x74, 0x68, 0x20, 0x73, 0x73,
        0x6c, 0x2d, 0x6d, 0x6f, 0x64, 0x65, 0x3d, 0x52, 0x45, 0x51, 0x55, 0x49, 0x52, 0x45, 0x44,
    ]
}
