import Engine
import Contract
import Kernel
import Proxy
import Telemetry

/// The listening sockets of the edge and the workers they were given to.
///
/// Under a supervisor they come from it, and what it sends is what is open. Alone, the edge opens what the snapshot
/// asks for, one socket a worker (SO_REUSEPORT), and keeps what stays.
final class ListenerSockets {
    private let workers: [Worker]
    /// Listeners the workers accept on.
    private var open: [String: Listener] = [:]
    /// Handed over before there was anything to serve: the backlog keeps connections until then.
    private var waiting: [(listener: Listener, sockets: [CInt])] = []
    private var isServing = false

    init(workers: [Worker]) { self.workers = workers }

    /// There is something to serve now.
    func beginServing(_ state: EdgeState) {
        isServing = true
        let handed = waiting
        waiting = []
        for (listener, sockets) in handed { give(listener, sockets, state) }
    }

    /// One socket for each worker, in their order. They belong to the workers from now on.
    func give(_ listener: Listener, _ sockets: [CInt], _ state: EdgeState) {
        guard isServing else { return waiting.append((listener, sockets)) }
        func limit(_ count: Int?) -> UInt64? { count.map { UInt64(max(0, $0)) } }
        let index = state.listenerIndex(of: listener.name)
        for (worker, socket) in zip(workers, sockets) {
            let port = Socket.localAddress(socket)?.port ?? 0
            worker.inbox.post(
                .open(
                    WorkerListener(
                        socket: socket, index: index, name: listener.name,
                        isSecure: listener.wireProtocol == .https, isRaw: listener.wireProtocol == .tcp,
                        isDatagrams: listener.wireProtocol == .udp, port: Int(port),
                        proxyProtocol: listener.proxyProtocol,
                        connectionLimit: limit(listener.connections),
                        addressLimit: limit(listener.connectionsPerAddress))))
        }
        for socket in sockets.dropFirst(workers.count) { Socket.close(socket) }
        open[listener.name] = listener
    }

    func close(_ name: String, _ state: EdgeState) {
        for (listener, sockets) in waiting where listener.name == name { sockets.forEach { Socket.close($0) } }
        waiting.removeAll { $0.listener.name == name }
        guard open.removeValue(forKey: name) != nil else { return }
        for worker in workers { worker.inbox.post(.close(listener: state.listenerIndex(of: name))) }
    }

    /// Opens what the snapshot asks for and closes what it no longer does. Only without a supervisor.
    func reconcile(_ state: EdgeState) -> [EdgeDiagnosis] {
        var diagnoses: [EdgeDiagnosis] = []
        let wanted = Dictionary(state.listeners.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for (name, listener) in open where wanted[name] != listener { close(name, state) }
        for listener in state.listeners where open[listener.name] == nil {
            do {
                give(listener, try sockets(for: listener), state)
            } catch {
                diagnoses.append(EdgeDiagnosis(subject: .listener, name: listener.name, message: error.message))
            }
        }
        return diagnoses
    }

    private func sockets(for listener: Listener) throws(StartFailure) -> [CInt] {
        guard var address = SocketAddress(text: listener.address) else {
            throw StartFailure(
                message:
                    "found address \"\(listener.address)\", wanted IPv4:port or [IPv6]:port, such as \"0.0.0.0:80\""
            )
        }
        var sockets: [CInt] = []
        for _ in workers {
            do {
                let socket =
                    listener.wireProtocol == .udp
                    ? try Socket.bindDatagrams(to: address) : try Socket.listen(on: address)
                // The kernel chose a port for the first; the others share it.
                if address.port == 0, let bound = Socket.localAddress(socket.raw) { address.port = bound.port }
                sockets.append(socket.release())
            } catch {
                sockets.forEach { Socket.close($0) }
                throw StartFailure(message: Self.explain(error, address))
            }
        }
        return sockets
    }

    private static func explain(_ error: SystemError, _ address: SocketAddress) -> String {
        if error.isAddressInUse {
            return "\(address) is taken by another program; stop it, or choose another port"
        }
        if error.isPermissionDenied {
            return "\(address) may not be opened by this user; start as root, or choose a port from 1024 on"
        }
        return "\(address) cannot be opened: \(error)"
    }
}
