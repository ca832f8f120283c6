import Contract
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("Rules about paths and redirects", .timeLimit(.minutes(5)))
struct PathRuleTests {
    private struct Case: Sendable {
        var strip: String?
        var add: String?
        var asked: String
        var wanted: String
    }

    private static let cases = [
        Case(strip: "/api", add: nil, asked: "/api/x?y=/api", wanted: "/x?y=/api"),
        Case(strip: "/api", add: nil, asked: "/api", wanted: "/"),
        Case(strip: "/api", add: nil, asked: "/api?q", wanted: "/?q"),
        Case(strip: "/api", add: nil, asked: "/api/", wanted: "/"),
        Case(strip: "/api", add: nil, asked: "/api/api/x/", wanted: "/api/x/"),
        Case(strip: nil, add: "/v1", asked: "/api/x", wanted: "/v1/api/x"),
        Case(strip: "/api", add: "/v1/", asked: "/api/x", wanted: "/v1/x"),
        Case(strip: "/api", add: "/v1", asked: "/api", wanted: "/v1"),
        Case(strip: "/api", add: "/v1", asked: "/api/", wanted: "/v1/"),
        Case(strip: "/other", add: nil, asked: "/api/x", wanted: "/api/x"),
        Case(strip: "/api", add: nil, asked: "/api/a%20b%2Fc", wanted: "/a%20b%2Fc"),
        Case(strip: "/api", add: nil, asked: "http://site.test/api/x", wanted: "/x"),
        // Ways to climb out of the prefix: the upstream gets what was matched.
        Case(strip: "/api", add: "/v1", asked: "/api/x/../../api/y", wanted: "/v1/y"),
        Case(strip: "/api", add: "/v1", asked: "/%61pi/%2e/x", wanted: "/v1/x"),
        Case(strip: "/api", add: "/v1", asked: "//api//x", wanted: "/v1/x"),
        Case(strip: "/api", add: "/v1", asked: "/z/%2E%2e/api/x/..", wanted: "/v1/"),
        Case(strip: "/api", add: "/v1", asked: "/api/..%2f..%2fetc", wanted: "/v1/..%2F..%2Fetc"),
    ]

    @Test("the upstream is asked for the changed path", arguments: cases.indices)
    func changed(_ number: Int) throws {
        let this = Self.cases[number]
        let upstream = try ScriptedUpstream.saying("ok")
        let rules = site(upstream, path: "/api") {
            $0.stripPrefix = this.strip
            $0.addPrefix = this.add
        }
        try proxying(rules) { proxy throws in #expect(try proxy.get(this.asked).status == 200) }
        #expect(upstream.requests.map(\.target) == [this.wanted], "\(this.asked)")
    }

    @Test("a path that climbs out of the rule's path does not reach the rule")
    func climbing() throws {
        let upstream = try ScriptedUpstream.saying("ok")
        try proxying(site(upstream, path: "/api") { $0.stripPrefix = "/api" }) { proxy throws in
            for path in ["/api/..", "/api/../x", "/api/%2e%2e/x", "/api//../x", "/api/./../x"] {
                #expect(try proxy.get(path).status == 404, "\(path)")
            }
            #expect(try proxy.get("/api/../../x").status == 400)
            #expect(try proxy.ask("OPTIONS * HTTP/1.1\r\nHost: site.test\r\n\r\n").status == 404)
        }
        #expect(upstream.requests.isEmpty)
    }

    @Test("a rule without changes of the path forwards it as it came")
    func untouched() throws {
        let upstream = try ScriptedUpstream.saying("ok")
        try proxying(site(upstream) { $0.securityHeaders = true }) { proxy throws in
            #expect(try proxy.get("/a//b/%2e/c/").status == 200)
            #expect(try proxy.ask("OPTIONS * HTTP/1.1\r\nHost: site.test\r\n\r\n").status == 200)
        }
        #expect(upstream.requests.map(\.target) == ["/a//b/%2e/c/", "*"])
    }

    @Test("long paths of bytes that are encoded anew still fit, or are refused")
    func long() throws {
        let upstream = try ScriptedUpstream.saying("ok")
        try proxying(site(upstream) { $0.addPrefix = "/x" }) { proxy throws in
            let path = "/" + String(repeating: "%41b", count: 2_000)
            #expect(try proxy.get(path).status == 200)
            #expect(upstream.requests.last?.target == "/x/" + String(repeating: "Ab", count: 2_000))
        }
    }

    @Test(
        "a redirect names the new place",
        arguments: [
            ("https://new.test/${path}${query}", "/a/b/?c=d", "https://new.test/a/b/?c=d"),
            ("https://new.test/${path}", "/?c=d", "https://new.test/"),
            ("https://www.${host}/${path}", "/a", "https://www.site.test/a"),
            ("${scheme}://new.test/old/${path}", "/x", "http://new.test/old/x"), ("/there", "/x", "/there"),
            ("https://new.test/?to=$${x}", "/x", "https://new.test/?to=${x}"),
            // A path never becomes a host.
            ("/${path}", "//evil.test/x", "/evil.test/x"), ("/${path}", "/%2Fevil.test", "/%2Fevil.test"),
            ("/${path}", "/%5Cevil.test", "/%5Cevil.test"), ("/${path}", "/.//evil.test", "/evil.test"),
            ("/${path}", "/%09/evil.test", "/%09/evil.test"),
            ("/${path}", "/%0d%0aSet-Cookie:a=b", "/%0D%0ASet-Cookie:a=b"),
            ("https://new.test/${path}", "/@evil.test", "https://new.test/@evil.test"),
            ("https://new.test/base/${path}", "/a/../../b/..", nil),
            ("https://new.test/base/${path}", "/a/../b/..", "https://new.test/base/"),
        ] as [(String, String, String?)])
    func redirect(_ to: String, _ asked: String, _ wanted: String?) throws {
        let upstream = try ScriptedUpstream.saying("ok")
        try proxying(site(upstream) { $0.redirect = Redirect(to: to, status: 302) }) { proxy throws in
            let answer = try proxy.get(asked, host: "site.test:8080")
            #expect(answer.status == (wanted == nil ? 400 : 302))
            #expect(answer["location"] == wanted)
            #expect(answer.all("location").count <= 1)
        }
        #expect(upstream.acceptedCount == 0)
    }

    @Test("redirects are bounded, counted, and carry their status", arguments: Redirect.statuses)
    func bounded(_ status: Int) throws {
        let upstream = try ScriptedUpstream.saying("ok")
        let to = "https://new.test/${path}${query}"
        try proxying(site(upstream) { $0.redirect = Redirect(to: to, status: status) }) { proxy throws in
            #expect(try proxy.get("/x").status == status)
            #expect(proxy.tally.ruleRedirects.current == 1)
            #expect(try proxy.get("/?" + String(repeating: "q", count: 20_000)).status == 414)
            #expect(try proxy.get("/" + String(repeating: "p", count: 20_000)).status == 414)
            #expect(try proxy.ask("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n").status == status)
        }
    }
}
