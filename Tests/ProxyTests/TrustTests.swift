import Bytes
import Contract
import Foundation
import Kernel
import TestKit
import Testing

@testable import Proxy

@Suite("Clients that speak for others", .timeLimit(.minutes(5)))
struct TrustTests {
    private func trusting(_ trusted: String...) -> Settings { quick { $0.trustedProxies = trusted } }

    /// What a trusted client of 127.0.0.1 with these fields makes the upstream see.
    private func forwarded(_ fields: [String], trusted: Settings? = nil) throws -> Message {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), settings: trusted ?? trusting("127.0.0.1")) { proxy throws in
            #expect(try proxy.get("/", fields.map { $0 + "\r\n" }.joined()).status == 200)
        }
        return try #require(upstream.requests.first)
    }

    @Test("what a trusted client says is extended, in exactly these words")
    func extended() throws {
        let request = try forwarded([
            "X-Forwarded-For: 203.0.113.9, 10.0.0.1", "x-forwarded-for: 10.0.0.2", "X-Forwarded-Proto: https",
            "X-Forwarded-Host: shown.test", "X-Forwarded-Port: 8443", "X-Real-IP: 9.9.9.9",
            "Forwarded: for=203.0.113.9", "Forwarded: for=10.0.0.1;proto=https", "X-Request-ID: mine",
        ])
        #expect(
            request.head == "GET / HTTP/1.1\r\nHost: site.test\r\nX-Request-ID: mine\r\n"
                + "X-Forwarded-For: 203.0.113.9, 10.0.0.1, 10.0.0.2, 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
                + "X-Forwarded-Host: shown.test\r\nX-Forwarded-Port: 8443\r\n"
                + "Forwarded: for=203.0.113.9, for=10.0.0.1;proto=https, "
                + "for=127.0.0.1;host=\"site.test\";proto=http\r\nVia: 1.1 kontainers\r\n\r\n")
    }

    @Test("a trusted client that says nothing is forwarded like any other")
    func silent() throws {
        let plain = try forwarded([], trusted: Settings())
        for fields in [[], ["X-Forwarded-For:", "X-Forwarded-Proto: ", "Forwarded:", "X-Request-ID:"]] {
            let request = try forwarded(fields)
            for name in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via"] {
                #expect(request.all(name) == plain.all(name), "\(name)")
            }
            #expect(request.all("x-forwarded-port").count == 1)
            #expect(request.all("x-request-id").map(\.count) == [32])
        }
    }

    @Test("what it leaves out is added only where it fits to what it says")
    func partial() throws {
        let scheme = try forwarded(["X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.9"])
        #expect(scheme["x-forwarded-proto"] == "https" && scheme["x-forwarded-host"] == "site.test")
        #expect(scheme["x-forwarded-port"] == nil && scheme["forwarded"] == nil)
        let standard = try forwarded(["Forwarded: for=203.0.113.9;proto=https"])
        #expect(standard["x-forwarded-for"] == "127.0.0.1")
        #expect(
            standard["forwarded"]
                == "for=203.0.113.9;proto=https, for=127.0.0.1;host=\"site.test\";proto=http")
    }

    @Test("of several values where one is meant the nearest proxy's counts")
    func last() throws {
        let request = try forwarded(["X-Forwarded-Proto: http", "X-Forwarded-Proto: https", "X-Forwarded-Proto:"])
        #expect(request.all("x-forwarded-proto") == ["https"])
    }

    @Test("a client outside the ranges is replaced, as if nobody were trusted")
    func outside() throws {
        let fields = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "Forwarded: for=203.0.113.9"]
        for settings in [trusting("127.0.0.2/31", "10.0.0.0/8", "::/0"), trusting("nonsense", "127.0.0.1/33")] {
            let request = try forwarded(fields, trusted: settings)
            #expect(request.all("x-forwarded-for") == ["127.0.0.1"])
            #expect(request.all("x-forwarded-proto") == ["http"])
            #expect(request["forwarded"] == "for=127.0.0.1;host=\"site.test\";proto=http")
        }
    }

    @Test("a client of IPv6 is trusted by its range")
    func ipv6() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), settings: trusting("::/64"), address: "[::1]:0") { proxy throws in
            _ = try proxy.get("/", "X-Forwarded-For: 2001:db8::9\r\nForwarded: for=\"[2001:db8::9]\"\r\n")
        }
        let request = try #require(upstream.requests.first)
        #expect(request["x-forwarded-for"] == "2001:db8::9, ::1")
        #expect(
            request["forwarded"] == "for=\"[2001:db8::9]\", for=\"[::1]\";host=\"site.test\";proto=http")
    }

    @Test("a request that came by https to the proxy in front is not redirected to https again")
    func noLoop() throws {
        let upstream = try ScriptedUpstream.saying("x")
        let rules = [Rule(name: "site", hosts: ["site.test"], tls: .required, endpoints: [upstream.endpoint])]
        try proxying(rules, settings: trusting("127.0.0.0/8")) { proxy throws in
            #expect(try proxy.get("/", "X-Forwarded-Proto: HTTPS\r\n").status == 200)
            for said in ["", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Proto: https, http\r\n"] {
                #expect(try proxy.get("/", said).status == 308, "\(said)")
            }
            proxy.use(Settings())
            #expect(try proxy.get("/", "X-Forwarded-Proto: https\r\n").status == 308)
        }
    }

    @Test("trust that is given or taken holds for connections that are open")
    func live() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for settings in [Settings(), trusting("127.0.0.0/8"), Settings()] {
                proxy.use(settings)
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n")
                #expect(try client.response().status == 200)
            }
        }
        #expect(
            upstream.requests.map { $0["x-forwarded-for"] } == ["127.0.0.1", "203.0.113.9, 127.0.0.1", "127.0.0.1"])
    }

    /// Chains as they come, and whom the record names.
    static let chains: [([String], String)] = [
        (["203.0.113.9"], "203.0.113.9"), (["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.1.2.3"], "203.0.113.9"), (["6.6.6.6,203.0.113.9 ,\t10.1.2.3 , 10.0.0.1"], "203.0.113.9"),
        (["203.0.113.9", "10.0.0.1"], "203.0.113.9"), (["10.0.0.1", "203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9:4711"], "203.0.113.9"), (["[2001:db8::9]:80, 10.0.0.1"], "2001:db8::9"),
        (["::ffff:203.0.113.9, ::ffff:10.0.0.1"], "203.0.113.9"), (["10.0.0.2, 10.0.0.1"], "10.0.0.2"),
        (["203.0.113.9, unknown"], "127.0.0.1"), (["203.0.113.9, unknown, 10.0.0.1"], "10.0.0.1"),
        (["203.0.113.9,, 10.0.0.1"], "10.0.0.1"), (["203.0.113.9,"], "127.0.0.1"), ([","], "127.0.0.1"),
        (["203.0.113.9", ""], "203.0.113.9"), ([""], "127.0.0.1"), ([], "127.0.0.1"),
        (["203.0.113.256"], "127.0.0.1"),
        // At the limit of addresses looked at, and beyond it.
        ([([String](repeating: "10.0.0.1", count: 30) + ["10.0.0.9"]).joined(separator: ",")], "10.0.0.1"),
        ([(["203.0.113.9"] + [String](repeating: "10.0.0.1", count: 31)).joined(separator: ",")], "203.0.113.9"),
        ([(["203.0.113.9"] + [String](repeating: "10.0.0.1", count: 32)).joined(separator: ",")], "10.0.0.1"),
    ]

    @Test("the record names the right-most address that is not trusted")
    func recorded() throws {
        let folder = try TemporaryFolder("trust")
        let sink = try AccessLogSink(output: .file(folder("access.log")))
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), settings: trusting("127.0.0.1", "10.0.0.0/8"), log: sink) { proxy throws in
            for (lines, _) in Self.chains {
                let fields = lines.map { "X-Forwarded-For: \($0)\r\n" }.joined()
                _ = try proxy.get("/", fields + "X-Request-ID: given\"\r\n")
            }
            proxy.use(Settings())
            _ = try proxy.get("/", "X-Forwarded-For: 203.0.113.9\r\nX-Request-ID: given\r\n")
        }
        sink.flush()
        let records = try System.readFile(folder("access.log")).split(separator: 10).map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        }
        #expect(records.map { $0["client"] as? String } == Self.chains.map(\.1) + ["127.0.0.1"])
        #expect(records.dropLast().allSatisfy { $0["id"] as? String == "given\"" })
        #expect((records.last?["id"] as? String)?.count == 32)
    }

    @Test(
        "an address of IPv6 is written as RFC 5952 says, whatever its groups", arguments: 1...4 as ClosedRange<UInt64>)
    func ipv6Text(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var pool = BufferPool()
        let buffer = pool.take(.small)
        for _ in 0..<2_000 {
            var groups = (0..<8).map { _ in generator.next() >> UInt64.random(in: 48...63, using: &generator) }
            for place in 0..<8 where Bool.random(using: &generator) { groups[place] = 0 }
            let number = { (part: ArraySlice<UInt64>) in part.reduce(0) { $0 << 16 | $1 } }
            let address = SocketAddress(ipv6High: number(groups[..<4]), low: number(groups[4...]), port: 1)
            buffer.clear()
            buffer.append(ipv6: address)
            let text = [UInt8](copying: buffer.readable).text
            #expect(text == address.host)
        }
        pool.give(buffer)
    }

    @Test("a head as large as is allowed passes, whatever the trusted client filled it with")
    func largest() throws {
        let upstream = try ScriptedUpstream.saying("x")
        let settings = quick {
            $0.limits.headBytes = 61_440
            $0.limits.fieldCount = 256
            $0.trustedProxies = ["127.0.0.1"]
        }
        try proxying(site(upstream), settings: settings) { proxy throws in
            let start = "GET / HTTP/1.1\r\nHost: site.test\r\n"
            for name in ["X-Forwarded-For", "Forwarded", "X-Forwarded-Proto", "X-Forwarded-Host"] {
                let many = String(repeating: "\(name):b\r\n", count: 254)
                let fill = 61_440 - start.utf8.count - many.utf8.count - name.utf8.count - 5
                let head = start + many + "\(name):" + String(repeating: "c", count: fill) + "\r\n\r\n"
                #expect(head.utf8.count == 61_440)
                #expect(try proxy.ask(head).status == 200, "\(name)")
            }
        }
        #expect(upstream.requests.count == 4)
    }
}
