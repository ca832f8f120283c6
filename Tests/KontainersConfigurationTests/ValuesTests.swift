import Testing

@testable import KontainersConfiguration

@Suite("Values")
struct ValuesTests {
    @Test(
        "addresses to listen on become canonical",
        arguments: [
            ("0.0.0.0:80", "0.0.0.0:80"), (":80", "0.0.0.0:80"), ("80", "0.0.0.0:80"), ("*:80", "0.0.0.0:80"),
            ("[::]:443", "[::]:443"), ("[0:0::0]:443", "[::]:443"),
            ("[2001:DB8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1"),
            ("127.0.0.1:0", "127.0.0.1:0"), ("[::ffff:1.2.3.4]:5", "[::ffff:102:304]:5"),
            ("[1:2:3:4:5:6:7:8]:9", "[1:2:3:4:5:6:7:8]:9"), ("[1:0:3:4:5:6:7:8]:9", "[1:0:3:4:5:6:7:8]:9"),
            ("[::1]:80", "[::1]:80"), ("[1::]:80", "[1::]:80"),
        ])
    func listening(_ text: String, _ canonical: String) throws { #expect(try Addresses.listening(text) == canonical) }

    @Test(
        "what is no address is refused",
        arguments: [
            "", ":", "a:80", "1.2.3:80", "1.2.3.4.5:80", "01.2.3.4:80", "256.1.1.1:80", "1.2.3.4:", "1.2.3.4:-1",
            "1.2.3.4:65536", "1.2.3.4:+80", "[::1]", "[::1]80", "[:::1]:80", "[1::2::3]:80", "[1:2:3:4:5:6:7]:80",
            "[1:2:3:4:5:6:7:8:9]:80", "[12345::]:80", "[::g]:80", "[1.2.3.4]:80", "[fe80::1%eth0]:80", "[]:80", "[:80",
            "::1:80", "1.2.3.4:８０", "99999999999:80",
        ])
    func noAddress(_ text: String) {
        #expect(throws: Fault.self) { try Addresses.listening(text) }
        #expect(throws: Fault.self) { try Addresses.endpoint(text.replacing("a:80", with: "a b:80")) }
    }

    @Test(
        "endpoints become canonical",
        arguments: [
            ("127.0.0.1:9000", "127.0.0.1:9000"), ("[::0001]:9000", "[::1]:9000"), ("Backend:80", "backend:80"),
            ("a.b.example.:80", "a.b.example:80"), ("my_app:1", "my_app:1"),
        ])
    func endpoints(_ text: String, _ canonical: String) throws { #expect(try Addresses.endpoint(text) == canonical) }

    @Test(
        "hosts become lower case without their last dot",
        arguments: [
            ("Site.Test", "site.test"), ("site.test.", "site.test"), ("*", "*"), ("*.Site.test", "*.site.test"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"), ("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"),
        ])
    func hosts(_ text: String, _ canonical: String) throws { #expect(try Hosts.host(text) == canonical) }

    @Test("hosts have limits, at and over")
    func hostLimits() throws {
        let label = String(repeating: "a", count: Hosts.labelLimit)
        #expect(try Hosts.host(label) == label)
        #expect(throws: Fault.self) { try Hosts.host(label + "a") }
        let name = [label, label, label, String(repeating: "a", count: 61)].joined(separator: ".")
        #expect(name.utf8.count == Hosts.nameLimit)
        #expect(try Hosts.host(name) == name)
        #expect(throws: Fault.self) { try Hosts.host(name + "a") }
    }

    @Test(
        "paths are kept without a closing slash",
        arguments: [("/", "/"), ("/api", "/api"), ("/api/", "/api"), ("/a%20b/c", "/a%20b/c"), ("/~a/b.c", "/~a/b.c")])
    func paths(_ text: String, _ canonical: String) throws { #expect(try Hosts.path(text) == canonical) }

    @Test(
        "what is no path is refused",
        arguments: [
            "", "api", "/a b", "/a?b", "/a#b", "//", "/a//b", "/./a", "/a/..", "/é", "/a%", "/a%g0", "/a%+1", "/\u{0}",
        ])
    func noPath(_ text: String) { #expect(throws: Fault.self) { try Hosts.path(text) } }

    @Test("paths have a limit, at and over")
    func pathLimit() throws {
        let path = "/" + String(repeating: "a", count: Hosts.pathLimit - 1)
        #expect(try Hosts.path(path) == path)
        #expect(throws: Fault.self) { try Hosts.path(path + "a") }
    }

    @Test(
        "the nearest word is found, and no word when none is near",
        arguments: [
            ("hots", "host"), ("hossts", "hosts"), ("HOSTS", "hosts"), ("prot", "port"), ("pat", "path"),
            ("tsl", "tls"),
            ("listner", "listener"), ("listens", "listener"), ("zzz", nil), ("x", nil), ("", nil),
            ("network-name", "network"),
        ] as [(String, String?)])
    func suggestions(_ word: String, _ meant: String?) {
        let known = ["host", "hosts", "path", "port", "tls", "network", "listener"]
        #expect(Suggestion.nearest(to: word, among: known) == meant)
    }

    @Test("distances count insertions, omissions, replacements and swaps")
    func distances() {
        #expect(Suggestion.distance(from: "host", to: "host") == 0)
        #expect(Suggestion.distance(from: "hots", to: "host") == 1)
        #expect(Suggestion.distance(from: "ost", to: "host") == 1)
        #expect(Suggestion.distance(from: "", to: "host") == 4)
        #expect(Suggestion.distance(from: "kitten", to: "sitting") == 3)
    }

    @Test("what others wrote is shown short and without control characters")
    func shown() {
        #expect(Shown.quoted("a\nb\u{1b}[0m\u{202e}") == "\"a\\u{a}b\\u{1b}[0m\\u{202e}\"")
        #expect(Shown.plain(String(repeating: "x", count: 500)).count == Shown.scalarLimit + 1)
    }
}
