import ArgumentParser
import Foundation
import Management

/// What commands about endpoints print beside the table.
enum EndpointLines {
    private static let pace = Duration.milliseconds(200)

    static func plain(_ text: String) -> String { TextTable.plain(text) }

    /// `drained web-1 (198.18.1.2:80) of docker:site, weight 1, 3 in flight`
    static func text(_ done: String, _ changed: EndpointChanged) -> String {
        changed.endpoints.map { endpoint in
            var line = "\(done) \(plain(endpoint.endpoint))"
            if let address = endpoint.address, address != endpoint.endpoint { line += " (\(plain(address)))" }
            line += " of \(plain(endpoint.rule))"
            if let weight = endpoint.weight, !endpoint.isDrained { line += ", weight \(weight)" }
            if !endpoint.isDrained, endpoint.state == .down { line += ", which is down: \(plain(endpoint.reason))" }
            return line + "\n"
        }.joined()
    }

    /// On standard error, which leaves standard output to what was asked for.
    static func tell(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }

    static func tellDelay(_ changed: EndpointChanged) {
        if changed.edges == 0 {
            tell("it is kept; no edge is connected, and it is in force when one is")
        } else if changed.serving < changed.edges {
            tell(
                "it is kept and published; \(changed.serving) of \(changed.edges) edges have said that they serve it "
                    + "(see the log)")
        }
    }

    /// Ends with status 2 when the time is up before.
    static func waitForDrain(of endpoints: [EndpointReading], _ client: ControlClient, seconds: Int) async throws {
        guard let rule = endpoints.first?.rule else { return }
        let names = Set(endpoints.map(\.endpoint))
        let addresses = Set(endpoints.compactMap(\.address))
        let limit = ContinuousClock.now + .seconds(seconds)
        var told: UInt64?
        var isFirst = true
        while true {
            // Control may be on its way back: that is no reason to stop waiting.
            let all = (try? await client.list())?.endpoints
            if isFirst, let all { tellSharers(of: addresses, all, rule) }
            isFirst = isFirst && all == nil
            let now = all?.filter { $0.rule == rule && names.contains($0.endpoint) }
            let left = now?.reduce(0) { $0 &+ ($1.inFlight ?? 0) }
            if let now, now.allSatisfy({ $0.state == .drained || $0.state == .absent }) {
                print("nothing is in flight")
                return
            }
            if let now, now.contains(where: { !$0.isDrained && $0.state != .absent }) {
                throw CommandFailure("somebody undrained it, or another container took its place; waiting ends")
            }
            if let left, left != told, left > 0 {
                tell("\(left) in flight")
                told = left
            }
            guard ContinuousClock.now < limit else {
                tell("after \(seconds) s \(left.map { "\($0)" } ?? "an unknown number") are still in flight")
                throw ExitCode(2)
            }
            try await Task.sleep(for: pace)
        }
    }

    private static func tellSharers(of addresses: Set<String>, _ all: [EndpointReading], _ rule: String) {
        let others = Set(
            all.filter { other in
                other.rule != rule && !other.isDrained && other.address.map(addresses.contains) == true
            }.map(\.rule))
        guard !others.isEmpty else { return }
        tell(
            "the address also serves \(others.sorted().map(plain).joined(separator: ", ")), whose requests count as in "
                + "flight too")
    }
}
