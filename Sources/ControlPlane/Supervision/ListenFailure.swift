import Contract
import Glibc
import Kernel
import KontainersConfiguration

/// Why a listener could not be opened, in a sentence that says what to do.
enum ListenFailure {
    /// `unprivilegedPort`: the first port anyone may bind. `occupant`: who has the address, when that could be seen.
    static func sentence(
        _ listener: Listener, _ error: SystemError, occupant: PortOccupant?, unprivilegedPort: Int, program: String
    ) -> String {
        let address = listener.address
        switch error.code {
        case EADDRINUSE:
            let who = occupant.map { "by \($0)" } ?? "by another program"
            return "\(address) is taken \(who): stop it, or \(change(listener, "another port"))"
        case EACCES, EPERM:
            let port = SocketAddress(text: address)?.port ?? 0
            guard port < unprivilegedPort else {
                return "\(address) may not be bound by this user (\(error)): run as root, or choose another address"
            }
            return "port \(port) needs a privilege, as every port below \(unprivilegedPort) does here: run as root, or "
                + "\(change(listener, "a port from \(unprivilegedPort)")), or run `sudo setcap "
                + "cap_net_bind_service=+ep \(program)`, or `sudo sysctl net.ipv4.ip_unprivileged_port_start=\(port)`"
        case EADDRNOTAVAIL:
            return "no network interface of this machine has the address of \(address): "
                + "\(changeAddress(listener, "one that has, or 0.0.0.0 or [::] for all"))"
        case EAFNOSUPPORT:
            return "this machine has no IPv6 (it may be disabled): "
                + "\(changeAddress(listener, "an IPv4 address")) instead of \(address)"
        case EMFILE, ENFILE:
            return "no descriptors are left to open \(address): raise the limit of open files "
                + "(LimitNOFILE of the service, or ulimit -n) and start again"
        case _:
            return "\(address) could not be opened (\(error))"
        }
    }

    private static func change(_ listener: Listener, _ port: String) -> String {
        listener.isAskedForByLabels
            ? "have its label ask for \(port)" : "give listener \(listener.name) \(port)"
    }

    private static func changeAddress(_ listener: Listener, _ address: String) -> String {
        listener.isAskedForByLabels
            ? "give docker's listenAddress \(address)" : "give listener \(listener.name) \(address)"
    }

    static func badAddress(_ listener: Listener) -> String {
        "found the address \(listener.address); wanted IPv4:port or [IPv6]:port, for instance 0.0.0.0:8080 or [::]:8080"
    }

    /// The first port that needs no privilege, as this kernel is set; 1,024 unless it says otherwise.
    static func unprivilegedPort() -> Int {
        let path = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
        guard let bytes = try? Holdings.head(of: path, limit: 16) else { return 1_024 }
        return Int(String(decoding: bytes, as: UTF8.self).prefix { $0.isNumber }) ?? 1_024
    }
}
