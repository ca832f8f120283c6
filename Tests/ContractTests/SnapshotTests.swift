import Contract
import Testing

@Suite("Snapshot")
struct SnapshotTests {
    @Test("what the JSON leaves out takes its default")
    func defaults() throws {
        let snapshot = try LinkFrame.decode(Snapshot.self, from: Array(#"{"revision":7}"#.utf8))
        #expect(snapshot == Snapshot(revision: 7))
    }
}
