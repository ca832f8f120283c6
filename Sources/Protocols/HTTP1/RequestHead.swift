public import HTTP

/// One request head, as positions in the bytes it was parsed from.
///
/// It is the scratch of one worker, made once and filled anew by `parseRequestHead` for every head; it allocates only
/// in `init`. All positions are offsets from the first byte of the span that was parsed, and mean nothing after the
/// bytes have moved.
public struct RequestHead: ~Copyable {
    public internal(set) var method: Method = .other
    public internal(set) var version: HTTPVersion = .http11

    /// The method as it was spelled.
    public internal(set) var methodStart = 0
    public internal(set) var methodEnd = 0

    /// The target as received (RFC 9112 §3.2).
    public internal(set) var targetStart = 0
    public internal(set) var targetEnd = 0

    /// The path within the target. Empty for asterisk-form, and for an absolute-form without a path, which means `/`.
    public internal(set) var pathStart = 0
    public internal(set) var pathEnd = 0

    /// The query within the target, without its `?`; empty and at `targetEnd` when there is none. A target that ends in
    /// a lone `?` differs from one without by `pathEnd < targetEnd`.
    public internal(set) var queryStart = 0
    public internal(set) var queryEnd = 0

    /// The authority the request is for, with its port: the value of `Host`, or that of an absolute-form target, which
    /// wins (RFC 9112 §3.2.2). Checked; empty only for HTTP/1.0 without `Host`.
    public internal(set) var hostStart = 0
    public internal(set) var hostEnd = 0

    /// The target was `*` (RFC 9112 §3.2.4); the method is OPTIONS.
    public internal(set) var isAsterisk = false

    /// The target was in absolute-form: `Host` must be written anew from the authority (RFC 9112 §3.2.2).
    public internal(set) var isAbsolute = false

    /// The target was in absolute-form and its scheme `https`.
    public internal(set) var isAbsoluteHTTPS = false

    /// How the body ends: `none`, `length` or `chunked`.
    public internal(set) var framing: BodyFraming = .none

    /// The client will send another request on this connection (RFC 9112 §9.3), if it is told that it may.
    public internal(set) var keepAlive = false

    /// The client waits for `100 Continue` (RFC 9110 §10.1.1). Never in HTTP/1.0.
    public internal(set) var expectsContinue = false

    /// A `Via` or `Max-Forwards` field is there: it may be that the request goes no further (RFC 9110 §7.6).
    public internal(set) var countsHops = false

    /// The client takes trailers: `TE: trailers` (RFC 9110 §10.1.4), with its connection option or without, which
    /// clients forget. Never in HTTP/1.0.
    public internal(set) var takesTrailers = false

    /// A `Trailer` field says which trailers may come (RFC 9110 §6.6.2).
    public internal(set) var namesTrailers = false

    /// The client asks for pages, as browsers do: an `Accept` field names `text/html` before any JSON.
    public internal(set) var takesPages = false

    /// `Connection: upgrade` and an `Upgrade` field are both there (RFC 9110 §7.8). Never in HTTP/1.0.
    public internal(set) var wantsUpgrade = false

    /// The value of the first `Upgrade` field; empty without one.
    public internal(set) var upgradeStart = 0
    public internal(set) var upgradeEnd = 0

    /// Bytes of the whole head, from the first of the span through the empty line. The body begins here.
    public internal(set) var byteCount = 0

    /// The field lines in their order.
    public var fields: FieldTable

    /// Allocates room for `fieldCapacity` field lines. A head with more is refused whatever its limits say.
    public init(fieldCapacity: Int = 256) {
        fields = FieldTable(capacity: fieldCapacity)
    }

    @inlinable public var fieldCount: Int { fields.count }

    /// The field line at `index`. Stops the process at or beyond `fieldCount`.
    @inlinable
    public subscript(index: Int) -> FieldLine {
        @inline(__always) get { fields[index] }
        @inline(__always) set { fields[index] = newValue }
    }
}
