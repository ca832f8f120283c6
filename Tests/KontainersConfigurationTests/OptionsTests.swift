import Contract
import Testing

@testable import KontainersConfiguration

@Suite("What rules do beside passing requests on")
struct OptionsTests {
    private static let hash = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"

    private static var wanted: RuleOptions {
        var options = RuleOptions()
        options.allow = ["10.0.0.0/8", "2001:db8::/32"]
        options.deny = ["10.0.0.1"]
        options.requestHeaders = HeaderChanges(
            set: [HeaderField("X-A.b", "a, ${client}")], add: [HeaderField("X-C", "c")], remove: ["Cookie", "X-D"])
        options.responseHeaders = HeaderChanges(remove: ["Server"])
        options.stripPrefix = "/api"
        options.addPrefix = "/v1"
        options.redirect = Redirect(to: "https://b.test/${path}", status: 301)
        options.maxBody = 10_000_000
        options.maxPending = 0
        options.timeouts = RuleTimeouts()
        options.timeouts?.firstByte = 300_000
        options.timeouts?.total = 0
        options.maintenance = true
        options.securityHeaders = true
        options.rateLimit = RateLimit(requests: 100, per: 60_000, burst: 200)
        options.retries = Retries(attempts: 3, on: [.connect, .status503], budget: 50)
        options.bufferRequest = 1 << 20
        options.gzip = Gzip(types: ["text/*", "application/json"], minimum: 2_048, level: 9)
        options.errorPages = ErrorPages(["503": "<p>later", "5xx": "<p>sorry"])
        options.basicAuth = BasicAuth(
            realm: "The cave", users: [.init("alice", hash), .init("bob", hash)], forward: true)
        return options
    }

    @Test("is read from the file")
    func file() {
        let (configuration, diagnoses) = ConfigurationFile.read(
            """
            listeners: [{ name: web, address: ":80", protocol: http }]
            rules:
              - name: a
                host: a.test
                path: /api
                allow: [10.0.0.0/8, "2001:DB8:0::/32"]
                deny: 10.0.0.1
                requestHeaders:
                  set: { X-A.b: "a, ${client}" }
                  add: { X-C: c }
                  remove: [Cookie, X-D]
                responseHeaders: { remove: Server }
                stripPrefix: true
                addPrefix: /v1/
                redirect: { to: "https://b.test/${path}", status: 301 }
                maxBody: 10MB
                maxPending: 0
                timeouts: { firstByte: 5m, total: 0s }
                maintenance: true
                securityHeaders: true
                rateLimit: { requests: 100, per: 1m, burst: 200 }
                retries: { attempts: 3, on: [connect, 503], budget: 50 }
                bufferRequest: 1MiB
                errorPages: { 503: "<p>later", 5XX: <p>sorry }
                gzip: { types: [text/*, application/json], minimum: 2KiB, level: 9 }
                basicAuth: { realm: The cave, users: { alice: \(Self.hash), bob: \(Self.hash) }, forward: true }
            """, path: "f")
        #expect(diagnoses.isEmpty, "\(diagnoses)")
        #expect(configuration?.rules.first?.options == Self.wanted)
    }

    @Test("is the same in both forms of labels", arguments: ["kontainers.http.a.", "kontainers."])
    func labels(_ stem: String) {
        let (rules, told) = LabelGrammar.parse(
            labels: [
                "kontainers.enable": "true", stem + (stem == "kontainers." ? "host" : "hosts"): "a.test",
                stem + "path": "/api",
                stem + "allow": "10.0.0.0/8, 2001:db8::/32", stem + "deny": "10.0.0.1",
                stem + "requestHeaders.set.X-A.b": "a, ${client}", stem + "requestHeaders.add.X-C": "c",
                stem + "requestHeaders.remove": "Cookie,X-D", stem + "responseHeaders.remove": "Server",
                stem + "replacePrefix": "/v1", stem + "redirect.to": "https://b.test/${path}",
                stem + "redirect.status": "301", stem + "maxBody": "10MB", stem + "maxPending": "0",
                stem + "timeouts.firstByte": "5m", stem + "timeouts.total": "0s", stem + "maintenance": "yes",
                stem + "securityHeaders": "on", stem + "rateLimit.requests": "100", stem + "rateLimit.per": "1m",
                stem + "rateLimit.burst": "200", stem + "retries.attempts": "3",
                stem + "retries.on": "connect,503", stem + "retries.budget": "50",
                stem + "bufferRequest": "1MiB",
                stem + "basicAuth.realm": "The cave",
                stem + "gzip": "true", stem + "gzip.types": "text/*, application/json", stem + "gzip.minimum": "2KiB",
                stem + "gzip.level": "9", stem + "errorPages.503": "<p>later", stem + "errorPages.5xx": "<p>sorry",
                stem + "basicAuth.users": "alice:\(Self.hash), bob:\(Self.hash)", stem + "basicAuth.forward": "true",
            ], container: (id: "1", name: "web"))
        #expect(told.isEmpty, "\(told)")
        #expect(rules.first?.options == Self.wanted)
    }

    @Test("is nothing when nothing is said, and a rule that only redirects needs no endpoints")
    func least() {
        let (configuration, diagnoses) = ConfigurationFile.read(
            """
            listeners: [{ name: web, address: ":80", protocol: http }]
            rules:
              - { name: a, host: a.test, endpoint: "h:1", maintenance: false, stripPrefix: false }
              - { name: b, host: b.test, redirect: { to: "https://a.test/" } }
            """, path: "f")
        #expect(diagnoses.isEmpty, "\(diagnoses)")
        #expect(configuration?.rules.map { $0.options == nil } == [true, false])
        #expect(configuration?.rules.last?.options?.redirect == Redirect(to: "https://a.test/"))
    }

    @Test("users are read from a mapping, a list, a text, and labels of their own")
    func users() {
        for written in [
            "{ alice: \(Self.hash) }", "['alice:\(Self.hash)']", "'alice:\(Self.hash)'", "' alice:\(Self.hash) ,'",
        ] {
            let (configuration, diagnoses) = ConfigurationFile.read(
                """
                listeners: [{ name: web, address: ":80", protocol: http }]
                rules:
                  - { name: a, host: a.test, endpoint: "h:1", basicAuth: { users: \(written) } }
                """, path: "f")
            #expect(diagnoses.isEmpty, "\(diagnoses)")
            #expect(configuration?.rules.first?.options?.basicAuth == BasicAuth(users: [.init("alice", Self.hash)]))
        }
        let (rules, told) = LabelGrammar.parse(
            labels: [
                "kontainers.enable": "true", "kontainers.host": "a.test", "kontainers.basicAuth.users.a.b": Self.hash,
            ], container: (id: "1", name: "web"))
        #expect(told.isEmpty, "\(told)")
        #expect(rules.first?.options?.basicAuth == BasicAuth(users: [.init("a.b", Self.hash)]))
    }
}
