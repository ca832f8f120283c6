import Contract
import TestKit
import Testing

@testable import Proxy

/// What a browser sends.
private let browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"

@Suite("Pages for browsers", .timeLimit(.minutes(2)))
struct ErrorPageTests {
    @Test("a browser gets a page that asks again by itself where that may help, others a problem document")
    func pages() throws {
        try proxying([Rule(name: "site", hosts: ["site.test"])]) { proxy throws in
            let page = try proxy.get("/", browser)
            #expect(page.status == 503 && page["content-type"] == "text/html; charset=utf-8")
            #expect(page["retry-after"] == "5" && page["cache-control"] == "no-store")
            #expect(page.text.hasPrefix("<!doctype html>") && page.text.contains("\(Proxy.Answer.noEndpoint.detail)"))
            #expect(page.text.contains("<meta http-equiv=\"refresh\" content=\"5\">"))
            expect(try proxy.get("/", "Accept: application/json\r\n"), .noEndpoint)
            expect(try proxy.get("/", "Accept: */*\r\n"), .noEndpoint)
        }
    }

    @Test("what will not change by itself is not asked for again, nor what was no GET")
    func still() throws {
        try proxying([Rule(name: "site", hosts: ["site.test"])]) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: other.test\r\n\(browser)\r\n")
            let missing = try client.response()
            #expect(missing.status == 404 && missing.text.contains("404 Not Found"))
            #expect(!missing.text.contains("refresh"))
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\(browser)\r\n")
            let post = try client.response()
            #expect(post.status == 503 && post["content-type"] == "text/html; charset=utf-8")
            #expect(!post.text.contains("refresh"))
        }
    }

    @Test("HEAD is told the length of the page and gets none of it")
    func head() throws {
        try proxying([Rule(name: "site", hosts: ["site.test"])]) { proxy throws in
            let client = try proxy.client()
            try client.send("HEAD / HTTP/1.1\r\nHost: site.test\r\n\(browser)Connection: close\r\n\r\n")
            let head = try client.read(through: "\r\n\r\n")
            #expect(head?.text.contains("Content-Length: 0") == false)
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("a rule's own pages stand in for ours: by status, then by its class; browsers only")
    func own() throws {
        let largest = String(repeating: "x", count: ErrorPages.sizeLimit)
        var options = RuleOptions()
        options.errorPages = ErrorPages(["503": "<p>back soon", "4xx": largest, "5XX": "<p>sorry", "404": "<p>never"])
        options.maintenance = true
        var denied = options
        denied.deny = ["127.0.0.0/8"]
        var dead = options
        dead.maintenance = false
        let gone = Endpoint(address: "127.0.0.1:1")
        let rules = [
            Rule(name: "site", hosts: ["site.test"], options: options),
            Rule(name: "denied", hosts: ["denied.test"], options: denied),
            Rule(name: "dead", hosts: ["dead.test"], endpoints: [gone], options: dead),
        ]
        try proxying(rules) { proxy throws in
            let page = try proxy.get("/", browser)
            #expect(page.status == 503 && page.text == "<p>back soon")
            #expect(page["content-type"] == "text/html; charset=utf-8")
            let forbidden = try proxy.get("/", host: "denied.test", browser)
            #expect(forbidden.status == 403 && forbidden.text == largest)
            let bad = try proxy.get("/", host: "dead.test", browser)
            #expect(bad.status == 502 && bad.text == "<p>sorry")
            expect(try proxy.get("/", ""), .maintenance)
        }
    }

    @Test("what an upstream answers stays what it is")
    func upstream() throws {
        let upstream = try ScriptedUpstream.once(Array("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy".utf8))
        var options = RuleOptions()
        options.errorPages = ErrorPages(["5xx": "<p>sorry"])
        let rule = Rule(name: "site", hosts: ["site.test"], endpoints: [upstream.endpoint], options: options)
        try proxying([rule]) { proxy throws in
            #expect(try proxy.get("/", browser).text == "busy")
        }
    }
}
