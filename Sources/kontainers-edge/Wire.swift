import Contract
import FoundationEssentials
import HealthChecking
import Kernel
import Proxy
import Synchronization

/// Messages of the supervisor's channel as JSON.
enum Wire {
    static func encode(_ message: some Encodable) throws -> [UInt8] { Array(try JSONEncoder().encode(message)) }

    static func decode<Message: Decodable>(_ type: Message.Type, from bytes: [UInt8]) throws -> Message {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}

/// The supervisor's first packet.
struct StartOrder {
    var workers: Int
    var machineKey: [UInt8]?

    /// Waits for it, ten seconds at most.
    static func receive(from channel: PacketSocket) throws(StartFailure) -> StartOrder {
        guard channel.wait(milliseconds: 10_000), case .packet(let packet) = channel.receive(),
            let order = try? Wire.decode(EdgeOrder.self, from: packet.bytes), case .start(let workers, let key) = order
        else {
            throw StartFailure(message: "descriptor 3 carries no order to start; --supervised is for the supervisor")
        }
        return StartOrder(workers: min(max(workers, 1), 256), machineKey: Data(base64Encoded: key).map { Array($0) })
    }
}

/// Counts workers down to the last one. From any thread.
final class Remaining: Sendable {
    private let count: Atomic<Int>

    init(_ count: Int) { self.count = Atomic(count) }

    /// `true` for the last.
    func countDown() -> Bool { count.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
}

/// What was found wrong with a revision, filled in while the workers adopt it.
final class Diagnoses: Sendable {
    private let list = Mutex<[EdgeDiagnosis]>([])

    var all: [EdgeDiagnosis] { list.withLock { $0 } }

    func set(_ diagnoses: [EdgeDiagnosis]) { list.withLock { $0 = diagnoses } }
}

/// Carries a worker to its thread.
struct WorkerBox: @unchecked Sendable {
    let worker: Worker

    init(_ worker: Worker) { self.worker = worker }
}

/// Carries the health checker to its thread.
struct CheckerBox: @unchecked Sendable {
    let checker: HealthChecker

    init(_ checker: HealthChecker) { self.checker = checker }
}
