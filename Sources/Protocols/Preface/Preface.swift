/// What a client's first bytes are the beginning of, where one listener serves several protocols.
public enum Preface: UInt8, Sendable, CaseIterable {
    /// A TLS handshake (RFC 8446 §5.1).
    case tls
    /// A request line of HTTP/1: a method and a space (RFC 9112 §3).
    case http1
    /// The connection preface of HTTP/2 (RFC 9113 §3.4), which is how HTTP/2 without TLS begins.
    case http2
    /// The identification string of SSH (RFC 4253 §4.2).
    case ssh
    /// PostgreSQL asks for TLS, or for GSSAPI, before it says anything else: the server answers with one byte.
    case postgresTLS
    case postgresGSS
    /// PostgreSQL begins its session at once, in version 3 of its protocol, or asks for a query to be cancelled.
    case postgres
    /// None of these.
    case other

    /// Bytes after which every one of them is told from all others.
    public static let limit = 24

    /// What `bytes` begin with; `nil` while they could still become one of several things. The answer to a longer piece
    /// of the same connection never contradicts one that was given.
    ///
    /// A client that waits for the server to speak first sends nothing, and there is nothing to recognise: whoever asks
    /// sets a time.
    public init?(_ bytes: Span<UInt8>) {
        guard !bytes.isEmpty else { return nil }
        let likenesses: InlineArray<7, (Preface, Likeness)> = [
            (.tls, bytes.likeness(to: tlsBeginning)), (.http2, bytes.likeness(to: http2Beginning)),
            (.ssh, bytes.likeness(to: sshBeginning)), (.postgresTLS, bytes.likeness(to: postgresTLSRequest)),
            (.postgresGSS, bytes.likeness(to: postgresGSSRequest)), (.postgres, bytes.likenessToStartup),
            (.postgres, bytes.likeness(to: postgresCancelRequest)),
        ]
        var isOpen = false
        for place in likenesses.indices {
            switch likenesses[place].1 {
            case .same:
                self = likenesses[place].0
                return
            case .beginning: isOpen = true
            case .different: break
            }
        }
        // The preface of HTTP/2 begins like a request line.
        if isOpen { return nil }
        guard let isRequest = bytes.beginsWithMethod else { return nil }
        self = isRequest ? .http1 : .other
    }
}

private enum Likeness { case same, beginning, different }

/// Handshake, version 3.
private let tlsBeginning: InlineArray<2, UInt8> = [22, 3]
/// `PRI * HTTP/2.0`, two line ends, `SM`, two line ends.
private let http2Beginning: InlineArray<24, UInt8> = [
    0x50, 0x52, 0x49, 0x20, 0x2A, 0x20, 0x48, 0x54, 0x54, 0x50, 0x2F, 0x32, 0x2E, 0x30, 0x0D, 0x0A, 0x0D, 0x0A, 0x53,
    0x4D, 0x0D, 0x0A, 0x0D, 0x0A,
]
/// `SSH-`
private let sshBeginning: InlineArray<4, UInt8> = [0x53, 0x53, 0x48, 0x2D]
/// A message of 8 bytes, and the number that is no version ("Frontend/Backend Protocol", SSLRequest, GSSENCRequest).
private let postgresTLSRequest: InlineArray<8, UInt8> = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F]
private let postgresGSSRequest: InlineArray<8, UInt8> = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x30]

private let postgresCancelRequest: InlineArray<8, UInt8> = [0, 0, 0, 16, 0x04, 0xD2, 0x16, 0x2E]

extension Span where Element == UInt8 {
    /// A StartupMessage: its length, which PostgreSQL allows to be 10,000, and the number 3 as the protocol's version.
    fileprivate var likenessToStartup: Likeness {
        for place in 0..<Swift.min(count, 7) {
            let fits =
                switch place {
                case 0, 1, 4, 6: self[place] == 0
                case 2: self[place] < 0x28
                case 5: self[place] == 3
                case _: true
                }
            guard fits else { return .different }
        }
        return count >= 8 ? .same : .beginning
    }

    fileprivate func likeness<let size: Int>(to text: InlineArray<size, UInt8>) -> Likeness {
        for place in 0..<Swift.min(count, size) where self[place] != text[place] { return .different }
        return count >= size ? .same : .beginning
    }

    /// Whether a token and a space come first (RFC 9110 §9.1); `nil` while the token may go on.
    fileprivate var beginsWithMethod: Bool? {
        for place in 0..<Swift.min(count, Preface.limit) {
            switch self[place] {
            case UInt8(ascii: " "): return place > 0
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                break
            case _: return false
            }
        }
        return count < Preface.limit ? nil : false
    }
}
