// What lies in the block of memory behind a table, in this order, each section aligned to eight bytes. Every record is
// trivial. Offsets count from the start of the block.

/// No index.
let nobody = UInt32.max

@usableFromInline struct ArenaHeader: BitwiseCopyable {
    @usableFromInline var size = 0
    /// ``Route`` by route number; a number without a route has ``nobody`` for its id.
    @usableFromInline var routes = 0
    @usableFromInline var routeLimit: UInt32 = 0
    @usableFromInline var endpointLimit: UInt32 = 0
    /// Endpoint numbers, pool after pool.
    @usableFromInline var pools = 0
    /// ``EndpointRecord`` by endpoint number.
    @usableFromInline var endpoints = 0
    /// One bit for each endpoint number that is in a pool of this table.
    @usableFromInline var presence = 0
    /// ``EndpointTerms`` by endpoint number.
    var terms = 0
    /// ``RouteOptions``
    @usableFromInline var options = 0
    /// ``RoutePool``
    @usableFromInline var balanced = 0
    /// Words of plans.
    @usableFromInline var plans = 0
    /// ``RouteHolding``
    var holdings = 0
    var holdingCount: UInt32 = 0
    /// ``AddressBoundary``
    var boundaries = 0
    /// ``FieldChange``
    var changes = 0
    /// Names and notes, host names and paths. The last two each start on a multiple of eight, padded with zeros.
    @usableFromInline var text = 0

    /// ``Slot``, a power of two of them; `hostMask` is one less.
    var hostSlots = 0
    var pathSlots = 0
    var hostMask: UInt64 = 0
    var pathMask: UInt64 = 0
    /// ``HostRecord``
    var hosts = 0
    /// ``PathRecord``
    var paths = 0
    /// ``Binding``
    var bindings = 0
    /// Listener indexes of 64 and above that bindings name.
    var farListeners = 0
    /// ``ListenerRecord`` by listener index, of those that rules name.
    var listeners = 0
    var listenerCount: UInt32 = 0
    /// ``RouteTransport``
    var transportOptions = 0
    /// The record of the host `*`, or ``nobody``.
    var defaultHost = nobody
    /// Bit `n` of the pair: some `*.suffix` has `n` labels in its suffix.
    var suffixes = LabelCounts()
    var hashing = Hashing(seed: 0)
}

/// Which numbers of labels, 0 to 127, occur.
struct LabelCounts: BitwiseCopyable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    var isEmpty: Bool { low | high == 0 }

    func contains(_ count: Int) -> Bool {
        (count < 64 ? low &>> UInt64(truncatingIfNeeded: count) : high &>> UInt64(truncatingIfNeeded: count)) & 1 != 0
    }

    mutating func insert(_ count: Int) {
        if count < 64 { low |= 1 &<< UInt64(count) } else { high |= 1 &<< UInt64(count) }
    }
}

/// One place of an open-addressing table.
struct Slot: BitwiseCopyable {
    /// The upper half of the hash: saves looking at most of the records that are not meant.
    var tag: UInt32
    /// The record, or ``nobody`` for a vacant place.
    var index: UInt32
}

/// One exact host, one `*.suffix`, or `*`.
struct HostRecord: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable { case exact, suffix, any }

    var text: UInt32
    var count: UInt16
    var kind: Kind
    /// First binding of the path `/`, or ``nobody``.
    var root: UInt32
    /// Bit `n`: some path of this host has `n` segments; bit 63 stands for 63 and more. Zero: only `/` is bound.
    var depths: UInt64
    /// The longest path bound, bytes.
    var pathLimit: UInt32
}

/// One path of one host, other than `/`.
struct PathRecord: BitwiseCopyable {
    var host: UInt32
    var text: UInt32
    var count: UInt32
    /// First binding.
    var first: UInt32
}

/// One rule at one host and path. Bindings of the same place are chained in the order of their rules' names.
struct Binding: BitwiseCopyable {
    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        /// Answers requests that came without TLS.
        static let servesPlain = Flags(rawValue: 1)
        /// Answers requests that came with TLS.
        static let servesSecure = Flags(rawValue: 2)
        /// Sends requests that came without TLS to `https`.
        static let redirectsPlain = Flags(rawValue: 4)
        /// On every listener.
        static let everywhere = Flags(rawValue: 8)
        /// Takes TLS connections, by what their ClientHello says.
        static let tunnels = Flags(rawValue: 16)
    }

    /// Bit `n`: on the listener with index `n`, below 64.
    var listeners: UInt64
    var route: UInt32
    var next: UInt32
    var farStart: UInt32
    var farCount: UInt16
    var flags: Flags
}

/// An endpoint as its table knows it.
@usableFromInline struct EndpointRecord: BitwiseCopyable {
    @usableFromInline var address: EndpointAddress
    /// Where the canonical text lies in this record: its length here, its bytes in the words, the first byte lowest.
    @usableFromInline var textCount: UInt64
    @usableFromInline var text: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
}
