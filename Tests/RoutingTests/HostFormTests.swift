import Contract
import Testing

@testable import Routing

@Suite("Forms of a host")
struct HostFormTests {
    private let asking = Asking([
        Rule(name: "exact", hosts: ["secret.site.test"]), Rule(name: "wild", hosts: ["*.site.test"]),
        Rule(name: "default", hosts: ["*"]), Rule(name: "v4", hosts: ["192.0.2.1"]),
        Rule(name: "v6", hosts: ["[2001:DB8:0::1]"]), Rule(name: "short", hosts: ["x"]),
    ])

    @Test(
        "every way to write a name is that name",
        arguments: [
            ("secret.site.test", "exact"), ("SECRET.Site.TEST", "exact"), ("secret.site.test.", "exact"),
            ("secret.site.test:80", "exact"), ("secret.site.test:", "exact"), ("secret.site.test:65535", "exact"),
            ("Secret.Site.Test.:8080", "exact"), ("secret.site.test:00080", "exact"),
            ("a.site.test", "wild"), ("A.SITE.TEST.", "wild"), ("a.b.site.test:1", "wild"),
            ("_dmarc.site.test", "wild"), ("xn--bcher-kva.site.test", "wild"), ("~me.site.test", "wild"),
            ("site.test", "default"), ("secretXsite.test", "default"), ("xsecret.site.test.evil", "default"),
            ("192.0.2.1", "v4"), ("192.0.2.1:443", "v4"), ("192.0.2.1.", "v4"),
            ("[2001:db8::1]", "v6"), ("[2001:db8::1]:443", "v6"), ("[2001:0DB8:0:0:0:0:0:1]", "v6"),
            ("[2001:db8::0.0.0.1]", "v6"), ("[2001:db8::2]", "default"), ("x", "short"), ("X.", "short"),
            ("x:1", "short"), ("", "default"),
        ])
    func written(_ host: String, _ rule: String) { #expect(asking.ask(host) == rule, "\(host)") }

    @Test(
        "other ways to write an address are other names",
        arguments: ["3221225985", "0xc0.0.2.1", "192.0.513", "0300.0.2.1", "192.0.2.01"])
    func addresses(_ host: String) { #expect(asking.ask(host) == "default") }

    @Test(
        "what no name has is refused",
        arguments: [
            ".", "..", "a..site.test", ".site.test", ".secret.site.test", "secret.site.test..",
            "secret.site.test.:80:80",
            "secret.site.test:80:80", "secret.site.test:80a", "secret.site.test:-1", "secret.site.test:123456", ":80",
            ":",
            "::1", "2001:db8::1", "[::1", "::1]", "[]", "[::1]x", "[::1%25eth0]", "[::1%eth0]", "[v1.x]", "[1.2.3.4]",
            "secret%2esite.test", "%73ecret.site.test", "secret.site.test%00", "secret.site.test\0", "\0", " ",
            " secret.site.test", "secret.site.test ", "secret.site.test\t", "secret site.test", "user@secret.site.test",
            "user:pw@a.site.test", "a.site.test/", "a.site.test/x", "a.site.test\\x", "a.site.test?x", "a.site.test#x",
            "http://a.site.test", "a,b.site.test", "*.site.test", "*", "a.site.test;b", "bücher.site.test",
            "a\u{3002}site.test", "a'b.site.test", "a\r\nb.site.test",
        ])
    func refused(_ host: String) { #expect(asking.ask(host) == "bad host", "\(host)") }

    @Test("the port is not part of the name, whatever its length")
    func ports() {
        for digits in 0...5 {
            #expect(asking.ask("secret.site.test:" + String(repeating: "1", count: digits)) == "exact")
        }
    }

    @Test("names of up to 255 bytes are compared, longer ones meet nothing")
    func lengths() {
        func name(_ count: Int) -> String {
            let tail = ".site.test"
            return String(String(repeating: "abcdefg.", count: 40).prefix(count - tail.utf8.count - 1)) + "z" + tail
        }
        for count in 12...255 { #expect(asking.ask(name(count)) == "wild", "\(count)") }
        #expect(asking.ask(name(255) + ".:80") == "wild")
        for count in [256, 257, 263, 264, 265, 300] { #expect(asking.ask(name(count)) == "404", "\(count)") }
        #expect(asking.ask(String(repeating: "a", count: 70_000)) == "404")
        #expect(asking.ask(String(repeating: ".", count: 70_000)) == "404")
        #expect(asking.ask(String(repeating: "1", count: 70_000)) == "404")
        #expect(asking.ask(Array(repeating: "a", count: 128).joined(separator: ".")) == "default")
    }

    @Test("names of every length are told apart by their last byte and by their first")
    func everyLength() {
        let names = (1...63).flatMap { count in
            ["a", "b"].flatMap { end in
                let middle = String(repeating: "m", count: count - 1)
                return count == 1 ? [end] : [middle + end, end + middle]
            }
        }
        let rules = names.enumerated().map { Rule(name: "\($0.offset)", hosts: [$0.element, "*.\($0.element).w"]) }
        let asking = Asking(rules)
        #expect(asking.diagnoses == [])
        for (number, name) in names.enumerated() {
            #expect(asking.ask(name) == "\(number)")
            #expect(asking.ask(name.uppercased() + ".:1") == "\(number)")
            #expect(asking.ask("some.where." + name + ".w") == "\(number)")
            #expect(asking.ask(name + "c") == "404")
        }
    }
}
