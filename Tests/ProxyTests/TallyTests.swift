import Contract
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("What is counted by rule and endpoint")
struct TallyTests {
    /// The rows of a rule, by the number that the first rule has, and the next.
    private func rule(_ proxy: TestProxy, _ number: UInt32 = 0) -> TallyReading {
        proxy.tally.rules.read(number) ?? TallyReading()
    }

    private func endpoint(_ proxy: TestProxy, _ number: UInt32 = 0) -> TallyReading {
        proxy.tally.endpoints.read(number) ?? TallyReading()
    }

    private func expect(_ proxy: TestProxy, _ status: Int, host: String) throws {
        let answer = try proxy.get(host: host)
        #expect(answer.status == status)
    }

    @Test("requests by class of status, bytes, and a duration for each request")
    func counts() throws {
        let upstream = try ScriptedUpstream.steady { request in
            let status = request.target == "/missing" ? "404 Not Found" : "200 OK"
            return "HTTP/1.1 \(status)\r\nContent-Length: 4\r\n\r\nbody"
        }
        try proxying(site(upstream)) { proxy in
            let client = try proxy.client()
            for path in ["/", "/a", "/missing", "/b"] {
                try client.send("POST \(path) HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\nabc")
                _ = try client.response()
            }
            try waitUntil("all are accounted") { rule(proxy)[.inFlight] == 0 }
            for row in [rule(proxy), endpoint(proxy)] {
                #expect(row[.status2xx] == 3 && row[.status4xx] == 1 && row[.status5xx] == 0)
                #expect(row[.received] == 12 && row[.sent] == 16)
                #expect(row.durations.count == 4 && row[.inFlight] == 0)
            }
            #expect(endpoint(proxy)[.connects] == 1 && endpoint(proxy)[.idle] == 1)
            #expect(proxy.tally.listeners.read(0)?[.connects] == 1)
            #expect(proxy.tally.listeners.read(0)?[.inFlight] == 1)
        }
    }

    @Test("a request under way is in flight at its rule and its endpoint")
    func inFlight() throws {
        let upstream = try ScriptedUpstream.stalling()
        try proxying(site(upstream)) { proxy in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            try waitUntil("in flight") { rule(proxy)[.inFlight] == 1 && endpoint(proxy)[.inFlight] == 1 }
            client.reset()
            try waitUntil("over") { rule(proxy)[.inFlight] == 0 && endpoint(proxy)[.inFlight] == 0 }
            #expect(rule(proxy)[.unanswered] == 1 && rule(proxy).durations.count == 0)
            #expect(endpoint(proxy)[.unanswered] == 0)
            #expect(proxy.tally.ends[Int(EndCause.clientClosed.rawValue)].current == 1)
        }
    }

    @Test("connect failures and failures are the endpoint's, the answer is the rule's")
    func failures() throws {
        let upstream = try ScriptedUpstream.earlyCloser()
        let rules = [
            Rule(name: "a", hosts: ["site.test"], endpoints: [upstream.endpoint]),
            Rule(name: "b", hosts: ["dead.test"], endpoints: [Endpoint(address: "127.0.0.1:1")]),
        ]
        try proxying(rules) { proxy in
            try expect(proxy, 502, host: "site.test")
            try expect(proxy, 502, host: "dead.test")
            #expect(rule(proxy, 0)[.status5xx] == 1 && rule(proxy, 1)[.status5xx] == 1)
            #expect(endpoint(proxy, 0)[.failures] == 1 && endpoint(proxy, 0)[.status5xx] == 0)
            #expect(endpoint(proxy, 1)[.connectFailures] == 1 && endpoint(proxy, 1)[.failures] == 0)
            let answers = Dictionary(
                uniqueKeysWithValues: proxy.tally.families.first { $0.name == "answers_total" }?.values ?? [])
            #expect(answers["upstreamClosed"] == 1 && answers["connectFailed"] == 1 && answers["noRoute"] == 0)
        }
    }

    @Test("every answer and every cause has its counter")
    func families() {
        let tally = Tally()
        for answer in Answer.allCases { tally.count(answer) }
        for cause in EndCause.allCases { tally.count(cause) }
        for family in tally.families {
            #expect(family.values.allSatisfy { $0.1 == 1 })
            #expect(Set(family.values.map(\.0)).count == family.values.count)
        }
        #expect(tally.families[0].values.count == Answer.allCases.count)
        let names = tally.readings.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test("counts stay through a change that keeps the rule, and end with it")
    func changes() throws {
        let upstream = try ScriptedUpstream.saying("hello")
        let other = [Rule(name: "other", hosts: ["other.test"], endpoints: [upstream.endpoint])]
        try proxying(site(upstream)) { proxy in
            for _ in 0..<3 { try expect(proxy, 200, host: "site.test") }
            proxy.adopt(site(upstream) + other)
            try expect(proxy, 200, host: "site.test")
            // The client has its response a moment before it is counted.
            try waitUntil("all are counted") { rule(proxy)[.status2xx] == 4 && endpoint(proxy)[.status2xx] == 4 }
            // Gone from the table; forgotten when the next one comes, before its number can be another's.
            proxy.adopt(other)
            proxy.adopt(other)
            #expect(proxy.tally.rules.read(0) == nil)
            #expect(endpoint(proxy)[.status2xx] == 4)
        }
    }
}
