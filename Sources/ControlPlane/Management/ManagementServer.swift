public import Accounts
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore

/// Serves the interface to people and their tools. Traffic does not depend on it: an address that cannot be had is told
/// and tried again.
public struct ManagementServer: Sendable {
    /// Between two attempts to have the address.
    static let retryInterval = Duration.seconds(5)
    /// A connection without a request is closed after this long.
    static let idleLimit = TimeAmount.seconds(60)
    /// Open at a time; the next waits for its turn.
    static let connectionLimit = 2_000
    private static let heads = HTTP1Channel.Configuration.DecoderConfiguration(
        maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100)

    private let address: String
    private let interface: Interface
    private let hub: EventHub?
    private let accounts: AccountDesk?
    private let logger: Logger
    /// Yields the port at each start.
    public let ports: AsyncStream<Int>
    private let portsOutput: AsyncStream<Int>.Continuation

    /// - Parameter address: `IPv4:port` or `[IPv6]:port`.
    /// - Parameter hub: what `/api/events` tells of, to whom `accounts` know; without either there are no events.
    public init(
        address: String, interface: Interface, hub: EventHub? = nil, accounts: AccountDesk? = nil, logger: Logger
    ) {
        self.hub = hub
        self.accounts = accounts
        self.address = address
        self.interface = interface
        self.logger = logger
        (ports, portsOutput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Serves until its task is cancelled.
    public func run() async {
        var wasTold = false
        while !Task.isCancelled {
            do {
                try await serve()
            } catch {
                guard !Task.isCancelled else { return }
                if !wasTold {
                    logger.error(
                        "the management plane cannot be served; traffic goes on, and it is tried again",
                        metadata: [
                            "address": "\(address)", "reason": "\(error)",
                            "wanted": "a management.address of its own, or \"off\"",
                        ])
                }
                wasTold = true
            }
            try? await Task.sleep(for: Self.retryInterval)
        }
    }

    private func serve() async throws {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]) else {
            throw BadAddress()
        }
        let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
        var quiet = logger
        quiet.logLevel = .critical
        let application = Application(
            responder: InterfaceResponder(interface: interface, door: .network),
            server: EventChannel.builder(
                .init(idle: Self.idleLimit, decoder: Self.heads), hub: hub, accounts: accounts, logger: logger),
            configuration: .init(
                address: .hostname(host, port: port),
                availableConnectionsDelegate: .maximum(Self.connectionLimit, logger: quiet)),
            onServerRunning: { channel in
                let bound = channel.localAddress?.port ?? port
                logger.info("the management plane is served", metadata: ["address": "\(host):\(bound)"])
                portsOutput.yield(bound)
            }, logger: quiet)
        try await application.run()
    }

    private struct BadAddress: Error, CustomStringConvertible {
        var description: String { "wanted an address and a port, such as 127.0.0.1:8600" }
    }
}
