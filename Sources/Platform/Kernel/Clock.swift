import CLinux

public enum Clock {
    /// Nanoseconds that never go back.
    public static func monotonic() -> UInt64 { kl_monotonic_ns() }
    /// Nanoseconds since 1970-01-01 UTC.
    public static func wall() -> UInt64 { kl_realtime_ns() }
}
