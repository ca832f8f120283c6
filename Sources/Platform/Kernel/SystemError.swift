import Glibc

/// A system call that failed, and how.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `errno`'s value, above zero.
    public let code: CInt
    public let call: StaticString

    public init(code: CInt, call: StaticString) {
        self.code = code
        self.call = call
    }

    public static func == (one: SystemError, other: SystemError) -> Bool { one.code == other.code }

    /// `bind: Address already in use`
    public var description: String { "\(call): \(unsafe String(cString: strerror(code)))" }

    /// `connection refused`, within a sentence.
    public static func words(for code: CInt) -> String {
        let text = unsafe String(cString: strerror(code))
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    public var isAddressInUse: Bool { code == EADDRINUSE }
    public var isPermissionDenied: Bool { code == EACCES || code == EPERM }
    public var isMissing: Bool { code == ENOENT }
    public var isWouldBlock: Bool { code == EAGAIN }
}

/// Turns the C shims' `-errno` into a thrown error. EBADF and EFAULT mean that our own books are wrong: they stop the
/// process.
@discardableResult
func checked<Result: FixedWidthInteger & SignedInteger>(_ result: Result, _ call: StaticString) throws(SystemError)
    -> Result
{
    guard result < 0 else { return result }
    let code = CInt(truncatingIfNeeded: -Int64(result))
    precondition(code != EBADF && code != EFAULT, "a system call was given a descriptor or address that is not ours")
    throw SystemError(code: code, call: call)
}
