import FoundationEssentials
public import Kernel

/// The folder where the appliance keeps its state, as the supervisor lays it out:
///
///     DIR               the supervisor's; others may pass, not look (0711), when they run as other users; else 0700
///     DIR/machine.key   32 random bytes (0600): private keys in the edge's last good snapshot are sealed under it
///     DIR/lock          held while a supervisor lives, with its pid inside
///     DIR/control       control's own (0700), with the socket on which it takes orders (0600)
///     DIR/edge          the edge's own (0700); the edge starts in it
///     DIR/run           the Link's socket (0711; the socket itself 0600, the edge's)
public struct DataFolder: Sendable {
    public static let machineKeySize = 32

    public let path: String
    public let machineKey: [UInt8]
    /// The Link, listening. Held here for all lives of control: an edge that connects while control is being replaced
    /// waits.
    public let link: Holdings.HeldSocket
    private let lock: Holdings.Lock

    public var edge: String { path + "/edge" }
    public var control: String { path + "/control" }
    var run: String { path + "/run" }
    static let linkName = "link.sock"

    /// What kept the folder from being made, and what to do.
    public struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
        public var description: String

        init(_ description: String) { self.description = description }
    }

    /// Makes what is missing and leaves what is there. `path` is absolute. An identity is `nil` for who runs as the
    /// supervisor does.
    public init(preparing path: String, edge: Identity?, control: Identity?) throws(Fault) {
        self.path = path
        let passes = edge != nil || control != nil
        try Self.makeFolder(path, mode: passes ? 0o711 : 0o700)
        if passes { try Self.open(path) }
        do {
            guard let lock = try Holdings.lock(path + "/lock") else {
                let holder = String(
                    decoding: ((try? Holdings.head(of: path + "/lock", limit: 16)) ?? []).prefix { $0 != 10 },
                    as: UTF8.self)
                let who = holder.isEmpty ? "" : " (process \(holder))"
                throw Fault(
                    "\(path) is in use by another kontainers serve\(who): stop it, or give this one a folder of its "
                        + "own with --data")
            }
            try lock.note("\(ProcessInfo.processInfo.processIdentifier)\n")
            self.lock = lock
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault(
                "\(path)/lock could not be made (\(error)): make \(path) writable, or choose another with --data")
        }
        machineKey = try Self.machineKey(path)
        try Self.makeFolder(path + "/run", mode: 0o711)
        try Self.makeFolder(path + "/control", mode: 0o700)
        try Self.makeFolder(path + "/edge", mode: 0o700)
        do {
            if let control { try Self.give(path + "/control", to: control) }
            if let edge { try Self.give(path + "/edge", to: edge) }
            link = try Holdings.listenUnix(folder: path + "/run", name: Self.linkName)
            if let edge { try Holdings.give("\(path)/run/\(Self.linkName)", to: edge) }
        } catch {
            throw Fault("\(path) could not be laid out (\(error)): is it on a file system without owners or sockets?")
        }
    }

    /// Removes what is of no use without a supervisor.
    func retire() {
        try? FileManager.default.removeItem(atPath: "\(run)/\(Self.linkName)")
    }

    private static func makeFolder(_ path: String, mode: Int) throws(Fault) {
        if let facts = try? Holdings.facts(of: path) {
            guard facts.kind == .folder else { throw Fault("found a file at \(path); wanted a folder: move it away") }
            return
        }
        do {
            // The parents as usual, the folder itself as wanted.
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        } catch {
            throw Fault(
                "the folder \(path) could not be made (\(error)): make it yourself, or choose another with --data")
        }
    }

    /// Lets other users pass through a folder, not look into it.
    private static func open(_ path: String) throws(Fault) {
        guard let facts = try? Holdings.facts(of: path), facts.mode & 0o011 != 0o011 else { return }
        do {
            try FileManager.default.setAttributes(
                [.posixPermissions: Int(facts.mode | 0o011)], ofItemAtPath: path)
        } catch {
            throw Fault("\(path) could not be opened to the edge's user (\(error)): run `chmod 0711 \(path)`")
        }
    }

    /// Gives a folder, with what is directly in it, to a user. Nothing is done when the folder is that user's already:
    /// what is in it may then be a trap of its making (a link to another's file).
    private static func give(_ path: String, to identity: Identity) throws {
        guard try Holdings.facts(of: path).user != identity.user else { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: path) {
            try Holdings.give("\(path)/\(name)", to: identity)
        }
        try Holdings.give(path, to: identity)
    }

    /// The key on disk, made at the first start: whole, or not at all, and there after a power cut.
    private static func machineKey(_ folder: String) throws(Fault) -> [UInt8] {
        let path = folder + "/machine.key"
        do {
            if (try? Holdings.facts(of: path)) == nil {
                try System.replaceFile(path, with: System.randomBytes(machineKeySize))
                try Holdings.syncFolder(folder)
            }
            let key = try Holdings.head(of: path, limit: machineKeySize + 1)
            guard key.count == machineKeySize else {
                throw Fault(
                    "found \(key.count > machineKeySize ? "more than \(machineKeySize)" : "\(key.count)") bytes in "
                        + "\(path); wanted \(machineKeySize): remove it and a new one is made; the edge then starts "
                        + "without the private keys it kept, and gets them anew from control")
            }
            return key
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault(
                "\(path) could not be read or made (\(error)): it is wanted readable and writable for its owner")
        }
    }
}

extension DataFolder {
    /// How the edge is told of its folder and of the Link's socket.
    public struct EdgePaths: Equatable, Sendable {
        public var data: String
        public var link: String
    }

    /// The longest path a Unix socket's address holds.
    static let socketPathLimit = 107

    /// Absolute paths where the edge's user can walk them. Where not (a folder on the way, of a home for instance, is
    /// closed to it), or where the socket's path is too long for an address, paths relative to ``edge``, in which the
    /// edge starts.
    public func edgePaths(for identity: Identity?) -> EdgePaths {
        let absolute = EdgePaths(data: edge, link: "\(run)/\(Self.linkName)")
        guard absolute.link.utf8.count <= Self.socketPathLimit,
            identity.map({ Self.canWalk(to: path, as: $0) }) ?? true
        else { return EdgePaths(data: ".", link: "../run/\(Self.linkName)") }
        return absolute
    }

    private static func canWalk(to path: String, as identity: Identity) -> Bool {
        var folder = ""
        for part in path.split(separator: "/") {
            folder += "/" + part
            guard let facts = try? Holdings.facts(of: folder) else { return false }
            let bit: UInt32 =
                facts.user == identity.user
                ? 0o100
                : facts.group == identity.group || identity.supplementaryGroups.contains(facts.group) ? 0o010 : 0o001
            guard facts.mode & bit != 0 else { return false }
        }
        return true
    }
}
