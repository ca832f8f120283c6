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

    /// A message that control does not take at once means that it is stuck: the Link is made anew rather than waited
    /// for.
    func send(_ message: Upward) {
        guard socket >= 0, let frame = try? LinkFrame.encode(message) else { return }
        var done = 0
        while done < frame.count {
            switch Socket.send(socket, frame.span.extracting(done..<frame.count)) {
            case .bytes(let count): done += count
            case .wouldBlock, .endOfStream, .failed:
                Log.write(.warning, "the Link was lost while sending")
                return close()
            }
        }
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
