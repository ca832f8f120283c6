import CCrypt

/// A password against its hash. What it takes is the hash's own cost: of bcrypt about 0.3 ms at 4, 60 ms at 12, 1 s at
/// 16.
public enum PasswordHash {
    /// Whether `hash` (yescrypt, `$y$`; bcrypt, `$2a$`, `$2b$` or `$2y$`) was made of `password`. A zero byte ends no
    /// password early: one that has any is wrong. From any thread; never from one that others wait for.
    public static func matches(_ password: [UInt8], _ hash: [UInt8]) -> Bool {
        guard !password.contains(0), !hash.contains(0) else { return false }
        return unsafe (password + [0]).withUnsafeBytes { password in
            unsafe (hash + [0]).withUnsafeBytes { hash in
                // Both are arrays with at least their zero byte: neither base is nil.
                unsafe kc_password_matches(
                    password.baseAddress!.assumingMemoryBound(to: CChar.self),
                    hash.baseAddress!.assumingMemoryBound(to: CChar.self)) == 1
            }
        }
    }

    /// A hash that is hard to compute in memory too: yescrypt (`$y$`) with a salt of its own. From any thread; takes
    /// about 20 ms and 16 MiB. `nil` where the system has no memory for it, or no randomness.
    public static func make(_ password: [UInt8]) -> [UInt8]? {
        guard !password.contains(0) else { return nil }
        var hash = [UInt8](repeating: 0, count: 384)
        let outcome = unsafe (password + [0]).withUnsafeBytes { password in
            unsafe hash.withUnsafeMutableBytes { hash in
                // Neither is empty, so neither base is nil.
                unsafe kc_password_make(
                    password.baseAddress!.assumingMemoryBound(to: CChar.self),
                    hash.baseAddress!.assumingMemoryBound(to: CChar.self), Int32(hash.count))
            }
        }
        guard outcome == 0 else { return nil }
        return Array(hash.prefix { $0 != 0 })
    }
}
