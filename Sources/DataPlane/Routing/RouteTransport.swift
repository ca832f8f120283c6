/// What a route of kind `tcp` or `udp` does beside passing on what comes; trivial.
public struct RouteTransport: Sendable, BitwiseCopyable {
    public enum SentHeader: UInt8, Sendable, BitwiseCopyable { case none, version1, version2 }

    /// The PROXY protocol header that the upstream gets first.
    public var header = SentHeader.none
    /// TLS is taken off.
    public var terminates = false
    /// TLS goes to the upstream.
    public var originates = false
    public var sessions = SessionTerms()
    /// Application protocols as in a ClientHello: each with its length in front.
    var protocols = TextPlace()

    init() {}
}

/// How the datagrams of one client are kept together; trivial.
public struct SessionTerms: Sendable, BitwiseCopyable {
    public enum Orphans: UInt8, Sendable, BitwiseCopyable { case move, keep, close }

    /// Nanoseconds without a datagram.
    public var idle: UInt64 = 0
    /// Sessions of the route and one worker.
    public var limit: UInt32 = 0
    /// Datagrams that come back until the session ends; 0: it ends by being idle.
    public var replies: UInt32 = 0
    /// Times the bytes that a client sent, until it was seen to answer; 0 is no limit.
    public var amplification: UInt32 = 0
    /// What becomes of sessions whose endpoint has left the route.
    public var orphans = Orphans.move

    init() {}

    /// No end by itself, and no limit.
    public static var standard: SessionTerms { SessionTerms() }
}

/// What a connection begins with, as far as choosing a route goes by it.
public enum TransportPreface: UInt8, Sendable, BitwiseCopyable, CaseIterable { case tls, http, ssh, postgres, other }

/// What a listener has to find out of a connection before it knows what to do with it.
public struct ListenerTraits: OptionSet, Sendable, BitwiseCopyable {
    public let rawValue: UInt8
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Some route goes by the name or the protocols of a ClientHello.
    @inlinable public static var names: ListenerTraits { ListenerTraits(rawValue: 1) }
    /// Some route goes by what a connection begins with.
    @inlinable public static var prefaces: ListenerTraits { ListenerTraits(rawValue: 2) }
    /// Some route takes whatever comes.
    @inlinable public static var anything: ListenerTraits { ListenerTraits(rawValue: 4) }
    /// Some route names the listener and takes requests: without TLS, with it.
    @inlinable public static var plainRequests: ListenerTraits { ListenerTraits(rawValue: 8) }
    @inlinable public static var secureRequests: ListenerTraits { ListenerTraits(rawValue: 16) }

    /// Clients wait to be greeted as a server of MySQL greets.
    @inlinable public static var greets: ListenerTraits { ListenerTraits(rawValue: 32) }

    /// It cannot be told from the listener alone.
    @inlinable public static var looking: ListenerTraits { [.names, .prefaces, .plainRequests, .secureRequests] }
}

/// What a table knows of one listener: traits, and a route for each beginning.
struct ListenerRecord: BitwiseCopyable {
    var traits: ListenerTraits = []
    /// Cells that a rule asked for by name, by bit.
    var named: UInt8 = 0
    /// The route that takes whatever comes, or ``nobody``.
    var fallback = nobody
    /// By ``TransportPreface``.
    var routes: (UInt32, UInt32, UInt32, UInt32, UInt32) = (nobody, nobody, nobody, nobody, nobody)

    subscript(preface: TransportPreface) -> UInt32 {
        get {
            switch preface {
            case .tls: routes.0
            case .http: routes.1
            case .ssh: routes.2
            case .postgres: routes.3
            case .other: routes.4
            }
        }
        set {
            switch preface {
            case .tls: routes.0 = newValue
            case .http: routes.1 = newValue
            case .ssh: routes.2 = newValue
            case .postgres: routes.3 = newValue
            case .other: routes.4 = newValue
            }
        }
    }
}

extension RouteView {
    /// What the rule says of connections or datagrams. Of an http route it means nothing.
    public func transport(of route: Route) -> RouteTransport {
        guard route.transport != nobody else { return RouteTransport() }
        return unsafe read(header.pointee.transportOptions, route.transport)
    }

    /// The application protocols that the route asks for, each with its length in front.
    @_lifetime(borrow self)
    public func protocols(of transport: RouteTransport) -> Span<UInt8> { text(transport.protocols) }

    /// What must be found out of a connection of the listener, and who is there for it.
    public func traits(listener: Int) -> ListenerTraits {
        guard listener >= 0, unsafe listener < Int(header.pointee.listenerCount) else { return [] }
        return listenerRecord(listener).traits
    }

    /// The route of what comes to a listener, of those whose rules name no host.
    public func route(preface: TransportPreface, listener: Int) -> RouteID? {
        guard listener >= 0, unsafe listener < Int(header.pointee.listenerCount) else { return nil }
        let number = listenerRecord(listener)[preface]
        return number == nobody ? nil : RouteID(number: number)
    }

    /// Whether some rule asks for the beginning by name, and is not there for whatever comes.
    public func isNamed(_ preface: TransportPreface, listener: Int) -> Bool {
        guard listener >= 0, unsafe listener < Int(header.pointee.listenerCount) else { return false }
        return listenerRecord(listener).named & 1 << preface.rawValue != 0
    }

    /// The route of a udp listener, and of connections that nothing more is known of.
    public func transportRoute(listener: Int) -> RouteID? { route(preface: .other, listener: listener) }

    private func listenerRecord(_ index: Int) -> ListenerRecord {
        unsafe read(header.pointee.listeners, UInt32(truncatingIfNeeded: index))
    }

    /// The route of kind `tcp` for a TLS connection, of those whose rules go by its ClientHello.
    ///
    /// As with requests the exact name comes before the longest `*.suffix`, that before `*`; of rules with one name
    /// one that asks for a protocol the client offers comes before one that asks for none.
    ///
    /// - Parameters:
    ///   - name: `server_name`, empty when the client sent none.
    ///   - protocols: what the client offers, each with its length in front (RFC 7301 §3.1).
    public func route(name: Span<UInt8>, protocols: Span<UInt8>, listener: Int) -> RouteID? {
        name.withRun { authority in
            protocols.withRun { offers in
                withRoom(HostLimits.room) { room in
                    guard case .name(let name, let hash) = readHost(authority, into: room, hashing: hashing) else {
                        return pick(defaultHost, listener, offers)
                    }
                    return pick(find(host: name, kind: .exact, hash: hash), listener, offers)
                        ?? pickSuffix(of: name, listener, offers) ?? pick(defaultHost, listener, offers)
                }
            }
        }
    }

    private func pickSuffix(of name: ByteRun, _ listener: Int, _ offers: ByteRun) -> RouteID? {
        guard !suffixes.isEmpty, var left = labelCount(of: name) else { return nil }
        for place in 0..<name.count where name[place] == UInt8(ascii: ".") {
            left &-= 1
            guard suffixes.contains(left) else { continue }
            let suffix = name.dropping(place &+ 1)
            let host = find(host: suffix, kind: .suffix, hash: hashing.hash(padded: suffix, from: hashing.suffix))
            if let found = pick(host, listener, offers) { return found }
        }
        return nil
    }

    /// Of the rules of one host on the listener the first that asks for a protocol which is offered, or the first that
    /// asks for none.
    private func pick(_ hostIndex: UInt32, _ listener: Int, _ offers: ByteRun) -> RouteID? {
        guard hostIndex != nobody else { return nil }
        var index = host(hostIndex).root
        var found: RouteID?
        while index != nobody {
            let binding = binding(index)
            index = binding.next
            guard binding.flags.contains(.tunnels), isBound(binding, to: listener) else { continue }
            let id = RouteID(number: binding.route)
            let wanted = transport(of: route(id)).protocols
            if wanted.count == 0 {
                found = found ?? id
            } else if meet(run(at: wanted.start, count: Int(wanted.count)), offers) {
                return id
            }
        }
        return found
    }
}

/// Whether two lists of protocols, each with its length in front, have one in common.
private func meet(_ wanted: ByteRun, _ offered: ByteRun) -> Bool {
    var place = 0
    while place < wanted.count {
        let end = min(place &+ 1 &+ Int(wanted[place]), wanted.count)
        var other = 0
        while other < offered.count {
            let otherEnd = min(other &+ 1 &+ Int(offered[other]), offered.count)
            if wanted.dropping(place).first(end &- place).equals(offered.dropping(other).first(otherEnd &- other)) {
                return true
            }
            other = otherEnd
        }
        place = end
    }
    return false
}
