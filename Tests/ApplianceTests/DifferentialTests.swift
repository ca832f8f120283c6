import TestKit
import Testing

/// `Tests/Differential` against the release edge; needs no Docker engine.
@Suite("Odd requests, beside nginx and HAProxy", .serialized)
struct DifferentialTests {
    private static let folder = "\(Appliance.sources)/Tests/Differential"

    @Test("the differential test sees what it is there to see", .timeLimit(.minutes(1)))
    func selftest() async throws {
        let output = try await run("/usr/bin/python3", ["\(Self.folder)/selftest.py"], anyStatus: true)
        #expect(output.status == 0, "\(output)")
    }

    @Test("every difference is explained, every vector is met, no request is read in two ways", .timeLimit(.minutes(2)))
    func differential() async throws {
        let output = try await run(
            "/usr/bin/python3",
            ["\(Self.folder)/differential.py", "--edge", "\(Appliance.programs)/kontainers-edge"],
            within: .seconds(90), anyStatus: true)
        for line in output.out.split(separator: "\n") where line.hasPrefix("FAULT ") { Issue.record("\(line)") }
        #expect(output.status == 0, "\(output)")
    }
}
