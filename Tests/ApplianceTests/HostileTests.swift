import TestKit
import Testing

extension ApplianceTests {
    @Suite("Hostile clients")
    struct Hostile {
        private func withSite(
            _ more: [String] = [], _ body: (Appliance) async throws -> Void
        ) async throws {
            let upstream = try await Upstream()
            let wanted = Appliance.Wanted(
                rules: ["{ name: site, hosts: [site.test], endpoints: [\"\(upstream.address)\"] }"], more: more)
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "site.test")
                let edge = appliance.edge
                try await body(appliance)
                #expect(try appliance.get(host: "site.test").status == 200, "others are served as before")
                #expect(appliance.edge == edge, "the edge did not die of it")
            }
            await upstream.stop()
        }

        static let malformed: [(String, Int)] = [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: site.test\r\nHost: other.test\r\n\r\n", 400),
            (" GET / HTTP/1.1\r\nHost: site.test\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\nHost: site.test\r\n\r\n", 400),
            ("G\u{0}T / HTTP/1.1\r\nHost: site.test\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: site.test\r\nBad Name: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost : site.test\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: site.test\r\n folded\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
            (
                "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400
            ),
            ("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: -1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400),
            ("GET / HTTP/3.7\r\nHost: site.test\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{FC}\u{3}\u{3}", 400),
        ]

        @Test("what two proxies could read two ways is refused and the connection closed", .timeLimit(.minutes(1)))
        func refused() async throws {
            try await withSite { appliance in
                for (bytes, status) in Self.malformed {
                    let connection = try RawConnection(port: appliance.web)
                    try connection.send(bytes)
                    connection.finishSending()
                    let answer = try connection.answer()
                    let close = answer["connection"] == "close"
                    #expect(
                        answer.status == status || answer.status == 505 || answer.status == 501,
                        "\(bytes.debugDescription): \(answer)")
                    #expect(close, "\(bytes.debugDescription): \(answer)")
                    #expect(try connection.receiveToEnd().isEmpty, "\(bytes.debugDescription)")
                }
            }
        }

        @Test("a head that is too large gets 431, a body that is too large gets 413", .timeLimit(.minutes(1)))
        func oversized() async throws {
            try await withSite(["limits: { bodyBytes: 1000, headBytes: 4096, fieldCount: 20 }"]) { appliance in
                let long = "X-Long: \(String(repeating: "x", count: 5_000))"
                #expect(try appliance.get(host: "site.test", fields: [long]).status == 431)
                let many = (0..<30).map { "X-\($0): 1" }
                #expect(try appliance.get(host: "site.test", fields: many).status == 431)
                #expect(
                    [414, 431].contains(
                        try appliance.get("/" + String(repeating: "p", count: 6_000), host: "site.test").status))

                for body in [
                    "Content-Length: 1001\r\n\r\n",
                    "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + String(repeating: "x", count: 1_001)
                        + "\r\n0\r\n\r\n",
                ] {
                    let connection = try RawConnection(port: appliance.web)
                    try connection.send("POST /digest HTTP/1.1\r\nHost: site.test\r\n\(body)")
                    #expect(try connection.answer().status == 413)
                }
            }
        }

        @Test(
            "a head that comes too slowly gets 408; one that never starts is closed in silence", .timeLimit(.minutes(1))
        )
        func slow() async throws {
            try await withSite(["timeouts: { head: 1s, bodyIdle: 1s, keepAlive: 2s }"]) { appliance in
                let drip = try RawConnection(port: appliance.web)
                for part in ["GET ", "/ HT", "TP/1.1\r\n", "Host: si"] {
                    try drip.send(part)
                    try await Task.sleep(for: .milliseconds(200))
                }
                let answer = try drip.answer(within: .seconds(4))
                #expect(answer.status == 408 && answer["connection"] == "close", "\(answer)")

                let body = try RawConnection(port: appliance.web)
                try body.send("POST /digest HTTP/1.1\r\nHost: site.test\r\nContent-Length: 10\r\n\r\nhalf")
                #expect(try body.answer(within: .seconds(4)).status == 408)

                let kept = try RawConnection(port: appliance.web)
                try kept.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                #expect(try kept.answer().status == 200)
                #expect(try kept.receiveToEnd(within: .seconds(5)).isEmpty, "an idle connection ends without a word")
            }
        }

        @Test("half-sent requests and random bytes leave no descriptor behind", .timeLimit(.minutes(1)))
        func halfSent() async throws {
            try await withSite { appliance in
                let edge = try #require(appliance.edge)
                let before = ProcessTable.descriptors(of: edge)
                let seed = UInt64.random(in: 0...UInt64.max)
                var random = SeededGenerator(seed: seed)
                let whole = Array("POST /digest HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\n\r\nhello".utf8)
                for cut in 0..<whole.count {
                    let connection = try RawConnection(port: appliance.web)
                    try connection.send(Array(whole[..<cut]))
                }
                for _ in 0..<200 {
                    let connection = try RawConnection(port: appliance.web)
                    try? connection.send(random.bytes(Int(random.next() % 4_096)))
                }
                try await eventually("the edge's descriptors to be as before (seed \(seed))") {
                    ProcessTable.descriptors(of: edge) <= before + 8
                }
            }
        }

        @Test("requests in one packet are answered in their order", .timeLimit(.minutes(1)))
        func pipelined() async throws {
            try await withSite { appliance in
                let connection = try RawConnection(port: appliance.web)
                let one = "GET /slow?0.2 HTTP/1.1\r\nHost: site.test\r\n\r\n"
                let two = "POST /digest HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\n\r\nhello"
                let three = "GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n"
                try connection.send(one + two + three + one)
                #expect(try connection.answer().word == "upstream")
                #expect(try connection.answer().word.hasPrefix("5 2cf24dba"))
                #expect(try connection.answer().status == 404)
                #expect(try connection.answer().word == "upstream")
            }
        }

        @Test("an upstream that cuts its answer cuts the client's: it must not look whole", .timeLimit(.minutes(1)))
        func cutAnswer() async throws {
            try await withSite { appliance in
                let connection = try RawConnection(port: appliance.web)
                try connection.send("GET /close HTTP/1.1\r\nHost: site.test\r\n\r\n")
                #expect(throws: RawConnection.Failure.self) { try connection.answer() }
            }
        }

        @Test("an upstream that is not there gives 502 or 504, and others are served", .timeLimit(.minutes(1)))
        func deadUpstream() async throws {
            let nobody = try freePort()
            try await withAppliance(
                .init(rules: ["{ name: dead, hosts: [dead.test], endpoints: [\"127.0.0.1:\(nobody)\"] }"])
            ) { appliance in
                let answer = try await appliance.expect(502, host: "dead.test")
                #expect(answer["connection"] != nil || answer["content-length"] != nil, "\(answer)")
            }
        }
    }
}
