import FoundationEssentials
import Kernel

/// Who holds a port, as far as this user may see.
struct PortOccupant: Equatable, CustomStringConvertible {
    /// The program's short name; `nil` when its process may not be looked into.
    var program: String?
    var pid: Int32?
    var user: UInt32

    var description: String {
        if let program, let pid { return "\(program) (process \(pid))" }
        return "a process of user \(Identity(user: user, group: user).userName)"
    }

    /// Looks for whoever listens on the port. Takes what it takes to walk /proc once; gives up after `patience`.
    static func find(_ address: SocketAddress, _ transport: Holdings.Transport, patience: Duration = .milliseconds(300))
        -> PortOccupant?
    {
        let table = transport == .stream ? "tcp" : "udp"
        for path in ["/proc/net/\(table)", "/proc/net/\(table)6"] {
            // Listening sockets come first; connections beyond the limit are of no interest.
            guard let bytes = try? Holdings.head(of: path, limit: 1 << 20),
                let entry = entry(in: bytes, port: address.port, transport)
            else { continue }
            var occupant = PortOccupant(user: entry.user)
            if let process = process(holding: entry.inode, patience: patience) {
                occupant.pid = process.pid
                occupant.program = process.name
            }
            return occupant
        }
        return nil
    }

    struct Entry: Equatable {
        var user: UInt32
        var inode: UInt64
    }

    /// The first line of a /proc/net table that tells of a listening (or, for datagrams, unconnected) socket on the
    /// port.
    static func entry(in table: [UInt8], port: UInt16, _ transport: Holdings.Transport) -> Entry? {
        let state = transport == .stream ? "0A" : "07"
        for line in String(decoding: table, as: UTF8.self).split(separator: "\n").dropFirst() {
            let fields = line.split(separator: " ")
            guard fields.count > 9, fields[3] == state, let colon = fields[1].lastIndex(of: ":"),
                UInt16(fields[1][fields[1].index(after: colon)...], radix: 16) == port,
                let user = UInt32(fields[7]), let inode = UInt64(fields[9])
            else { continue }
            return Entry(user: user, inode: inode)
        }
        return nil
    }

    private static func process(holding inode: UInt64, patience: Duration) -> (pid: Int32, name: String)? {
        let deadline = ContinuousClock.now + patience
        let files = FileManager.default
        for name in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = Int32(name), ContinuousClock.now < deadline else { continue }
            // Other users' processes cannot be looked into without root: they have no list.
            for descriptor in (try? files.contentsOfDirectory(atPath: "/proc/\(name)/fd")) ?? [] {
                let target = try? files.destinationOfSymbolicLink(atPath: "/proc/\(name)/fd/\(descriptor)")
                guard target?.hasSuffix("socket:[\(inode)]") == true else { continue }
                let bytes = (try? Holdings.head(of: "/proc/\(name)/comm", limit: 64)) ?? []
                return (pid, String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self))
            }
        }
        return nil
    }
}
