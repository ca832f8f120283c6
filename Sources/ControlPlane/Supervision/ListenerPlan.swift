public import Contract
public import Kernel

/// What is to be done so that the listeners asked for, and no others, are open.
public struct ListenerPlan: Equatable, Sendable {
    /// Listeners of one appliance; each takes a descriptor a worker in two processes.
    public static let listenersLimit = 1_024

    public enum Step: Equatable, Sendable {
        /// Open already, exactly so: the edge hears nothing of it.
        case keep(Listener)
        /// The sockets of the held listener `from` serve on under another name or protocol. None of them is closed, so
        /// that no connection is refused.
        case adopt(Listener, from: String)
        case open(Listener)
        /// Cannot be, whatever the system says.
        case refuse(Listener, String)
    }

    /// One for each listener asked for, in the same order.
    public var steps: [Step] = []
    /// Names the edge must forget before it hears of new sockets: gone, changed, or served on under another name.
    public var forgotten: [String] = []

    /// From what is held (open sockets) to what is asked for.
    public init(held: [Listener], asked: [Listener]) {
        let byName = Dictionary(held.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var names: Set<String> = []
        var places: [Place: String] = [:]
        // Names whose sockets are spoken for, first by those that stay where they are.
        var taken = Set(asked.filter { byName[$0.name].map(Place.init) == Place($0) }.map(\.name))
        let free = Dictionary(
            held.filter { !taken.contains($0.name) && Place($0).isFixed }.map { (Place($0), $0.name) },
            uniquingKeysWith: { first, _ in first })
        var kept: Set<String> = []
        for listener in asked {
            let place = Place(listener)
            if names.count == Self.listenersLimit {
                steps.append(
                    .refuse(
                        listener,
                        "found more than \(Self.listenersLimit) listeners; wanted fewer: one listener serves any "
                            + "number of rules"))
            } else if !names.insert(listener.name).inserted {
                steps.append(
                    .refuse(listener, "found two listeners named \(listener.name); wanted a name for each"))
            } else if place.isFixed, let other = places[place] {
                steps.append(
                    .refuse(
                        listener,
                        "found the address \(listener.address) twice; listener \(other) has it: wanted another port, "
                            + "or only one of the two"))
            } else {
                places[place] = listener.name
                if let old = byName[listener.name], Place(old) == place {
                    if old == listener {
                        kept.insert(old.name)
                        steps.append(.keep(listener))
                    } else {
                        steps.append(.adopt(listener, from: old.name))
                    }
                } else if let name = free[place], taken.insert(name).inserted {
                    steps.append(.adopt(listener, from: name))
                } else {
                    steps.append(.open(listener))
                }
            }
        }
        forgotten = held.map(\.name).filter { !kept.contains($0) }
    }

    /// Where a listener's sockets are bound: what makes two of them the same to the kernel.
    struct Place: Hashable {
        var address: String
        var transport: Holdings.Transport

        init(_ listener: Listener) {
            // 127.0.0.1:080 and 127.0.0.1:80 are one place.
            address = SocketAddress(text: listener.address)?.description ?? listener.address
            transport = listener.transport
        }

        /// Port 0 is a wish for any port: two such are two places.
        var isFixed: Bool { !address.hasSuffix(":0") }
    }
}

extension Listener {
    /// What carries its protocol.
    public var transport: Holdings.Transport {
        switch wireProtocol {
        case .http, .https, .tcp: .stream
        case .udp: .datagram
        }
    }
}
