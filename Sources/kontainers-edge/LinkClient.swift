import Contract
import Kernel
import Telemetry

/// The edge's end of the Link. Lost, it is made again, for ever: what the edge serves does not depend on it.
final class LinkClient {
    /// Nanoseconds between attempts to connect.
    private static let retryInterval: UInt64 = 200_000_000

    private let path: String
    private var socket: CInt = -1
    private var reader = LinkFrameReader()
    private var lastAttempt: UInt64 = 0
    private var saidAbsent = false
    /// Bytes that control has not taken yet.
    private var backlog: [UInt8] = []
    /// Of the backlog: beyond it control is stuck.
    private static let backlogLimit = 8 << 20

    init(path: String) { self.path = path }

    var isConnected: Bool { socket >= 0 }
    var descriptor: CInt { socket }

    /// Tries to connect, unless it tried just now.
    func connect(now: UInt64) -> Bool {
        guard now &- lastAttempt >= Self.retryInterval else { return false }
        lastAttempt = now
        do {
            socket = try System.connectUnix(path).release()
            Socket.setNonBlocking(socket)
            reader = LinkFrameReader()
            backlog = []
            saidAbsent = false
            return true
        } catch {
            if !saidAbsent {
                Log.write(.warning, "control is not there; serving on", ("link", path), ("why", "\(error)"))
            }
            saidAbsent = true
            return false
        }
    }

    func close() {
        guard socket >= 0 else { return }
        Socket.close(socket)
        socket = -1
    }

    /// Whether control has taken all that was said.
    var isHeard: Bool { backlog.isEmpty }

    /// What control does not take at once is kept for it, up to a limit: one that is stuck is not waited for, the Link
    /// is made anew.
    func send(_ message: Upward) {
        guard socket >= 0, let frame = try? LinkFrame.encode(message) else { return }
        backlog += frame
        flush()
        guard backlog.count > Self.backlogLimit else { return }
        Log.write(.warning, "control does not listen; the Link is made anew", ("waiting", "\(backlog.count)"))
        close()
    }

    /// Sends what control takes now of what waits for it.
    func flush() {
        // A span of a stored property ends with the access to it.
        let waiting = backlog
        var done = 0
        sending: while socket >= 0, done < waiting.count {
            switch Socket.send(socket, waiting.span.extracting(done..<waiting.count)) {
            case .bytes(let count): done += count
            case .wouldBlock: break sending
            case .endOfStream, .failed:
                Log.write(.warning, "the Link was lost while sending")
                return close()
            }
        }
        backlog.removeFirst(done)
    }

    /// Every message that has come. An end or garbage closes the Link.
    func receive() -> [Downward] {
        var messages: [Downward] = []
        while socket >= 0 {
            var bytes: [UInt8] = []
            switch Socket.receive(socket, appendingTo: &bytes, upTo: 1 << 18) {
            case .bytes: reader.append(bytes)
            case .wouldBlock: return messages
            case .endOfStream, .failed:
                Log.write(.info, "the Link was lost")
                close()
            }
            do {
                while let payload = try reader.next() {
                    messages.append(try LinkFrame.decode(Downward.self, from: payload))
                }
            } catch {
                Log.write(.error, "control sent what is no message", ("why", "\(error)"))
                close()
            }
        }
        return messages
    }
}
