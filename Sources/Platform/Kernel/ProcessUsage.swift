import Glibc

/// What a process takes of the machine.
public struct ProcessUsage: Equatable, Sendable {
    /// Memory in use, in bytes.
    public var residentBytes: UInt64 = 0
    /// Of all threads since the start, in milliseconds; as fine as the kernel's clock of a hundredth of a second.
    public var processorMilliseconds: UInt64 = 0

    /// Nothing.
    public init() {}

    /// This process, as `/proc` tells; `nil` where it does not.
    public static func current() -> ProcessUsage? {
        guard let memory = try? System.readFile("/proc/self/statm", limit: 4_096),
            let times = try? System.readFile("/proc/self/stat", limit: 4_096)
        else { return nil }
        let pageSize = UInt64(max(1, sysconf(CInt(_SC_PAGESIZE))))
        return ProcessUsage(memory: memory, times: times, pageSize: pageSize)
    }

    /// - Parameters:
    ///   - memory: what `statm` says: pages in all, pages resident, …
    ///   - times: what `stat` says. Behind the name in parentheses, which may hold anything, the 12th and 13th word are
    ///     the times in user and kernel mode, in hundredths of a second (proc(5)).
    init?(memory: [UInt8], times: [UInt8], pageSize: UInt64) {
        let pages = memory.split(separator: UInt8(ascii: " "))
        guard let end = times.lastIndex(of: UInt8(ascii: ")")), pages.count > 1 else { return nil }
        let words = times[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard words.count > 13, let resident = UInt64(String(decoding: pages[1], as: UTF8.self)),
            let user = UInt64(String(decoding: words[11], as: UTF8.self)),
            let kernel = UInt64(String(decoding: words[12], as: UTF8.self))
        else { return nil }
        residentBytes = resident &* pageSize
        processorMilliseconds = (user &+ kernel) &* 10
    }
}
