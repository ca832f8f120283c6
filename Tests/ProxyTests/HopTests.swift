import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("How far a request goes", .timeLimit(.minutes(5)))
struct HopTests {
    private func ask(_ proxy: TestProxy, _ method: String, _ fields: String) throws -> Message {
        try proxy.ask("\(method) /x HTTP/1.1\r\nHost: site.test\r\n\(fields)\r\n")
    }

    @Test("OPTIONS and TRACE go on with one hop less, up to what is sent on at most", arguments: ["OPTIONS", "TRACE"])
    func decremented(_ method: String) throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let cases = [
                ("1", "0"), ("10", "9"), ("007", "6"), ("255", "254"), ("256", "255"), ("257", "255"),
                ("99999999999999999999999999", "255"),
            ]
            for (came, went) in cases {
                #expect(try ask(proxy, method, "Max-Forwards: \(came)\r\n").text == "x")
                #expect(upstream.requests.last?.all("max-forwards") == [went], "\(came)")
            }
        }
    }

    @Test("a number that is none, or two of them, is refused; the connection goes on")
    func malformed() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for value in ["", "-1", "1 1", "1,2", "x", "0x1", "+1", "1\r\nMax-Forwards: 1"] {
                try client.send("OPTIONS / HTTP/1.1\r\nHost: site.test\r\nMax-Forwards: \(value)\r\n\r\n")
                expect(try client.response(), .hopsMalformed)
            }
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\nMax-Forwards: x\r\n\r\n")
            #expect(try client.response().text == "x")
            #expect(upstream.requests.map { $0.all("max-forwards") } == [["x"]])
        }
    }

    @Test("OPTIONS without a hop left is answered here, and so is one that Connection would have it forgotten for")
    func lastOptions() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for fields in ["Max-Forwards: 0\r\n", "Connection: max-forwards\r\nmax-forwards: 00\r\n"] {
                for target in ["/x", "*"] {
                    try client.send("OPTIONS \(target) HTTP/1.1\r\nHost: site.test\r\n\(fields)\r\n")
                    let answer = try client.response()
                    #expect(answer.status == 200 && answer["content-length"] == "0")
                }
            }
        }
        #expect(upstream.requests.isEmpty)
    }

    @Test("TRACE without a hop left gets back the way it came and none of its secrets")
    func lastTrace() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let way = "Max-Forwards: 0\r\nVia: 1.1 other\r\n"
            let answer = try ask(proxy, "TRACE", way + "Cookie: secret\r\nAuthorization: secret\r\nX-Key: secret\r\n")
            #expect(answer.status == 200 && answer["content-type"] == "message/http")
            #expect(answer.text == "TRACE /x HTTP/1.1\r\nHost: site.test\r\n\(way)\r\n")
            let long = String(repeating: "v", count: 5_000)
            expect(try ask(proxy, "TRACE", "Max-Forwards: 0\r\nVia: 1.1 \(long)\r\n"), .headTooLarge)
        }
        #expect(upstream.requests.isEmpty)
    }

    @Test("a rule's access list stands before what is answered for a lack of hops")
    func denied() throws {
        let upstream = try ScriptedUpstream.saying("x")
        var rules = site(upstream)
        rules[0].options = RuleOptions()
        rules[0].options?.deny = ["127.0.0.1"]
        try proxying(rules) { proxy throws in
            expect(try ask(proxy, "TRACE", "Max-Forwards: 0\r\n"), .denied)
        }
    }

    @Test("a request that has come through here too often ends with 508: at the limit, under it, over it")
    func loop() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            func via(_ count: Int, _ entry: String) -> String {
                "Via: " + [String](repeating: entry, count: count).joined(separator: ", ") + "\r\n"
            }
            for entry in ["1.1 kontainers", "HTTP/1.0\tKontainers (a comment)", " 1.1  kontainers "] {
                #expect(try proxy.get("/", via(Worker.loopLimit - 1, entry)).status == 200)
                expect(try proxy.get("/", via(Worker.loopLimit, entry)), .loop)
                expect(try proxy.get("/", via(Worker.loopLimit + 100, entry)), .loop)
            }
            let lines = [String](repeating: "Via: 1.1 kontainers\r\n", count: Worker.loopLimit).joined()
            expect(try proxy.get("/", lines), .loop)
            for entry in ["1.1 kontainers2", "1.1 other (kontainers)", "kontainers", "1.1 kontainers:80", "", ",", " "]
            {
                #expect(try proxy.get("/", via(50, entry)).status == 200, "\(entry)")
            }
            #expect(proxy.tally.count(of: .loop) == 7)
        }
    }

    @Test("a rule that leads back to the proxy itself ends with 508 instead of using up every connection")
    func ownTail() throws {
        try proxying([]) { proxy throws in
            proxy.adopt([
                Rule(
                    name: "tail", hosts: ["site.test"],
                    endpoints: [Endpoint(address: proxy.plain.description)])
            ])
            expect(try proxy.get(), .loop)
            #expect(proxy.tally.requests.current == UInt64(Worker.loopLimit) + 1)
            // The proxy's connections to itself would otherwise stay in the pool.
            proxy.adopt([])
        }
    }

    @Test("an expectation of HTTP/1.0 is not passed on; one of HTTP/1.1 is, whatever it says")
    func expectation() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let body = "Content-Length: 2\r\n\r\nab"
            #expect(
                try proxy.ask("POST / HTTP/1.0\r\nHost: site.test\r\nExpect: 100-continue\r\n" + body).status == 200)
            #expect(try proxy.ask("POST / HTTP/1.1\r\nHost: site.test\r\nExpect: more\r\n" + body).status == 200)
            #expect(upstream.requests.map { $0["expect"] } == [nil, "more"])
            #expect(upstream.requests.map(\.text) == ["ab", "ab"])
        }
    }
}
