import Glibc

/// What the system's resolver says of a host's name.
public enum NameLookup {
    /// Why there is no address, in the resolver's words.
    public struct Failure: Error, Equatable, Sendable {
        public let reason: String
        /// Asking again later may help.
        public let isTemporary: Bool
    }

    /// Addresses that are looked at; a name with more is served by the first.
    public static let addressesLimit = 64

    /// The IPv4 addresses, sorted, or where there are none the IPv6 addresses: both families of one name lead to the
    /// same service, which may listen on one of them only. Blocks for as long as the resolver takes, several seconds at
    /// worst.
    public static func addresses(of host: String) throws(Failure) -> [String] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, nil, &hints, &first)
        guard code == 0 else {
            throw Failure(reason: unsafe String(cString: gai_strerror(code)), isTemporary: code == EAI_AGAIN)
        }
        defer { unsafe freeaddrinfo(first) }
        var four: Set<String> = []
        var six: Set<String> = []
        var next = unsafe first
        while let entry = unsafe next, four.count + six.count < addressesLimit {
            unsafe next = entry.pointee.ai_next
            // The longest form of an IPv6 address with its zone is below 64 bytes.
            let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { room -> String? in
                let result = unsafe getnameinfo(
                    entry.pointee.ai_addr, entry.pointee.ai_addrlen, room.baseAddress, socklen_t(room.count), nil, 0,
                    NI_NUMERICHOST)
                guard result == 0, let start = room.baseAddress else { return nil }
                return unsafe String(cString: start)
            }
            guard let text else { continue }
            switch unsafe entry.pointee.ai_family {
            case AF_INET: four.insert(text)
            case AF_INET6: six.insert(text)
            case _: continue
            }
        }
        guard let addresses = [four, six].first(where: { !$0.isEmpty }) else {
            throw Failure(reason: "it has no IP address", isTemporary: false)
        }
        return addresses.sorted()
    }
}
