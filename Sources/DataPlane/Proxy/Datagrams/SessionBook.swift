import Engine
import Kernel

/// Sessions, found by who sends to whom, and in line by route while their clients were not seen to answer. One thread
/// only; it knows no socket and no clock.
///
/// The table has open addressing with linear probing, and its hash a secret: nobody outside can choose where a session
/// stands. It doubles when it is three quarters full, and is halved when it is an eighth.
struct SessionBook: ~Copyable {
    /// A place of the table; `session` is nobody in a vacant one.
    private struct Place: BitwiseCopyable {
        var tag: UInt32
        var session: UInt32
    }

    /// What there is of one route.
    private struct Line: BitwiseCopyable {
        var count: UInt32 = 0
        /// Of those whose clients were not seen to answer.
        var first = Session.nobody
        var last = Session.nobody
    }

    static let leastPlaces = 256
    /// So many of a line are looked at for one that may go.
    static let lookLimit = 8

    var sessions: Slab<Session>
    private let hash: SessionHash
    private var places: [Place]
    private var mask: Int
    private var lines: [Line] = []

    init(capacity: Int, secret: (UInt64, UInt64)) {
        sessions = Slab(capacity: capacity)
        hash = SessionHash(secret: secret)
        places = Array(repeating: Place(tag: 0, session: Session.nobody), count: Self.leastPlaces)
        mask = Self.leastPlaces - 1
    }

    var count: Int { sessions.count }
    var isEmpty: Bool { sessions.count == 0 }
    /// Bytes of the table.
    var tableBytes: Int { places.count * MemoryLayout<Place>.stride }

    func tag(of key: SessionKey) -> UInt32 { hash.tag(of: key) }

    /// The session, or nobody.
    func find(_ key: SessionKey, tag: UInt32) -> UInt32 {
        var at = Int(tag) & mask
        while true {
            let place = places[at]
            if place.session == Session.nobody { return Session.nobody }
            if place.tag == tag, sessions[place.session].key == key { return place.session }
            at = (at &+ 1) & mask
        }
    }

    /// Takes a session in, at the end of its route's line. There must be none with its key. `nil`: there is no place.
    mutating func admit(_ session: Session) -> UInt32? {
        if (count &+ 1) &* 4 > places.count &* 3 { resize(to: places.count &* 2) }
        guard let token = sessions.admit(session) else { return nil }
        put(Place(tag: session.tag, session: token.index))
        enter(token.index, session.route)
        return token.index
    }

    /// Lets a session go. Its place among the sessions is another's after ``reclaim()``.
    mutating func retire(_ index: UInt32) {
        leave(index)
        remove(index)
        sessions.retire(index)
        if places.count > Self.leastPlaces, count &* 8 < places.count { resize(to: places.count / 2) }
    }

    mutating func reclaim() { sessions.reclaim() }

    // MARK: Lines

    /// Sessions of a route.
    func count(of route: UInt32) -> Int { Int(route) < lines.count ? Int(lines[Int(route)].count) : 0 }

    /// The session's client was seen to answer: it keeps its place whoever comes.
    mutating func trust(_ index: UInt32) {
        guard sessions[index].isInLine else { return }
        unlink(index)
    }

    /// The session is another route's from now on, or nobody's.
    mutating func move(_ index: UInt32, to route: UInt32) {
        let wasInLine = sessions[index].isInLine
        leave(index)
        sessions[index].route = route
        enter(index, route)
        if !wasInLine { trust(index) }
    }

    /// The session of a route that has to go first: the oldest without a datagram since `time` whose client was not
    /// seen to answer. Those that are still spoken to go to the end of the line.
    mutating func oldestStranger(of route: UInt32, silentSince time: UInt64) -> UInt32? {
        guard Int(route) < lines.count else { return nil }
        for _ in 0..<Self.lookLimit {
            let first = lines[Int(route)].first
            guard first != Session.nobody else { return nil }
            if sessions[first].moved <= time { return first }
            unlink(first)
            link(first)
        }
        return nil
    }

    private mutating func enter(_ index: UInt32, _ route: UInt32) {
        guard route != Session.nobody else { return }
        while lines.count <= Int(route) { lines.append(Line()) }
        lines[Int(route)].count &+= 1
        link(index)
    }

    private mutating func leave(_ index: UInt32) {
        let route = sessions[index].route
        guard route != Session.nobody else { return }
        if sessions[index].isInLine { unlink(index) }
        lines[Int(route)].count &-= 1
    }

    private mutating func link(_ index: UInt32) {
        let route = Int(sessions[index].route)
        let last = lines[route].last
        sessions[index].isInLine = true
        sessions[index].previous = last
        sessions[index].next = Session.nobody
        if last == Session.nobody { lines[route].first = index } else { sessions[last].next = index }
        lines[route].last = index
    }

    private mutating func unlink(_ index: UInt32) {
        let route = Int(sessions[index].route)
        let (previous, next) = (sessions[index].previous, sessions[index].next)
        if previous == Session.nobody { lines[route].first = next } else { sessions[previous].next = next }
        if next == Session.nobody { lines[route].last = previous } else { sessions[next].previous = previous }
        sessions[index].isInLine = false
    }

    // MARK: The table

    private mutating func put(_ entry: Place) {
        var at = Int(entry.tag) & mask
        while places[at].session != Session.nobody { at = (at &+ 1) & mask }
        places[at] = entry
    }

    /// Takes the session's place away, and closes the gap behind it: whatever would no longer be found moves up.
    private mutating func remove(_ index: UInt32) {
        var gap = Int(sessions[index].tag) & mask
        while places[gap].session != index {
            precondition(places[gap].session != Session.nobody, "a session that is not in the table")
            gap = (gap &+ 1) & mask
        }
        var at = gap
        while true {
            at = (at &+ 1) & mask
            let place = places[at]
            guard place.session != Session.nobody else { break }
            // How far it stands from where it wants to be, and how far the gap is from it.
            let home = Int(place.tag) & mask
            guard (at &- home) & mask >= (at &- gap) & mask else { continue }
            places[gap] = place
            gap = at
        }
        places[gap].session = Session.nobody
    }

    private mutating func resize(to count: Int) {
        let old = places
        places = Array(repeating: Place(tag: 0, session: Session.nobody), count: count)
        mask = count &- 1
        for place in old where place.session != Session.nobody { put(place) }
    }
}

/// SipHash-1-3 (Aumasson, Bernstein 2012) of a session's key under a secret.
struct SessionHash {
    private let start: (UInt64, UInt64, UInt64, UInt64)

    init(secret: (UInt64, UInt64)) {
        start = (
            secret.0 ^ 0x736f_6d65_7073_6575, secret.1 ^ 0x646f_7261_6e64_6f6d, secret.0 ^ 0x6c79_6765_6e65_7261,
            secret.1 ^ 0x7465_6462_7974_6573
        )
    }

    @inline(__always)
    func tag(of key: SessionKey) -> UInt32 {
        var state = State(v0: start.0, v1: start.1, v2: start.2, v3: start.3)
        let isProxied = key.client != key.peer
        // Says which words follow.
        let shape =
            UInt64(key.peer.family.rawValue) | UInt64(key.client.family.rawValue) &<< 4
            | UInt64(key.local?.family.rawValue ?? 0) &<< 8 | (isProxied ? 1 &<< 12 : 0)
        state.take(UInt64(key.listener) | UInt64(key.peer.port) &<< 16 | UInt64(key.client.port) &<< 32 | shape &<< 48)
        state.take(key.peer)
        if isProxied { state.take(key.client) }
        if let local = key.local { state.take(local) }
        return state.finish()
    }

    private struct State {
        var v0, v1, v2, v3: UInt64

        @inline(__always)
        mutating func take(_ address: SocketAddress) {
            switch address.family {
            case .ipv4: take(UInt64(address.ipv4))
            case .ipv6:
                take(address.ipv6.high)
                take(address.ipv6.low)
            }
        }

        @inline(__always)
        mutating func take(_ word: UInt64) {
            v3 ^= word
            round()
            v0 ^= word
        }

        @inline(__always)
        mutating func finish() -> UInt32 {
            v2 ^= 0xff
            round()
            round()
            round()
            let sum = v0 ^ v1 ^ v2 ^ v3
            return UInt32(truncatingIfNeeded: sum ^ sum &>> 32)
        }

        @inline(__always)
        private mutating func round() {
            v0 &+= v1
            v1 = v1 &<< 13 | v1 &>> 51
            v1 ^= v0
            v0 = v0 &<< 32 | v0 &>> 32
            v2 &+= v3
            v3 = v3 &<< 16 | v3 &>> 48
            v3 ^= v2
            v0 &+= v3
            v3 = v3 &<< 21 | v3 &>> 43
            v3 ^= v0
            v2 &+= v1
            v1 = v1 &<< 17 | v1 &>> 47
            v1 ^= v2
            v2 = v2 &<< 32 | v2 &>> 32
        }
    }
}
