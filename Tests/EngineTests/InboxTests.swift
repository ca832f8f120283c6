import Kernel
import Testing

@testable import Engine

@Suite("The door into a worker", .timeLimit(.minutes(5)))
struct InboxTests {
    @Test("messages come out in the order they were left, and ring")
    func order() throws {
        let inbox = try Inbox<Int>()
        #expect(!System.waitReadable(inbox.descriptor, milliseconds: 0))
        for number in 0..<100 { inbox.post(number) }
        #expect(System.waitReadable(inbox.descriptor, milliseconds: 0))
        #expect(inbox.takeAll() == Array(0..<100))
        #expect(inbox.takeAll().isEmpty)
        #expect(!System.waitReadable(inbox.descriptor, milliseconds: 0))
    }

    @Test("from many threads every message comes once, each thread's in its order, and none waits without a ring")
    func threads() throws {
        let inbox = try Inbox<(thread: Int, number: Int)>()
        let (threads, count) = (8, 5_000)
        for thread in 0..<threads {
            try NativeThread.start(named: "post-\(thread)") {
                for number in 0..<count { inbox.post((thread, number)) }
            }
        }
        var next = Array(repeating: 0, count: threads)
        var total = 0
        while total < threads * count {
            try #require(System.waitReadable(inbox.descriptor, milliseconds: 10_000))
            for message in inbox.takeAll() {
                #expect(message.number == next[message.thread])
                next[message.thread] += 1
                total += 1
            }
        }
        #expect(next == Array(repeating: count, count: threads))
    }
}
