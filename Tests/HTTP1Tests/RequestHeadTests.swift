import HTTP
import HTTP1
import Testing

@Suite("Request head")
struct RequestHeadTests {
    @Test("a browser's request")
    func whole() throws {
        let text =
            "GET /a/b?c=d HTTP/1.1\r\nHost: example.com:8080\r\nUser-Agent:  x y \t\r\nX-Empty:\r\n"
            + "Connection: keep-alive\r\n\r\n"
        let head = try #require(readRequest(text + "GET / HTTP").head)
        #expect(head.method == .get && head.methodName == "GET" && head.version == .http11)
        #expect(head.target == "/a/b?c=d" && head.path == "/a/b" && head.query == "c=d")
        #expect(head.host == "example.com:8080")
        #expect(head.framing == .none && head.keepAlive && !head.expectsContinue && !head.wantsUpgrade)
        #expect(head.byteCount == text.utf8.count)
        #expect(
            head.fields == [
                ReadField(name: "Host", value: "example.com:8080", known: .host, dropped: false),
                ReadField(name: "User-Agent", value: "x y", known: .userAgent, dropped: false),
                ReadField(name: "X-Empty", value: "", known: .other, dropped: false),
                ReadField(name: "Connection", value: "keep-alive", known: .connection, dropped: true),
            ])
    }

    @Test("the smallest heads")
    func smallest() throws {
        #expect(try #require(readRequest("A / HTTP/1.0\r\n\r\n").head).host == "")
        #expect(try #require(readRequest("A / HTTP/1.1\r\nHost:a\r\n\r\n").head).host == "a")
    }

    @Test(
        "any token is a method, in its own spelling", arguments: ["get", "PROPFIND", "M-SEARCH", "!#$%&'*+-.^_`|~0Az"])
    func otherMethods(_ name: String) throws {
        let head = try #require(readRequest("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n").head)
        #expect(head.method == .other && head.methodName == name)
    }

    @Test("up to two empty lines before a request are skipped, and counted as its bytes", arguments: 0...3)
    func leadingLines(_ count: Int) throws {
        let text = String(repeating: "\r\n", count: count) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        guard count <= 2 else {
            #expect(readRequest(text) == .refused(.badMethod))
            return
        }
        let head = try #require(readRequest(text).head)
        #expect(head.byteCount == text.utf8.count && head.methodName == "GET")
    }

    @Test("bytes above 127 are allowed in values and kept")
    func obsText() throws {
        let bytes =
            Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [0x80, 0xFF, 0x09, 0x20, 0xE4] + Array("\r\n\r\n".utf8)
        var head = RequestHead()
        #expect(parseRequestHead(bytes.span, resumingAt: 0, limits: HeadLimits(), into: &head) == .complete)
        #expect(Array(bytes[head[1].value]) == [0x80, 0xFF, 0x09, 0x20, 0xE4])
    }

    @Test(
        "the connection is kept by HTTP/1.1 unless closed, and by HTTP/1.0 only if asked (RFC 9112 §9.3)",
        arguments: [
            ("1.1", "", true), ("1.1", "close", false), ("1.1", "Close", false), ("1.1", "keep-alive, close", false),
            ("1.1", "foo,close", false), ("1.1", "closed", true), ("1.1", "clos", true), ("1.1", ", ,", true),
            ("1.0", "", false), ("1.0", "keep-alive", true), ("1.0", "Keep-Alive", true),
            ("1.0", "keep-alive, close", false), ("1.0", "a, keep-alive", true),
        ])
    func persistence(_ version: String, _ options: String, _ keeps: Bool) throws {
        let head = try #require(
            readRequest("GET / HTTP/\(version)\r\nHost: a\r\nConnection: \(options)\r\n\r\n").head)
        #expect(head.keepAlive == keeps)
    }

    @Test("options in several Connection lines are one list")
    func severalLines() throws {
        let head = try #require(
            readRequest(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-one\r\nX-One: 1\r\nX-Two: 2\r\n"
                    + "Connection: X-TWO ,close\r\n\r\n"
            ).head)
        #expect(!head.keepAlive)
        #expect(head.fields.filter(\.dropped).map(\.name) == ["Connection", "X-One", "X-Two", "Connection"])
    }

    @Test("fields that Connection names are dropped, wherever they stand, except those that are meant for everyone")
    func namedFields() throws {
        let kept = ["Host", "Content-Length", "Authorization", "Cookie", "X-Forwarded-For", "X-Real-IP", "Forwarded"]
        let dropped = ["X-A", "x-secret-long-name", "Accept", "X-A"]
        let lines = (kept + dropped).map { "\($0): 0\r\n" }.joined()
        let options = (kept + dropped).joined(separator: ",").uppercased()
        let head = try #require(readRequest("GET / HTTP/1.1\r\n\(lines)Connection: \(options)\r\n\r\n").head)
        #expect(head.fields.filter { !$0.dropped }.map(\.name) == kept)
        #expect(head.fields.filter(\.dropped).map(\.name) == dropped + ["Connection"])
    }

    @Test("hop-by-hop fields are dropped without being named")
    func hopByHop() throws {
        let lines = "TE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\nTrailer: a\r\nUpgrade: x\r\n"
        let head = try #require(readRequest("GET / HTTP/1.1\r\n\(lines)Host: a\r\n\r\n").head)
        #expect(head.fields.filter { !$0.dropped }.map(\.name) == ["Host"])
        #expect(head.keepAlive)
    }

    @Test(
        "an upgrade needs the option, the field and HTTP/1.1 (RFC 9110 §7.8)",
        arguments: [
            ("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true),
            ("1.1", "Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n", true),
            ("1.1", "Upgrade: websocket\r\n", false), ("1.1", "Connection: upgrade\r\n", false),
            ("1.1", "Connection: upgrade\r\nUpgrade:\r\n", false),
            ("1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n", false),
        ])
    func upgrade(_ version: String, _ lines: String, _ wants: Bool) throws {
        let head = try #require(readRequest("GET / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n").head)
        #expect(head.wantsUpgrade == wants)
        if wants { #expect(head.upgrade == "websocket") }
    }

    @Test("100-continue is seen in HTTP/1.1 only (RFC 9110 §10.1.1)")
    func expectation() throws {
        #expect(
            try #require(readRequest("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").head).expectsContinue)
        #expect(!(try #require(readRequest("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").head).expectsContinue))
        #expect(!(try #require(readRequest("PUT / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n").head).expectsContinue))
    }

    @Test("framing comes from Content-Length or Transfer-Encoding")
    func framing() throws {
        func framing(_ lines: String) throws -> BodyFraming {
            try #require(readRequest("POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n").head).framing
        }
        #expect(try framing("") == .none)
        #expect(try framing("Content-Length: 0\r\n") == .length(0))
        #expect(try framing("Content-Length:\t00042 \r\n") == .length(42))
        #expect(try framing("content-length: 9223372036854775807\r\n") == .length(9_223_372_036_854_775_807))
        #expect(try framing("Transfer-Encoding: chunked\r\n") == .chunked)
        #expect(try framing("Transfer-Encoding: CHUNKED\r\n") == .chunked)
    }

    @Test("a head is used again without a trace of the one before")
    func reuse() {
        var head = RequestHead()
        let first = Array(
            "OPTIONS * HTTP/1.0\r\nHost: b\r\nConnection: close, upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\n"
                .utf8)
        let second = Array("GET http://c HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\n\r\n".utf8)
        for bytes in [first, second, first] {
            #expect(parseRequestHead(bytes.span, resumingAt: 0, limits: HeadLimits(), into: &head) == .complete)
            #expect(readRequest(bytes) == .complete(ReadRequest(head, in: bytes)))
        }
    }
}
