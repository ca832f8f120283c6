import HTTP
import HTTP1
import Testing

@Suite("Request target and host")
struct RequestTargetTests {
    @Test(
        "path and query of origin-form and absolute-form (RFC 9112 §3.2)",
        arguments: [
            ("/", "/", "", "h"), ("/?", "/", "", "h"), ("/a?b?c", "/a", "b?c", "h"), ("//x/..", "//x/..", "", "h"),
            ("/a%20b;c=1,2", "/a%20b;c=1,2", "", "h"), ("/http://x/", "/http://x/", "", "h"),
            ("http://o", "", "", "o"), ("http://o/", "/", "", "o"), ("http://o?q", "", "q", "o"),
            ("HTTPS://o:443/p?q", "/p", "q", "o:443"), ("hTTp://[::1]:80/p", "/p", "", "[::1]:80"),
            (
                "/long/path/of/more/than/sixteen/bytes?and=a&query=too", "/long/path/of/more/than/sixteen/bytes",
                "and=a&query=too", "h"
            ),
        ])
    func split(_ target: String, _ path: String, _ query: String, _ host: String) throws {
        let head = try #require(readRequest("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n").head)
        #expect(head.target == target && head.path == path && head.query == query && head.host == host)
        #expect(head.isAbsolute == (host != "h"))
        #expect(head.isAbsoluteHTTPS == target.hasPrefix("HTTPS"))
    }

    @Test("asterisk-form is for OPTIONS alone")
    func asterisk() throws {
        let head = try #require(readRequest("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").head)
        #expect(head.isAsterisk && head.path.isEmpty && head.query.isEmpty && head.target == "*")
        #expect(readRequest("GET * HTTP/1.1\r\nHost: h\r\n\r\n") == .refused(.badTarget))
        #expect(readRequest("OPTIONS ** HTTP/1.1\r\nHost: h\r\n\r\n") == .refused(.badTarget))
    }

    @Test(
        "other targets are refused",
        arguments: [
            "", "a", "a/b", "example.com:443", "http:/a", "http://", "http:///", "http://?q", "https://", "ftp://a/",
            "http://u@a/", "http://u:p@a/", "http://a:b/", "http://a:65536/", "/#", "/a#b", "#", "?q",
            "/\u{7F}", "/ü", "/\t", "/a\u{0}", "http://ü/", "http://a,b/", "//\r/", "/a\u{1F}",
        ])
    func refused(_ target: String) {
        let error = readRequest("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n").error
        // A CR in the target looks like the end of an HTTP/0.9 request.
        #expect(error == (target.contains("\r") ? .badVersion : .badTarget))
    }

    @Test("every byte is either allowed in a target or refused, at any position")
    func everyByte() {
        for byte in UInt8.min...UInt8.max {
            let isAllowed = byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#")
            for position in [0, 7, 8, 15, 16, 30] {
                var bytes = Array("GET /".utf8) + [UInt8](repeating: 0x61, count: 31)
                bytes[5 + position] = byte
                bytes += Array(" HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
                #expect((readRequest(bytes).head != nil) == isAllowed)
            }
        }
    }

    @Test(
        "hosts",
        arguments: [
            "a", "example.com", "EXAMPLE.com.", "a:0", "a:80", "a:65535", "a:00080", "127.0.0.1", "127.0.0.1:8080",
            "under_score",
            "xn--bcher-kva.example", "a%41b", "a!$&'()*+;=~b", "[::]", "[::1]", "[::1]:8080", "[1:2:3:4:5:6:7:8]",
            "[1::8]", "[1:2:3:4:5:6:7::]", "[::2:3:4:5:6:7:8]", "[::ffff:1.2.3.4]", "[1:2:3:4:5:6:1.2.3.4]",
            "[fe80::ABCD]",
            "a-long-name.with.more.than.sixteen.bytes.example:443",
        ])
    func hosts(_ host: String) throws {
        #expect(try #require(readRequest("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").head).host == host)
        #expect(try #require(readRequest("GET http://\(host) HTTP/1.1\r\nHost: x\r\n\r\n").head).host == host)
    }

    @Test(
        "what is no host (RFC 9112 §3.2)",
        arguments: [
            "", ":80", "a:", "a:x", "a:-1", "a:65536", "a:100000", "a:80:80", "a b", "a,b", "a/b", "a?b", "a#b", "u@a",
            "a%", "a%4",
            "a%4g", "a\\b", "a<b", "\"a\"", "[", "]", "[]", "[a", "a]", "[:]", "[:::]", "[1]", "[1:2:3:4:5:6:7]",
            "[1:2:3:4:5:6:7:8:9]", "[1:2:3:4:5:6:7::8]", "[::1::]", "[1:]", "[:1]", "[12345::]", "[g::]",
            "[::1%25eth0]", "[v1.a]",
            "[::1.2.3]", "[::1.2.3.4.5]", "[::256.1.1.1]", "[::01.1.1.1]", "[1.2.3.4]", "[::1.2.3.4:1]",
            "[1:2:3:4:5:6:7:1.2.3.4]",
            "[::1]a", "[::1]:", "[::1]:99999", "[::1", "::1", "ü", "a\tb", "[::1 ]", "http://a",
        ])
    func badHosts(_ host: String) {
        #expect(readRequest("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") == .refused(.badHost))
    }
}
