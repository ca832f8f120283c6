import CLinux
import Glibc

/// Files and sockets that one process makes for others.
public enum Holdings {
    public struct FileFacts: Equatable, Sendable {
        public enum Kind: Sendable { case file, folder, socket, other }
        public var kind: Kind
        /// Permission bits.
        public var mode: UInt32
        public var user: UInt32
        public var group: UInt32
        public var size: Int64
        /// Which file it is, whatever its names.
        public var identity: FileIdentity
    }

    public struct FileIdentity: Equatable, Sendable {
        public var device: UInt64
        public var inode: UInt64
    }

    /// What is at the path, links followed.
    public static func facts(of path: String) throws(SystemError) -> FileFacts {
        var facts = kl_file_facts()
        try checked(unsafe kl_file_facts(path, &facts), "stat")
        return told(facts)
    }

    /// What is open.
    public static func facts(of descriptor: CInt) throws(SystemError) -> FileFacts {
        var facts = kl_file_facts()
        try checked(unsafe kl_open_file_facts(descriptor, &facts), "fstat")
        return told(facts)
    }

    /// Gives a file another name, and takes that name from whatever had it.
    public static func rename(_ path: String, to other: String) throws(SystemError) {
        try checked(unsafe kl_file_rename(path, other), "rename")
    }

    private static func told(_ facts: kl_file_facts) -> FileFacts {
        let kind: FileFacts.Kind =
            switch facts.mode & 0o170000 {
            case 0o100000: .file
            case 0o040000: .folder
            case 0o140000: .socket
            case _: .other
            }
        return FileFacts(
            kind: kind, mode: facts.mode & 0o7777, user: facts.user, group: facts.group, size: facts.size,
            identity: FileIdentity(device: facts.device, inode: facts.inode))
    }

    /// Gives a file or folder to a user.
    public static func give(_ path: String, to identity: Identity) throws(SystemError) {
        try checked(unsafe kl_file_own(path, identity.user, identity.group), "chown")
    }

    /// Up to `limit` bytes from the beginning of a file; files of /proc too, which do not know their size.
    public static func head(of path: String, limit: Int) throws(SystemError) -> [UInt8] {
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { room, filled in
            result = unsafe kl_file_head(path, room.baseAddress, room.count)
            filled = max(0, result)
        }
        try checked(result, "read")
        return bytes
    }

    /// Makes the names in a folder outlive a power cut.
    public static func syncFolder(_ path: String) throws(SystemError) {
        try checked(unsafe kl_directory_sync(path), "fsync")
    }

    /// A file locked for as long as the descriptor is open; `nil` when another process has it.
    public static func lock(_ path: String) throws(SystemError) -> Lock? {
        let result = unsafe kl_file_lock(path)
        if result == -EWOULDBLOCK { return nil }
        return Lock(file: Descriptor(owning: try checked(result, "flock")))
    }

    /// A lock on a file; let go when the last reference goes.
    public final class Lock: Sendable {
        private let file: Descriptor

        init(file: consuming Descriptor) { self.file = file }

        /// Replaces what the file says, for whoever meets the lock.
        public func note(_ text: String) throws(SystemError) {
            guard ftruncate(file.raw, 0) == 0, lseek(file.raw, 0, SEEK_SET) == 0 else {
                throw SystemError(code: errno, call: "ftruncate")
            }
            try System.writeAll(file.raw, Array(text.utf8).span)
        }
    }
}

extension Holdings {
    /// A socket held for others; closed when the last reference goes.
    public final class HeldSocket: Sendable {
        private let descriptor: Descriptor

        public init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

        /// Good as long as this reference.
        public var raw: CInt { descriptor.raw }
    }

    public enum Transport: String, Sendable { case stream, datagram }

    /// Throws when another socket is bound to the address already, even one that would share it.
    public static func probe(_ address: SocketAddress, _ transport: Transport) throws(SystemError) {
        try checked(
            unsafe kl_address_probe(
                CInt(address.family.rawValue), address.host, address.port, transport == .datagram ? 1 : 0), "bind")
    }

    /// A socket bound to the address, shareable (SO_REUSEPORT), listening when it is a stream.
    public static func bind(_ address: SocketAddress, _ transport: Transport) throws(SystemError) -> HeldSocket {
        switch transport {
        case .stream: return HeldSocket(try Socket.listen(on: address))
        case .datagram:
            return HeldSocket(
                Descriptor(
                    owning: try checked(
                        unsafe kl_bind_datagram(CInt(address.family.rawValue), address.host, address.port), "bind")))
        }
    }

    /// A listening Unix stream socket of mode 0600, in a folder whose path may be of any length. A file of that name is
    /// replaced.
    public static func listenUnix(folder: String, name: String, backlog: CInt = 64) throws(SystemError) -> HeldSocket {
        HeldSocket(Descriptor(owning: try checked(unsafe kl_unix_listen(folder, name, backlog), "listen")))
    }
}
