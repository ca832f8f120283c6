import Foundation
import KontainersConfiguration
import NIOCore
public import Store
import Synchronization

/// Hands what happens to whoever listens. Any thread.
///
/// An event is encoded once, however many hear it. Who does not take its events in time is let go; who comes back says
/// which event it had last, and gets those it missed, as far as they are remembered.
public final class EventHub: Sendable {
    /// Events that wait for one listener.
    static let queueLimit = 512
    /// Events that are remembered, and their bytes.
    static let memoryLimit = 5_000
    static let memoryBytes = 8 << 20
    public static let listenerLimit = 5_000

    struct Event: Sendable {
        var sequence: UInt64
        var topic: Topic
        var text: ByteBuffer
    }

    /// One client.
    final class Listener: Sendable {
        let events: AsyncStream<ByteBuffer>
        fileprivate let output: AsyncStream<ByteBuffer>.Continuation
        fileprivate let topics = Mutex<Set<Topic>>([])
        private let slow = Atomic(false)

        /// Whether it was let go for not taking what was sent to it.
        var isSlow: Bool { slow.load(ordering: .acquiring) }

        fileprivate init() {
            (events, output) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(EventHub.queueLimit))
        }

        fileprivate func hear(_ text: ByteBuffer) {
            guard case .dropped = output.yield(text) else { return }
            slow.store(true, ordering: .releasing)
            output.finish()
        }

        /// Besides events: what answers the client itself.
        func tell(_ text: ByteBuffer) { hear(text) }
        func end() { output.finish() }
    }

    private struct State {
        var sequence: UInt64
        var memory: [Event] = []
        var bytes = 0
        var listeners: [ObjectIdentifier: Listener] = [:]
        var dropped: UInt64 = 0
    }

    private let state: Mutex<State>
    /// Told when the set of topics that somebody hears changes.
    let demands: AsyncStream<Set<Topic>>
    private let demandsOutput: AsyncStream<Set<Topic>>.Continuation

    /// Numbers begin where no earlier life of control has been: a client that comes back after a restart is told to
    /// ask anew, and never misses something without knowing.
    public init(now: Milliseconds = .now) {
        state = Mutex(State(sequence: UInt64(max(0, now)) * 1_000))
        (demands, demandsOutput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Clients that were let go for being slow.
    public var dropped: UInt64 { state.withLock { $0.dropped } }
    public var listenerCount: Int { state.withLock { $0.listeners.count } }
    var sequence: UInt64 { state.withLock { $0.sequence } }

    /// Whether anybody hears of the topic: what nobody hears need not be found out.
    func isHeard(_ topic: Topic) -> Bool {
        state.withLock { state in state.listeners.values.contains { $0.topics.withLock { $0.contains(topic) } } }
    }

    /// - Parameter fields: of the message, beside number, topic and time.
    func publish(_ topic: Topic, _ fields: [String: JSONValue], at now: Milliseconds = .now) {
        state.withLock { state in
            state.sequence += 1
            var message = fields
            message["seq"] = .integer(Int(state.sequence))
            message["topic"] = .text(topic.text)
            message["at"] = .integer(Int(now))
            let text = Self.bytes(.object(message))
            if topic.isRemembered { Self.remember(Event(sequence: state.sequence, topic: topic, text: text), &state) }
            for listener in state.listeners.values where listener.topics.withLock({ $0.contains(topic) }) {
                listener.hear(text)
            }
        }
    }

    private static func remember(_ event: Event, _ state: inout State) {
        state.memory.append(event)
        state.bytes += event.text.readableBytes
        guard state.memory.count > memoryLimit || state.bytes > memoryBytes else { return }
        // A quarter at a time, so that not every event moves all others.
        let forgotten = state.memory.prefix(max(1, state.memory.count / 4))
        state.bytes -= forgotten.reduce(0) { $0 + $1.text.readableBytes }
        state.memory.removeFirst(forgotten.count)
    }

    // MARK: - Listeners

    /// `nil` when there are too many.
    func join() -> Listener? {
        state.withLock { state in
            guard state.listeners.count < Self.listenerLimit else { return nil }
            let listener = Listener()
            state.listeners[ObjectIdentifier(listener)] = listener
            return listener
        }
    }

    func leave(_ listener: Listener) {
        state.withLock { state in
            state.listeners[ObjectIdentifier(listener)] = nil
            if listener.isSlow { state.dropped += 1 }
        }
        listener.end()
        tellDemands()
    }

    /// What came of a wish to hear.
    struct Heard {
        var topics: Set<Topic>
        var sequence: UInt64
        /// Events were missed that are not remembered: the client asks for everything anew.
        var isGap: Bool
    }

    /// Adds topics and takes some away; from an event on, those that were missed come first.
    func change(
        _ listener: Listener, adding: Set<Topic>, removing: Set<Topic>, from sequence: UInt64?
    ) -> Heard {
        let heard = state.withLock { state in
            var isGap = false
            if let sequence {
                let oldest = state.memory.first?.sequence ?? state.sequence + 1
                // Numbers of topics that are not remembered lie between.
                isGap = sequence > state.sequence || (sequence + 1 < oldest && sequence < state.sequence)
                if !isGap {
                    for event in state.memory where event.sequence > sequence && adding.contains(event.topic) {
                        listener.hear(event.text)
                    }
                }
            }
            let topics = listener.topics.withLock { topics in
                topics = topics.subtracting(removing).union(adding)
                return topics
            }
            return Heard(topics: topics, sequence: state.sequence, isGap: isGap)
        }
        tellDemands()
        return heard
    }

    private func tellDemands() {
        let wanted = state.withLock { state in
            state.listeners.values.reduce(into: Set<Topic>()) { all, listener in
                all.formUnion(listener.topics.withLock { $0 })
            }
        }
        demandsOutput.yield(wanted)
    }

    static func bytes(_ value: JSONValue) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: (try? encoder.encode(value)) ?? Data("{}".utf8))
    }
}
