import Testing

@testable import TLS

@Suite("Server names")
struct ServerNameTests {
    private func canonical(_ text: String) -> String? { ServerName.canonical(Array(text.utf8).span) }

    @Test("are lower-cased, and lose a trailing dot")
    func folding() {
        #expect(canonical("App.Example.COM") == "app.example.com")
        #expect(canonical("app.example.com.") == "app.example.com")
        #expect(canonical("_srv.a-b.1") == "_srv.a-b.1")
        #expect(canonical("xn--bcher-kva.test") == "xn--bcher-kva.test")
    }

    @Test(
        "are nothing when they are no host name",
        arguments: [
            "", ".", "..", "a..b", ".a", "a b", "a/b", "*", "*.a", "a:80", "bücher.test", "a\u{0}b", "\u{7f}", "[::1]",
        ])
    func refused(_ text: String) { #expect(canonical(text) == nil) }

    @Test("have 253 bytes at most, a trailing dot aside")
    func limit() {
        let longest = String(repeating: "a.", count: 126) + "a"
        #expect(longest.utf8.count == ServerName.bytesLimit)
        #expect(canonical(longest) == longest)
        #expect(canonical(longest + ".") == longest)
        #expect(canonical(longest + "a") == nil)
        #expect(canonical(longest + "a.") == nil)
        #expect(canonical(String(repeating: "a", count: 100_000)) == nil)
    }

    @Test("of patterns are exact, a suffix after one star, or everything")
    func patterns() {
        func pattern(_ text: String) -> NamePattern? { NamePattern(text.utf8) }
        #expect(pattern("A.test") == .exact("a.test"))
        #expect(pattern("*.A.test") == .suffix(".a.test"))
        #expect(pattern("*") == .everything)
        for text in ["", "*.", "**", "a.*", "*a.test", "*.*.test", "*.a..b"] { #expect(pattern(text) == nil) }
        #expect(NamePattern(String(repeating: "a", count: 100_000).utf8) == nil)
    }

    @Test("choose the most exact claim, rules before certificates, earlier before later")
    func precedence() {
        var names = ServerNames()
        names.assign(.suffix(".test"), to: 1)
        names.assign(.suffix(".b.test"), to: 2)
        names.assign(.suffix(".b.test"), to: 9)
        names.assign(.everything, to: 3)
        names.certify(.exact("a.b.test"), by: 4)
        names.certify(.suffix(".b.test"), by: 5)
        names.certify(.suffix(".c.test"), by: 6)
        names.certify(.everything, by: 7)
        func certificate(_ name: String) -> Int? { names.certificate(for: Array(name.utf8).span) }
        #expect(certificate("a.b.test") == 4)
        #expect(certificate("x.b.test") == 2)
        #expect(certificate("x.y.b.test") == 2)
        #expect(certificate("x.c.test") == 6)
        #expect(certificate("x.y.c.test") == 1)
        #expect(certificate("b.test") == 1)
        #expect(certificate("test") == 3)
        #expect(certificate("elsewhere") == 3)
        #expect(certificate("no host") == 3)
        #expect(certificate("") == 3)
        #expect(ServerNames().certificate(for: Array("a.test".utf8).span) == nil)
    }
}
