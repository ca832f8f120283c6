import Supervision
import Testing

@Suite("Back-off")
struct BackoffTests {
    @Test("restarts at once first, then rests twice as long each time, up to a limit")
    func growth() {
        var backoff = Backoff()
        let rests = (0..<10).map { _ in backoff.ended(after: .milliseconds(50)) }
        #expect(rests == [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000].map { .milliseconds($0) })
    }

    @Test("forgets the past after half a minute of health")
    func health() {
        var backoff = Backoff()
        for _ in 0..<5 { _ = backoff.ended(after: .zero) }
        #expect(backoff.ended(after: .milliseconds(29_999)) > .zero)
        #expect(backoff.ended(after: .seconds(30)) == .zero)
        #expect(backoff.ended(after: .zero) == .milliseconds(100))
    }

    @Test("speaks of a loop from the third ending in a row")
    func looping() {
        var backoff = Backoff()
        let looping = (0..<4).map { _ in
            _ = backoff.ended(after: .seconds(1))
            return backoff.isLooping
        }
        #expect(looping == [false, false, true, true])
        _ = backoff.ended(after: .seconds(31))
        #expect(!backoff.isLooping)
    }

    @Test("stays at its limit for as long as it takes")
    func forever() {
        var backoff = Backoff()
        for _ in 0..<10_000 { _ = backoff.ended(after: .zero) }
        #expect(backoff.ended(after: .zero) == Backoff.longestRest)
    }
}
