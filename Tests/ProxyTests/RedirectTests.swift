import Contract
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("Redirects to https", .timeLimit(.minutes(5)))
struct RedirectTests {
    @Test(
        "keep host, path and query, and name the secure listener's port",
        arguments: [
            ("GET /a/b?c=d&e HTTP/1.1\r\nHost: site.test\r\n\r\n", "site.test", "/a/b?c=d&e"),
            ("GET / HTTP/1.1\r\nHost: site.test:8080\r\n\r\n", "site.test", "/"),
            ("GET /x HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", "[2001:db8::1]", "/x"),
            ("GET /x HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", "[2001:db8::1]", "/x"),
            ("GET /x HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n", "127.0.0.1", "/x"),
            ("GET http://site.test:81/x?y HTTP/1.1\r\nHost: other.test\r\n\r\n", "site.test", "/x?y"),
            ("GET http://site.test HTTP/1.1\r\nHost: other.test\r\n\r\n", "site.test", "/"),
            ("OPTIONS * HTTP/1.1\r\nHost: site.test\r\n\r\n", "site.test", "/"),
        ])
    func targets(_ request: String, _ host: String, _ target: String) throws {
        try proxying([Rule(name: "all", hosts: ["*"], tls: .required)]) { proxy throws in
            let answer = try proxy.ask(request)
            #expect(answer.status == 308)
            #expect(answer["location"] == "https://\(host):\(proxy.secure.port)\(target)")
            #expect(answer["content-length"] == "0")
            #expect(proxy.tally.redirected.current == 1)
        }
    }

    @Test("are not sent to who did not say which host it wants")
    func noHost() throws {
        try proxying([Rule(name: "all", hosts: ["*"], tls: .required)]) { proxy throws in
            #expect(try proxy.ask("GET / HTTP/1.0\r\n\r\n").status == 400)
        }
    }

    @Test("keep the longest target that a head may have")
    func long() throws {
        try proxying([Rule(name: "all", hosts: ["*"], tls: .required)]) { proxy throws in
            let path = "/" + String(repeating: "p", count: 8_000)
            #expect(try proxy.get(path)["location"]?.hasSuffix(path) == true)
        }
    }
}
