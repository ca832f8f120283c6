import CLinux
import Glibc

/// What a process asks of the system outside the path of a request.
public enum System {
    /// Raises the limit of open descriptors to what is allowed, and answers it.
    @discardableResult public static func raiseDescriptorLimit() -> Int { Int(max(0, kl_descriptor_limit_raise())) }

    public static var coreCount: Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }

    /// Ends the process at once, without running what was registered for its end.
    public static func exit(_ status: CInt) -> Never { _exit(status) }

    public static var processID: CInt { getpid() }

    public static var isRoot: Bool { kl_effective_user() == 0 }

    /// Gives up root for good in favour of a user, by name or number. All threads follow.
    public static func become(user: String) throws(SystemError) {
        try checked(unsafe kl_become(user), "setresuid")
    }

    public static func openForAppending(_ path: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try checked(unsafe kl_open_append(path), "open"))
    }

    /// Another descriptor of the same open file.
    public static func duplicate(_ descriptor: CInt) throws(SystemError) -> Descriptor {
        Descriptor(owning: try checked(kl_duplicate(descriptor), "dup"))
    }

    /// Writes a whole file of mode 0600, or leaves what was there.
    public static func replaceFile(_ path: String, with bytes: [UInt8]) throws(SystemError) {
        try checked(
            unsafe bytes.withUnsafeBytes { unsafe kl_replace_file(path, $0.baseAddress, $0.count) }, "replace file")
    }

    /// Reads a file whole, up to `limit` bytes.
    public static func readFile(_ path: String, limit: Int = 1 << 30) throws(SystemError) -> [UInt8] {
        let raw = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { throw SystemError(code: errno, call: "open") }
        let file = Descriptor(owning: raw)
        var content: [UInt8] = []
        // One byte more is asked for than may come: a file of exactly the limit has its end there.
        while content.count <= limit {
            let wanted = min(1 << 18, limit - content.count + 1)
            let count = try read(file.raw, appendingTo: &content, upTo: wanted)
            if count == 0 { return content }
        }
        throw SystemError(code: EFBIG, call: "read")
    }

    /// Reads once; 0 is the end.
    @discardableResult
    public static func read(_ descriptor: CInt, appendingTo bytes: inout [UInt8], upTo count: Int)
        throws(SystemError) -> Int
    {
        var result = 0
        let chunk = unsafe [UInt8](unsafeUninitializedCapacity: count) { room, filled in
            result = unsafe kl_read(descriptor, room.baseAddress, room.count)
            filled = max(0, result)
        }
        bytes.append(contentsOf: chunk)
        return try checked(result, "read")
    }

    /// Writes once, and answers how many bytes were taken.
    public static func write(_ descriptor: CInt, _ bytes: Span<UInt8>) throws(SystemError) -> Int {
        try checked(unsafe bytes.withUnsafeBytes { unsafe kl_write(descriptor, $0.baseAddress, $0.count) }, "write")
    }

    /// Writes everything to a blocking descriptor.
    public static func writeAll(_ descriptor: CInt, _ bytes: Span<UInt8>) throws(SystemError) {
        var done = 0
        while done < bytes.count { done += try write(descriptor, bytes.extracting(done..<bytes.count)) }
    }

    /// Connects to a Unix socket; the connection blocks.
    public static func connectUnix(_ path: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try checked(unsafe kl_unix_connect(path), "connect"))
    }

    /// Waits until a descriptor can be read, or the time is up (-1: without limit). False when time is up.
    public static func waitReadable(_ descriptor: CInt, milliseconds: CInt) -> Bool {
        kl_wait_readable(descriptor, milliseconds) != 0
    }

    /// Lets the calling thread rest.
    public static func sleep(milliseconds: CInt) {
        // poll looks past a descriptor below zero: what is left is the time.
        _ = kl_wait_readable(-1, milliseconds)
    }

    public static func randomBytes(_ count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { room, filled in
            let code = unsafe kl_random(room.baseAddress, room.count)
            precondition(code == 0, "the kernel gives no random bytes")
            filled = count
        }
    }

    public static func random64() -> UInt64 { randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) } }
}
