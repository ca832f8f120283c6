public import HTTP

/// One response head, as positions in the bytes it was parsed from.
///
/// It is the scratch of one worker, made once and filled anew by `parseResponseHead` for every head; it allocates only
/// in `init`. All positions are offsets from the first byte of the span that was parsed, and mean nothing after the
/// bytes have moved.
public struct ResponseHead: ~Copyable {
    /// 100 to 999. A 1xx other than 101 is an interim head: the final one follows.
    public internal(set) var status = 0
    public internal(set) var version: HTTPVersion = .http11

    /// The reason phrase; may be empty.
    public internal(set) var reasonStart = 0
    public internal(set) var reasonEnd = 0

    /// How the body ends, in answer to the method that was passed (RFC 9112 §6.3). After 101 it is `none`, and what
    /// follows is not HTTP.
    public internal(set) var framing: BodyFraming = .none

    /// The upstream takes another request on this connection once the body has ended. Never with `untilClose`.
    public internal(set) var keepAlive = false

    /// A `Trailer` field says which trailers may come (RFC 9110 §6.6.2).
    public internal(set) var namesTrailers = false

    /// `Connection: upgrade` and an `Upgrade` field are both there.
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
