import Contract
import Foundation
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("Access records", .timeLimit(.minutes(5)))
struct AccessLogTests {
    @Test("say who asked for what, where it went, and how it ended")
    func fields() throws {
        let upstream = try ScriptedUpstream.saying("hello")
        let seen = try records(site(upstream)) { proxy throws in
            let post = "POST /a?b=\"c HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\nabc"
            #expect(try proxy.ask(post).text == "hello")
        }
        let record = try #require(seen.first)
        #expect(seen.count == 1)
        #expect(record["method"] as? String == "POST")
        #expect(record["host"] as? String == "site.test")
        #expect(record["target"] as? String == "/a?b=\"c")
        #expect(record["client"] as? String == "127.0.0.1")
        #expect(record["listener"] as? String == "web")
        #expect(record["rule"] as? String == "site")
        #expect(record["endpoint"] as? String == upstream.endpoint.address)
        #expect(record["status"] as? Int == 200)
        #expect(record["received"] as? Int == 3)
        #expect(record["sent"] as? Int == 5)
        #expect(record["sample"] == nil && record["tls"] == nil)
        #expect(record["end"] as? String == "complete")
        let id = try #require(record["id"] as? String)
        #expect(id == upstream.requests.first?["x-request-id"])
        let time = try #require(record["time"] as? String)
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
    }

    @Test("tell each end by its name")
    func ends() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            guard let head = try peer.requestHead() else { return }
            switch head.target {
            case "/cut": try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
            case "/chunks": try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
            case "/stall":
                try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
                _ = try peer.readToEnd()
            case _: break
            }
        }
        let settings = quick { $0.timeouts.responseIdle = 150 }
        let seen = try records(site(upstream), settings: settings) { proxy throws in
            _ = try proxy.get("/closed")
            _ = try proxy.get("/cut")
            _ = try proxy.get("/chunks")
            _ = try proxy.get("/stall")
            _ = try proxy.get(host: "other.test")
            _ = try proxy.ask("BAD\r\n\r\n")
        }
        let ends = seen.map { "\($0["status"] ?? "") \($0["end"] ?? "")" }
        #expect(
            ends == [
                "502 answered", "200 upstream closed", "200 upstream malformed", "200 response idle timeout",
                "404 answered",
                "400 refused",
            ])
        #expect(seen.last?["reason"] as? String != nil)
    }

    @Test("are JSON whatever bytes a client sends")
    func hostile() throws {
        let rules = [Rule(name: "quote\" back\\ new\nline \u{e9}", hosts: ["*"])]
        var generator = SeededGenerator(seed: 20)
        let count = 300
        let seen = try records(rules) { proxy throws in
            for number in 0..<count {
                let client = try proxy.client()
                var target = generator.bytes(Int.random(in: 1...3_000, using: &generator))
                if number % 2 == 0 { target = target.map { 0x21 + $0 % 0x5e } }
                let method = number % 3 == 0 ? "!#$%&'*+-.^_`|~09AZ" : "GET"
                try client.send(
                    Array("\(method) /".utf8) + target
                        + Array(" HTTP/1.1\r\nHost: \(String(repeating: "h", count: number))x\r\n\r\n".utf8))
                _ = try client.response()
            }
        }
        #expect(seen.count == count)
        #expect(
            seen.contains {
                $0["rule"] as? String == "quote\" back\\ new\nline \u{e9}" || $0["end"] as? String == "refused"
            })
    }

    @Test("of the longest method, host and target stay whole lines")
    func longest() throws {
        let seen = try records([Rule(name: String(repeating: "n", count: 60), hosts: ["*"])]) { proxy throws in
            for byte in ["a", "\"", "%41"] {
                let target = String(repeating: byte, count: 8_000 / byte.utf8.count)
                let host = String(repeating: "h", count: 4_000)
                let request = "\(String(repeating: "M", count: 20)) /\(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n"
                #expect(try proxy.ask(request).status >= 400)
            }
        }
        #expect(seen.count == 3)
        for record in seen { #expect(record["end"] != nil && record["status"] != nil) }
    }
}
