import Contract
import Testing

@testable import KontainersConfiguration

@Suite("Pools in the file and in labels")
struct PoolConfigurationTests {
    private static var wanted: PoolOptions {
        var pool = PoolOptions()
        pool.policy = .hash
        pool.hashBy = .header("X-User")
        pool.bound = 150
        pool.panic = 20
        pool.sticky = "route"
        pool.ejection = Ejection()
        pool.ejection?.consecutive = 3
        pool.ejection?.base = 5_000
        pool.ejection?.serverErrors = true
        pool.ejection?.latency = 300
        pool.slowStart = 30_000
        pool.breaker = Breaker()
        pool.breaker?.inFlight = 64
        pool.breaker?.ratio = 40
        pool.breaker?.base = 2_000
        pool.breaker?.serverErrors = true
        pool.breaker?.poolConnections = 400
        pool.breaker?.poolPending = 30
        pool.breaker?.poolInFlight = 200
        pool.breaker?.poolRatio = 60
        return pool
    }

    private func read(_ rule: String) -> (rules: [RuleDeclaration], codes: [String]) {
        let (configuration, diagnoses) = ConfigurationFile.read(
            """
            listeners: [{ name: web, address: ":80", protocol: http }]
            rules:
              - name: a
                host: a.test
            \(rule)
            """, path: "k.yaml")
        return (configuration?.rules ?? [], diagnoses.map(\.code))
    }

    private func labels(_ more: [String: String]) -> (rules: [RuleDeclaration], diagnoses: [Diagnosis]) {
        var labels = ["kontainers.enable": "true", "kontainers.host": "a.test"]
        labels.merge(more) { $1 }
        return LabelGrammar.parse(labels: labels, container: ("abc", "c"))
    }

    @Test("every field is read, and endpoints may have weights and tiers")
    func file() {
        let (rules, codes) = read(
            """
                endpoints:
                  - 10.0.0.1:80
                  - { address: "10.0.0.2:80", weight: 3 }
                  - { address: "10.0.0.3:80", weight: 0, tier: 1 }
                pool:
                  policy: hash
                  hashBy: header:X-User
                  bound: 150
                  panic: 20
                  sticky: route
                  ejection: { consecutive: 3, base: 5s, serverErrors: true, latency: 300 }
                  slowStart: 30s
                  breaker:
                    { inFlight: 64, ratio: 40, base: 2s, serverErrors: true, poolConnections: 400, poolPending: 30,
                      poolInFlight: 200, poolRatio: 60 }
            """)
        #expect(codes == [])
        #expect(rules.first?.pool == Self.wanted)
        #expect(rules.first?.target == .addresses(["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]))
        #expect(
            rules.first?.shares == [
                "10.0.0.2:80": EndpointShare(weight: 3), "10.0.0.3:80": EndpointShare(weight: 0, tier: 1),
            ])
    }

    @Test("labels say the same, short and long")
    func labelled() {
        let fields = [
            "pool.policy": "hash", "pool.hashBy": "header:X-User", "pool.bound": "150", "pool.panic": "20",
            "pool.sticky": "route", "pool.ejection.consecutive": "3", "pool.ejection.base": "5s",
            "pool.ejection.serverErrors": "true", "pool.ejection.latency": "300",
            "pool.slowStart": "30s", "pool.breaker.inFlight": "64",
            "pool.breaker.ratio": "40", "pool.breaker.base": "2s", "pool.breaker.serverErrors": "true", "weight": "7",
            "pool.breaker.poolConnections": "400", "pool.breaker.poolPending": "30", "pool.breaker.poolInFlight": "200",
            "pool.breaker.poolRatio": "60",
            "tier": "2",
        ]
        let short = labels(Dictionary(uniqueKeysWithValues: fields.map { ("kontainers.\($0)", $1) }))
        #expect(short.diagnoses == [])
        #expect(short.rules.first?.pool == Self.wanted)
        #expect(short.rules.first?.share == EndpointShare(weight: 7, tier: 2))
        var long = Dictionary(uniqueKeysWithValues: fields.map { ("kontainers.http.r.\($0)", $1) })
        long["kontainers.http.r.hosts"] = "b.test"
        let both = labels(long)
        #expect(both.diagnoses == [])
        #expect(both.rules.first { $0.name == "r" }?.pool == Self.wanted)
        #expect(both.rules.first { $0.name == "r" }?.share == EndpointShare(weight: 7, tier: 2))
        #expect(both.rules.first { $0.name != "r" }?.pool == nil)
    }

    @Test("ejection is the standard one, or off", arguments: [("true", nil), ("false", Ejection.off)])
    func switched(_ word: String, _ wanted: Ejection?) {
        let (rules, codes) = read("    endpoint: 10.0.0.1:80\n    pool: { policy: random, ejection: \(word) }")
        #expect(codes == [] && rules.first?.pool?.ejection == wanted && rules.first?.pool?.policy == .random)
    }

    @Test(
        "what is wrong is refused",
        arguments: [
            ("pool: { policy: fastest }", "bad-choice"), ("pool: { policy: hash, hashBy: colour }", "bad-hash-key"),
            ("pool: { hashBy: path }", "without-hash"), ("pool: { bound: 120 }", "without-hash"),
            ("pool: { sticky: \"a b\" }", "bad-pool"), ("pool: { policy: hash, bound: 100 }", "out-of-range"),
            ("pool: { ejection: { base: 10m, longest: 1m } }", "bad-pool"),
            ("pool: { ejection: { cap: 101 } }", "out-of-range"), ("pool: { ejection: { latency: 149 } }", "bad-pool"),
            ("pool: { ejection: { latency: 10001 } }", "out-of-range"), ("pool: { slowStart: 2h }", "out-of-range"),
            ("pool: { breaker: { trials: 0 } }", "out-of-range"), ("pool: { breaker: off }", "wrong-type"),
            ("pool: { breaker: { base: 10m, longest: 1m } }", "bad-pool"),
        ])
    func refused(_ pool: String, _ code: String) {
        let (rules, codes) = read("    endpoint: 10.0.0.1:80\n    \(pool)")
        #expect(rules.isEmpty && codes == [code], "\(codes)")
    }

    @Test("weights beyond their range, and endpoints without an address, are refused")
    func endpoints() {
        for (endpoint, code) in [
            ("{ address: \"10.0.0.1:80\", weight: 1001 }", "out-of-range"), ("{ weight: 1 }", "missing-field"),
            ("{ address: \"10.0.0.1:80\", tier: 8 }", "out-of-range"), ("{ address: nowhere }", "bad-endpoint"),
        ] {
            let (rules, codes) = read("    endpoints: [10.0.0.9:80, \(endpoint)]")
            #expect(rules.isEmpty && codes.count == 1, "\(endpoint): \(codes), wanted \(code)")
        }
        #expect(labels(["kontainers.weight": "1001"]).rules.isEmpty)
    }

    private static var check: HealthCheck {
        get throws {
            var check = HealthCheck()
            (check.kind, check.path, check.host, check.method) = (.https, "/ready?deep=1", "app.test:8443", .head)
            (check.expect, check.body, check.port) = (try StatusRanges("200-299,304"), "all is well", 9_000)
            (check.interval, check.timeout, check.rise, check.fall, check.jitter) = (10_000, 500, 4, 5, 20)
            return check
        }
    }

    @Test("every field of a health check is read from the file")
    func healthInFile() throws {
        let (rules, codes) = read(
            """
                endpoint: 10.0.0.1:80
                health:
                  kind: https
                  path: /ready?deep=1
                  host: app.test:8443
                  method: HEAD
                  expect: 200-299,304
                  body: all is well
                  port: 9000
                  interval: 10s
                  timeout: 500ms
                  rise: 4
                  fall: 5
                  jitter: 20
            """)
        #expect(codes == [])
        var wanted = PoolOptions()
        wanted.healthCheck = try Self.check
        #expect(rules.first?.pool == wanted)
    }

    @Test("and from labels, beside what else the pool is told")
    func healthInLabels() throws {
        let fields = [
            "kind": "https", "path": "/ready?deep=1", "host": "app.test:8443", "method": "HEAD",
            "expect": "200-299,304", "body": "all is well", "port": "9000", "interval": "10s", "timeout": "500ms",
            "rise": "4", "fall": "5", "jitter": "20",
        ]
        // But for those of datagrams.
        #expect(Set(fields.keys) == Set(Schema.health.fieldNames).subtracting(["send", "answer"]))
        let read = labels(
            Dictionary(
                uniqueKeysWithValues: fields.map { ("kontainers.health.\($0)", $1) } + [
                    ("kontainers.pool.policy", "random")
                ]))
        #expect(read.diagnoses == [])
        var wanted = PoolOptions()
        wanted.healthCheck = try Self.check
        wanted.policy = .random
        #expect(read.rules.first?.pool == wanted)
    }

    @Test("true is a check with every standard, false none", arguments: [("true", HealthCheck()), ("false", nil)])
    func healthSwitched(_ word: String, _ wanted: HealthCheck?) {
        let (rules, codes) = read("    endpoint: 10.0.0.1:80\n    health: \(word)")
        #expect(codes == [] && rules.first?.pool?.healthCheck == wanted)
    }

    @Test(
        "what makes no sense is told",
        arguments: [
            ("expect: 2xx", "bad-status"), ("path: ready", "bad-health"), ("interval: 1ms", "*"),
            ("kind: tcp, path: /x", "without-http"), ("kind: icmp", "*"), ("pathh: /x", "*"), ("port: 0", "*"),
        ])
    func healthMistakes(_ written: String, _ code: String) {
        let (_, codes) = read("    endpoint: 10.0.0.1:80\n    health: { \(written) }")
        #expect(codes.count == 1 && (code == "*" || codes.first == code), "\(codes)")
    }
}
