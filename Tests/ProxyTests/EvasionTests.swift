import Contract
import TestKit
import Testing

@testable import Proxy

@Suite("Rules cannot be evaded", .timeLimit(.minutes(5)))
struct EvasionTests {
    /// Ways to write the same host.
    private static let hosts = [
        "site.test", "SITE.TEST", "Site.Test:80", "site.test.", "site.test.:80", "SITE.test:65535",
    ]

    /// Ways to write a path below `/admin`.
    private static let paths = [
        "/admin", "/admin/", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/%61%64%6D%69%6e", "/admin/x",
        "/admin/../admin", "/x/%2e%2e/admin", "/x/.%2E/admin/y", "/admin?x", "/admin//", "/admin/.", "/x/y/../../admin",
        "///./admin", "/admin/%2e", "/x//../admin", "/%2e/admin", "/admin/%2F",

        "/admin/..;/",
    ]

    private enum Form: CaseIterable { case origin, absolute, absoluteUpperCase, otherHostField }

    private func request(_ host: String, _ path: String, _ form: Form, _ fields: String = "") -> String {
        switch form {
        case .origin: "GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n"
        case .absolute: "GET http://\(host)\(path) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n"
        case .absoluteUpperCase: "GET HTTP://\(host)\(path) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n"
        // RFC 9112 §3.2.2: the target's authority counts.
        case .otherHostField: "GET http://\(host)\(path) HTTP/1.1\r\nHost: open.test\r\n\(fields)\r\n"
        }
    }

    /// A rule for `/admin` that is shut in one way, and one for everything else that is open.
    private func proxyingShut(
        _ upstream: ScriptedUpstream, _ change: (inout RuleOptions) -> Void, _ body: (TestProxy) throws -> Void
    ) throws {
        var options = RuleOptions()
        change(&options)
        let rules = [
            Rule(name: "admin", hosts: ["site.test"], path: "/admin", endpoints: [upstream.endpoint], options: options),
            Rule(name: "open", hosts: ["*"], endpoints: [upstream.endpoint]),
        ]
        try proxying(rules, body)
    }

    private func everyForm(_ proxy: TestProxy, _ check: (Message, String) -> Void) throws {
        let client = try proxy.client()
        for host in Self.hosts {
            for path in Self.paths {
                for form in Form.allCases {
                    let request = request(host, path, form)
                    try client.send(request)
                    check(try client.response(), request)
                }
            }
        }
        client.close()
    }

    @Test("an access list holds for every way to write host and path")
    func accessList() throws {
        let upstream = try ScriptedUpstream.saying("reached")
        try proxyingShut(upstream, { $0.deny = ["127.0.0.1"] }) { proxy throws in
            try everyForm(proxy) { answer, request in #expect(answer.status == 403, "\(request)") }
        }
        #expect(upstream.requests.isEmpty)
    }

    @Test("a redirect holds for every way to write host and path, and leads nowhere else")
    func redirect() throws {
        let upstream = try ScriptedUpstream.saying("reached")
        try proxyingShut(upstream, { $0.redirect = Redirect(to: "https://new.test/${path}") }) { proxy throws in
            try everyForm(proxy) { answer, request in
                #expect(answer.status == 308, "\(request)")
                #expect(answer["location"]?.hasPrefix("https://new.test/admin") == true, "\(request)")
            }
        }
        #expect(upstream.requests.isEmpty)
    }

    @Test("what a client says of its address changes neither access nor rate")
    func forwarded() throws {
        let upstream = try ScriptedUpstream.saying("reached")
        let claims = [
            "X-Forwarded-For: 10.0.0.1\r\n", "X-Real-IP: 10.0.0.1\r\n", "Forwarded: for=10.0.0.1\r\n",
            "X-Forwarded-For: 10.0.0.1, 127.0.0.1\r\n", "X-Client-IP: 10.0.0.1\r\nTrue-Client-IP: 10.0.0.1\r\n",
        ]
        try proxyingShut(upstream, { $0.allow = ["10.0.0.0/8"] }) { proxy throws in
            for claim in claims { #expect(try proxy.get("/admin", claim).status == 403) }
        }
        let limit = RateLimit(requests: 1, per: 3_600_000)
        try proxyingShut(upstream, { $0.rateLimit = limit }) { proxy throws in
            #expect(try proxy.get("/admin").status == 200)
            for claim in claims { #expect(try proxy.get("/admin", claim).status == 429) }
            try everyForm(proxy) { answer, request in #expect(answer.status == 429, "\(request)") }
        }
    }

    @Test("behind a trusted proxy it is the address spoken for that counts, and no other claim")
    func trusted() throws {
        let upstream = try ScriptedUpstream.saying("reached")
        let settings = quick { $0.trustedProxies = ["127.0.0.1"] }
        let rules = site(upstream) {
            $0.allow = ["10.0.0.0/8"]
            $0.responseHeaders.set = [HeaderField("X-Seen", "${client} ${scheme}")]
        }
        try proxying(rules, settings: settings) { proxy throws in
            let inside = try proxy.get("/", "X-Forwarded-For: 6.6.6.6, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n")
            #expect(inside["x-seen"] == "10.0.0.1 https")
            #expect(try proxy.get("/", "X-Forwarded-For: ::ffff:10.0.0.1\r\n").status == 200)
            #expect(try proxy.get("/", "X-Forwarded-For: 10.0.0.1, 6.6.6.6\r\n").status == 403)
            #expect(try proxy.get("/", "X-Real-IP: 10.0.0.1\r\n").status == 403)
            #expect(try proxy.get().status == 403)
        }
    }

    @Test("a path that only looks like the rule's, or is malformed, gets no answer of the rule's")
    func others() throws {
        let upstream = try ScriptedUpstream.saying("open")
        try proxyingShut(upstream, { $0.deny = ["127.0.0.1"] }) { proxy throws in
            for path in ["/administrator", "/Admin", "/admin/..", "/%2561dmin", "/admin%2Fx", "/admin;x"] {
                #expect(try proxy.get(path).text == "open", "\(path)")
            }
            #expect(try proxy.get("/admin", host: "site.test:").status == 400)
            for path in ["/admin/%00", "/admin%zz", "/../admin", "/%2e%2e/admin"] {
                #expect(try proxy.get(path).status == 400, "\(path)")
            }
        }
    }
}
