extension RouteView {
    /// Which route serves a request. Constant time in the number of rules; allocates nothing, traps on nothing.
    ///
    /// The exact host comes before the longest `*.suffix`, that before `*`; within a host the longest path. A host
    /// none of whose rules serves the path on this listener is passed over for the next.
    ///
    /// - Parameters:
    ///   - host: the effective authority as received, with or without port, in any case; empty when there is none.
    ///   - path: the target's path as received, without the query. Empty, and `*` (`OPTIONS *`), stand for the root.
    ///   - listener: the index the compiler gave for the listener's name.
    ///   - secure: whether the request came over TLS.
    public func match(host: Span<UInt8>, path: Span<UInt8>, listener: Int, secure: Bool) -> RouteMatch {
        var silent = Unwatched()
        return match(host: host, path: path, listener: listener, secure: secure, watched: &silent)
    }

    @inline(__always)
    func match<Watch: MatchWatch>(
        host: Span<UInt8>, path: Span<UInt8>, listener: Int, secure: Bool, watched watch: inout Watch
    ) -> RouteMatch {
        host.withRun { authority in
            path.withRun { raw in
                if isPlain(path: raw) {
                    return match(authority, raw, listener: listener, secure: secure, watched: &watch)
                }
                if raw.count == 0 || raw.count == 1 && raw[0] == UInt8(ascii: "*") {
                    return match(authority, raw.first(0), listener: listener, secure: secure, watched: &watch)
                }
                return matchResolved(authority, raw, listener: listener, secure: secure, watched: &watch)
            }
        }
    }

    @inline(never)
    private func matchResolved<Watch: MatchWatch>(
        _ authority: ByteRun, _ raw: ByteRun, listener: Int, secure: Bool, watched watch: inout Watch
    ) -> RouteMatch {
        withRoom(PathLimits.ruleBytes) { room in
            guard let count = resolve(path: raw, into: room) else { return .badPath }
            return match(authority, room.first(count), listener: listener, secure: secure, watched: &watch)
        }
    }

    private func match<Watch: MatchWatch>(
        _ authority: ByteRun, _ path: ByteRun, listener: Int, secure: Bool, watched watch: inout Watch
    ) -> RouteMatch {
        withRoom(HostLimits.room) { room in
            switch readHost(authority, into: room, hashing: hashing) {
            case .name(let name, let hash):
                watch.reads(host: name, path: path)
                return match(
                    name, hash: hash, path, asked: Asked(listener: listener, secure: secure), watched: &watch)
            case .absent:
                watch.reads(host: room.first(0), path: path)
                return matchDefault(path, asked: Asked(listener: listener, secure: secure), watched: &watch)
            case .tooLong: return .none
            case .malformed: return .badHost
            }
        }
    }

    @inline(__always)
    private func match<Watch: MatchWatch>(
        _ name: ByteRun, hash: UInt64, _ path: ByteRun, asked: Asked, watched watch: inout Watch
    ) -> RouteMatch {
        let exact = find(host: name, kind: .exact, hash: hash)
        var found = RouteMatch.none
        if exact != nobody {
            found = match(path, of: exact, asked: asked, watched: &watch)
            if found != .none && !Watch.readsOn { return found }
        }
        // The name of some rule is a good one; any other has to show that it is.
        guard let labels = labelCount(of: name) else { return .badHost }
        if !suffixes.isEmpty {
            let wild = matchSuffixes(of: name, labels: labels, path, asked: asked, watched: &watch)
            if found == .none { found = wild }
            if found != .none && !Watch.readsOn { return found }
        }
        let last = matchDefault(path, asked: asked, watched: &watch)
        return found == .none ? last : found
    }

    /// The longest suffix first.
    @inline(never)
    private func matchSuffixes<Watch: MatchWatch>(
        of name: ByteRun, labels: Int, _ path: ByteRun, asked: Asked, watched watch: inout Watch
    ) -> RouteMatch {
        let (hashing, suffixes) = (hashing, suffixes)
        var found = RouteMatch.none
        var left = labels
        var offset = 0
        while offset < name.count {
            var dots = name.wholeWord(at: offset).places(of: UInt8(ascii: "."))
            while dots != 0 {
                let start = offset &+ (dots.trailingZeroBitCount &>> 3) &+ 1
                dots &= dots &- 1
                left &-= 1
                guard suffixes.contains(left) else { continue }
                let suffix = name.dropping(start)
                let host = find(host: suffix, kind: .suffix, hash: hashing.hash(padded: suffix, from: hashing.suffix))
                guard host != nobody else { continue }
                let match = match(path, of: host, asked: asked, watched: &watch)
                if found == .none { found = match }
                if found != .none && !Watch.readsOn { return found }
            }
            offset &+= 8
        }
        return found
    }

    private func matchDefault<Watch: MatchWatch>(
        _ path: ByteRun, asked: Asked, watched watch: inout Watch
    ) -> RouteMatch {
        let host = defaultHost
        return host == nobody ? .none : match(path, of: host, asked: asked, watched: &watch)
    }

    /// The longest bound path of a host that serves what is asked.
    @inline(__always)
    private func match<Watch: MatchWatch>(
        _ path: ByteRun, of hostIndex: UInt32, asked: Asked, watched watch: inout Watch
    ) -> RouteMatch {
        let record = host(hostIndex)
        var found = RouteMatch.none
        watch.enters(host: record, in: self)
        if record.root != nobody {
            watch.enters(path: path.first(0))
            found = judge(chain: record.root, asked: asked, watched: &watch)
        }
        if record.depths != 0 {
            let deeper = matchSegments(of: path, host: hostIndex, record, asked: asked, watched: &watch)
            if deeper != .none { found = deeper }
        }
        return found
    }

    /// Walks the path's segment ends, a word at a time, and looks up each prefix that has as many segments as some
    /// bound path.
    @inline(never)
    private func matchSegments<Watch: MatchWatch>(
        of path: ByteRun, host: UInt32, _ record: HostRecord, asked: Asked, watched watch: inout Watch
    ) -> RouteMatch {
        let hashing = hashing
        var found = RouteMatch.none
        var state = hashing.path
        var depth = 0
        var offset = 0
        while offset <= path.count, offset <= Int(record.pathLimit) {
            let word = offset < path.count ? path.word(at: offset) : 0
            var ends = word.places(of: UInt8(ascii: "/"))
            // The end of the path ends a segment too, unless a slash did.
            let left = path.count &- offset
            if left < 8, path.count > 0, path[path.count &- 1] != UInt8(ascii: "/") {
                ends |= 0x80 &<< UInt64(truncatingIfNeeded: left &* 8)
            }
            while ends != 0 {
                let inside = ends.trailingZeroBitCount &>> 3
                ends &= ends &- 1
                let count = offset &+ inside
                guard count > 0 else { continue }
                depth &+= 1
                guard record.depths &>> UInt64(truncatingIfNeeded: min(depth, 63)) & 1 != 0 else { continue }
                let hash = hashing.finish(path: state, rest: word.keeping(inside), count: count, host: host)
                let prefix = path.first(count)
                let place = find(path: prefix, of: host, hash: hash)
                guard place != nobody else { continue }
                watch.enters(path: prefix)
                let match = judge(chain: pathRecord(place).first, asked: asked, watched: &watch)
                if match != .none { found = match }
            }
            state = hashing.fold(state, word)
            offset &+= 8
        }
        return found
    }

    /// The first rule of a place that serves what is asked; failing that, the first that redirects it.
    @inline(__always)
    private func judge<Watch: MatchWatch>(chain: UInt32, asked: Asked, watched watch: inout Watch) -> RouteMatch {
        var index = chain
        var found = RouteMatch.none
        repeat {
            let binding = binding(index)
            let verdict = judge(binding, asked: asked)
            watch.judges(RouteID(number: binding.route), verdict)
            switch verdict {
            case .serves:
                guard Watch.readsOn else { return .route(RouteID(number: binding.route)) }
                if case .route = found {} else { found = .route(RouteID(number: binding.route)) }
            case .redirects: if found == .none { found = .redirectToTLS(RouteID(number: binding.route)) }
            case .servesPlainOnly, .servesSecureOnly, .servesOtherListeners, .passesConnections: break
            }
            index = binding.next
        } while index != nobody
        return found
    }

    @inline(__always)
    private func judge(_ binding: Binding, asked: Asked) -> Verdict {
        guard binding.flags.contains(.everywhere) || isBound(binding, to: asked.listener) else {
            return .servesOtherListeners
        }
        if asked.secure, binding.flags.contains(.servesSecure) { return .serves }
        if !asked.secure, binding.flags.contains(.servesPlain) { return .serves }
        if binding.flags.contains(.tunnels) { return .passesConnections }
        if asked.secure { return .servesPlainOnly }
        return binding.flags.contains(.redirectsPlain) ? .redirects : .servesSecureOnly
    }

    @inline(__always)
    func isBound(_ binding: Binding, to listener: Int) -> Bool {
        if listener >= 0 && listener < 64 {
            return binding.listeners &>> UInt64(truncatingIfNeeded: listener) & 1 != 0
        }
        for place in 0..<UInt32(binding.farCount)
        where farListener(binding.farStart &+ place) == UInt32(truncatingIfNeeded: listener) { return true }
        return false
    }
}

/// How a request came.
private struct Asked: BitwiseCopyable {
    var listener: Int
    var secure: Bool
}

/// What one rule at a place the request meets says to it.
enum Verdict: BitwiseCopyable {
    case serves, redirects, servesPlainOnly, servesSecureOnly, servesOtherListeners
    /// It is of kind `tcp`.
    case passesConnections
}

/// Is told the steps of a match; for explanations.
protocol MatchWatch {
    /// Whether to go on after the answer is known, to see what lost.
    static var readsOn: Bool { get }
    mutating func reads(host: ByteRun, path: ByteRun)
    mutating func enters(host: HostRecord, in view: RouteView)
    mutating func enters(path: ByteRun)
    mutating func judges(_ route: RouteID, _ verdict: Verdict)
}

/// On the path of a request nobody watches, and the compiler leaves no trace of it.
private struct Unwatched: MatchWatch {
    /// ThreadSanitizer is told of accesses to whatever address an empty value has, and stops there.
    private var place: UInt8 = 0

    static var readsOn: Bool { false }
    @inline(__always) func reads(host: ByteRun, path: ByteRun) {}
    @inline(__always) func enters(host: HostRecord, in view: RouteView) {}
    @inline(__always) func enters(path: ByteRun) {}
    @inline(__always) func judges(_ route: RouteID, _ verdict: Verdict) {}
}
