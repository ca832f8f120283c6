import Contract
import Testing

@testable import Routing

/// A rule of kind tcp; what is said of it otherwise is set by `change`.
private func stream(
    _ name: String, _ hosts: [String] = [], on listeners: [String] = ["l"],
    _ change: (inout TransportOptions) -> Void = { _ in }
) -> Rule {
    var options = TransportOptions()
    change(&options)
    return Rule(name: name, kind: .tcp, listeners: listeners, hosts: hosts, transport: options)
}

extension Asking {
    /// The rule that a ClientHello leads to, or "none".
    fileprivate func hello(_ name: String, _ protocols: [String] = [], on listener: String = "l") -> String {
        let list = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        let bytes = Array(name.utf8)
        let id = table.view.route(
            name: bytes.span, protocols: list.span, listener: compiler.listenerIndex(of: listener))
        return id.map(self.name) ?? "none"
    }

    fileprivate func beginning(_ preface: TransportPreface, on listener: String = "l") -> String {
        let id = table.view.route(preface: preface, listener: compiler.listenerIndex(of: listener))
        return id.map(name) ?? "none"
    }

    fileprivate func traits(_ listener: String) -> ListenerTraits {
        table.view.traits(listener: compiler.listenerIndex(of: listener))
    }
}

@Suite("Routes of connections and datagrams")
struct TransportTests {
    @Test("a rule without a condition takes whatever comes to its listeners, and nothing elsewhere")
    func unconditional() {
        let asking = Asking([stream("db"), stream("second"), Rule(name: "dns", kind: .udp, listeners: ["u"])])
        for preface in TransportPreface.allCases { #expect(asking.beginning(preface) == "db") }
        #expect(asking.beginning(.other, on: "u") == "dns")
        #expect(asking.beginning(.other, on: "elsewhere") == "none")
        #expect(asking.table.view.transportRoute(listener: -1) == nil)
        #expect(asking.table.view.transportRoute(listener: 1_000) == nil)
        #expect(asking.table.view.traits(listener: -1) == [])
        #expect(asking.traits("l") == .anything)
        #expect(asking.hello("any.test") == "none")
        #expect(asking.diagnoses.map(\.name) == ["second"])
    }

    @Test("a rule that names a beginning comes before one that takes anything, whatever their names")
    func prefaces() {
        let asking = Asking([
            stream("a-rest"), stream("b-shell") { $0.prefaces = [.ssh] },
            stream("c-shell") { $0.prefaces = [.ssh, .postgres] },
        ])
        #expect(asking.beginning(.ssh) == "b-shell")
        #expect(asking.beginning(.postgres) == "c-shell")
        #expect(asking.beginning(.tls) == "a-rest")
        #expect(asking.traits("l") == [.anything, .prefaces])
        #expect(asking.diagnoses.map(\.name) == ["c-shell"])
    }

    @Test("the exact name comes before the longest suffix, that before the star")
    func names() {
        let asking = Asking([
            stream("star", ["*"]), stream("wide", ["*.test"]), stream("near", ["*.b.test"]),
            stream("exact", ["a.b.test"]), stream("other", ["a.b.test"], on: ["m"]),
        ])
        #expect(asking.hello("a.b.test") == "exact")
        #expect(asking.hello("A.B.TEST") == "exact")
        #expect(asking.hello("c.b.test") == "near")
        #expect(asking.hello("c.test") == "wide")
        #expect(asking.hello("c.example") == "star")
        #expect(asking.hello("") == "star")
        #expect(asking.hello("a.b.test", on: "m") == "other")
        #expect(asking.hello("c.b.test", on: "m") == "none")
        #expect(asking.traits("l") == .names)
        #expect(asking.diagnoses == [])
    }

    @Test("of rules with one name the one whose protocol is offered comes first, and they do not contend")
    func protocols() {
        let asking = Asking([
            stream("any", ["db.test"]), stream("sql", ["db.test"]) { $0.protocols = ["postgresql", "pg"] },
            stream("twice", ["db.test"]) { $0.protocols = ["postgresql", "pg"] },
            stream("web", []) { $0.protocols = ["h2"] },
        ])
        #expect(asking.hello("db.test") == "any")
        #expect(asking.hello("db.test", ["http/1.1"]) == "any")
        #expect(asking.hello("db.test", ["http/1.1", "pg"]) == "sql")
        #expect(asking.hello("db.test", ["postgresql"]) == "sql")
        #expect(asking.hello("other.test", ["h2"]) == "web")
        #expect(asking.hello("other.test", ["h2c", "h"]) == "none")
        #expect(asking.diagnoses.map(\.name) == ["twice"])
    }

    @Test("requests and connections share names and listeners without contending")
    func shared() {
        let asking = Asking([
            Rule(name: "site", hosts: ["a.test"]), Rule(name: "named", listeners: ["l"], hosts: ["b.test"], tls: .off),
            Rule(name: "locked", listeners: ["l"], hosts: ["c.test"], tls: .required), stream("pass", ["a.test"]),
        ])
        #expect(asking.ask("a.test", on: "l") == "site")
        #expect(asking.hello("a.test") == "pass")
        #expect(asking.traits("l") == [.names, .plainRequests, .secureRequests])
        #expect(asking.traits("elsewhere") == [])
        #expect(asking.diagnoses == [])
        let lines = asking.table.explain(host: "a.test", path: "/", listener: "l", secure: true)
        #expect(lines.contains { $0.contains("\"pass\"") && $0.contains("takes connections, not requests") })
    }

    @Test("what a rule says is readable through the view")
    func reading() throws {
        var rule = stream("r", ["a.test"]) {
            $0.protocols = ["pg"]
            $0.proxyProtocol = .v2
            $0.upstreamTLS = UpstreamTLS()
        }
        rule.tls = .required
        var sessions = SessionOptions()
        sessions.idle = 500
        sessions.orphans = .close
        var options = TransportOptions()
        options.sessions = sessions
        let asking = Asking([rule, Rule(name: "u", kind: .udp, listeners: ["u"], transport: options)])
        let view = asking.table.view
        let (name, offers): ([UInt8], [UInt8]) = (Array("a.test".utf8), [2, 0x70, 0x67])
        let listener = asking.compiler.listenerIndex(of: "l")
        let found = view.route(name: name.span, protocols: offers.span, listener: listener)
        let id = try #require(found)
        let transport = view.transport(of: view.route(id))
        #expect(transport.terminates)
        #expect(transport.originates)
        #expect(transport.header == .version2)
        let list = view.protocols(of: transport)
        #expect((0..<list.count).map { list[$0] } == [2, 0x70, 0x67])
        let other = try #require(view.transportRoute(listener: asking.compiler.listenerIndex(of: "u")))
        let terms = view.transport(of: view.route(other)).sessions
        #expect(terms.idle == 500_000_000)
        #expect(terms.orphans == .close)
        #expect(terms.amplification == 64)
    }

    @Test(
        "what no connection can mean is refused",
        arguments: [
            (Rule(name: "r", kind: .tcp), "names no listener"),
            (Rule(name: "r", kind: .udp, listeners: ["l"], hosts: ["a.test"]), "datagrams have none"),
            (Rule(name: "r", kind: .tcp, listeners: ["l"], path: "/api"), "found path"),
            (Rule(name: "r", hosts: ["a.test"], transport: TransportOptions()), "transport options in an http rule"),
        ])
    func refusals(rule: Rule, words: String) {
        let asking = Asking([rule])
        #expect(asking.diagnoses.count == 1)
        #expect(asking.diagnoses.first?.message.contains(words) == true, "\(asking.diagnoses)")
    }
}
