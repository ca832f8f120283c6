import Foundation
import TestKit
import Testing

extension ApplianceTests {
    @Suite("Metrics")
    struct Metrics {
        @Test("control tells what the edge counted", .timeLimit(.minutes(2)))
        func scraped() async throws {
            let upstream = try await Upstream()
            let wanted = Appliance.Wanted(
                rules: ["{ name: site, hosts: [site.test], endpoints: [\"\(upstream.address)\"] }"])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "site.test")
                for _ in 0..<9 { try await appliance.expect(200, host: "site.test") }
                let url = "http://127.0.0.1:\(appliance.management)/metrics"
                try await eventually("the counts to come up", within: .seconds(10)) {
                    let page = try await run("curl", ["-s", url]).out
                    return page.contains("kontainers_rule_requests_total{rule=\"site\",code=\"2xx\"} 10\n")
                        && page.contains("kontainers_rule_duration_seconds_count{rule=\"site\"} 10\n")
                        && page.contains("kontainers_listener_connections_total{listener=\"web\"}")
                        && page.contains("kontainers_edge_up 1\n")
                }
                let open = try await run("curl", ["-s", "-H", "Accept: application/openmetrics-text", url]).out
                #expect(open.hasSuffix("# EOF\n"))
            }
        }
    }
}
