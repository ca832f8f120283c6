// What the supervisor says to its children and they to it, over a socket pair of packets (SOCK_SEQPACKET) that each
// child inherits as descriptor 3. One packet is one message as JSON; descriptors travel beside it (SCM_RIGHTS).

/// Control asks the supervisor, who alone may bind.
public enum ControlRequest: Equatable, Sendable, Codable {
    /// These and no others shall be open. Sockets of listeners that stay are kept as they are.
    case listen([Listener])
    /// Control is up and serves the Link.
    case ready
}

public enum ControlReply: Equatable, Sendable, Codable {
    /// The answer to ``ControlRequest/listen(_:)``, one status for each listener asked for.
    case listening([ListenerStatus])
}

public struct ListenerStatus: Equatable, Sendable, Codable {
    public var name: String
    /// The address bound, with the port the kernel chose where 0 was asked for; empty when it failed.
    public var address: String
    /// What went wrong and what to do, or `nil`.
    public var failure: String?

    public init(name: String, address: String, failure: String? = nil) {
        self.name = name
        self.address = address
        self.failure = failure
    }
}

/// The supervisor to the edge.
public enum EdgeOrder: Equatable, Sendable, Codable {
    /// The first packet: how many workers to run, and the machine key (32 bytes, base64) that seals private keys on
    /// disk.
    case start(workers: Int, machineKey: String)
    /// Descriptors of one listener ride along, one for each worker, in the workers' order.
    case sockets(Listener)
    /// The listener is gone; close its sockets. Connections it accepted go on.
    case close(name: String)
    /// Every socket the supervisor holds has been handed over.
    case handedOver
    /// Stop accepting, finish exchanges, exit.
    case drain
}

/// The edge to the supervisor.
public enum EdgeReport: Equatable, Sendable, Codable {
    /// Serving.
    case ready(revision: UInt64)
}
