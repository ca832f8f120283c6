/// The method of a request, as far as the proxy decides by it (RFC 9110 §9).
///
/// Methods outside the list are legal and forwarded as they were spelled; the proxy knows nothing about them.
public enum Method: UInt8, Equatable, Sendable {
    case get, head, post, put, delete, options, patch, connect, trace, other

    /// The longest method token that is accepted, in bytes. The longest registered one (`UPDATEREDIRECTREF`) has 17.
    public static let nameBytesLimit = 32

    /// The method that `bytes[start..<end]` spells. Methods are case-sensitive (RFC 9110 §9.1).
    ///
    /// The caller has checked that the bytes are a token (RFC 9110 §5.6.2) and lie inside `bytes`.
    public init(spelledBy bytes: Span<UInt8>, from start: Int, to end: Int) {
        self =
            switch end &- start {
            case 3:
                if bytes.equals("GET", at: start) {
                    .get
                } else if bytes.equals("PUT", at: start) {
                    .put
                } else {
                    .other
                }
            case 4:
                if bytes.equals("POST", at: start) {
                    .post
                } else if bytes.equals("HEAD", at: start) {
                    .head
                } else {
                    .other
                }
            case 5:
                if bytes.equals("PATCH", at: start) {
                    .patch
                } else if bytes.equals("TRACE", at: start) {
                    .trace
                } else {
                    .other
                }
            case 6: bytes.equals("DELETE", at: start) ? .delete : .other
            case 7:
                if bytes.equals("OPTIONS", at: start) {
                    .options
                } else if bytes.equals("CONNECT", at: start) {
                    .connect
                } else {
                    .other
                }
            default: .other
            }
    }

    /// Asks for nothing to be changed (RFC 9110 §9.2.1).
    public var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        case .post, .put, .delete, .patch, .connect, .other: false
        }
    }

    /// May be sent again when the answer to the first sending was lost (RFC 9110 §9.2.2).
    public var isIdempotent: Bool {
        switch self {
        case .get, .head, .options, .trace, .put, .delete: true
        case .post, .patch, .connect, .other: false
        }
    }

    /// The name as it goes over the wire; empty for `.other`, whose name only the request itself knows.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .connect: "CONNECT"
        case .trace: "TRACE"
        case .other: ""
        }
    }
}
