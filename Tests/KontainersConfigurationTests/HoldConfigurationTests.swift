import Contract
import Testing

@testable import KontainersConfiguration

@Suite("Requests that wait, and containers that sleep, in the file and in labels")
struct HoldConfigurationTests {
    private static func holding(_ time: Int, limit: Int = 10_000, page: Int = 2_000) -> Holding {
        var holding = Holding()
        (holding.time, holding.limit, holding.page) = (time, limit, page)
        return holding
    }

    private func read(_ field: String) -> (rules: [RuleDeclaration], diagnoses: [Diagnosis]) {
        let (configuration, diagnoses) = ConfigurationFile.read(
            """
            listeners: [{ name: web, address: ":80", protocol: http }]
            rules: [{ name: a, host: a.test, endpoint: "10.0.0.1:80", \(field) }]
            """, path: "k.yaml")
        return (configuration?.rules ?? [], diagnoses)
    }

    private func labels(_ more: [String: String]) -> (rules: [RuleDeclaration], diagnoses: [Diagnosis]) {
        var labels = ["kontainers.enable": "true", "kontainers.host": "a.test"]
        labels.merge(more) { $1 }
        return LabelGrammar.parse(labels: labels, container: ("abc", "c"))
    }

    @Test(
        "hold is a time alone, or says more",
        arguments: [
            ("hold: 30s", holding(30_000)), ("hold: 0", holding(0)), ("hold: 0s", holding(0)),
            ("hold: { time: 1m, limit: 50, page: 0 }", holding(60_000, limit: 50, page: 0)),
            ("hold: { limit: 50 }", holding(10_000, limit: 50)),
        ])
    func file(_ field: String, _ wanted: Holding) {
        let (rules, diagnoses) = read(field)
        #expect(diagnoses == [] && rules.first?.hold == wanted)
    }

    @Test("a rule that says nothing has neither")
    func silent() {
        #expect(read("path: /").rules.first?.hold == nil)
        let rule = labels([:]).rules.first
        #expect(rule != nil && rule?.hold == nil && rule?.sleep == nil)
    }

    @Test("labels say the same, short and long")
    func labelled() {
        let short = labels([
            "kontainers.hold": "30s", "kontainers.hold.limit": "50", "kontainers.sleep.after": "15m",
            "kontainers.sleep.wake": "90s",
        ])
        #expect(short.diagnoses == [])
        #expect(short.rules.first?.hold == Self.holding(30_000, limit: 50))
        #expect(short.rules.first?.sleep == SleepDeclaration(after: 900_000, wake: 90_000))
        let both = labels([
            "kontainers.http.r.hosts": "b.test", "kontainers.http.r.hold.time": "0s",
            "kontainers.http.r.sleep.after": "1h",
        ])
        #expect(both.diagnoses == [])
        let long = both.rules.first { $0.name == "r" }
        #expect(long?.hold == Self.holding(0) && long?.sleep == SleepDeclaration(after: 3_600_000, wake: 60_000))
        #expect(both.rules.first { $0.name != "r" }?.sleep == nil)
        #expect(labels(["kontainers.sleep": "15m"]).rules.first?.sleep == SleepDeclaration(after: 900_000))
    }

    @Test(
        "what is wrong is refused, and says what is wanted",
        arguments: [
            ("hold", "soon", "bad-duration"), ("hold", "11m", "out-of-range"), ("hold.limit", "0", "out-of-range"),
            ("hold.tme", "1s", "unknown-field"), ("sleep.wake", "10s", "missing-field"),
            ("sleep.after", "0s", "out-of-range"), ("sleep.after", "15", "bad-duration"),
            ("sleep.after", "200h", "out-of-range"), ("slep.after", "1h", "unknown-field"),
        ])
    func refused(_ field: String, _ value: String, _ code: String) {
        let (rules, diagnoses) = labels(["kontainers.\(field)": value])
        #expect(rules.isEmpty && diagnoses.map(\.code) == [code], "\(diagnoses)")
        #expect(diagnoses.first?.place == .label(container: "c", key: "kontainers.\(field)"))
    }

    @Test("a time said in both ways is told")
    func twice() {
        let (rules, diagnoses) = labels(["kontainers.hold": "1s", "kontainers.hold.time": "2s"])
        #expect(rules.isEmpty && diagnoses.map(\.code) == ["said-twice"])
    }

    @Test("a rule of the file has no containers to put to sleep")
    func noSleep() {
        #expect(read("sleep: 15m").diagnoses.map(\.code) == ["unknown-field"])
    }
}
