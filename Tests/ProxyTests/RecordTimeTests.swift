import Contract
import TestKit
import Testing

@testable import Proxy

@Suite("Times in access records", .timeLimit(.minutes(5)))
struct RecordTimeTests {
    /// Microseconds of each step that a record tells.
    private func times(_ record: [String: Any]) -> [String: Int] {
        record.reduce(into: [:]) { times, field in
            if field.key.hasSuffix("_us"), let time = field.value as? Int { times[field.key] = time }
        }
    }

    /// From the head on the steps add up to the total; each is cut down to whole microseconds.
    private func expectSum(_ times: [String: Int]) {
        let steps = ["head_us", "route_us", "connect_us", "first_byte_us", "body_us"].compactMap { times[$0] }
        let total = times["total_us"] ?? -1
        #expect((total - steps.count...total).contains(steps.reduce(0, +)), "\(times)")
    }

    /// Long enough to tell a step that waited from those that did not.
    private static let rest: CInt = 40
    private static let restTime = 35_000

    @Test("are told for each step, from the end of the one before it")
    func steps() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            while try peer.request() != nil {
                _ = try peer.isQuiet(milliseconds: Self.rest)
                try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
                _ = try peer.isQuiet(milliseconds: Self.rest)
                try peer.send("cd")
            }
        }
        let seen = try records(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for _ in 0..<2 {
                #expect(try client.isQuiet(milliseconds: Self.rest))
                try client.send("GET / HTTP/1.1\r\nHost: ")
                #expect(try client.isQuiet(milliseconds: Self.rest))
                try client.send("site.test\r\n\r\n")
                #expect(try client.response().text == "abcd")
            }
        }
        #expect(seen.count == 2)
        for record in seen {
            let times = times(record)
            for step in ["wait_us", "head_us", "first_byte_us", "body_us"] {
                #expect(times[step] ?? 0 >= Self.restTime, "\(step) of \(times)")
            }
            #expect(times["route_us"] == 0 && times["tls_us"] == nil)
            expectSum(times)
            #expect(record["by"] == nil && record["step"] == nil && record["end"] as? String == "complete")
        }
        // The second found the connection in the pool.
        #expect(seen.map { $0["connect_us"] != nil } == [true, false])
    }

    @Test("of a pipeline: what is here already waits for nothing")
    func pipeline() throws {
        let upstream = try ScriptedUpstream.saying("x")
        let seen = try records(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(String(repeating: "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n", count: 3))
            for _ in 0..<3 { #expect(try client.response().text == "x") }
        }
        #expect(seen.dropFirst().map { times($0)["wait_us"] } == [0, 0])
        for record in seen { expectSum(times(record)) }
    }

    @Test("of a handshake are told once, by the first exchange of the connection")
    func handshake() async throws {
        let upstream = try ScriptedUpstream.saying("x")
        let certificate = try await TLSServingTests.made.value.certificate
        let seen = try records(site(upstream), certificate: certificate) { proxy throws in
            let client = try TLSPeer(proxy)
            for _ in 0..<2 {
                try client.peer.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                #expect(try client.peer.response().text == "x")
            }
        }
        #expect(seen.count == 2)
        #expect(seen.map { times($0)["tls_us"] ?? 0 > 0 } == [true, false])
        for record in seen {
            #expect(record["tls"] as? String == "TLSv1.3")
            #expect((record["cipher"] as? String)?.hasPrefix("TLS_") == true, "\(record)")
        }
        for record in seen { expectSum(times(record)) }
    }

    /// Nobody listens there.
    private let nowhere = Endpoint(address: "127.0.0.1:1")

    @Test("of connecting include the endpoints that were tried in vain")
    func connecting() throws {
        let upstream = try ScriptedUpstream.saying("x")
        let rule = Rule(name: "site", hosts: ["site.test"], endpoints: [nowhere, upstream.endpoint])
        let seen = try records([rule]) { proxy throws in
            for _ in 0..<3 { #expect(try proxy.get().text == "x") }
        }
        #expect(seen.count == 3)
        for record in seen {
            expectSum(times(record))
            #expect(record["endpoint"] as? String == upstream.endpoint.address)
            if record["attempts"] != nil { #expect(record["connect_us"] != nil, "\(record)") }
        }
    }

    @Test("tell in which step who ended the exchange; what did not happen is left out")
    func ends() throws {
        let asked = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            guard let head = try peer.requestHead() else { return }
            switch head.target {
            case "/cut": try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
            case "/half": try peer.send("HTTP/1.1 200")
            case "/stall": _ = try peer.readToEnd()
            case "/left":
                asked.give()
                _ = try peer.readToEnd()
            case "/begun":
                try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
                _ = try peer.readToEnd()
            case _: break
            }
        }
        let rules =
            site(upstream) + [
                Rule(name: "gone", hosts: ["gone.test"], endpoints: [nowhere]),
                Rule(name: "empty", hosts: ["empty.test"]),
                Rule(name: "to", hosts: ["to.test"], tls: .required),
            ]
        let settings = quick {
            $0.timeouts.firstByte = 100
            $0.timeouts.head = 100
        }
        let seen = try records(rules, settings: settings) { proxy throws in
            for target in ["/closed", "/cut", "/half", "/stall"] { _ = try proxy.get(target) }
            for host in ["gone.test", "empty.test", "to.test", "other.test"] { _ = try proxy.get(host: host) }
            for target in ["/left", "/begun"] {
                let client = try proxy.client()
                try client.send("GET \(target) HTTP/1.1\r\nHost: site.test\r\n\r\n")
                if target == "/begun" { _ = try client.read(1) } else { #expect(asked.wait(Peer.patience)) }
                client.reset()
                try proxy.settle()
            }
            let slow = try proxy.client()
            try slow.send("GET /")
            #expect(try slow.response().status == 408)
        }
        let told = seen.map { record in
            ["status", "end", "by", "step", "reason"].compactMap { record[$0].map { "\($0)" } }.joined(separator: ", ")
        }
        #expect(
            told == [
                "502, answered, upstream, first_byte, closed",
                "200, upstream closed, upstream, body",
                "502, answered, upstream, body, malformed",
                "504, first byte timeout, upstream, first_byte, timeout",
                "502, answered, upstream, connect, connect failed",
                "503, answered, proxy, route, no endpoint",
                "308, answered, proxy, route",
                "404, answered, proxy, route, no route",
                "0, client closed, client, first_byte",
                "200, client closed, client, body",
                "408, refused, client, head, head timeout",
            ])
        // The name of the time that each step would have, and those after it.
        let order = ["route", "connect", "first_byte", "body"]
        for record in seen where record["end"] as? String != "refused" {
            let place = try #require(order.firstIndex(of: record["step"] as? String ?? ""))
            let late = order[place...].filter { record["\($0)_us"] != nil && $0 != "body" }
            #expect(late.isEmpty, "\(record)")
        }
    }
}
