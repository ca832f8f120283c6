import Bytes
import Testing

@testable import Routing

@Suite("Paths that rules change")
struct ForwardedPathTests {
    /// The path as it is forwarded, or `nil`.
    private func forwarded(_ path: String) -> String? {
        var buffers = BufferPool()
        let output = buffers.take(.large)
        defer { buffers.give(output) }
        let bytes = Array(path.utf8)
        guard appendForwarded(path: bytes.span, to: output) else { return nil }
        #expect(output.count <= roomForForwarded(path: bytes.span))
        return String(decoding: [UInt8](copying: output.readable), as: UTF8.self)
    }

    @Test(
        "are forwarded in their normal form, encoded",
        arguments: [
            ("", "/"), ("/", "/"), ("/a", "/a"), ("/a/", "/a/"), ("/a//b", "/a/b"), ("//a", "/a"), ("/a/.", "/a/"),
            ("/a/./b", "/a/b"), ("/a/..", "/"), ("/a/../b", "/b"), ("/a/b/..", "/a/"), ("/%61", "/a"),
            ("/%2e%2E/a", nil), ("/a/%2e%2e/b", "/b"), ("/a%2fb", "/a%2Fb"), ("/a%5cb", "/a%5Cb"), ("/a\\b", "/a%5Cb"),
            ("/a%20b", "/a%20b"), ("/%c3%a4", "/%C3%A4"), ("/a;b=c", "/a;b=c"), ("/a%3bb", "/a%3Bb"),
            ("/a%3fb", "/a%3Fb"), ("/a%25b", "/a%25b"), ("/a%252e", "/a%252e"), ("/a%00", nil), ("/a%", nil),
            ("/a%g0", nil), ("/..", nil), ("a", nil), ("/...", "/..."), ("/.a", "/.a"), ("/a//..//b", "/b"),
            ("/\"<>", "/%22%3C%3E"), ("//", "/"), ("/a/.//", "/a/"),
        ] as [(String, String?)])
    func forms(_ path: String, _ wanted: String?) {
        #expect(forwarded(path) == wanted)
    }

    @Test("what is forwarded matches as what was asked, and is its own normal form")
    func agreement() {
        var random = Seeded(state: 9)
        let pieces = ["/", "//", "a", "b", ".", "..", "%2e", "%2F", "%5c", "%25", "%41", "%20", ";", "~", "%3f", "ä"]
        for _ in 0..<20_000 {
            var path = "/"
            for _ in 0..<Int.random(in: 0...8, using: &random) { path += pieces.randomElement(using: &random)! }
            let matched = normal(path)
            let written = forwarded(path)
            guard (matched == nil) == (written == nil) else {
                Issue.record("\(path): matched as \(matched ?? "none"), forwarded as \(written ?? "none")")
                return
            }
            guard let written else { continue }
            guard normal(written) == matched, forwarded(written) == written else {
                Issue.record("\(path): forwarded as \(written)")
                return
            }
        }
    }

    private func normal(_ path: String) -> String? {
        Array(path.utf8).withRun { run in
            withRoom(PathLimits.ruleBytes) { room in resolve(path: run, into: room).map { room.first($0).string } }
        }
    }

    @Test(
        "a prefix is found by whole segments, however the path spells it",
        arguments: [
            ("/api", "/api", 4), ("/api", "/api/x", 4), ("/api", "/apis", nil), ("/api", "/ap", nil),
            ("/a b", "/a%20b/c", 6), ("/a%2Fb", "/a%2Fb/c", 6), ("/a/b", "/a%2Fb/c", nil), ("", "/x", 0),
            ("/ä", "/%C3%A4", 7), ("/api", "/", nil), ("/a%25b", "/a%25b", 6),
        ] as [(String, String, Int?)])
    func prefixes(_ prefix: String, _ path: String, _ count: Int?) {
        #expect(byteCount(of: Array(prefix.utf8).span, inFrontOf: Array(path.utf8).span) == count)
    }
}
