import Contract
import FoundationEssentials
import Testing

@Suite("Options of rules")
struct OptionsTests {
    @Test("pass through JSON, and what is left out has its default")
    func json() throws {
        var options = RuleOptions()
        options.deny = ["10.0.0.0/8"]
        options.requestHeaders = HeaderChanges(set: [HeaderField("A", "${host}")], remove: ["B"])
        options.stripPrefix = "/a"
        options.redirect = Redirect(to: "https://b.test/", status: 301)
        options.rateLimit = RateLimit(requests: 3)
        options.bufferRequest = 70_000
        options.retries = Retries(on: [.timeout, .status504])
        options.maxPending = 7
        options.timeouts = RuleTimeouts()
        options.timeouts?.total = 0
        options.timeouts?.connect = 1
        let rule = Rule(name: "r", hosts: ["a.test"], options: options)
        #expect(try JSONDecoder().decode(Rule.self, from: JSONEncoder().encode(rule)) == rule)
        let short = try JSONDecoder().decode(
            Rule.self,
            from: Data(#"{"name":"r","options":{"maintenance":true,"responseHeaders":{"remove":["A"]}}}"#.utf8))
        #expect(short.options?.maintenance == true)
        #expect(short.options?.retries == nil)
        let retries = try JSONDecoder().decode(Retries.self, from: Data(#"{"on":["503"]}"#.utf8))
        #expect(retries == Retries(on: [.status503]))
        #expect(short.options?.responseHeaders == HeaderChanges(remove: ["A"]))
        let plain = String(decoding: try JSONEncoder().encode(Rule(name: "r")), as: UTF8.self)
        #expect(!plain.contains("options"))
    }

    @Test("a rule's timeouts are as the edge's, or within their bounds")
    func timeouts() throws {
        var timeouts = RuleTimeouts()
        try timeouts.check()
        for field in RuleTimeouts.fields {
            for value in [field.least, Timeouts.longest] {
                timeouts[keyPath: field.path] = value
                try timeouts.check()
            }
            for value in [field.least - 1, -1, Timeouts.longest + 1] {
                timeouts[keyPath: field.path] = value
                #expect(throws: OptionFault.self, "\(field.name) \(value)") { try timeouts.check() }
            }
            timeouts[keyPath: field.path] = nil
        }
    }

    @Test("templates are texts and variables")
    func templates() throws {
        let all = Template.Variable.allCases
        #expect(try Template("", allowing: all).pieces == [])
        #expect(
            try Template("a${host}${path}b", allowing: all).pieces == [
                .text("a"), .variable(.host), .variable(.path), .text("b"),
            ])
        #expect(try Template("$${host}$ {$}", allowing: all).pieces == [.text("${host}$ {$}")])
        for text in ["${", "${}", "${hots}", "${host", "${HOST}", "a${ host}"] {
            #expect(throws: OptionFault.self, "\(text)") { try Template(text, allowing: all) }
        }
        #expect(throws: OptionFault.self) { try Template("${path}", allowing: [.host]) }
        let limit = String(repeating: "x", count: Template.sizeLimit)
        #expect(try Template(limit, allowing: all).pieces.count == 1)
        #expect(throws: OptionFault.self) { try Template(limit + "x", allowing: all) }
    }

    @Test(
        "headers that frame a message or that the proxy writes are not a rule's, in any case",
        arguments: [
            "Connection", "CONTENT-LENGTH", "transfer-encoding", "Upgrade", "TE", "Trailer", "Keep-Alive", "Host",
            "X-Forwarded-For", "via", "", "a b", "a:b", "a\r\nb", "ä", String(repeating: "n", count: 257),
        ])
    func names(_ name: String) {
        #expect(throws: OptionFault.self) { try HeaderField.check(name: name, of: .request) }
    }

    @Test("a value ends no line", arguments: ["a\rb", "a\nb", "a\0b", "a\u{7f}", " a", "a ", "\u{1}"])
    func values(_ value: String) {
        #expect(throws: OptionFault.self) { try HeaderField.template(of: value, in: .response) }
    }

    @Test("changes are bounded in number and size, and name each header once")
    func bounds() {
        let many = (0...HeaderChanges.countLimit).map { HeaderField("N\($0)", "v") }
        #expect(throws: OptionFault.self) { try HeaderChanges(add: many).check() }
        #expect(throws: Never.self) { try HeaderChanges(add: many.dropLast()).check() }
        let large = String(repeating: "v", count: HeaderChanges.sizeLimit)
        #expect(throws: OptionFault.self) { try HeaderChanges(add: [HeaderField("N", large)]).check() }
        #expect(throws: OptionFault.self) {
            try HeaderChanges(set: [HeaderField("name", "v")], remove: ["NAME"]).check()
        }
    }

    @Test(
        "a redirect's address leads where it says",
        arguments: [
            "", "new.test", "//new.test", "https://", "https://${path}", "https://new.test${path}",
            "https:///${path}", "https://?${path}", "javascript:alert(1)", "https://new.test/a b", "https://a\\b/",
            "https://new.test/\r\nX: y", "${host}/x", "https://user@${path}", "ftp://new.test/", "https://a/${client}",
            "/${path}${path}", "${scheme}://${path}",
        ])
    func badRedirects(_ to: String) {
        #expect(throws: OptionFault.self) { try Redirect(to: to).template() }
    }

    @Test(
        "good addresses and statuses of redirects", arguments: ["https://a.test", "http://a/${path}", "/x", "/${path}"])
    func goodRedirects(_ to: String) {
        #expect(throws: Never.self) { try Redirect(to: to).template() }
        #expect(throws: OptionFault.self) { try Redirect(to: to, status: 200).template() }
    }

    @Test("rate limits have a range")
    func rates() {
        #expect(throws: Never.self) { try RateLimit(requests: 1_000_000, per: 1, burst: 1).check() }
        for limit in [
            RateLimit(requests: 0), RateLimit(requests: 1, per: 0), RateLimit(requests: 1, burst: 0),
            RateLimit(requests: 1_000_001), RateLimit(requests: 1, per: 86_400_001),
        ] {
            #expect(throws: OptionFault.self) { try limit.check() }
        }
    }
}

@Suite("Error pages")
struct ErrorPagesTests {
    @Test("pass through JSON")
    func json() throws {
        var options = RuleOptions()
        options.errorPages = ErrorPages(["503": "<p>later", "4xx": "<p>no"])
        #expect(try JSONDecoder().decode(RuleOptions.self, from: JSONEncoder().encode(options)) == options)
    }

    @Test("are for statuses of errors or their classes", arguments: ["400", "599", "4xx", "5xx", "5XX"])
    func scopes(_ status: String) { #expect(throws: Never.self) { try ErrorPages([status: "x"]).check() } }

    @Test("and for nothing else", arguments: ["399", "600", "200", "3xx", "", "0503", "+503", "50", "5x", "all"])
    func others(_ status: String) { #expect(throws: OptionFault.self) { try ErrorPages([status: "x"]).check() } }

    @Test("have limits")
    func limits() throws {
        func page(_ size: Int) -> String { String(repeating: "x", count: size) }
        try ErrorPages(["503": page(ErrorPages.sizeLimit)]).check()
        #expect(throws: OptionFault.self) { try ErrorPages(["503": page(ErrorPages.sizeLimit + 1)]).check() }
        #expect(throws: OptionFault.self) { try ErrorPages(["503": ""]).check() }
        func pages(_ count: Int) -> ErrorPages {
            ErrorPages(Dictionary(uniqueKeysWithValues: (0..<count).map { ("\(500 + $0)", "x") }))
        }
        try pages(ErrorPages.countLimit).check()
        #expect(throws: OptionFault.self) { try pages(ErrorPages.countLimit + 1).check() }
    }
}
