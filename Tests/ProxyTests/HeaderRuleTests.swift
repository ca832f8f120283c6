import Contract
import TestKit
import Testing

@testable import Proxy

@Suite("Rules about headers", .timeLimit(.minutes(5)))
struct HeaderRuleTests {
    @Test("request headers are removed, set and added, in any case of their names")
    func request() throws {
        let upstream = try ScriptedUpstream.saying("ok")
        let rules = site(upstream) {
            $0.requestHeaders.remove = ["cookie"]
            $0.requestHeaders.set = [
                HeaderField("X-Who", "${client} at ${host} by ${scheme} of ${rule}"),
                HeaderField("ACCEPT", "text/plain"),
                HeaderField("X-Real-IP", "${client}"), HeaderField("X-Literal", "$${host} $x 100%"),
            ]
            $0.requestHeaders.add = [HeaderField("X-Also", "two"), HeaderField("X-Trace", "id-${request_id}")]
        }
        try proxying(rules) { proxy throws in
            let fields =
                "Accept: */*\r\nX-WHO: forged\r\nCookie: a=b\r\nX-Also: one\r\nX-Real-IP: 6.6.6.6\r\nCooki: c\r\n"
            #expect(try proxy.get("/", host: "SITE.test:80", fields).text == "ok")
        }
        let seen = try #require(upstream.requests.first)
        #expect(seen.all("x-who") == ["127.0.0.1 at SITE.test by http of site"])
        #expect(seen.all("accept") == ["text/plain"])
        #expect(seen.all("cookie").isEmpty)
        #expect(seen.all("cooki") == ["c"])
        #expect(seen.all("x-also") == ["one", "two"])
        #expect(seen.all("x-real-ip") == ["127.0.0.1"])
        #expect(seen.all("x-literal") == ["${host} $x 100%"])
        #expect(seen["x-trace"] == seen["x-request-id"].map { "id-\($0)" })
        #expect(seen.all("host") == ["SITE.test:80"])
    }

    @Test("response headers are removed, set and added, but not on answers of our own")
    func response() throws {
        let upstream = try ScriptedUpstream.steady { request in
            request.target == "/bad"
                ? "nonsense\r\n\r\n"
                : ok(
                    "body", "Server: secret/1.0\r\nX-Powered-By: x\r\nVary: a\r\nX-Served: twice\r\nX-SERVED: over\r\n")
        }
        let rules = site(upstream) {
            $0.responseHeaders.remove = ["SERVER", "x-powered-by"]
            $0.responseHeaders.set = [HeaderField("X-Served", "${rule} ${scheme}://${host} ${client}")]
            $0.responseHeaders.add = [HeaderField("Vary", "b"), HeaderField("X-ID", "${request_id}")]
        }
        try proxying(rules) { proxy throws in
            let client = try proxy.client()
            for count in 1...2 {
                try client.send("GET /\(count) HTTP/1.1\r\nHost: site.test:99\r\n\r\n")
                let answer = try client.response()
                #expect(answer.text == "body")
                #expect(answer["server"] == nil && answer["x-powered-by"] == nil)
                #expect(answer.all("x-served") == ["site http://site.test 127.0.0.1"])
                #expect(answer.all("vary") == ["a", "b"])
                #expect(answer["x-id"] == upstream.requests.last?["x-request-id"])
                #expect(answer.all("date").count == 1 && answer.all("content-length") == ["4"])
            }
            client.close()
            let bad = try proxy.get("/bad")
            #expect(bad.status == 502)
            #expect(bad["x-served"] == nil)
        }
    }

    @Test("a rule's fields pass with heads of any size up to the limit")
    func room() throws {
        let upstream = try ScriptedUpstream.steady { request in ok("x", "X-Long: \(request["x-long"] ?? "")\r\n") }
        let rules = site(upstream) {
            let long = String(repeating: "v", count: 1_000) + "${host}"
            $0.requestHeaders.set = (0..<4).map { HeaderField("X-Set-\($0)", long) }
            $0.responseHeaders.set = (0..<4).map { HeaderField("X-Set-\($0)", long) }
            $0.securityHeaders = true
        }
        try proxying(rules) { proxy throws in
            for count in [10, 8_000, 12_000, 15_000, 16_000, 20_000, 30_000] {
                let answer = try proxy.get("/", "X-Long: \(String(repeating: "l", count: count))\r\n")
                #expect(answer.status == 200)
                #expect(answer["x-long"]?.utf8.count == count)
                #expect(answer["x-set-3"]?.hasSuffix("vsite.test") == true)
            }
        }
        #expect(upstream.requests.allSatisfy { $0["x-set-3"]?.hasSuffix("vsite.test") == true })
    }

    @Test("fields of a WebSocket's switch and interim responses stay as they are")
    func interim() throws {
        let upstream = try ScriptedUpstream.steady { _ in "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + ok("x") }
        let rules = site(upstream) { $0.responseHeaders.set = [HeaderField("Link", "b")] }
        try proxying(rules) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.anyResponse()["link"] == "a")
            #expect(try client.anyResponse()["link"] == "b")
            client.close()
        }
    }
}
