import Compression
import Contract
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

private let accepting = "Accept-Encoding: gzip\r\n"
private let long = String(repeating: "a line of text, ", count: 200)

/// The content of a response that was compressed.
private func content(_ answer: Message) throws -> [UInt8] {
    #expect(answer["content-encoding"] == "gzip")
    #expect(answer["content-length"] == nil)
    let inflated = try Inflated(answer.body)
    #expect(inflated.isWhole)
    return inflated.bytes
}

private func gzipping(_ upstream: ScriptedUpstream, _ gzip: Gzip = Gzip()) -> [Rule] {
    site(upstream) { $0.gzip = gzip }
}

private func text(_ fields: String = "", type: String = "text/html; charset=utf-8", _ body: String = long) -> String {
    ok(body, "Content-Type: \(type)\r\n\(fields)")
}

@Suite("Compression of responses", .timeLimit(.minutes(5)))
struct GzipTests {
    @Test("a client that takes gzip gets it, with what its head has to say; another gets the response as it is")
    func conditions() throws {
        let upstream = try ScriptedUpstream.steady { _ in
            text("ETag: \"x\"\r\nAccept-Ranges: bytes\r\nVary: Origin\r\n")
        }
        try proxying(gzipping(upstream)) { proxy throws in
            let client = try proxy.client()
            let some = "Accept-Encoding: br\r\nAccept-Encoding: x-gzip;q=0.5\r\n"
            for fields in [accepting, some, "Accept-Encoding: *\r\n"] {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\(fields)\r\n")
                let answer = try client.response()
                #expect(try content(answer).text == long)
                #expect(answer["etag"] == "W/\"x\"")
                #expect(answer.all("vary") == ["Origin", "Accept-Encoding"])
                #expect(answer["accept-ranges"] == nil)
                #expect(answer["transfer-encoding"] == "chunked")
            }
            for fields in ["", "Accept-Encoding: br, identity\r\n", "Accept-Encoding: gzip;q=0\r\n"] {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\(fields)\r\n")
                let answer = try client.response()
                #expect(answer.text == long)
                #expect(answer["content-encoding"] == nil)
                #expect(answer["etag"] == "\"x\"")
                #expect(answer.all("vary") == ["Origin", "Accept-Encoding"])
            }
            client.close()
            let old = try proxy.ask("GET / HTTP/1.0\r\nHost: site.test\r\n\(accepting)\r\n")
            #expect(old.text == long)
            #expect(proxy.tally.compressed.current == 3)
            #expect(proxy.tally.compressedBytesIn.current == UInt64(3 * long.utf8.count))
            #expect((1..<UInt64(long.utf8.count)).contains(proxy.tally.compressedBytesOut.current))
        }
    }

    private static let untouched: [(name: String, response: String, varies: Bool)] = [
        ("another type", text(type: "image/png"), false), ("no type", ok(long), false),
        ("a type that begins alike", text(type: "application/jsonp"), false),
        ("short", text(String(), "x"), false), ("coded already", text("Content-Encoding: br\r\n"), false),
        ("not to be transformed", text("Cache-Control: public, No-Transform\r\n"), false),
        ("with a checksum", text("Content-Digest: sha-256=:x:\r\n"), false),
        ("a part", text("Content-Range: bytes 0-9/10\r\n").replacing("200 OK", with: "206 Partial Content"), false),
        ("no content", "HTTP/1.1 204 No Content\r\nContent-Type: text/html\r\n\r\n", false),
    ]

    @Test("what is not to be compressed passes as it is", arguments: untouched.indices)
    func exceptions(_ index: Int) throws {
        let (name, response, _) = Self.untouched[index]
        let upstream = try ScriptedUpstream.steady { _ in response }
        try proxying(gzipping(upstream)) { proxy throws in
            let answer = try proxy.get("/", accepting)
            #expect(response.hasSuffix("\r\n\r\n" + answer.text), "\(name)")
            #expect(answer["vary"] == nil, "\(name)")
            #expect(proxy.tally.compressed.current == 0, "\(name)")
        }
    }

    @Test("HEAD says what GET would, and 304 goes by the validator that the client was given")
    func heads() throws {
        let upstream = try ScriptedUpstream.steady { request in
            if request.target == "/304" { return "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n" }
            let body = request.target == "/short" ? "x" : long
            let whole = text("ETag: W/\"x\"\r\nVary: *\r\n", body)
            return request.method == "HEAD" ? String(whole.dropLast(body.count)) : whole
        }
        try proxying(gzipping(upstream)) { proxy throws in
            let client = try proxy.client()
            func head(_ path: String, _ method: String = "HEAD") throws -> Message {
                try client.send("\(method) \(path) HTTP/1.1\r\nHost: site.test\r\n\(accepting)\r\n")
                return try client.response(toHead: method == "HEAD")
            }
            func told(_ message: Message) -> [String?] {
                ["content-encoding", "content-length", "etag", "vary"].map { message[$0] }
            }
            #expect(told(try head("/")) == ["gzip", nil, "W/\"x\"", "*"])
            #expect(told(try head("/", "GET")) == ["gzip", nil, "W/\"x\"", "*"])
            #expect(told(try head("/short")) == [nil, "1", "W/\"x\"", "*"])
            #expect(told(try head("/304", "GET")) == [nil, nil, "W/\"x\"", "Accept-Encoding"])
            client.close()
            #expect(try proxy.get("/304")["etag"] == "\"x\"")
        }
    }

    @Test("what a stream sends is there at once, and a stream that is cut does not look whole")
    func streams() throws {
        let go = try Bell()
        let upstream = try ScriptedUpstream { peer, _ in
            guard try peer.requestHead() != nil else { return }
            try peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in 0..<3 {
                try peer.send("9\r\ndata: \(number)\n\n\r\n")
                _ = System.waitReadable(go.descriptor, milliseconds: Peer.patience)
                go.silence()
            }
        }
        try proxying(gzipping(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\(accepting)\r\n")
            _ = try client.read(through: "\r\n\r\n")
            var body: [UInt8] = []
            for number in 0..<3 {
                var wanted = ""
                for before in 0...number { wanted += "data: \(before)\n\n" }
                while try Inflated(body).bytes.text != wanted {
                    let size = try client.read(through: "\r\n") ?? []
                    let count = try #require(Int(size.dropLast(2).text, radix: 16))
                    body += try client.read(count + 2).dropLast(2)
                }
                go.ring()
            }
            let rest = try client.readToEnd()
            #expect(!rest.text.hasSuffix("0\r\n\r\n"))
            #expect(try !Inflated(body).isWhole)
            client.close()
        }
    }

    @Test(
        "any cut of what the upstream sends gives the same content", arguments: ["counted", "chunked", "until close"])
    func cuts(_ framing: String) throws {
        let body = Array(pattern(3_000).map { $0 % 7 + 97 }) + pattern(600)
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        let whole: [UInt8] =
            switch framing {
            case "counted": Array("\(head)Content-Length: \(body.count)\r\n\r\n".utf8) + body
            case "chunked":
                Array("\(head)Transfer-Encoding: chunked\r\n\r\n5;x=y\r\n".utf8) + body.prefix(5)
                    + Array("\r\n\(String(body.count - 5, radix: 16))\r\n".utf8) + body.dropFirst(5)
                    + Array("\r\n0\r\nX-T: t\r\n\r\n".utf8)
            default: Array("\(head)\r\n".utf8) + body
            }
        let upstream = try ScriptedUpstream { peer, number in
            guard try peer.requestHead() != nil else { return }
            var generator = SeededGenerator(seed: UInt64(number))
            var start = 0
            while start < whole.count {
                let end = min(whole.count, start + 1 + Int(generator.next() % (number % 2 == 0 ? 40 : 2_000)))
                try peer.send(Array(whole[start..<end]))
                start = end
            }
            peer.finish()
            _ = try peer.readToEnd()
        }
        try proxying(gzipping(upstream)) { proxy throws in
            for _ in 0..<24 { #expect(try content(proxy.get("/", accepting)) == body) }
        }
    }

    @Test("a long body passes to a slow client in bounded memory", arguments: [true, false])
    func slowClient(_ isNoise: Bool) throws {
        let count = 6_000_000
        let body = isNoise ? pattern(count) : [UInt8](repeating: 65, count: count)
        let upstream = try ScriptedUpstream.once(
            Array("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(count)\r\n\r\n".utf8) + body)
        try proxying(gzipping(upstream, Gzip(level: 1))) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\(accepting)\r\n")
            try waitUntil("the response begins") { proxy.tally.compressed.current == 1 }
            #expect(proxy.books.used <= 4)
            let answer = try client.response()
            #expect(try content(answer) == body)
            client.close()
        }
    }

    @Test("whoever goes away in the middle leaves no deflater behind, and a broken body is cut")
    func ends() throws {
        let upstream = try ScriptedUpstream { peer, number in
            guard try peer.requestHead() != nil else { return }
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
            switch number % 3 {
            case 0: try peer.send("\(head)Content-Length: 100000\r\n\r\nhalf of it")
            case 1: try peer.send("\(head)Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")
            default:
                try peer.send("\(head)\r\nno end")
                _ = try peer.readToEnd()
            }
        }
        try proxying(gzipping(upstream)) { proxy throws in
            for number in 0..<6 {
                let client = try proxy.client()
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\(accepting)\r\n")
                if number % 3 == 2 {
                    _ = try client.read(through: "\r\n\r\n")
                    client.reset()
                } else {
                    // Nothing at all, when it was broken before the head had gone.
                    #expect((try? client.response())?.isWhole != true)
                    client.close()
                }
                try proxy.settle()
                #expect(proxy.look { $0.deflaters.lentCount } == 0)
            }
        }
    }

    @Test("the rule's types, minimum and level are its own")
    func options() throws {
        let upstream = try ScriptedUpstream.steady { text(type: "x/\($0.target.dropFirst())", "0123456789") }
        try proxying(gzipping(upstream, Gzip(types: ["X/a", "x/b+json"], minimum: 10, level: 9))) { proxy throws in
            #expect(try content(proxy.get("/A", accepting)).text == "0123456789")
            #expect(try content(proxy.get("/b+json", accepting)).text == "0123456789")
            #expect(try proxy.get("/b", accepting).text == "0123456789")
            proxy.adopt(gzipping(upstream, Gzip(types: ["x/*"], minimum: 11)))
            #expect(try proxy.get("/A", accepting).text == "0123456789")
        }
    }
}
