import Routing

/// What a client may be sent, by what it has sent itself. Pure: numbers in, numbers out.
///
/// Whoever sends with the address of another gets that other an answer it did not ask for. So a client gets no more
/// than so many times its own bytes until it was seen to answer: until it sends again after it was sent something.
/// That is no proof. It takes from a stranger the one datagram that brings a flood, and a client that holds a
/// conversation never notices.
struct SessionCredit: Equatable, BitwiseCopyable {
    /// What IPv4 and UDP put in front of each datagram: without it, one without bytes would be worth nothing.
    static let headerBytes: UInt64 = 28

    /// From the client.
    private(set) var receivedBytes: UInt64 = 0
    private(set) var receivedCount: UInt64 = 0
    /// To the client.
    private(set) var sentBytes: UInt64 = 0
    private(set) var sentCount: UInt64 = 0
    /// The client was seen to answer.
    private(set) var isValidated = false

    /// Datagrams came from the client. `true`: it has just been validated by them.
    mutating func receive(_ datagrams: Int, bytes: Int) -> Bool {
        receivedBytes &+= UInt64(bytes)
        receivedCount &+= UInt64(datagrams)
        guard !isValidated, sentCount > 0 else { return false }
        isValidated = true
        return true
    }

    /// How many of these datagrams, the first of them, may go to the client; they are counted as sent.
    ///
    /// - Parameters:
    ///   - bytes: of all.
    ///   - segment: of each but the last.
    mutating func admit(_ datagrams: Int, bytes: Int, segment: Int, _ terms: SessionTerms) -> Int {
        var allowed = datagrams
        if terms.replies > 0 { allowed = min(allowed, Int(clamping: due(terms) &- min(sentCount, due(terms)))) }
        if !isValidated, terms.amplification > 0 {
            allowed = min(allowed, affordable(datagrams, bytes, segment, terms))
        }
        sentCount &+= UInt64(allowed)
        sentBytes &+= UInt64(allowed == datagrams ? bytes : allowed &* segment)
        return allowed
    }

    /// Whether all the replies have come that the rule wants for what the client sent.
    func isComplete(_ terms: SessionTerms) -> Bool { terms.replies > 0 && sentCount >= due(terms) }

    private func due(_ terms: SessionTerms) -> UInt64 {
        receivedCount.multipliedReportingOverflow(by: UInt64(terms.replies)).partialValue
    }

    private func affordable(_ datagrams: Int, _ bytes: Int, _ segment: Int, _ terms: SessionTerms) -> Int {
        let own = receivedBytes &+ receivedCount &* Self.headerBytes
        let (most, overflow) = own.multipliedReportingOverflow(by: UInt64(terms.amplification))
        let used = sentBytes &+ sentCount &* Self.headerBytes
        let left = overflow ? .max : most &- min(used, most)
        let whole = UInt64(bytes) &+ UInt64(datagrams) &* Self.headerBytes
        if whole <= left { return datagrams }
        // Without the last, which may be shorter, all have one size.
        return min(datagrams &- 1, Int(clamping: left / (UInt64(segment) &+ Self.headerBytes)))
    }
}
