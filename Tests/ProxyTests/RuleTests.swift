import Contract
import Telemetry
import TestKit
import Testing

@testable import Proxy

/// `site.test` with options.
func site(_ upstream: ScriptedUpstream, path: String = "/", _ change: (inout RuleOptions) -> Void) -> [Rule] {
    var options = RuleOptions()
    change(&options)
    return [Rule(name: "site", hosts: ["site.test"], path: path, endpoints: [upstream.endpoint], options: options)]
}

@Suite("Rules on the path", .timeLimit(.minutes(5)))
struct RuleTests {
    @Test("an access list lets in or answers 403, and the connection goes on")
    func accessList() throws {
        let upstream = try ScriptedUpstream.saying("in")
        try proxying(site(upstream) { $0.deny = ["127.0.0.0/8"] }) { proxy throws in
            let client = try proxy.client()
            for count in 1...2 {
                try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 2\r\n\r\nab")
                let answer = try client.response()
                #expect(answer.status == 403)
                #expect(answer["connection"] == nil)
                #expect(proxy.tally.count(of: .denied) == UInt64(count))
            }
            client.close()
            proxy.adopt(site(upstream) { $0.allow = ["127.0.0.1"] })
            #expect(try proxy.get().text == "in")
            proxy.adopt(site(upstream) { $0.allow = ["10.0.0.0/8"] })
            #expect(try proxy.get().status == 403)
        }
        #expect(upstream.requests.count == 1)
    }

    @Test("an access list comes before the redirect to https")
    func accessListBeforeTLS() throws {
        var options = RuleOptions()
        options.deny = ["127.0.0.1"]
        let rules = [Rule(name: "all", hosts: ["*"], tls: .required, options: options)]
        try proxying(rules) { proxy throws in #expect(try proxy.get().status == 403) }
    }

    @Test("an access list knows IPv6 clients too")
    func accessListIPv6() throws {
        let upstream = try ScriptedUpstream.saying("in")
        try proxying(site(upstream) { $0.deny = ["::1"] }, address: "[::1]:0") { proxy throws in
            #expect(try proxy.get().status == 403)
        }
    }

    @Test("maintenance answers 503 with Retry-After")
    func maintenance() throws {
        let upstream = try ScriptedUpstream.saying("in")
        try proxying(site(upstream) { $0.maintenance = true }) { proxy throws in
            let answer = try proxy.get()
            #expect(answer.status == 503)
            #expect(answer["retry-after"] == "60")
            #expect(proxy.tally.count(of: .maintenance) == 1)
        }
        #expect(upstream.acceptedCount == 0)
    }

    @Test("a rule's body limit overrides the edge's, in both directions, counted and chunked")
    func bodyLimit() throws {
        let upstream = try ScriptedUpstream.saying("in")
        let small = quick { $0.limits.bodyBytes = 10 }
        func post(_ proxy: TestProxy, _ count: Int, chunked: Bool = false) throws -> Int {
            let body = String(repeating: "b", count: count)
            let framing =
                chunked
                ? "Transfer-Encoding: chunked\r\n\r\n\(String(count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
                : "Content-Length: \(count)\r\n\r\n\(body)"
            return try proxy.ask("POST / HTTP/1.1\r\nHost: site.test\r\n\(framing)").status
        }
        try proxying(site(upstream) { $0.maxBody = 100 }, settings: small) { proxy throws in
            for chunked in [false, true] {
                #expect(try post(proxy, 100, chunked: chunked) == 200)
                #expect(try post(proxy, 101, chunked: chunked) == 413)
            }
            proxy.adopt(site(upstream) { $0.maxBody = 0 })
            #expect(try post(proxy, 5_000) == 200)
            proxy.adopt(site(upstream) { $0.securityHeaders = true })
            #expect(try post(proxy, 11) == 413)
        }
    }

    @Test("a client that asks too often is answered 429 until its bucket has a token")
    func rateLimit() throws {
        let upstream = try ScriptedUpstream.saying("in")
        try proxying(site(upstream) { $0.rateLimit = RateLimit(requests: 2, per: 7_200_000) }) { proxy throws in
            #expect(try proxy.get().status == 200)
            #expect(try proxy.get("/other").status == 200)
            let answer = try proxy.get()
            #expect(answer.status == 429)
            #expect((3_590...3_600).contains(Int(answer["retry-after"] ?? "") ?? 0), "\(answer)")
            // A change of the rule fills no bucket.
            proxy.adopt(
                site(upstream) {
                    $0.rateLimit = RateLimit(requests: 2, per: 7_200_000)
                    $0.securityHeaders = true
                })
            #expect(try proxy.get().status == 429)
            #expect(proxy.tally.count(of: .rateLimited) == 2)
            proxy.adopt(site(upstream))
            #expect(try proxy.get().status == 200)
        }
    }

    @Test("security headers come where the upstream sends none, and on answers of our own")
    func security() throws {
        let upstream = try ScriptedUpstream.steady { request in
            switch request.target {
            case "/framed": ok("x", "X-Frame-Options: DENY\r\nreferrer-policy: no-referrer\r\n")
            case "/policy":
                ok("x", "content-security-policy: default-src 'self'\r\nX-Content-Type-Options: nosniff\r\n")
            default: ok("x")
            }
        }
        let ours = ["nosniff", "SAMEORIGIN", "frame-ancestors 'self'", "strict-origin-when-cross-origin"]
        let names = ["x-content-type-options", "x-frame-options", "content-security-policy", "referrer-policy"]
        func values(_ message: Message) -> [String?] {
            names.map { message.all($0).count > 1 ? "twice" : message[$0] }
        }
        try proxying(site(upstream) { $0.securityHeaders = true }) { proxy throws in
            let plain = try proxy.get()
            #expect(values(plain) == ours)
            #expect(plain["strict-transport-security"] == nil)
            #expect(values(try proxy.get("/framed")) == ["nosniff", "DENY", nil, "no-referrer"])
            #expect(values(try proxy.get("/policy")) == ["nosniff", nil, "default-src 'self'", ours[3]])
            proxy.adopt(
                site(upstream) {
                    $0.securityHeaders = true
                    $0.maintenance = true
                })
            #expect(values(try proxy.get()) == ours)
            proxy.adopt(
                site(upstream) {
                    $0.securityHeaders = true
                    $0.responseHeaders.set = [HeaderField("X-Frame-Options", "ALLOWALL")]
                })
            #expect(values(try proxy.get("/framed")) == ["nosniff", "ALLOWALL", nil, "no-referrer"])
        }
    }
}
