import Kernel
import Testing

@testable import Engine

@Suite("A loop whose time is the test's")
struct SimulatedLoopTests {
    @Test("does not sleep, says how long it would have, and takes time as it is told")
    func time() throws {
        let simulation = Simulation(now: 5_000_000_000, wall: 7)
        var loop = try EventLoop(capacity: 4, simulation: simulation)
        #expect(loop.now == 5_000_000_000 && loop.wall == 7)
        #expect(try loop.wait(limit: -1) == 0)
        #expect(simulation.rest == -1)
        loop.timers.set(0, at: loop.now + 10_000_000_000)
        #expect(try loop.wait(limit: -1) == 0)
        #expect((10_000...10_200).contains(simulation.rest), "\(simulation.rest)")
        #expect(try loop.wait(limit: 250) == 0)
        #expect(simulation.rest == 250)
        simulation.now += UInt64(10_200) * 1_000_000
        simulation.wall += 1
        #expect(try loop.wait(limit: -1) == 0)
        var expired: [UInt32] = []
        loop.timers.expire(now: loop.now, into: &expired)
        #expect(expired == [0] && loop.wall == 8)
    }

    @Test("an event that is there leaves no time to sleep")
    func events() throws {
        let simulation = Simulation(now: 1, wall: 1)
        var loop = try EventLoop(capacity: 4, simulation: simulation)
        let bell = try Bell()
        try loop.poller.addLevelTriggered(bell.descriptor, token: 9)
        bell.ring()
        #expect(try loop.wait(limit: -1) == 1)
        #expect(simulation.rest == 0 && loop.event(0).token.raw == 9)
    }

    @Test("connections come from where the test says")
    func connections() throws {
        let simulation = Simulation(now: 1, wall: 1)
        let address = SocketAddress(ipv4: 0x0102_0304, port: 80)
        simulation.accept = { .connection($0 + 1, address) }
        simulation.connect = { .failed(CInt($0.port)) }
        let loop = try EventLoop(capacity: 4, simulation: simulation)
        guard case .connection(8, address) = loop.accept(7), case .failed(80) = loop.connect(to: address) else {
            Issue.record("the kernel was asked")
            return
        }
    }
}
