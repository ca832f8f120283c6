/// What a route does beside passing requests on; trivial. Texts and lists are read through the ``RouteView`` it came
/// from.
public struct RouteOptions: Sendable, BitwiseCopyable {
    public struct Flags: OptionSet, Sendable, BitwiseCopyable {
        public let rawValue: UInt32
        @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

        @inlinable public static var accessList: Flags { Flags(rawValue: 1) }
        @inlinable public static var rateLimit: Flags { Flags(rawValue: 2) }
        @inlinable public static var maintenance: Flags { Flags(rawValue: 4) }
        @inlinable public static var redirect: Flags { Flags(rawValue: 8) }
        @inlinable public static var bodyLimit: Flags { Flags(rawValue: 16) }
        @inlinable public static var path: Flags { Flags(rawValue: 32) }
        @inlinable public static var requestFields: Flags { Flags(rawValue: 64) }
        @inlinable public static var responseFields: Flags { Flags(rawValue: 128) }
        @inlinable public static var securityFields: Flags { Flags(rawValue: 256) }
        @inlinable public static var timeouts: Flags { Flags(rawValue: 1024) }
        /// Fields of the response need what only the request says: its host or its ID.
        @inlinable public static var remembersRequest: Flags { Flags(rawValue: 512) }
        @inlinable public static var pendingLimit: Flags { Flags(rawValue: 1 << 14) }
        @inlinable public static var retries: Flags { Flags(rawValue: 1 << 12) }
        @inlinable public static var bufferRequest: Flags { Flags(rawValue: 1 << 13) }
        @inlinable public static var basicAuth: Flags { Flags(rawValue: 1 << 16) }
        /// What the client signs in with is not for the upstream.
        @inlinable public static var hidesCredentials: Flags { Flags(rawValue: 1 << 17) }
        /// Fields of the request name who signed in.
        @inlinable public static var namesUser: Flags { Flags(rawValue: 1 << 18) }
        @inlinable public static var gzip: Flags { Flags(rawValue: 1 << 19) }
        @inlinable public static var errorPages: Flags { Flags(rawValue: 1 << 20) }
    }

    public var flags: Flags = []
    public var redirectStatus: UInt16 = 0
    /// Bytes; 0 means no limit.
    public var bodyLimit: UInt64 = 0
    /// Nanoseconds in which one token comes back, and those for a whole bucket of them.
    public var tokenTime: UInt64 = 0
    public var bucketTime: UInt64 = 0
    /// The same for every rule of this name in the life of a process.
    public var rateKey: UInt64 = 0
    public var retries = RetryPolicy.standard
    public var timeouts = RouteTimeouts()
    /// Bytes of a body that is held until it is whole.
    public var requestBuffer: UInt64 = 0
    /// Exchanges; 0 means no limit.
    public var pendingLimit: UInt64 = 0
    var signInKey: UInt64 = 0
    public var requestFields = FieldChangeList()
    public var responseFields = FieldChangeList()
    var boundariesStart: UInt32 = 0
    var boundariesCount: UInt32 = 0
    var redirect = TextPlace()
    var stripPrefix = TextPlace()
    var addPrefix = TextPlace()
    var realm = TextPlace()
    var users = TextPlace()
    var gzipTypes = TextPlace()
    var errorPages = TextPlace()
    /// Bytes below which a response is not compressed, and zlib's level.
    public var gzipMinimum: UInt32 = 0
    public var gzipLevel: UInt8 = 0

    init() {}
}

/// Where changes of one direction lie, removals first, then what is set, then what is added.
public struct FieldChangeList: Sendable, BitwiseCopyable {
    var start: UInt32 = 0
    public var count: UInt32 = 0
    /// Bytes that the new fields take at most, without what hosts take.
    public var room: UInt32 = 0
    /// How many times the host is among them.
    public var hosts: UInt32 = 0

    public init() {}
}

public struct FieldChange: Sendable, BitwiseCopyable {
    public enum Kind: UInt8, Sendable, BitwiseCopyable { case remove, set, add }

    public var kind: Kind
    var name = TextPlace()
    var value = TextPlace()
}

struct TextPlace: Sendable, BitwiseCopyable {
    var start: UInt32 = 0
    var count: UInt32 = 0
}

/// Stands in a compiled text where a variable's value belongs. No text that is compiled has such bytes of its own.
public enum TemplateMark: UInt8, Sendable, BitwiseCopyable {
    case client = 1, host, scheme, requestID, path, query, user
}

// Reading options; inlined nowhere, as only rules with options come here.
extension RouteView {
    /// Whether clients with this address are let in. IPv4 as `::ffff:a.b.c.d`.
    public func admits(_ options: RouteOptions, high: UInt64, low: UInt64) -> Bool {
        guard options.boundariesCount > 0 else { return true }
        // The first boundary starts at zero: there always is one that is not beyond the address.
        var (first, count) = (options.boundariesStart, options.boundariesCount)
        while count > 1 {
            let half = count / 2
            let boundary = boundary(first + half)
            if (boundary.high, boundary.low) <= (high, low) {
                first += half
                count -= half
            } else {
                count = half
            }
        }
        return boundary(first).isAllowed
    }

    public func change(_ index: UInt32, of list: FieldChangeList) -> FieldChange {
        precondition(index < list.count, "no such change")
        return fieldChange(list.start + index)
    }

    @_lifetime(borrow self)
    public func name(of change: FieldChange) -> Span<UInt8> { text(change.name) }

    /// With a ``TemplateMark`` for each variable.
    @_lifetime(borrow self)
    public func value(of change: FieldChange) -> Span<UInt8> { text(change.value) }

    /// With a ``TemplateMark`` for each variable.
    @_lifetime(borrow self)
    public func redirect(of options: RouteOptions) -> Span<UInt8> { text(options.redirect) }

    /// In the form that is matched; empty when nothing is stripped.
    @_lifetime(borrow self)
    public func stripPrefix(of options: RouteOptions) -> Span<UInt8> { text(options.stripPrefix) }

    /// Without a slash at its end; empty when nothing is added.
    @_lifetime(borrow self)
    public func addPrefix(of options: RouteOptions) -> Span<UInt8> { text(options.addPrefix) }

    @_lifetime(borrow self)
    func text(_ place: TextPlace) -> Span<UInt8> { text(at: Int(place.start), count: Int(place.count)) }
}
