import Glibc
import Telemetry
import TestKit
import Testing

@testable import Proxy

/// Tunnels under a simulated clock, as requests are in `SimulationTests`; `KONTAINERS_SEED` repeats one run.
@Suite("Simulated days of tunnels", .timeLimit(.minutes(20)))
struct TunnelTests {
    @Test("every connection finds its rule however it comes in pieces, every byte comes back, and nothing is left")
    func seeds() throws {
        let wanted = unsafe getenv("KONTAINERS_SEED").flatMap { unsafe UInt64(String(cString: $0)) }
        var (tunnels, refused): (UInt64, UInt64) = (0, 0)
        for seed in wanted.map({ $0...$0 }) ?? 0...63 {
            let world = try TunnelWorld(seed: seed)
            try uncopied { try world.run() }
            #expect(
                world.faults.isEmpty,
                "KONTAINERS_SEED=\(seed) repeats it.\n\(world.faults.joined(separator: "\n"))")
            tunnels += world.worker.tally.transports.tunnels.current
            refused += world.worker.tally.transports.unrouted.current
        }
        if wanted == nil { #expect(tunnels > 500 && refused > 100, "\(tunnels) tunnels, \(refused) refused") }
    }

    @Test("a seed's run is the same each time", arguments: [3, 8])
    func repeatable(_ seed: UInt64) throws {
        let (one, other) = (try TunnelWorld(seed: seed), try TunnelWorld(seed: seed))
        try uncopied { try one.run() }
        try uncopied { try other.run() }
        #expect(one.fingerprint == other.fingerprint)
        #expect(one.worker.bytesMoved == other.worker.bytesMoved)
    }
}
