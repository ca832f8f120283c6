import Contract
import Kernel
import Passwords
import Telemetry
import TestKit
import Testing

@testable import Proxy

/// One rule for `site.test` with these endpoints.
func balanced(_ endpoints: [Endpoint], _ change: (inout PoolOptions) -> Void = { _ in }) -> [Rule] {
    var pool = PoolOptions()
    change(&pool)
    return [Rule(name: "site", hosts: ["site.test"], endpoints: endpoints, pool: pool)]
}

func sayings(_ count: Int) throws -> [ScriptedUpstream] {
    try (0..<count).map { try ScriptedUpstream.saying("\($0)") }
}

extension ScriptedUpstream {
    func endpoint(weight: Int = 1, tier: Int = 0) -> Endpoint {
        Endpoint(address: address.description, weight: weight, tier: tier)
    }
}

extension TestProxy {
    /// How often each text was the answer.
    func counts(_ count: Int, _ path: String = "/", _ fields: String = "") throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for _ in 0..<count { counts[try get(path, fields).text, default: 0] += 1 }
        return counts
    }

    func get(_ path: String, _ fields: String) throws -> Message {
        try get(path, host: "site.test", fields)
    }
}

@Suite("Pools that are balanced by a plan", .timeLimit(.minutes(5)))
struct PoolTests {
    @Test("weights are parts of what comes, also without a word about the pool", arguments: [true, false])
    func weights(_ saysPool: Bool) throws {
        let upstreams = try sayings(3)
        var rules = balanced([
            upstreams[0].endpoint(weight: 5), upstreams[1].endpoint(weight: 3), upstreams[2].endpoint(weight: 0),
        ])
        if !saysPool { rules[0].pool = nil }
        try proxying(rules) { proxy throws in
            let counts = try proxy.counts(80)
            #expect(abs((counts["0"] ?? 0) - 50) <= 2 && abs((counts["1"] ?? 0) - 30) <= 2 && counts["2"] == nil)
        }
    }

    @Test("every policy serves, and each endpoint gets its part", arguments: PoolOptions.Policy.allCases)
    func policies(_ policy: PoolOptions.Policy) throws {
        let upstreams = try sayings(3)
        let rules = balanced(upstreams.map(\.endpoint)) { pool in
            pool.policy = policy
            pool.hashBy = .path
        }
        try proxying(rules) { proxy throws in
            var counts: [String: Int] = [:]
            for number in 0..<60 { counts[try proxy.get("/\(number)").text, default: 0] += 1 }
            #expect(counts.values.reduce(0, +) == 60)
            // One after the other, nothing is ever in flight: the quickest gets the most, whoever that is.
            guard policy != .leastTime else { return }
            #expect(counts.count == 3 && counts.values.allSatisfy { $0 >= 5 }, "\(counts)")
        }
    }

    @Test(
        "least connections keeps away from an endpoint that does not answer",
        arguments: [
            PoolOptions.Policy.leastConnections, .leastTime,
        ])
    func slow(_ policy: PoolOptions.Policy) throws {
        let gate = try Signal()
        let slow = try ScriptedUpstream { peer, _ in
            while try peer.request() != nil {
                _ = gate.wait(Peer.patience)
                try peer.send(ok("slow"))
            }
        }
        let fast = try ScriptedUpstream.saying("fast")
        try proxying(balanced([slow.endpoint, fast.endpoint]) { $0.policy = policy }) { proxy throws in
            // Until the slow one has one in flight.
            var waiting: Peer?
            for _ in 0..<50 where waiting == nil {
                let client = try proxy.client()
                let before = fast.requests.count
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                try waitUntil("somebody has it") { slow.openCount == 1 || fast.requests.count > before }
                if slow.openCount == 1 { waiting = client } else { _ = try client.response() }
            }
            #expect(waiting != nil)
            #expect(try proxy.counts(20) == ["fast": 20])
            gate.give()
            #expect(try waiting?.response().text == "slow")
        }
    }

    @Test(
        "a hash keeps a key with its endpoint, also when a revision adds and removes others",
        arguments: [
            "header:x-user", "cookie:user",
        ])
    func hash(_ key: String) throws {
        let upstreams = try sayings(4)
        func rules(_ count: Int) throws -> [Rule] {
            let hashBy = try HashKey(key)
            return balanced(upstreams.prefix(count).map(\.endpoint)) { pool in
                pool.policy = .hash
                pool.hashBy = hashBy
            }
        }
        func field(_ user: Int) -> String {
            key.hasPrefix("header") ? "X-User: u\(user)\r\n" : "Cookie: a=b; user=u\(user); user=no\r\n"
        }
        try proxying(rules(3)) { proxy throws in
            func texts() throws -> [String] { try (0..<40).map { try proxy.get("/", field($0)).text } }
            let before = try texts()
            #expect(Set(before).count == 3)
            #expect(try texts() == before)
            proxy.adopt(try rules(4))
            let after = try texts()
            // Who moved, moved to the new one.
            #expect(zip(before, after).allSatisfy { $0 == $1 || $1 == "3" })
            proxy.adopt(try rules(3))
            #expect(try texts() == before)
        }
    }

    @Test("a sticky cookie is given once, kept, and given anew when its endpoint is gone")
    func sticky() throws {
        let upstreams = try sayings(3)
        let endpoints = upstreams.map(\.endpoint)
        try proxying(balanced(endpoints) { $0.sticky = "route" }) { proxy throws in
            let first = try proxy.get()
            let given = try #require(first.all("set-cookie").first)
            #expect(given.hasSuffix("; Path=/; HttpOnly; SameSite=Lax"))
            let cookie = String(given.prefix { $0 != ";" })
            #expect(cookie.hasPrefix("route=") && cookie.utf8.count == 6 + StickyCookie.count)
            for _ in 0..<10 {
                let next = try proxy.get("/", "Cookie: x=y; \(cookie)\r\n")
                #expect(next.text == first.text && next.all("set-cookie").isEmpty)
            }
            let before = proxy.tally.breakers.forgedCookies.current
            // Cut anywhere, lengthened, or with any one digit changed, it is none.
            var wrong = (6..<cookie.utf8.count).map { String(cookie.prefix($0)) } + [cookie + "0", cookie.uppercased()]
            for place in 6..<cookie.utf8.count {
                var digits = Array(cookie.utf8)
                digits[place] = digits[place] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
                wrong.append(String(decoding: digits, as: UTF8.self))
            }
            for wrong in wrong where wrong.hasPrefix("route=") {
                #expect(try proxy.get("/", "Cookie: \(wrong)\r\n").all("set-cookie").count == 1)
            }
            #expect(proxy.tally.breakers.forgedCookies.current - before == UInt64(wrong.count - 1))
            proxy.adopt(
                balanced(endpoints.enumerated().filter { "\($0.offset)" != first.text }.map(\.element)) {
                    $0.sticky = "route"
                })
            let moved = try proxy.get("/", "Cookie: \(cookie)\r\n")
            #expect(moved.text != first.text && moved.all("set-cookie").count == 1)
            #expect(proxy.tally.breakers.movedCookies.current == 1)
        }
    }

    @Test("a sticky cookie is good for its rule alone, and in every process that has the key")
    func signed() throws {
        let upstreams = try sayings(3)
        let key = Array(0..<16 as Range<UInt8>)
        func rules(_ name: String, _ host: String) -> [Rule] {
            var rules = balanced(upstreams.map { $0.endpoint() }) { $0.sticky = "route" }
            (rules[0].name, rules[0].hosts) = (name, [host])
            return rules
        }
        var cookie = ""
        var text = ""
        try proxying(rules("a", "a.test") + rules("b", "b.test"), signing: KeyedDigest(secret: key)) { proxy throws in
            let first = try proxy.get(host: "a.test")
            text = first.text
            cookie = String(try #require(first.all("set-cookie").first).prefix { $0 != ";" })
            #expect(try proxy.get(host: "b.test", "Cookie: \(cookie)\r\n").all("set-cookie").count == 1)
            #expect(proxy.tally.breakers.forgedCookies.current == 1)
        }
        try proxying(rules("a", "a.test"), signing: KeyedDigest(secret: key)) { proxy throws in
            let next = try proxy.get(host: "a.test", "Cookie: \(cookie)\r\n")
            #expect(next.text == text && next.all("set-cookie").isEmpty)
        }
        try proxying(rules("a", "a.test")) { proxy throws in
            #expect(try proxy.get(host: "a.test", "Cookie: \(cookie)\r\n").all("set-cookie").count == 1)
        }
    }

    @Test("a second tier serves when nobody of the first does")
    func tiers() throws {
        let primary = try ScriptedUpstream.saying("primary")
        let backup = try ScriptedUpstream.saying("backup")
        try proxying(balanced([backup.endpoint(tier: 1), primary.endpoint()])) { proxy throws in
            #expect(try proxy.counts(10) == ["primary": 10])
            proxy.adopt(
                balanced([backup.endpoint(tier: 1), Endpoint(address: "127.0.0.1:\(try freePort())")]))
            #expect(try proxy.counts(10) == ["backup": 10])
            // It was tried until it was ejected.
            #expect(proxy.tally.upstreamConnectFailures.current == 5)
            #expect(proxy.tally.ejections.current == 1)
        }
    }

    @Test("an endpoint that fails is ejected, across revisions, and comes back")
    func ejection() throws {
        let bad = try ScriptedUpstream.earlyCloser()
        let good = try ScriptedUpstream.saying("good")
        func rules(_ more: Int) -> [Rule] {
            balanced([bad.endpoint, good.endpoint]) { pool in
                var ejection = Ejection()
                (ejection.consecutive, ejection.base, ejection.longest) = (2, 1_000, 2_000)
                pool.ejection = ejection
                pool.panic = more
            }
        }
        try proxying(rules(0)) { proxy throws in
            #expect(try proxy.counts(4) == ["good": 4])
            #expect(proxy.tally.ejections.current == 1)
            let tried = bad.acceptedCount
            #expect(tried == 2)
            proxy.adopt(rules(1))
            #expect(try proxy.counts(6) == ["good": 6])
            #expect(bad.acceptedCount == tried)
            try waitUntil("it is back") { proxy.tally.readmissions.current == 1 }
            #expect(try proxy.counts(2) == ["good": 2])
            #expect(bad.acceptedCount > tried)
        }
    }

    @Test("statuses from 500 eject when the rule says so", arguments: [true, false])
    func serverErrors(_ counts: Bool) throws {
        let bad = try ScriptedUpstream.steady { _ in "HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nbad" }
        let good = try ScriptedUpstream.saying("good")
        let rules = balanced([bad.endpoint, good.endpoint]) { pool in
            pool.ejection = Ejection()
            pool.ejection?.serverErrors = counts
        }
        try proxying(rules) { proxy throws in
            let answers = try proxy.counts(30)
            #expect(answers["bad"] == (counts ? 5 : 15))
            #expect(proxy.tally.ejections.current == (counts ? 1 : 0))
        }
    }

    @Test("the only endpoint is never ejected, and nobody where ejection is off")
    func notEjected() throws {
        let upstreams = try (0..<2).map { _ in try ScriptedUpstream.earlyCloser() }
        try proxying(balanced([upstreams[0].endpoint])) { proxy throws in
            for _ in 0..<10 { #expect(try proxy.get().status == 502) }
            proxy.adopt(balanced(upstreams.map(\.endpoint)) { $0.ejection = .off })
            for _ in 0..<10 { #expect(try proxy.get().status == 502) }
            #expect(proxy.tally.ejections.current == 0)
        }
    }

    @Test("a pool in which nobody has a weight has no endpoint")
    func nobody() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(balanced([upstream.endpoint(weight: 0)])) { proxy throws in
            expect(try proxy.get(), .noEndpoint)
            #expect(proxy.tally.count(of: .noEndpoint) == 1)
        }
    }

    @Test("where a cookie lies in its field")
    func cookies() {
        func value(_ field: String, _ name: String = "a") -> String? {
            let (field, name) = (Array(field.utf8), Array(name.utf8))
            return cookiePlace(name.span, in: field.span).map { String(decoding: field[$0], as: UTF8.self) }
        }
        #expect(value("a=1") == "1")
        #expect(value("b=2;a=1; c=3") == "1")
        #expect(value("a=1; a=2") == "1")
        #expect(value("  a=\"x\" ; b") == "x")
        #expect(value("a=") == "" && value("a=;") == "")
        #expect(value("aa=1; ba=2; A=3") == nil)
        #expect(value("a") == nil && value("") == nil && value(";;") == nil && value("=") == nil)
        #expect(value("a=\"") == "\"")
    }
}
