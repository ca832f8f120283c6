import Contract
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("Access records in the combined format", .timeLimit(.minutes(5)))
struct AccessLogFormatTests {
    private let combined = quick { $0.accessLog.format = .combined }

    /// What readers of this format take a line apart with: client, time, request, status, size, referer, user agent.
    private func parts(_ line: String) throws -> [String] {
        let pattern = /(\S+) - - \[([^\]]+)\] "([^"]*)" (\d{3}) (\d+) "([^"]*)" "([^"]*)"/
        let output = try #require(line.wholeMatch(of: pattern), "\(line)").output
        let parts = [output.1, output.2, output.3, output.4, output.5, output.6, output.7].map { String($0) }
        #expect(parts[1].wholeMatch(of: /\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000/) != nil, "\(line)")
        return parts
    }

    @Test("say what Apache's say; what is not there is a dash")
    func fields() throws {
        let upstream = try ScriptedUpstream.saying("hello")
        let lines = try recordLines(site(upstream), settings: combined) { proxy throws in
            #expect(
                try proxy.get("/a?b=c", "Referer: https://x.test/\r\nUser-Agent: Mozilla/5.0 (X)\r\n").text == "hello")
            #expect(try proxy.get(host: "other.test").status == 404)
            #expect(try proxy.ask("GET /old HTTP/1.0\r\nHost: site.test\r\nReferer:\r\n\r\n").text == "hello")
            #expect(try proxy.ask("BAD\r\n\r\n").status == 400)
        }
        let said = try lines.map { line in
            var parts = try parts(line)
            parts.remove(at: 1)
            return parts
        }
        let size = "\(Answer.noRoute.problem.utf8.count)"
        let refusedSize = "\(Answer.badRequest.problem.utf8.count)"
        #expect(
            said == [
                ["127.0.0.1", "GET /a?b=c HTTP/1.1", "200", "5", "https://x.test/", "Mozilla/5.0 (X)"],
                ["127.0.0.1", "GET / HTTP/1.1", "404", size, "-", "-"],
                ["127.0.0.1", "GET /old HTTP/1.0", "200", "5", "", "-"],
                ["127.0.0.1", "-", "400", refusedSize, "-", "-"],
            ])
    }

    @Test("cannot be forged: quotes, backslashes and bytes outside ASCII are escaped")
    func hostile() throws {
        var generator = SeededGenerator(seed: 22)
        let count = 300
        let forged = "\" 200 5 \"-\" \"-\"\\x0a127.0.0.1 - - \\ \u{1b}[2J"
        let lines = try recordLines([Rule(name: "any", hosts: ["*"])], settings: combined) { proxy throws in
            for number in 0..<count {
                let client = try proxy.client()
                var target = generator.bytes(Int.random(in: 1...3_000, using: &generator))
                if number % 2 == 0 { target = target.map { 0x21 + $0 % 0x5e } }
                let agent = generator.bytes(Int.random(in: 0...1_500, using: &generator)).map {
                    $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "\"") : $0
                }
                try client.send(
                    Array("GET /".utf8) + target + Array(" HTTP/1.1\r\nHost: x\r\nUser-Agent: ".utf8) + agent
                        + Array("\r\nReferer: \(forged.filter { $0.isASCII && $0 >= " " })\r\n\r\n".utf8))
                _ = try client.response()
            }
        }
        #expect(lines.count == count)
        for line in lines {
            _ = try parts(line)
            #expect(line.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
            // A backslash is there for an escape alone.
            #expect(line.matches(of: /\\/).count == line.matches(of: /\\x[0-9a-f]{2}/).count)
        }
        #expect(lines.contains { $0.contains(#"\x22 200 5 \x22-\x22 \x22-\x22\x5cx0a127.0.0.1 - - \x5c"#) })
    }

    @Test("of the longest target, referer and user agent stay whole lines with something of each")
    func longest() throws {
        let lines = try recordLines([Rule(name: "any", hosts: ["*"])], settings: combined) { proxy throws in
            for byte in ["a", "\""] {
                let long = String(repeating: byte, count: 5_000)
                let target = String(repeating: "t", count: 5_000)
                let request = "\(String(repeating: "M", count: 20)) /\(target) HTTP/1.1\r\nHost: x\r\n"
                #expect(try proxy.ask(request + "Referer: \(long)\r\nUser-Agent: \(long)\r\n\r\n").status == 503)
            }
        }
        #expect(lines.count == 2)
        for line in lines {
            let parts = try parts(line)
            #expect(line.utf8.count <= 2_080)
            for part in parts[5...] { #expect(part.utf8.count > 400, "\(line)") }
            #expect(parts[2].utf8.count > 900)
        }
    }

    @Test("a client that leaves before it is answered is told as 499")
    func left() throws {
        let upstream = try ScriptedUpstream.stalling()
        let lines = try recordLines(site(upstream), settings: combined) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            try waitUntil("it is under way") { upstream.openCount == 1 }
            client.reset()
            try proxy.settle()
        }
        #expect(try lines.map { try parts($0)[3] } == ["499"])
    }

    @Test("a change of format holds for the exchanges that begin behind it")
    func change() throws {
        let go = try Signal()
        let asked = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            while let request = try peer.request() {
                if request.target == "/slow" {
                    asked.give()
                    #expect(go.wait(Peer.patience))
                }
                try peer.send(ok("x"))
            }
        }
        let lines = try recordLines(site(upstream)) { proxy throws in
            let slow = try proxy.client()
            try slow.send("GET /slow HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(asked.wait(Peer.patience))
            proxy.use(combined)
            #expect(try proxy.get("/fast").text == "x")
            go.give()
            #expect(try slow.response().text == "x")
            proxy.use(Settings())
            #expect(try proxy.get("/last").text == "x")
        }
        #expect(lines.count == 3)
        #expect(try parts(lines[0])[2] == "GET /fast HTTP/1.1")
        #expect(lines[1].hasPrefix("{\"time\":\"") && lines[1].contains("\"target\":\"/slow\""))
        #expect(lines[2].hasPrefix("{\"time\":\"") && lines[2].contains("\"target\":\"/last\""))
    }
}

@Suite("A sample of access records", .timeLimit(.minutes(5)))
struct AccessLogSampleTests {
    @Test("is the first of every so many, and says for how many it stands", arguments: [1, 2, 3, 10])
    func share(_ sample: Int) throws {
        let upstream = try ScriptedUpstream.saying("x")
        let seen = try records(site(upstream), settings: quick { $0.accessLog.sample = sample }) { proxy throws in
            let client = try proxy.client()
            for number in 0..<20 {
                try client.send("GET /\(number) HTTP/1.1\r\nHost: site.test\r\n\r\n")
                #expect(try client.response().text == "x")
            }
        }
        #expect(seen.map { $0["target"] as? String } == stride(from: 0, to: 20, by: sample).map { "/\($0)" })
        #expect(seen.allSatisfy { $0["sample"] as? Int == (sample == 1 ? nil : sample) })
    }

    @Test(
        "leaves out nothing that failed: a server's error, an exchange that was cut",
        arguments: [AccessLog.Format.json, .combined])
    func failures(_ format: AccessLog.Format) throws {
        let upstream = try ScriptedUpstream { peer, _ in
            guard let request = try peer.request() else { return }
            switch request.target {
            case "/cut": try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
            case "/error": try peer.send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
            case "/missing": try peer.send("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
            case _: break
            }
        }
        let settings = quick {
            $0.accessLog.sample = 1_000_000
            $0.accessLog.format = format
        }
        let lines = try recordLines(site(upstream), settings: settings) { proxy throws in
            for target in ["/missing", "/missing", "/cut", "/error", "/closed", "/missing"] {
                _ = try proxy.get(target)
            }
            #expect(try proxy.ask("BAD\r\n\r\n").status == 400)
            #expect(proxy.tally.status4xx.current == 4 && proxy.tally.logLinesLost.current == 0)
        }
        // The first of those that did not fail, and all that did.
        let targets = ["/missing", "/cut", "/error", "/closed"]
        #expect(lines.count == targets.count)
        for (line, target) in zip(lines, targets) { #expect(line.contains(target), "\(line)") }
    }
}
