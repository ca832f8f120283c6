import Contract
import Foundation
import HTTPTypes
import KontainersConfiguration
import Reconciliation
import Store
import TestKit
import Testing

@testable import Management

@Suite("Rules over the interface", .timeLimit(.minutes(2)))
struct RuleInterfaceTests {
    private static let rules = "/api/proxy/rules"

    @Test("a rule is made, listed, changed, and gone, each as a revision; and is in the snapshot meanwhile")
    func life() async throws {
        let fixture = try await InterfaceFixture()
        let made = await fixture.ask(.post, Self.rules, InterfaceFixture.rule("My shop", host: "Shop.test"))
        // Kept; no edge is there to serve it.
        #expect(made.status == 202, "\(made.text)")
        let id = try #require(made.json["id"]?.text)
        #expect(made.fields[.location] == "\(Self.rules)/\(id)" && made.fields[.revision] == "1")
        let snapshot = try #require(await fixture.reconciler.snapshot)
        #expect(snapshot.rules.map(\.name) == ["store:My shop"] && snapshot.rules[0].hosts == ["shop.test"])
        let one = await fixture.ask(.get, "\(Self.rules)/\(id)")
        let tag = try #require(one.fields[.eTag])
        let changed = await fixture.ask(
            .put, "\(Self.rules)/\(id)", InterfaceFixture.rule("My shop", host: "b.test"), fields: [.ifMatch: tag])
        #expect(changed.status == 202 && changed.json["sourceHost"]?.text == "b.test")
        let lost = await fixture.ask(
            .put, "\(Self.rules)/\(id)", InterfaceFixture.rule("My shop", host: "c.test"), fields: [.ifMatch: tag])
        #expect(lost.status == 412 && lost.fields[.eTag] == changed.fields[.eTag])
        let patched = await fixture.ask(
            .patch, "\(Self.rules)/\(id)", #"{"enabled":false,"endpoints":["127.0.0.1:9001"]}"#)
        #expect(patched.status == 202 && patched.json["enabled"]?.boolean == false)
        #expect(await fixture.reconciler.snapshot?.rules.isEmpty == true)
        #expect(await fixture.ask(.delete, "\(Self.rules)/\(id)").status == 204)
        #expect(await fixture.ask(.get, "\(Self.rules)/\(id)").status == 404)
        let revisions = await fixture.ask(.get, "/api/revisions").json.list ?? []
        #expect(revisions.compactMap { $0["summary"]?.text }.first == "rule My shop: removed" && revisions.count == 4)
    }

    @Test("every field of the original specification is taken and answered as it was sent")
    func everyField() async throws {
        let fixture = try await InterfaceFixture()
        let body = """
            {"id":"mine","name":"full","sourceHost":"a.test","sourcePath":"/api","targetContainer":"web",
            "targetPort":8080,"protocol":"HTTPS","sslEnabled":true,"sslCertPath":"/x.pem","sslKeyPath":"/x.key",
            "headers":{"X-A":"1"},"responseHeaders":{"X-B":"2"},
            "healthCheck":{"path":"/up","interval":5,"timeout":1,"retries":3,"successCodes":"200-299"},
            "loadBalancing":{"method":"LEAST_CONN"},"advancedConfig":{"maxBody":"1MiB","timeouts":{"firstByte":"5s"}},
            "customNginxConfig":"proxy_buffering off;","created":5,"enabled":true,"domain":"b.test",
            "letsEncryptEnabled":true,"letsEncryptEmail":"a@b.test","letsEncryptStatus":"VALID",
            "letsEncryptLastRenewal":7}
            """
        let made = await fixture.ask(.post, Self.rules, body)
        #expect(made.status == 202, "\(made.text)")
        let sent = try #require(try JSONDecoder().decode(JSONValue.self, from: Data(body.utf8)).object)
        // What the server tells, it does not take from a client.
        let told = ["id", "created", "letsEncryptStatus", "letsEncryptLastRenewal"]
        for (name, value) in sent where !told.contains(name) { #expect(made.json[name] == value, "\(name)") }
        let rule = try #require(await fixture.reconciler.snapshot?.rules.first)
        #expect(rule.hosts == ["a.test", "b.test"] && rule.path == "/api" && rule.options?.maxBody == 1 << 20)
        #expect(rule.pool?.policy == .leastConnections && rule.pool?.healthCheck?.path == "/up")
        #expect(rule.options?.requestHeaders.set == [HeaderField("X-A", "1")])
        #expect(rule.options?.timeouts?.firstByte == 5_000)
    }

    @Test(
        "what is wrong is told with the field that it is in",
        arguments: [
            (#"{"name":"a","sourceHost":"a.test"}"#, "", "endpoints"),
            (#"{"sourceHost":"a.test"}"#, "/name", "name"),
            (#"{"name":"a","sourceHost":"a b","endpoints":["127.0.0.1:1"]}"#, "/sourceHost", "host"),
            (#"{"name":"a","sourceHost":"a.test","endpoints":["127.0.0.1"]}"#, "/endpoints/0", "port"),
            (#"{"name":"a","sourceHost":"a.test","endpoints":[],"protocol":"HTPP"}"#, "/protocol", "HTTP"),
            (#"{"name":"a","sorceHost":"a.test"}"#, "/sorceHost", "did you mean \"sourceHost\"?"),
            (
                #"{"name":"a","sourceHost":"a.test","endpoints":["127.0.0.1:1"],"advancedConfig":{"maxBdy":1}}"#,
                "/advancedConfig/maxBdy", "did you mean \"maxBody\"?"
            ),
            (
                #"{"name":"a","sourceHost":"a.test","endpoints":["127.0.0.1:1"],"#
                    + #""advancedConfig":{"timeouts":{"connect":"soon"}}}"#,
                "/advancedConfig/timeouts/connect", "time"
            ),
            (#"{"name":"a","sourceHost":"a.test","targetPort":70000}"#, "/targetPort", "65535"),
            (#"{"name":"db","protocol":"TCP","endpoints":["127.0.0.1:1"]}"#, "", "listener"),
            (#"{"name":"a\u0001","sourceHost":"a.test"}"#, "/name", "line"),
            (
                #"{"name":"a","sourceHost":"a.test","endpoints":["127.0.0.1:1"],"listeners":["wbe"]}"#, "/listeners/0",
                "web"
            ),
        ])
    func faults(body: String, pointer: String, word: String) async throws {
        let fixture = try await InterfaceFixture()
        let reply = await fixture.ask(.post, Self.rules, body)
        #expect(reply.status == 422, "\(reply.text)")
        #expect(reply.fields[.contentType] == "application/problem+json")
        let errors = reply.json["errors"]?.list ?? []
        #expect(
            errors.contains {
                $0["pointer"]?.text == pointer
                    && "\($0["found"]?.text ?? "") \($0["wanted"]?.text ?? "")".contains(word)
            }, "\(reply.text)")
        #expect(await fixture.keeper.all.isEmpty)
    }

    @Test(
        "addresses of the link, where clouds keep a machine's secrets, are no endpoints",
        arguments: [
            "169.254.169.254:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80", "metadata.google.internal:80",
            "[fd00:ec2::254]:80", "[febf::1]:80",
        ])
    func linkLocal(endpoint: String) async throws {
        let fixture = try await InterfaceFixture()
        for written in [#""\#(endpoint)""#, #"{"address":"\#(endpoint)"}"#] {
            let body = #"{"name":"a","sourceHost":"a.test","endpoints":[\#(written)]}"#
            let reply = await fixture.ask(.post, Self.rules, body)
            #expect(reply.status == 422, "\(reply.text)")
            #expect(reply.json["errors"]?.list?.first?["code"]?.text == "link-local", "\(reply.text)")
        }
        #expect(!LinkLocal.contains("169.253.1.1:80") && !LinkLocal.contains("[fd00::1]:80"))
        #expect(!LinkLocal.contains("site.test:80") && !LinkLocal.contains("[fec0::1]:80"))
    }

    @Test("a dry run answers what would be, and changes nothing")
    func dryRun() async throws {
        let fixture = try await InterfaceFixture()
        _ = await fixture.ask(.post, Self.rules, InterfaceFixture.rule("a"))
        let id = try #require(await fixture.keeper.all.first?.rule.id)
        let preview = await fixture.ask(
            .patch, "\(Self.rules)/\(id)?dry-run=true", #"{"sourceHost":"other.test"}"#)
        #expect(preview.status == 200 && preview.json["dryRun"]?.boolean == true)
        let differences = preview.json["changes"]?.list?.first?["differences"]?.list ?? []
        #expect(differences.contains { $0["path"]?.text == "/sourceHost" && $0["after"]?.text == "other.test" })
        #expect(await fixture.ask(.delete, "\(Self.rules)/\(id)?dry-run=true").status == 200)
        #expect(await fixture.ask(.post, "\(Self.rules)?dry-run=true", InterfaceFixture.rule("a")).status == 409)
        #expect(await fixture.keeper.all.map(\.rule.sourceHost) == ["a.test"])
        #expect(try await fixture.store.newestRevision() == 1)
    }

    @Test("the same key gets the same answer and does nothing twice")
    func idempotency() async throws {
        let fixture = try await InterfaceFixture()
        let key: HTTPFields = [Repeats.field: "k1"]
        let first = await fixture.ask(.post, Self.rules, InterfaceFixture.rule("a"), fields: key)
        let again = await fixture.ask(.post, Self.rules, InterfaceFixture.rule("a"), fields: key)
        #expect(first.status == 202 && again.status == 202 && first.text == again.text)
        #expect(await fixture.keeper.all.count == 1)
        let other = await fixture.ask(.post, Self.rules, InterfaceFixture.rule("b"), fields: key)
        #expect(other.status == 422 && other.json["code"]?.text == "key-reused")
    }

    @Test("lists are filtered and come in pages")
    func pages() async throws {
        let place = Place.file(path: "k.yaml", line: 3, column: 5)
        let file = RuleDeclaration(
            name: "filed", hosts: ["filed.test"], target: .addresses(["127.0.0.1:1"]), place: place)
        let fixture = try await InterfaceFixture(rules: [file])
        for number in 0..<5 { _ = await fixture.ask(.post, Self.rules, InterfaceFixture.rule("r\(number)")) }
        func names(_ query: String) async -> [String] {
            await fixture.ask(.get, Self.rules + query).json.list?.compactMap { $0["name"]?.text } ?? []
        }
        #expect(await names("") == ["filed", "r0", "r1", "r2", "r3", "r4"])
        #expect(await names("?source=file") == ["filed"])
        #expect(await names("?q=R3.tEst") == ["r3"])
        let page = await fixture.ask(.get, Self.rules + "?limit=4&source=store")
        #expect(page.fields[.totalCount] == "5")
        #expect(page.fields[.link] == "</api/proxy/rules?limit=4&offset=4&source=store>; rel=\"next\"")
        #expect(await names("?limit=4&offset=4&source=store") == ["r4"])
        let filed = await fixture.ask(.put, "\(Self.rules)/file%3Afiled", InterfaceFixture.rule("filed"))
        #expect(filed.status == 409 && filed.json["detail"]?.text?.contains("k.yaml:3:5") == true)
        #expect(await fixture.ask(.get, "\(Self.rules)/file%3Afiled").json["source"]?.text == "file")
    }

    @Test("a change is taken back unless it is confirmed")
    func confirmation() async throws {
        let fixture = try await InterfaceFixture()
        _ = await fixture.ask(.post, Self.rules, InterfaceFixture.rule("a"))
        let id = try #require(await fixture.keeper.all.first?.rule.id)
        let target = "\(Self.rules)/\(id)?confirm-within=60"
        #expect(await fixture.ask(.patch, target, #"{"sourceHost":"b.test"}"#).status == 202)
        let waiting = await fixture.ask(.get, "/api/revisions/2")
        #expect(waiting.json["confirmUntil"]?.integer != nil)
        let other = await fixture.ask(.post, Self.rules, InterfaceFixture.rule("c"))
        #expect(other.status == 409 && other.json["code"]?.text == "awaits-confirmation")
        #expect(await fixture.ask(.post, "/api/revisions/2/revert").status == 202)
        #expect(await fixture.keeper.rule(id)?.rule.sourceHost == "a.test")
        #expect(await fixture.ask(.patch, target, #"{"sourceHost":"b.test"}"#).status == 202)
        #expect(await fixture.ask(.post, "/api/revisions/4/confirm").status == 204)
        #expect(await fixture.ask(.post, "/api/revisions/4/confirm").status == 404)
        #expect(await fixture.keeper.rule(id)?.rule.sourceHost == "b.test")
        let restored = await fixture.ask(.post, "/api/revisions/1/restore")
        #expect(restored.status == 202 && restored.json["source"]?.text == "restore")
        #expect(await fixture.keeper.rule(id)?.rule.sourceHost == "a.test")
        let compared = await fixture.ask(.get, "/api/revisions/0/compare/1")
        #expect(compared.json.list?.count == 1 && compared.json.list?.first?["before"] == nil)
    }

    @Test("why a request goes where it goes")
    func explain() async throws {
        let fixture = try await InterfaceFixture()
        _ = await fixture.ask(.post, Self.rules, InterfaceFixture.rule("wide", host: "*.shop.test"))
        _ = await fixture.ask(
            .post, Self.rules,
            InterfaceFixture.rule(
                "deep", host: "a.shop.test", #","sourcePath":"/api","advancedConfig":{"deny":"10.0.0.0/8"}"#))
        func explain(_ body: String) async -> JSONValue { await fixture.ask(.post, "/api/explain", body).json }
        let deep = await explain(#"{"url":"http://A.shop.test/x/../api/v1","client":"192.0.2.1"}"#)
        #expect(deep["rule"]?.text == "store:deep" && deep["listener"]?["name"]?.text == "web", "\(deep)")
        let lost = deep["considered"]?.list?.first { $0["rule"]?.text == "store:wide" }
        #expect(lost?["outcome"]?.text == "lost" && lost?["reason"]?.text?.contains("more specific") == true)
        let denied = await explain(#"{"url":"http://a.shop.test/api","client":"10.1.2.3"}"#)
        #expect(denied["answer"]?.text == "403, it does not let 10.1.2.3 in")
        let nothing = await explain(#"{"url":"http://other.test/"}"#)
        #expect(nothing["rule"] == nil && nothing["answer"]?.text?.hasPrefix("404") == true)
        let port = await explain(#"{"url":"https://a.shop.test:80/"}"#)
        #expect(port["listener"] == nil && port["answer"]?.text?.contains("speaks http, not https") == true)
        #expect(await fixture.ask(.post, "/api/explain", #"{"url":"ftp://x/"}"#).status == 422)
    }
}
