import Contract
import HTTP

/// Timeouts and limits in the form the path of a request uses: nanoseconds and plain numbers.
struct Tunables: BitwiseCopyable {
    var head: UInt64
    var handshake: UInt64
    var preface: UInt64
    var bodyIdle: UInt64
    var connect: UInt64
    var firstByte: UInt64
    var responseIdle: UInt64
    var keepAlive: UInt64
    var upstreamIdle: UInt64
    var tunnelIdle: UInt64
    /// 0: none.
    var total: UInt64
    var bodyBytes: UInt64
    var connectionLimit: Int
    var idlePerEndpoint: UInt32
    /// Of memory, for all requests that are held until they are whole.
    var bufferedBytes: UInt64
    /// 0: none, of these three.
    var connectionsPerListener: UInt64
    var connectionsPerAddress: UInt64
    var pendingPerPool: UInt64
    var requestsPerConnection: UInt32
    /// How long the rest of a request is read and forgotten after an answer that ends the connection.
    var linger: UInt64 = 2_000_000_000

    init(_ settings: Settings) {
        func nanoseconds(_ milliseconds: Int) -> UInt64 { UInt64(min(max(milliseconds, 1), 1 << 40)) * 1_000_000 }
        head = nanoseconds(settings.timeouts.head)
        handshake = nanoseconds(settings.timeouts.handshake)
        preface = nanoseconds(settings.timeouts.preface)
        bodyIdle = nanoseconds(settings.timeouts.bodyIdle)
        connect = nanoseconds(settings.timeouts.connect)
        firstByte = nanoseconds(settings.timeouts.firstByte)
        responseIdle = nanoseconds(settings.timeouts.responseIdle)
        keepAlive = nanoseconds(settings.timeouts.keepAlive)
        upstreamIdle = nanoseconds(settings.timeouts.upstreamIdle)
        tunnelIdle = nanoseconds(settings.timeouts.tunnelIdle)
        total = settings.timeouts.total > 0 ? nanoseconds(settings.timeouts.total) : 0
        bodyBytes = UInt64(max(0, settings.limits.bodyBytes))
        connectionLimit = settings.limits.connectionsPerWorker
        bufferedBytes = UInt64(max(0, settings.limits.bufferedBytesPerWorker))
        connectionsPerListener = UInt64(max(0, settings.limits.connectionsPerListener))
        connectionsPerAddress = UInt64(min(max(0, settings.limits.connectionsPerAddress), Limits.countRange.upperBound))
        pendingPerPool = UInt64(max(0, settings.limits.pendingPerPool))
        let requests = settings.limits.requestsPerConnection
        requestsPerConnection = requests > 0 ? UInt32(clamping: requests) : .max
        idlePerEndpoint = UInt32(clamping: settings.limits.idlePerEndpoint)
    }
}
