extension [UInt8] {
    /// A copy of a span's bytes.
    public init(copying span: Span<UInt8>) {
        self = unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
    }
}
