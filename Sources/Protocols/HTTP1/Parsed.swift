import HTTP

/// What one step of a parser came to.
enum Parsed {
    /// Done; the next part begins here.
    case upTo(Int)
    case needMore
    case refused(HeadError)
}

/// Whether a head that was incomplete after its first `scanned` bytes could be more than that now.
///
/// A head is read from its beginning again only when a byte has come that ends a line or is a fault, so that a client
/// who sends a long head byte by byte costs one look at each byte. Lines are limited in number, so are the readings.
func deservesReading(_ bytes: Span<UInt8>, resumingAt scanned: Int, limits: HeadLimits) -> Bool {
    if scanned <= 0 || bytes.count >= limits.headBytes { return true }
    // One byte back: a CR that came last is a line's end or a fault only now.
    return bytes.textEnd(from: max(min(scanned, bytes.count) &- 1, 0)) < bytes.count
}
