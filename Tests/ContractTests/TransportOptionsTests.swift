import Contract
import Foundation
import Testing

@Suite("options of tcp and udp rules")
struct TransportOptionsTests {
    @Test("what is left out has its default, and a rule without a kind is an http rule")
    func defaults() throws {
        let options = try JSONDecoder().decode(
            TransportOptions.self, from: Data(#"{"sessions":{"replies":1},"upstreamTLS":{}}"#.utf8))
        var expected = TransportOptions()
        expected.sessions = SessionOptions()
        expected.sessions?.replies = 1
        expected.upstreamTLS = UpstreamTLS()
        #expect(options == expected)
        #expect(options.upstreamTLS?.verify == true)
        let rule = try JSONDecoder().decode(Rule.self, from: Data(#"{"name":"r","hosts":["a.test"]}"#.utf8))
        #expect(rule.kind == .http)
        #expect(rule.transport == nil)
    }

    /// Each is refused for one reason, whose words tell which.
    @Test(
        "numbers out of range and options of another kind are refused",
        arguments: [
            (Rule.Kind.udp, #"{"sessions":{"idle":99}}"#, "idle"),
            (.udp, #"{"sessions":{"limit":0}}"#, "sessions of a rule"),
            (.udp, #"{"sessions":{"replies":-1}}"#, "replies"),
            (.udp, #"{"sessions":{"amplification":10001}}"#, "times the bytes"),
            (.udp, #"{"protocols":["h2"]}"#, "datagrams have none"),
            (.udp, #"{"proxyProtocol":"v1"}"#, "version 1"),
            (.tcp, #"{"sessions":{}}"#, "sessions in a tcp rule"),
            (.tcp, #"{"protocols":[""]}"#, "application protocol"),
            (.tcp, #"{"upstreamTLS":{"serverName":""}}"#, "server name"),
            (.http, #"{"proxyProtocol":"v2"}"#, "http rule"),
        ])
    func refusals(kind: Rule.Kind, json: String, words: String) throws {
        let options = try JSONDecoder().decode(TransportOptions.self, from: Data(json.utf8))
        let fault = #expect(throws: OptionFault.self) { try options.check(for: kind, hosts: []) }
        #expect(fault?.message.contains(words) == true, "\(fault?.message ?? "")")
    }

    @Test("a rule with hosts has TLS for its preface, whoever says so")
    func hostsAndPrefaces() throws {
        var options = TransportOptions()
        options.prefaces = [.tls]
        try options.check(for: .tcp, hosts: ["db.test"])
        options.prefaces = [.ssh]
        #expect(throws: OptionFault.self) { try options.check(for: .tcp, hosts: ["db.test"]) }
        try options.check(for: .tcp, hosts: [])
    }
}
