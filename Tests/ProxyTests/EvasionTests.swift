import Contract
import TestKit
import Testing

@testable import Proxy

@Suite("Rules cannot be evaded", .timeLimit(.minutes(5)))
struct EvasionTests {
    /// Ways to write the same host.
    private static let hosts = [
        "site.test", "SITE.TEST", "Site.Test:80", "site.test.", "site.test.:80", "SITE.test:65535", "sItE.tEsT.:00443",
        "site.test:0",
    ]

    /// Ways to write the host of the address `::1`.
    private static let literals = [
        "[::1]", "[::1]:80", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]:1", "[0::1]", "[::0:1]",
        "[::0.0.0.1]", "[0:0::0.0.0.1]:65535",
    ]

    /// Ways to write a path below `/admin`.
    private static let paths = [
        "/admin", "/admin/", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/%61%64%6D%69%6e", "/admin/x",
        "/admin/../admin", "/x/%2e%2e/admin", "/x/.%2E/admin/y", "/admin?x", "/admin//", "/admin/.", "/x/y/../../admin",
        "///./admin", "/admin/%2e", "/x//../admin", "/%2e/admin", "/admin/%2F",
        "/admin/..;/", "/%61dmi%6E/x", "/x/%2E%2e//admin", "//x/..//admin//", "/.//admin", "/admin?/../open",
        "/admin/x/../../admin/y", "/a/b/../%2e%2e/admin", "/./././admin", "/admin/%2e%2e/admin", "/%61dmin?%2e%2e",
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
            Rule(
                name: "admin", hosts: ["site.test", "[::1]"], path: "/admin", endpoints: [upstream.endpoint],
                options: options),
            Rule(name: "open", hosts: ["*"], endpoints: [upstream.endpoint]),
        ]
        try proxying(rules, body)
    }

    private func everyForm(_ proxy: TestProxy, _ fields: String = "", _ check: (Message, String) -> Void) throws {
        let client = try proxy.client()
        for host in Self.hosts + Self.literals {
            for path in Self.paths {
                for form in Form.allCases {
                    let request = request(host, path, form, fields)
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

    @Test("maintenance holds for every way to write host and path")
    func maintenance() throws {
        let upstream = try ScriptedUpstream.saying("reached")
        try proxyingShut(upstream, { $0.maintenance = true }) { proxy throws in
            try everyForm(proxy) { answer, request in #expect(answer.status == 503, "\(request)") }
        }
        #expect(upstream.requests.isEmpty)
    }

    @Test("basic auth holds for every way to write host and path, and is met by the same password in all of them")
    func basicAuth() throws {
        let upstream = try ScriptedUpstream.saying("reached")
        // "alice:open sesame", at the least cost.
        let hash = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
        let right = "Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\n"
        let change = { (options: inout RuleOptions) in options.basicAuth = BasicAuth(users: [.init("alice", hash)]) }
        try proxyingShut(upstream, change) { proxy throws in
            try everyForm(proxy) { answer, request in #expect(answer.status == 401, "\(request)") }
            #expect(upstream.requests.isEmpty)
            try everyForm(proxy, right) { answer, request in #expect(answer.text == "reached", "\(request)") }
            #expect(upstream.requests.allSatisfy { $0["authorization"] == nil })
        }
    }

    @Test("a rule for https is not reached without it, whatever the target's scheme and the client say")
    func secure() throws {
        let upstream = try ScriptedUpstream.saying("reached")
        let rules = [
            Rule(name: "shut", hosts: ["site.test"], tls: .required, endpoints: [upstream.endpoint]),
            Rule(name: "open", hosts: ["*"], endpoints: [upstream.endpoint]),
        ]
        try proxying(rules) { proxy throws in
            let client = try proxy.client()
            for host in Self.hosts {
                for start in ["/", "http://\(host)/", "https://\(host)/", "HTTPS://\(host)/", "https://\(host)"] {
                    for fields in ["", "X-Forwarded-Proto: https\r\n", "Forwarded: proto=https\r\n"] {
                        try client.send("GET \(start) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
                        #expect(try client.response().status == 308, "\(start) \(host)")
                    }
                }
            }
        }
        #expect(upstream.requests.isEmpty)
    }

    @Test("a host that only somebody behind the proxy would take for the rule's is refused")
    func otherHosts() throws {
        let upstream = try ScriptedUpstream.saying("open")
        try proxyingShut(upstream, { $0.deny = ["127.0.0.1"] }) { proxy throws in
            for host in [
                "s%69te.test", "site%2etest", "site.test..", ".site.test", "site..test", "site.test:",
                "site.test:99999",
                "site.test:80:80", "user@site.test", "site.test,other.test", "site.test/", "site.test\\", "site.test#",
                "[::1", "[::1]x", "[::1%25lo]", "[1::1::1]", "[::00001]", "[v1.a]", "[]", "::1", "",
            ] {
                #expect(try proxy.get("/admin", host: host).status == 400, "\(host)")
            }
            #expect(
                try proxy.ask("GET /admin HTTP/1.1\r\nHost: open.test\r\nHost: site.test\r\n\r\n").status == 400)
            #expect(try proxy.ask("GET http://u@open.test/admin HTTP/1.1\r\nHost: site.test\r\n\r\n").status == 400)
        }
        #expect(upstream.requests.isEmpty)
    }

    @Test("what a rule removes or sets in the head stays so, however the client names it")
    func fields() throws {
        let upstream = try ScriptedUpstream.saying("x")
        var rules = site(upstream)
        rules[0].options = RuleOptions()
        rules[0].options?.requestHeaders.remove = ["X-Role"]
        rules[0].options?.requestHeaders.set = [HeaderField("X-User", "nobody")]
        try proxying(rules) { proxy throws in
            let client = try proxy.client()
            for fields in [
                "X-Role: admin\r\nX-User: admin", "x-role: admin\r\nX-USER: admin", "X_Role: admin\r\nX_User: admin",
                "X-Role: admin\r\nX-Role: admin\r\nX-User: admin\r\nX-User: admin",
                "Connection: X-User, X-Role\r\nX-User: admin\r\nX-Role: admin", "Connection: x-user",
            ] {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\(fields)\r\n\r\n")
                #expect(try client.response().text == "x")
                let request = try #require(upstream.requests.last)
                #expect(request.all("x-user") == ["nobody"] && !request.head.contains("admin"), "\(fields)")
            }
        }
    }
}
