import Testing

@testable import Proxy

/// What a connection and an exchange take: a field more is paid by every one of a hundred thousand idle clients, and by
/// every request, which fills it. Who has a reason to raise these writes it down here.
@Suite("Sizes of what a worker holds many of")
struct SizeTests {
    @Test("a connection, in bytes: two lines of the cache")
    func connection() { #expect(MemoryLayout<Connection>.stride <= 128) }

    /// Of which 40 are the turn at a pool with a policy, 32 tell how it waits for an endpoint, and 8 whether it is
    /// counted at a pool with limits of its own, and the leave of its circuit.
    @Test("an exchange, in bytes")
    func exchange() { #expect(MemoryLayout<Exchange>.stride <= 496) }
}
