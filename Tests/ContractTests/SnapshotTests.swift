import Contract
import FoundationEssentials
import Testing

@Suite("Snapshot")
struct SnapshotTests {
    private func decode(_ json: String) throws -> Snapshot {
        try LinkFrame.decode(Snapshot.self, from: Array(json.utf8))
    }

    private func message(_ json: String) -> String {
        do {
            _ = try decode(json)
            return ""
        } catch let DecodingError.dataCorrupted(details) {
            return details.debugDescription
        } catch { return "\(error)" }
    }

    @Test("what was encoded is decoded", arguments: 1...30)
    func roundTrip(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let snapshot = Snapshot.random(revision: random.next(), using: &random)
        let frame = try LinkFrame.encode(snapshot)
        #expect(try LinkFrame.decode(Snapshot.self, from: frame.dropFirst(LinkFrame.headerSize)) == snapshot)
    }

    @Test("every message of the Link is decoded as it was encoded")
    func messages() throws {
        var random = Seeded(state: 1)
        let one = Snapshot.random(revision: 1, using: &random)
        let other = Snapshot.random(revision: 2, using: &random)
        let down: [Downward] = [.welcome(version: 1), .snapshot(one), .delta(one.delta(to: other))]
        for message in down {
            let frame = try LinkFrame.encode(message)
            #expect(try LinkFrame.decode(Downward.self, from: frame.dropFirst(LinkFrame.headerSize)) == message)
        }
        let diagnosis = EdgeDiagnosis(subject: .rule, name: "r", message: "m")
        let up: [Upward] = [
            .hello(version: 1, pid: 7, workers: 2, epoch: "e", revision: .max),
            .acknowledged(epoch: "e", revision: 3, diagnoses: [diagnosis]), .gap(epoch: "e", revision: 3),
            .telemetry(
                EdgeTelemetry(
                    epoch: "e", revision: 3, counters: ["requests": .max],
                    families: [.init(name: "answers_total", label: "answer", values: ["noRoute": 1])],
                    residentBytes: 1 << 40, processorMilliseconds: 5)),
            .tallies(
                EdgeTallies(
                    isFirst: true, gone: .init(rules: ["old"], endpoints: ["[::1]:80"]),
                    rules: [TallyRow(name: "site", ended: [1, 2, 3, 4, 5, 6], durationSum: 9, durations: "7:1 9:2")],
                    endpoints: [TallyRow(name: "127.0.0.1:80", idle: 1)], listeners: [TallyRow(name: "web")])),
        ]
        for message in up {
            let frame = try LinkFrame.encode(message)
            #expect(try LinkFrame.decode(Upward.self, from: frame.dropFirst(LinkFrame.headerSize)) == message)
        }
    }

    @Test("what the JSON leaves out takes its default")
    func defaults() throws {
        #expect(try decode(#"{"revision":7}"#) == Snapshot(revision: 7))
        let short = try decode(
            #"""
            {"revision": 1, "settings": {"timeouts": {"head": 5}, "limits": {"bodyBytes": 9}, "accessLog": {}},
             "rules": [{"name": "r", "hosts": ["a.test"], "endpoints": [{"address": "127.0.0.1:80"}]}, {"name": "s"}]}
            """#)
        var settings = Settings()
        settings.timeouts.head = 5
        settings.limits.bodyBytes = 9
        let rule = Rule(name: "r", hosts: ["a.test"], endpoints: [Endpoint(address: "127.0.0.1:80")])
        #expect(short == Snapshot(revision: 1, settings: settings, rules: [rule, Rule(name: "s")]))
        #expect(settings.trustedProxies == [])
        #expect(settings.headers.underscores == .drop)
        #expect(settings.accessLog == AccessLog(output: "stdout", format: .json, rotateAt: 0, keep: 5, sample: 1))
        let web = try decode(#"{"revision":1,"listeners":[{"name":"l","address":"a","protocol":"http"}]}"#)
        #expect(web.listeners.map(\.proxyProtocol) == [.off])
    }

    @Test("unknown keys are passed over at every depth")
    func unknownKeys() throws {
        let json = #"""
            {"revision": 1, "new": {"x": [1]}, "settings": {"new": 1, "timeouts": {"new": 1}, "limits": {"new": "x"}},
             "listeners": [{"name": "l", "address": "a", "protocol": "http", "new": null}],
             "certificates": [{"name": "c", "chain": "x", "key": "y", "new": 1}],
             "rules": [{"name": "r", "new": true, "endpoints": [{"address": "a", "new": 1}]}]}
            """#
        let snapshot = try decode(json)
        #expect(snapshot.rules == [Rule(name: "r", endpoints: [Endpoint(address: "a")])])
        #expect(snapshot.listeners == [Listener(name: "l", address: "a", wireProtocol: .http)])
    }

    @Test("a format that is not known is refused for what it is, whatever else is in it")
    func format() {
        #expect(message(#"{"revision":1,"format":1}"#) == "")
        #expect(message(#"{"revision":1,"format":2}"#) == "found snapshot format 2, this edge reads format 1")
        #expect(
            message(#"{"format":3,"revision":"three","rules":{"a":1}}"#)
                == "found snapshot format 3, this edge reads format 1")
    }

    @Test(
        "what is out of range is refused with what was found and what is wanted",
        arguments: [
            (#""limits":{"headBytes":1023}"#, "found 1023, wanted 1024...61440"),
            (#""limits":{"headBytes":61441}"#, "found 61441, wanted 1024...61440"),
            (#""limits":{"fieldCount":0}"#, "found 0, wanted 1...256"),
            (#""limits":{"bodyBytes":-1}"#, "found -1, wanted 0...9223372036854775807"),
            (#""limits":{"connectionsPerWorker":0}"#, "found 0, wanted 1...4000000"),
            (#""limits":{"targetBytes":255}"#, "found 255, wanted 256...61440"),
            (#""limits":{"connectionsPerListener":-1}"#, "found -1, wanted 0...4000000"),
            (#""limits":{"connectionsPerAddress":4000001}"#, "found 4000001, wanted 0...4000000"),
            (#""limits":{"requestsPerConnection":-1}"#, "found -1, wanted 0...4000000"),
            (#""limits":{"pendingPerPool":4000001}"#, "found 4000001, wanted 0...4000000"),
            (#""timeouts":{"total":-1}"#, "found -1, wanted 0 to 86400000 milliseconds"),
            (#""limits":{"idlePerEndpoint":1000001}"#, "found 1000001, wanted 0...1000000"),
            (#""timeouts":{"head":0}"#, "found 0, wanted 1 to 86400000 milliseconds"),
            (#""timeouts":{"drain":-1}"#, "found -1, wanted 0 to 86400000 milliseconds"),
            (#""timeouts":{"keepAlive":86400001}"#, "found 86400001, wanted 1 to 86400000 milliseconds"),
        ])
    func ranges(_ field: String, _ wanted: String) {
        #expect(message(#"{"revision":1,"settings":{\#(field)}}"#) == wanted)
    }

    @Test(
        "the ends of the ranges are good",
        arguments: [
            #""limits":{"headBytes":1024}"#, #""limits":{"headBytes":61440}"#, #""limits":{"fieldCount":256}"#,
            #""limits":{"bodyBytes":0}"#, #""limits":{"idlePerEndpoint":0}"#, #""timeouts":{"head":1}"#,
            #""limits":{"connectionsPerAddress":4000000}"#, #""limits":{"targetBytes":256}"#,
            #""timeouts":{"total":0}"#,
            #""timeouts":{"drain":0}"#, #""timeouts":{"head":86400000}"#,
        ])
    func ends(_ field: String) { #expect(message(#"{"revision":1,"settings":{\#(field)}}"#) == "") }

    @Test(
        "what is no snapshot is refused, not trapped on",
        arguments: [
            "", "{", "[]", "null", "{}", #"{"revision":-1}"#, #"{"revision":18446744073709551616}"#,
            #"{"revision":1.5}"#,
            #"{"revision":1,"rules":[{}]}"#, #"{"revision":1,"rules":[{"name":"r","tls":"maybe"}]}"#,
            #"{"revision":1,"listeners":[{"name":"l","address":"a","protocol":"ftp"}]}"#,
            #"{"revision":1,"listeners":[{"name":"l","address":"a","protocol":"http","proxyProtocol":"yes"}]}"#,
            #"{"revision":1,"settings":{"trustedProxies":"10.0.0.0/8"}}"#,
            #"{"revision":1,"settings":{"headers":{"underscores":"maybe"}}}"#,
            #"{"revision":1,"settings":{"timeouts":{"head":1e400}}}"#, "\u{0}",
        ])
    func garbage(_ json: String) {
        #expect(throws: (any Error).self) { try decode(json) }
    }
}

@Suite("Rules as values")
struct RuleValueTests {
    @Test("what a rule keeps aside is equal by value, leaves no trace in JSON where it is not, and changes alone")
    func aside() throws {
        var options = RuleOptions()
        options.maintenance = true
        let one = Rule(name: "a", options: options)
        let other = Rule(name: "a", options: options)
        #expect(one == other && one == one && one != Rule(name: "a"))
        var changed = one
        changed.options?.maintenance = false
        #expect(one.options?.maintenance == true && changed != one)
        let text = String(decoding: try JSONEncoder().encode(Rule(name: "a")), as: UTF8.self)
        #expect(!text.contains("options") && !text.contains("pool"))
        #expect(try JSONDecoder().decode(Rule.self, from: JSONEncoder().encode(one)) == one)
        // Thousands of them are copied with each change.
        #expect(MemoryLayout<Rule>.size <= 192)
    }
}
