import Contract

/// SplitMix64: the same numbers for the same seed, whatever the toolchain.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word &>> 31)
    }
}

extension Snapshot {
    /// Any snapshot: names are few, so that two of them have much in common.
    static func random(revision: UInt64, epoch: String = "e", using random: inout Seeded) -> Snapshot {
        func names(_ prefix: String) -> [String] {
            (0..<12).filter { _ in Bool.random(using: &random) }.map { "\(prefix)\($0)" }.shuffled(using: &random)
        }
        var settings = Settings()
        settings.timeouts.head = Int.random(in: 1...3, using: &random)
        settings.accessLog.output = ["stdout", "off"].randomElement(using: &random)!
        settings.accessLog.format = AccessLog.Format.allCases.randomElement(using: &random)!
        settings.accessLog.rotateAt = Int.random(in: 0...2, using: &random)
        settings.accessLog.keep = Int.random(in: 1...2, using: &random)
        settings.accessLog.sample = Int.random(in: 1...2, using: &random)
        settings.trustedProxies = [[], ["10.0.0.0/8", "::1"]].randomElement(using: &random)!
        settings.headers.underscores = HeaderSettings.Underscores.allCases.randomElement(using: &random)!
        return Snapshot(
            revision: revision, epoch: epoch, settings: settings,
            listeners: names("l").map {
                Listener(
                    name: $0, address: "0.0.0.0:\(Int.random(in: 1...2, using: &random))",
                    wireProtocol: Listener.WireProtocol.allCases.randomElement(using: &random)!,
                    proxyProtocol: Listener.ProxyProtocol.allCases.randomElement(using: &random)!,
                    connections: Bool.random(using: &random) ? nil : 5,
                    connectionsPerAddress: Bool.random(using: &random) ? nil : 0)
            },
            certificates: names("c").map {
                Certificate(name: $0, chain: "chain \(Int.random(in: 1...2, using: &random))", key: "key")
            },
            rules: names("r").map {
                Rule(
                    name: $0, kind: Rule.Kind.allCases.randomElement(using: &random)!,
                    listeners: Bool.random(using: &random) ? [] : ["l1"],
                    hosts: ["h\(Int.random(in: 1...2, using: &random)).test", "bücher \"\\\n\u{1F433}"],
                    path: Bool.random(using: &random) ? "/" : "/api",
                    tls: [.any, .off, .required].randomElement(using: &random)!,
                    certificate: Bool.random(using: &random) ? nil : "c1",
                    endpoints: (0..<Int.random(in: 0...2, using: &random)).map {
                        Endpoint(address: "10.0.0.\($0):80", name: "web")
                    },
                    note: Bool.random(using: &random) ? nil : "stopped",
                    transport: Bool.random(using: &random) ? nil : .random(using: &random))
            })
    }

    /// Equal for snapshots that mean the same.
    var ordered: Snapshot {
        var ordered = self
        ordered.rules.sort { $0.name < $1.name }
        ordered.certificates.sort { $0.name < $1.name }
        return ordered
    }
}

extension TransportOptions {
    static func random(using random: inout Seeded) -> TransportOptions {
        var options = TransportOptions()
        options.protocols = [[], ["postgresql", "h2"]].randomElement(using: &random)!
        options.prefaces = Preface.allCases.filter { _ in Bool.random(using: &random) }
        options.proxyProtocol = SentProxyProtocol.allCases.randomElement(using: &random)!
        if Bool.random(using: &random) {
            var tls = UpstreamTLS()
            tls.serverName = Bool.random(using: &random) ? nil : "db.test"
            tls.verify = Bool.random(using: &random)
            tls.authorities = Bool.random(using: &random) ? nil : "PEM"
            options.upstreamTLS = tls
        }
        if Bool.random(using: &random) {
            var sessions = SessionOptions()
            sessions.idle = Int.random(in: 100...200, using: &random)
            sessions.replies = Int.random(in: 0...2, using: &random)
            sessions.orphans = SessionOptions.Orphans.allCases.randomElement(using: &random)!
            options.sessions = sessions
        }
        return options
    }
}
