import CLinux
import Glibc

/// Whom a process runs as.
public struct Identity: Equatable, Sendable {
    public var user: UInt32
    public var group: UInt32
    public var supplementaryGroups: [UInt32]

    public init(user: UInt32, group: UInt32, supplementaryGroups: [UInt32] = []) {
        self.user = user
        self.group = group
        self.supplementaryGroups = supplementaryGroups
    }

    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        case noSuchUser(String)
        case noSuchGroup(String)

        public var description: String {
            switch self {
            case .noSuchUser(let name):
                "found user \(name), which this system does not have; wanted a name of /etc/passwd or a number"
            case .noSuchGroup(let name):
                "found group \(name), which this system does not have; wanted a name of /etc/group or a number"
            }
        }
    }

    /// Reads `user` or `user:group`, each a name or a number. A user given by number alone has the group of the same
    /// number.
    public static func named(_ text: String) throws(Failure) -> Identity {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let userText = parts.first ?? ""
        var user: UInt32 = 0
        var group: UInt32 = 0
        if let number = number(userText) {
            user = number
            group = number
        } else if unsafe !userText.isPlain || kl_user_find(userText, &user, &group) == 0 {
            throw .noSuchUser(userText)
        }
        if parts.count == 2 {
            if let number = number(parts[1]) {
                group = number
            } else if unsafe !parts[1].isPlain || kl_group_find(parts[1], &group) == 0 {
                throw .noSuchGroup(parts[1])
            }
        }
        return Identity(user: user, group: group)
    }

    /// The largest number means "no change" to the kernel.
    private static func number(_ text: String) -> UInt32? {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let number = UInt32(text), number < .max else {
            return nil
        }
        return number
    }

    /// This process' effective user and group.
    public static var current: Identity { Identity(user: geteuid(), group: getegid()) }

    /// The user's name, or its number when it has none.
    public var userName: String {
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 256) { room, filled in
            filled = unsafe room.withMemoryRebound(to: CChar.self) {
                Int(unsafe kl_user_name(user, $0.baseAddress, $0.count))
            }
        }
        return bytes.isEmpty ? "\(user)" : String(decoding: bytes, as: UTF8.self)
    }
}

extension String {
    /// Not empty, and the same to C.
    fileprivate var isPlain: Bool { !isEmpty && !utf8.contains(0) }
}
