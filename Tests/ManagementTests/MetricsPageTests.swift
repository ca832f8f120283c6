import Contract
import Telemetry
import Testing

@testable import Management

@Suite("The page of metrics")
struct MetricsPageTests {
    /// One edge that counted a little.
    static var readings: Readings {
        var durations = Histogram()
        for milliseconds in [1, 3, 3, 200, 90_000] as [UInt64] { durations.record(milliseconds * 1_000_000) }
        var tallies = TallyBook()
        tallies.take(
            EdgeTallies(
                isFirst: true,
                rules: [
                    TallyRow(
                        name: "site", ended: [1, 0, 4, 0, 0, 1], inFlight: 2, received: 10, sent: 20,
                        durationSum: durations.sum, durations: durations.text),
                    TallyRow(name: "nobody's", ended: [9, 9, 9, 9, 9, 9]),
                ],
                endpoints: [TallyRow(name: "127.0.0.1:9000", connects: 3, connectFailures: 1, failures: 1, idle: 2)],
                listeners: [TallyRow(name: "web", inFlight: 1, connects: 7)]))
        var readings = Readings()
        readings.isEdgeUp = true
        readings.rules = ["site"]
        readings.listeners = ["web"]
        readings.edges = [
            .init(
                telemetry: EdgeTelemetry(
                    epoch: "e", revision: 4,
                    counters: [
                        "requests_total": 6, "responses_2xx_total": 4, "responses_5xx_total": 1,
                        "client_connections_open": 1, "something_new_total": 3, "another_thing": 2,
                    ],
                    families: [.init(name: "answers_total", label: "answer", values: ["noRoute": 1, "badRequest": 0])],
                    residentBytes: 1 << 20, processorMilliseconds: 1_250), tallies: tallies)
        ]
        readings.control.revision = 5
        readings.control.engines = [
            .init(name: "unix:///var/run/docker.sock", isReachable: true, containers: 3, events: 12)
        ]
        readings.control.sleep.asleep = 3
        readings.control.sleep.startFailures = 2
        readings.control.sleep.wakes = 4
        readings.control.sleep.wakeTimes.record(1_500_000_000)
        return readings
    }

    /// Lines that are no comments, by name and labels.
    static func samples(_ page: String) -> [String: String] {
        var samples: [String: String] = [:]
        for line in page.split(separator: "\n") where !line.hasPrefix("#") {
            guard let blank = line.lastIndex(of: " ") else { continue }
            let name = String(line[..<blank])
            #expect(samples[name] == nil, "twice: \(name)")
            samples[name] = String(line[line.index(after: blank)...])
        }
        return samples
    }

    @Test("what was counted is there, under names and labels of the configuration")
    func values() {
        let samples = Self.samples(MetricsPage.render(Self.readings, as: .text))
        for (name, value) in [
            ("kontainers_edge_up", "1"), ("kontainers_requests_total", "6"),
            ("kontainers_responses_total{code=\"2xx\"}", "4"), ("kontainers_client_connections_open", "1"),
            ("kontainers_something_new_total", "3"), ("kontainers_another_thing", "2"),
            ("kontainers_answers_total{answer=\"noRoute\"}", "1"),
            ("kontainers_answers_total{answer=\"badRequest\"}", "0"),
            ("kontainers_revision{plane=\"control\"}", "5"), ("kontainers_revision{plane=\"edge\"}", "4"),
            ("kontainers_process_cpu_seconds_total{process=\"edge\"}", "1.25"),
            ("kontainers_process_resident_memory_bytes{process=\"edge\"}", "1048576"),
            ("kontainers_docker_up{engine=\"unix:///var/run/docker.sock\"}", "1"),
            ("kontainers_containers_asleep", "3"), ("kontainers_container_sleep_failures_total{act=\"start\"}", "2"),
            ("kontainers_container_wakes_total", "4"), ("kontainers_container_wake_seconds_sum", "1.5"),
            ("kontainers_docker_events_total{engine=\"unix:///var/run/docker.sock\"}", "12"),
            ("kontainers_rule_requests_total{rule=\"site\",code=\"2xx\"}", "4"),
            ("kontainers_rule_requests_total{rule=\"site\",code=\"none\"}", "1"),
            ("kontainers_rule_requests_in_flight{rule=\"site\"}", "2"),
            ("kontainers_rule_response_body_bytes_total{rule=\"site\"}", "20"),
            ("kontainers_rule_duration_seconds_bucket{rule=\"site\",le=\"0.0005\"}", "0"),
            ("kontainers_rule_duration_seconds_bucket{rule=\"site\",le=\"0.005\"}", "3"),
            ("kontainers_rule_duration_seconds_bucket{rule=\"site\",le=\"60.0\"}", "4"),
            ("kontainers_rule_duration_seconds_bucket{rule=\"site\",le=\"+Inf\"}", "5"),
            ("kontainers_rule_duration_seconds_count{rule=\"site\"}", "5"),
            ("kontainers_rule_duration_seconds_sum{rule=\"site\"}", "90.207"),
            ("kontainers_endpoint_connect_failures_total{endpoint=\"127.0.0.1:9000\"}", "1"),
            ("kontainers_endpoint_connections_idle{endpoint=\"127.0.0.1:9000\"}", "2"),
            ("kontainers_listener_connections_total{listener=\"web\"}", "7"),
            ("kontainers_listener_connections_open{listener=\"web\"}", "1"),
        ] {
            #expect(samples[name] == value, "\(name)")
        }
        #expect(!samples.keys.contains { $0.contains("nobody") }, "a rule that is not configured")
        #expect(samples["kontainers_rule_requests_total{rule=\"site\",code=\"3xx\"}"] == nil)
    }

    @Test("each family is told once, with its kind and help before its samples", arguments: [false, true])
    func grammar(_ isOpen: Bool) {
        let page = MetricsPage.render(Self.readings, as: isOpen ? .openMetrics : .text)
        var seen: Set<Substring> = []
        var family: Substring = ""
        var kind: Substring = ""
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.last == "")
        for line in lines.dropLast() where line != "# EOF" {
            let words = line.split(separator: " ", maxSplits: 3)
            if line.hasPrefix("# HELP ") {
                #expect(seen.insert(words[2]).inserted, "\(line)")
                family = words[2]
            } else if line.hasPrefix("# TYPE ") {
                #expect(words[2] == family)
                kind = words[3]
                #expect(kind != "counter" || isOpen != family.hasSuffix("_total"), "\(line)")
            } else {
                let name = line.prefix { $0 != "{" && $0 != " " }
                let wanted: Set<Substring> =
                    switch kind {
                    case "counter": isOpen ? [family + "_total"] : [family]
                    case "histogram": [family + "_bucket", family + "_sum", family + "_count"]
                    case _: [family]
                    }
                #expect(wanted.contains(name), "\(line)")
            }
        }
        #expect(page.hasSuffix("# EOF\n") == isOpen)
        #expect(page.components(of: "# EOF") == (isOpen ? 1 : 0))
    }

    @Test("numbers of two edges are sums")
    func sums() {
        var readings = Self.readings
        readings.edges.append(readings.edges[0])
        let samples = Self.samples(MetricsPage.render(readings, as: .text))
        #expect(samples["kontainers_requests_total"] == "12")
        #expect(samples["kontainers_rule_duration_seconds_count{rule=\"site\"}"] == "10")
        #expect(samples["kontainers_answers_total{answer=\"noRoute\"}"] == "2")
    }

    @Test("nothing known is a page too")
    func nothing() {
        let samples = Self.samples(MetricsPage.render(Readings(), as: .openMetrics))
        #expect(samples["kontainers_edge_up"] == "0" && samples["kontainers_rules"] == "0")
    }

    @Test("what the edge says that is no name, no row or no histogram does not reach the page")
    func nonsense() {
        var readings = Self.readings
        readings.edges[0].telemetry.counters = ["evil{x=\"1\"} 5\nother": 1, "": 2, "9lives": 3, "A": 4]
        readings.edges[0].telemetry.families = [.init(name: "x y", label: "a", values: ["b": 1])]
        readings.edges[0].tallies.take(
            EdgeTallies(
                isFirst: true,
                rules: [TallyRow(name: "site", ended: [1, 2], durationSum: 5, durations: "7:7 3:3")]))
        let page = MetricsPage.render(readings, as: .text)
        let samples = Self.samples(page)
        #expect(!page.contains("evil") && !page.contains("lives") && !page.contains("x y"))
        #expect(samples["kontainers_rule_duration_seconds_count{rule=\"site\"}"] == "0")
    }

    @Test("labels are escaped, and nothing else is")
    func escaping() {
        var page = Exposition(.text)
        page.family("f", .gauge, "one\\two\nthree \"four\"")
        page.sample(1, ("l", "a\\b\"c\nd é {},="))
        #expect(
            page.finish() == """
                # HELP f one\\\\two\\nthree "four"
                # TYPE f gauge
                f{l="a\\\\b\\"c\\nd é {},="} 1

                """)
    }

    @Test(
        "seconds are exact",
        arguments: [
            (0, "0.0"), (1, "0.000000001"), (500_000, "0.0005"), (1_000_000_000, "1.0"), (1_500_000_000, "1.5"),
            (.max, "18446744073.709551615"),
        ] as [(UInt64, String)])
    func seconds(_ nanoseconds: UInt64, _ text: String) {
        #expect(Exposition.seconds(nanoseconds) == text)
    }

    @Test(
        "OpenMetrics only where it is asked for",
        arguments: [
            (nil, false), ("", false), ("*/*", false), ("text/plain", false), ("text/html", false),
            ("application/openmetrics-text", true),
            ("application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1", true),
            ("text/plain;q=0.9, application/openmetrics-text; q=0.8", false),
            ("application/openmetrics-text;q=0", false), ("Application/OpenMetrics-Text ; q=1", true), (",;,=", false),
        ] as [(String?, Bool)])
    func negotiation(_ accept: String?, _ isOpen: Bool) {
        #expect((Exposition.Form(accept: accept) == .openMetrics) == isOpen)
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
