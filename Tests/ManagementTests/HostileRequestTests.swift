import Foundation
import HTTPTypes
import KontainersConfiguration
import Reconciliation
import Store
import TestKit
import Testing

@testable import Management

@Suite("Requests that mean harm", .timeLimit(.minutes(2)))
struct HostileRequestTests {
    private static let rules = "/api/proxy/rules"

    @Test(
        "bodies that are no fit JSON are refused with a problem, and change nothing",
        arguments: [
            String(repeating: "[", count: 100_000), String(repeating: #"{"a":"#, count: 5_000), "{", "nul",
            "\u{feff}{}",
            #"{"name":1e400}"#, #"{"name":99999999999999999999999999}"#, #"{"name":"\ud800"}"#, "[]", "null", "\"x\"",
            #"{"name":"a","targetPort":1.5}"#, #"{"name":{"a":{"b":[]}}}"#,
        ])
    func json(body: String) async throws {
        let fixture = try await InterfaceFixture()
        let reply = await fixture.ask(.post, Self.rules, body)
        #expect(reply.status == 400 || reply.status == 422, "\(reply.status) \(reply.text)")
        #expect(reply.fields[.contentType] == "application/problem+json")
        #expect(await fixture.keeper.all.isEmpty)
    }

    @Test("a body that is too large, of another kind, or no UTF-8")
    func bodies() async throws {
        let fixture = try await InterfaceFixture()
        let large = #"{"name":"\#(String(repeating: "x", count: 2 << 20))"}"#
        #expect(await fixture.ask(.post, Self.rules, large).status == 413)
        let form = await fixture.ask(.post, Self.rules, "a=b", fields: [.contentType: "text/plain"])
        #expect(form.status == 415)
    }

    @Test(
        "places that try to be others",
        arguments: [
            "/api/proxy/rules/../../etc/passwd", "/api/proxy/rules/%2e%2e%2f", "/api//proxy/rules", "/api/proxy/rules/",
            "/api/proxy/rules/%00", "/api/proxy/rules/'%20OR%201=1--", "/api/proxy/rules/%ff", "/%2e%2e/",
            "/api/users/%0d%0aSet-Cookie:%20x=1",
        ])
    func paths(target: String) async throws {
        let fixture = try await InterfaceFixture()
        let reply = await fixture.ask(.get, target)
        #expect(reply.status == 404 || reply.status == 400, "\(reply.status)")
        #expect(reply.fields[.contentType] == "application/problem+json" && reply.fields[.setCookie] == nil)
    }

    @Test("texts with quotes, SQL and line ends are kept as texts")
    func injection() async throws {
        let fixture = try await InterfaceFixture()
        let name = "x'); DROP TABLE users;--"
        let made = await fixture.ask(.post, Self.rules, InterfaceFixture.rule(name, host: "a.test"))
        #expect(made.status == 202 && made.json["name"]?.text == name)
        #expect(await fixture.ask(.get, "\(Self.rules)?q=DROP").json.list?.count == 1)
        for value in [#""a\r\nSet-Cookie: x=1""#, #""a\nb""#] {
            let header = await fixture.ask(
                .post, Self.rules, InterfaceFixture.rule("h", #","headers":{"X":\#(value)}"#))
            #expect(header.status == 422, "\(header.text)")
        }
        let smuggled = await fixture.ask(
            .post, Self.rules, InterfaceFixture.rule("h", #","headers":{"X: y\r\nZ":"1"}"#))
        #expect(smuggled.status == 422)
    }

    @Test("queries that are unknown, doubled or out of range")
    func queries() async throws {
        let fixture = try await InterfaceFixture()
        for query in ["?limt=3", "?limit=0", "?limit=x", "?limit=1&limit=2", "?offset=-1", "?source=stor"] {
            let reply = await fixture.ask(.get, Self.rules + query)
            #expect(reply.status == 400, "\(query): \(reply.status)")
        }
    }

    @Test("every answer has the fields by which browsers protect their users")
    func fields() async throws {
        let fixture = try await InterfaceFixture()
        for (method, target) in [
            (HTTPRequest.Method.get, "/api/docs"), (.get, "/health"), (.get, "/nothing"), (.options, Self.rules),
        ] {
            let reply = await fixture.ask(method, target, token: "", fields: [.origin: "https://evil.test"])
            #expect(reply.fields[.xContentTypeOptions] == "nosniff", "\(target)")
            #expect(reply.fields[.contentSecurityPolicy]?.contains("frame-ancestors 'none'") == true, "\(target)")
            #expect(reply.fields[.accessControlAllowOrigin] == nil, "\(target)")
        }
    }

    @Test("who asks for too many changes waits, and others do not")
    func budget() async throws {
        let fixture = try await InterfaceFixture()
        var last = 0
        for _ in 0..<2_000 where last != 429 {
            last = await fixture.ask(.post, "/api/explain", #"{"url":"http://a.test/"}"#).status
        }
        #expect(last == 429)
        let (token, _) = try await fixture.signIn(.viewer)
        #expect(await fixture.ask(.post, "/api/explain", #"{"url":"http://a.test/"}"#, token: token).status == 200)
    }
}
