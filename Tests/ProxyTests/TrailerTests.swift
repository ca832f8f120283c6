import Contract
import HTTP
import Kernel
import Testing

@testable import Proxy

@Suite("Trailers", .timeLimit(.minutes(5)))
struct TrailerTests {
    private static let post = "POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n"
    private static let asking = "GET / HTTP/1.1\r\nHost: site.test\r\nConnection: TE\r\nTE: trailers\r\n\r\n"
    private static let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"

    @Test("of a request reach the upstream, however the bytes are cut")
    func request() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            let head = Self.post + "Trailer: X-Sum\r\nTrailer: X-Time\r\n\r\n"
            let body = Array("3\r\nabc\r\n0\r\nX-Sum:  1 \r\nX-Time:\t\r\n\r\n".utf8)
            for cut in body.indices {
                try client.send(Array(head.utf8) + body[..<cut])
                // The first part goes alone, most times.
                pause()
                try client.send(Array(body[cut...]))
                #expect(try client.response().text == "x")
            }
            #expect(upstream.requests.count == body.count)
            for request in upstream.requests {
                #expect(request.text == "abc" && request.trailers == "X-Sum: 1\r\nX-Time: \r\n")
                #expect(request.all("trailer") == ["X-Sum", "X-Time"])
            }
        }
        #expect(upstream.acceptedCount == 1)
    }

    @Test("of a response reach a client that takes them, and no other")
    func response() throws {
        let upstream = try ScriptedUpstream.steady { request in
            #expect((request["te"], request["connection"]) == (request.target == "/" ? ("trailers", "TE") : (nil, nil)))
            return Self.chunked + "Trailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\n\r\n"
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for te in ["Connection: TE\r\nTE: trailers", "TE: trailers", "te: deflate;q=0.5 , Trailers"] {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\(te)\r\n\r\n")
                let answer = try client.response()
                #expect(answer.text == "abc" && answer.trailers == "X-Sum: 1\r\n" && answer["trailer"] == "X-Sum")
            }
            for te in ["X: y", "TE:", "TE: gzip", "TE: trailers;q=1", "TE: xtrailers, trailersx"] {
                try client.send("GET /none HTTP/1.1\r\nHost: site.test\r\n\(te)\r\n\r\n")
                let answer = try client.response()
                #expect(answer.text == "abc" && answer.trailers.isEmpty && answer["trailer"] == nil, "\(te)")
            }
            let old = try proxy.ask("GET /old HTTP/1.0\r\nHost: site.test\r\nTE: trailers\r\n\r\n")
            #expect(old.text == "abc" && old.isWhole && old["trailer"] == nil)
        }
        #expect(upstream.acceptedCount == 1)
    }

    @Test("a body that is not chunked has none, and announces none")
    func counted() throws {
        let upstream = try ScriptedUpstream.steady { _ in ok("abc", "Trailer: X-Sum\r\n") }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(
                "POST / HTTP/1.1\r\nHost: site.test\r\nTE: trailers\r\nTrailer: X\r\nContent-Length: 2\r\n\r\nab")
            let answer = try client.response()
            #expect(answer.text == "abc" && answer["trailer"] == nil)
            #expect(upstream.requests.last?["trailer"] == nil && upstream.requests.last?["te"] == "trailers")
        }
    }

    @Test(
        "with as many bytes and lines as there may be pass behind a body of any size", arguments: [0, 16_000, 70_000])
    func largest(_ size: Int) throws {
        let value = String(repeating: "v", count: 8_192 / 64 - 5)
        let trailers = String(repeating: "X:\(value)\r\n", count: 64)
        let body = pattern(size)
        let chunks = inChunks(body, of: 1_000, trailer: trailers)
        let upstream = try ScriptedUpstream { peer, _ in
            while let request = try peer.request() {
                #expect(request.body == body)
                #expect(request.trailers == trailers.replacing("X:", with: "X: "))
                try peer.send(Array((Self.chunked + "\r\n").utf8) + chunks, reading: true)
            }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for _ in 0..<3 {
                try client.send(Array((Self.post + "TE: trailers\r\n\r\n").utf8) + chunks, reading: true)
                let answer = try client.response()
                #expect(answer.body == body && answer.trailers == trailers.replacing("X:", with: "X: "))
            }
            let over = Array((Self.post + "\r\n").utf8) + inChunks(body, of: 1_000, trailer: trailers + "X:\r\n")
            let another = try proxy.client()
            try another.send(over, reading: true)
            expect(try another.response(), .badRequest)
        }
        // The upstream of the request that was refused saw it cut short.
        #expect(upstream.faults.count <= 1)
    }

    @Test("that are malformed cut a response short, and refuse a request")
    func malformed() throws {
        let upstream = try ScriptedUpstream.once(Array((Self.chunked + "\r\n1\r\nx\r\n0\r\nX-Sum 1\r\n\r\n").utf8))
        try proxying(site(upstream)) { proxy throws in
            #expect(try !proxy.ask(Self.asking).isWhole)
        }
    }

    @Test("whose exchange ends before they do leave nothing behind")
    func cutShort() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send(Self.chunked + "\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n")
            _ = try peer.isQuiet(milliseconds: 30)
        }
        try proxying(site(upstream)) { proxy throws in
            #expect(try !proxy.ask(Self.asking).isWhole)
            let client = try proxy.client()
            try client.send(Self.post + "\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n")
            #expect(try client.readToEnd().text.contains("200 OK"))
        }
    }

    @Test("that a rule removes or replaces in the head do not come back behind the body")
    func rules() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            while let request = try peer.request() {
                #expect(request.trailers == "X-Other: 1\r\n")
                try peer.send(Self.chunked + "\r\n1\r\nx\r\n0\r\nX-Gone: 1\r\nX-Inner: 1\r\nX-Set: 1\r\n\r\n")
            }
        }
        var rules = site(upstream)
        rules[0].options = RuleOptions()
        rules[0].options?.requestHeaders.remove = ["X-Inner"]
        rules[0].options?.requestHeaders.set = [HeaderField("X-Set", "mine")]
        rules[0].options?.responseHeaders.remove = ["X-Gone"]
        try proxying(rules) { proxy throws in
            let client = try proxy.client()
            let body = "1\r\nx\r\n0\r\nx-inner: 1\r\nX-SET: 1\r\nX-Other: 1\r\n\r\n"
            try client.send(Self.post + "TE: trailers\r\n\r\n" + body)
            #expect(try client.response().trailers == "X-Inner: 1\r\nX-Set: 1\r\n")
        }
        #expect(upstream.faults.isEmpty)
    }

    @Test("the names that may trail, and those by which somebody decides")
    func names() {
        func mayTrail(_ name: String) -> Bool {
            let bytes = Array(name.utf8)
            return Proxy.mayTrail(bytes.span)
        }
        for name in [
            "X-Checksum", "x-amz-checksum-crc32", "Content-Digest", "Repr-Digest", "Digest", "ETag", "Server-Timing",
            "Grpc-Status", "grpc-message", "Signature", "X", "Authentication-Info",
        ] {
            #expect(mayTrail(name), "\(name)")
        }
        for field in KnownField.allCases where field != .other && field != .etag {
            #expect(!mayTrail("\(field.name)"), "\(field)")
        }
        for name in [
            "content-digests", "Content-MD5", "X-Forwarded-User", "x-forwarded", "X_Checksum", "Content_Length",
            "Cookie2",
            "X-Original-URL", "X-HTTP-Method-Override", "CF-Connecting-IP", "Access-Control-Allow-Origin",
            "Accept-Patch",
            "If-Whatever", "Proxy-Status", "X-Auth-Request-User", "Sec-WebSocket-Key", "WWW-Authenticate", "Refresh",
        ] {
            #expect(!mayTrail(name), "\(name)")
        }
    }
}
