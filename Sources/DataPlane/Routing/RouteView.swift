/// What workers read: a trivial handle on a ``RouteTable``, valid while that table lives. Reading it touches no
/// reference count.
@safe
public struct RouteView: @unchecked Sendable, BitwiseCopyable {
    @usableFromInline let base: UnsafeRawPointer

    init(base: UnsafeRawPointer) { unsafe self.base = base }

    @inlinable var header: UnsafePointer<ArenaHeader> { unsafe base.assumingMemoryBound(to: ArenaHeader.self) }

    /// One more than the largest route number in use.
    @inlinable public var routeIDLimit: Int { unsafe Int(header.pointee.routeLimit) }
    /// One more than the largest endpoint number in use.
    @inlinable public var endpointIDLimit: Int { unsafe Int(header.pointee.endpointLimit) }

    /// Whether this table has the route.
    @inlinable public func contains(_ id: RouteID) -> Bool {
        guard id.index < routeIDLimit else { return false }
        return unsafe record(id).pointee.id == id
    }

    /// The route, which this table must have; ids come from its own answers.
    @inlinable public func route(_ id: RouteID) -> Route {
        precondition(contains(id), "a route of another table")
        return unsafe record(id).pointee
    }

    @inlinable func record(_ id: RouteID) -> UnsafePointer<Route> {
        unsafe (base + header.pointee.routes).assumingMemoryBound(to: Route.self) + id.index
    }

    /// The endpoints of a route, in the order of its rule.
    @inlinable public func endpoints(of route: Route) -> EndpointList {
        let pools = unsafe (base + header.pointee.pools).assumingMemoryBound(to: EndpointID.self)
        return unsafe EndpointList(start: pools + Int(route.endpointsStart), count: Int(route.endpointsCount))
    }

    /// The options of a route that has some. Inlined, so that who wants one of them reads no other.
    @inlinable @inline(__always)
    public func options(of route: Route) -> RouteOptions {
        precondition(route.hasOptions, "a route without options")
        let all = unsafe (base + header.pointee.options).assumingMemoryBound(to: RouteOptions.self)
        return unsafe all[Int(route.options)]
    }

    /// Whether requests of some route are held while no endpoint is ready.
    public var isHolding: Bool { unsafe header.pointee.holdingCount > 0 }

    /// The pool of a route that has a plan. Inlined, so that who wants one thing of it reads no other.
    @inlinable @inline(__always)
    public func pool(of route: Route) -> RoutePool {
        precondition(route.hasPlan, "a route without a plan")
        let all = unsafe (base + header.pointee.balanced).assumingMemoryBound(to: RoutePool.self)
        return unsafe all[Int(route.pool)]
    }

    /// What a ``Pool`` of a route with a plan reads.
    @_lifetime(borrow self)
    @inlinable @inline(__always)
    public func plan(of route: Route) -> Span<UInt32> {
        let pool = pool(of: route)
        let start = unsafe (base + header.pointee.plans).assumingMemoryBound(to: UInt32.self) + Int(pool.planStart)
        let span = unsafe Span(_unsafeStart: start, count: Int(pool.planCount))
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Whether the endpoint is in a pool of this table.
    @inlinable public func contains(_ id: EndpointID) -> Bool {
        guard id.index < endpointIDLimit else { return false }
        let words = unsafe (base + header.pointee.presence).assumingMemoryBound(to: UInt64.self)
        return unsafe words[id.index &>> 6] &>> UInt64(id.number & 63) & 1 != 0
    }

    /// Where the endpoint listens. It must be one of this table.
    @inlinable public func endpoint(_ id: EndpointID) -> EndpointAddress {
        precondition(contains(id), "an endpoint of another table")
        return unsafe record(id).pointee.address
    }

    @inlinable func record(_ id: EndpointID) -> UnsafePointer<EndpointRecord> {
        unsafe (base + header.pointee.endpoints).assumingMemoryBound(to: EndpointRecord.self) + id.index
    }

    /// The rule's name, escaped for a JSON string (RFC 8259 §7), without quotes.
    @_lifetime(borrow self)
    @inlinable public func name(of route: Route) -> Span<UInt8> {
        text(at: Int(route.nameStart), count: Int(route.nameCount))
    }

    /// Why nothing serves the rule, escaped like the name; empty when it does not say.
    @_lifetime(borrow self)
    @inlinable public func note(of route: Route) -> Span<UInt8> {
        text(at: Int(route.noteStart), count: Int(route.noteCount))
    }

    /// `IPv4:port` or `[IPv6]:port`. The endpoint must be one of this table.
    @_lifetime(borrow self)
    @inlinable public func text(of id: EndpointID) -> Span<UInt8> {
        precondition(contains(id), "an endpoint of another table")
        let place = unsafe UnsafeRawPointer(record(id)) + MemoryLayout<EndpointRecord>.offset(of: \.text)!
        let span = unsafe Span(
            _unsafeStart: place.assumingMemoryBound(to: UInt8.self), count: Int(record(id).pointee.textCount))
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    @_lifetime(borrow self)
    @inlinable func text(at start: Int, count: Int) -> Span<UInt8> {
        let place = unsafe (base + header.pointee.text + start).assumingMemoryBound(to: UInt8.self)
        let span = unsafe Span(_unsafeStart: place, count: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }
}

/// The endpoints of one route; trivial, valid as long as the view it came from.
@safe
public struct EndpointList: @unchecked Sendable, BitwiseCopyable {
    @usableFromInline let start: UnsafePointer<EndpointID>
    public let count: Int

    @inlinable init(start: UnsafePointer<EndpointID>, count: Int) {
        unsafe self.start = start
        self.count = count
    }

    @inlinable public var isEmpty: Bool { count == 0 }

    @inlinable public subscript(index: Int) -> EndpointID {
        precondition(index >= 0 && index < count, "no such endpoint in the pool")
        return unsafe start[index]
    }
}

// What matching reads; inside this module only.
extension RouteView {
    var hashing: Hashing { unsafe header.pointee.hashing }
    var suffixes: LabelCounts { unsafe header.pointee.suffixes }
    var defaultHost: UInt32 { unsafe header.pointee.defaultHost }

    func host(_ index: UInt32) -> HostRecord { unsafe read(header.pointee.hosts, index) }
    func pathRecord(_ index: UInt32) -> PathRecord { unsafe read(header.pointee.paths, index) }
    func binding(_ index: UInt32) -> Binding { unsafe read(header.pointee.bindings, index) }
    func farListener(_ index: UInt32) -> UInt32 { unsafe read(header.pointee.farListeners, index) }

    func terms(_ index: UInt32) -> EndpointTerms { unsafe read(header.pointee.terms, index) }
    func held(_ index: UInt32) -> RouteHolding { unsafe read(header.pointee.holdings, index) }
    func boundary(_ index: UInt32) -> AddressBoundary { unsafe read(header.pointee.boundaries, index) }
    func fieldChange(_ index: UInt32) -> FieldChange { unsafe read(header.pointee.changes, index) }

    func run(at start: UInt32, count: Int) -> ByteRun {
        unsafe ByteRun(
            start: (base + header.pointee.text + Int(start)).assumingMemoryBound(to: UInt8.self), count: count)
    }

    /// The record of a host by its hash, or ``nobody``. `name` has zeros behind it.
    @inline(__always)
    func find(host name: ByteRun, kind: HostRecord.Kind, hash: UInt64) -> UInt32 {
        var place = unsafe hash & header.pointee.hostMask
        let tag = UInt32(truncatingIfNeeded: hash &>> 32)
        while true {
            let slot: Slot = unsafe read(header.pointee.hostSlots, UInt32(truncatingIfNeeded: place))
            if slot.index == nobody { return nobody }
            if slot.tag == tag {
                let record = host(slot.index)
                if record.kind == kind, run(at: record.text, count: Int(record.count)).equals(padded: name) {
                    return slot.index
                }
            }
            place = unsafe (place &+ 1) & header.pointee.hostMask
        }
    }

    /// The record of a path of a host by its hash, or ``nobody``.
    @inline(__always)
    func find(path prefix: ByteRun, of host: UInt32, hash: UInt64) -> UInt32 {
        var place = unsafe hash & header.pointee.pathMask
        let tag = UInt32(truncatingIfNeeded: hash &>> 32)
        while true {
            let slot: Slot = unsafe read(header.pointee.pathSlots, UInt32(truncatingIfNeeded: place))
            if slot.index == nobody { return nobody }
            if slot.tag == tag {
                let record = pathRecord(slot.index)
                if record.host == host, run(at: record.text, count: Int(record.count)).equals(prefix) {
                    return slot.index
                }
            }
            place = unsafe (place &+ 1) & header.pointee.pathMask
        }
    }

    @inline(__always)
    func read<Record: BitwiseCopyable>(_ section: Int, _ index: UInt32) -> Record {
        unsafe (base + section).load(
            fromByteOffset: Int(index) &* MemoryLayout<Record>.stride, as: Record.self)
    }
}
