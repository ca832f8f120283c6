import Contract
import Kernel
import Testing

@testable import Proxy

@Suite("Fields on their way", .timeLimit(.minutes(5)))
struct FieldTests {
    @Test("the upstream learns who asked, in exactly these words")
    func forwarding() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET /p?q HTTP/1.1\r\nhOsT: site.test:8080\r\nAccept:  a, b \r\nX-Empty:\r\n\r\n")
            #expect(try client.response().status == 200)
            let request = try #require(upstream.requests.first)
            let id = try #require(request["x-request-id"])
            #expect(
                request.head == "GET /p?q HTTP/1.1\r\nHost: site.test:8080\r\nAccept: a, b\r\nX-Empty: \r\n"
                    + "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: site.test:8080\r\n"
                    + "X-Forwarded-Port: \(proxy.plain.port)\r\n"
                    + "Forwarded: for=127.0.0.1;host=\"site.test:8080\";proto=http\r\nVia: 1.1 kontainers\r\n"
                    + "X-Request-ID: \(id)\r\n\r\n")
            #expect(id.count == 32 && id.allSatisfy { $0.isHexDigit && !$0.isUppercase })
        }
    }

    @Test("a client of IPv6 is written in brackets and quotes in Forwarded, and plain in X-Forwarded-For")
    func forwardingIPv6() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), address: "[::1]:0") { proxy throws in
            #expect(try proxy.ask("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n").status == 200)
            let request = try #require(upstream.requests.first)
            #expect(request["x-forwarded-for"] == "::1")
            #expect(request["forwarded"] == "for=\"[::1]\";host=\"site.test\";proto=http")
            #expect(request["via"] == "1.0 kontainers")
        }
    }

    @Test("what a client says of itself is replaced")
    func forged() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let forged = [
                "X-Forwarded-For: 9.9.9.9", "x-forwarded-for: 8.8.8.8", "X-Forwarded-Proto: https",
                "X-Forwarded-Host: evil.test", "X-Forwarded-Port: 1", "X-Real-IP: 9.9.9.9", "Forwarded: for=9.9.9.9",
            ]
            #expect(try proxy.get("/", forged.map { $0 + "\r\n" }.joined()).status == 200)
            let request = try #require(upstream.requests.first)
            #expect(request.all("x-forwarded-for") == ["127.0.0.1"])
            #expect(request.all("x-forwarded-proto") == ["http"])
            #expect(request.all("x-forwarded-host") == ["site.test"])
            #expect(request.all("x-forwarded-port") == ["\(proxy.plain.port)"])
            #expect(request.all("forwarded").count == 1)
            #expect(!request.head.contains("9.9.9.9") && !request.head.contains("8.8.8.8"))
            #expect(request["x-real-ip"] == nil)
        }
    }

    @Test("a request ID that came is kept once, a second one and one beyond reason are not")
    func requestID() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            _ = try proxy.get("/", "X-Request-ID: mine\r\n")
            _ = try proxy.get("/", "X-Request-ID: one\r\nX-Request-ID: two\r\n")
            _ = try proxy.get("/", "X-Request-ID: \(String(repeating: "x", count: 129))\r\n")
            _ = try proxy.get()
            let all = upstream.requests.map { $0.all("x-request-id") }
            #expect(all[0] == ["mine"])
            #expect(all[1] == ["one"])
            #expect(all[2].first?.count == 32)
            #expect(all[3].first?.count == 32)
            #expect(all[2] != all[3])
        }
    }

    static let hopByHop = [
        "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade", "HTTP2-Settings",
        "Proxy-Authenticate", "Proxy-Authorization",
    ]

    @Test("what concerns one connection stays on it, both ways")
    func hopByHop() throws {
        let lines = Self.hopByHop.map { $0 == "Connection" ? "Connection: X-Mine\r\n" : "\($0): value\r\n" }.joined()
        let more = lines + "X-Mine: named by Connection\r\nX-Other: stays\r\n"
        let upstream = try ScriptedUpstream.steady { _ in ok("x", more) }
        try proxying(site(upstream)) { proxy throws in
            let answer = try proxy.get("/", more)
            let request = try #require(upstream.requests.first)
            for message in [answer, request] {
                for name in Self.hopByHop { #expect(message[name.lowercased()] == nil, "\(name)") }
                #expect(message["x-mine"] == nil)
                #expect(message["x-other"] == "stays")
            }
        }
    }

    @Test("Connection cannot have a field dropped that the upstream relies on")
    func protected() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            _ = try proxy.get(
                "/", "Connection: X-Forwarded-For, Host, Cookie, Authorization\r\nCookie: a=b\r\nAuthorization: c\r\n")
            let request = try #require(upstream.requests.first)
            #expect(request["cookie"] == "a=b" && request["authorization"] == "c")
            #expect(request["x-forwarded-for"] == "127.0.0.1" && request["host"] == "site.test")
        }
    }

    @Test("names that upstreams may take for ours do not reach them, or only when they are to")
    func underscores() throws {
        let upstream = try ScriptedUpstream.saying("x")
        let forged = "X_Forwarded_For: 9.9.9.9\r\nx_real_ip: 9.9.9.9\r\nContent_Length: 5\r\nX-Fine: _\r\n"
        try proxying(site(upstream)) { proxy throws in
            #expect(try proxy.get("/", forged).status == 200)
            let request = try #require(upstream.requests.last)
            #expect(!request.head.contains("9.9.9.9") && request["content_length"] == nil && request["x-fine"] == "_")
            proxy.use(quick { $0.headers.underscores = .keep })
            #expect(try proxy.get("/", forged).status == 200)
            #expect(upstream.requests.last?["x_forwarded_for"] == "9.9.9.9")
            proxy.use(quick { $0.headers.underscores = .refuse })
            expect(try proxy.get("/", forged), .badRequest)
            #expect(try proxy.get("/", "X-Fine: _\r\n").status == 200)
        }
        let answering = try ScriptedUpstream.steady { _ in ok("x", "X_Answer: 1\r\n") }
        try proxying(site(answering)) { proxy throws in #expect(try proxy.get()["x_answer"] == "1") }
    }

    @Test("the host of a target in absolute form is the host; the path loses it")
    func absoluteForm() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            #expect(try proxy.ask("GET http://site.test/a?b HTTP/1.1\r\nHost: other.test\r\n\r\n").status == 200)
            let request = try #require(upstream.requests.first)
            #expect(request.firstLine == "GET /a?b HTTP/1.1")
            #expect(request.all("host") == ["site.test"])
        }
    }

    @Test("a response gets a date only where it has none, and keeps its own fields in their order")
    func response() throws {
        let upstream = try ScriptedUpstream.steady { request in
            request.target == "/dated"
                ? ok("x", "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n")
                : "HTTP/1.1 299 Fancy   Words\r\nX-B: 1\r\nX-A:2\r\nContent-Length: 0\r\n\r\n"
        }
        try proxying(site(upstream)) { proxy throws in
            let dated = try proxy.get("/dated")
            #expect(dated.all("date") == ["Thu, 01 Jan 1970 00:00:00 GMT"])
            #expect(dated.all("set-cookie") == ["a", "b"])
            let fancy = try proxy.get("/fancy")
            #expect(fancy.firstLine == "HTTP/1.1 299 Fancy   Words")
            #expect(fancy.fields.map(\.name) == ["x-b", "x-a", "content-length", "date"])
            #expect(fancy["x-a"] == "2")
        }
    }

    @Test("a head of the size that is allowed passes, whatever is added to it")
    func largest() throws {
        let upstream = try ScriptedUpstream.steady {
            ok("\($0.fields.count)", String(repeating: "A:b\r\n", count: 120))
        }
        try proxying(site(upstream), settings: quick { $0.limits.headBytes = 61_440 }) { proxy throws in
            let host = String(repeating: "h", count: 240) + ".site.test"
            let lines = String(repeating: "A:b\r\n", count: 126)
            let start = "GET / HTTP/1.1\r\nHost: \(host)\r\n\(lines)X:"
            let fill = String(repeating: "x", count: 61_440 - start.utf8.count - 4)
            proxy.adopt([Rule(name: "all", hosts: ["*"], endpoints: [upstream.endpoint])])
            let answer = try proxy.ask(start + fill + "\r\n\r\n")
            #expect(answer.status == 200)
            #expect(answer.all("a").count == 120)
        }
    }
}
