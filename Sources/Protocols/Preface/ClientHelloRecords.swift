/// Where the bytes of the first handshake message lie among the records that carry it (RFC 8446 §5.1): the records are
/// walked by their headers, the bytes read as if there were none.
struct ClientHelloRecords {
    enum Found {
        case incomplete
        case absent
        /// The whole message is here.
        case complete
        case refused(ClientHelloError)
    }

    /// Of the handshake message, without its header.
    private(set) var messageCount = 0
    /// Of the records through the one that ends the message.
    private(set) var byteCount = 0

    static let recordHeader = 5
    static let messageHeader = 4
    private static let handshake: UInt8 = 22
    private static let clientHello: UInt8 = 1
    /// RFC 8446 §5.1: 2^14.
    private static let recordLimit = 16_384

    /// Walks the records. Each header is judged as soon as it is here, so that what is no TLS is known at its first
    /// byte; the work is bounded by the number of records, however slowly the bytes come.
    mutating func find(in bytes: Span<UInt8>) -> Found {
        var at = 0
        var content = 0
        for record in 0..<ClientHelloLimit.records {
            guard at < bytes.count else { return .incomplete }
            guard bytes[at] == Self.handshake else { return record == 0 ? .absent : .refused(.badRecord) }
            guard at &+ 1 < bytes.count else { return .incomplete }
            // RFC 8446 §5.1: 3.1 or 3.3 in truth, and to be ignored; but 3 it is in everything that is TLS.
            guard bytes[at &+ 1] == 3 else { return record == 0 ? .absent : .refused(.badRecord) }
            guard at &+ Self.recordHeader <= bytes.count else { return .incomplete }
            let count = Int(bytes[at &+ 3]) &<< 8 | Int(bytes[at &+ 4])
            guard count > 0, count <= Self.recordLimit else { return .refused(.badRecord) }
            let start = at &+ Self.recordHeader
            let end = start &+ count
            if let fault = readHeader(bytes, from: start, to: min(end, bytes.count)) { return .refused(fault) }
            content &+= count
            // Where the message ends decides whether the record is too long, so that has to be known first.
            guard headerRead == Self.messageHeader || end <= bytes.count else { return .incomplete }
            guard end <= ClientHelloLimit.message || messageEnds(within: content) else { return .refused(.tooLong) }
            guard end <= bytes.count else { return .incomplete }
            if messageEnds(within: content) {
                byteCount = end
                return .complete
            }
            at = end
        }
        return .refused(.tooLong)
    }

    private var headerRead = 0

    private func messageEnds(within content: Int) -> Bool {
        headerRead == Self.messageHeader && content >= Self.messageHeader &+ messageCount
    }

    /// Takes in what there is of the message's header: its type and length, which records may cut.
    private mutating func readHeader(
        _ bytes: Span<UInt8>, from start: Int, to end: Int
    ) -> ClientHelloError? {
        var at = start
        while headerRead < Self.messageHeader, at < end {
            if headerRead == 0 {
                guard bytes[at] == Self.clientHello else { return .badMessage }
            } else {
                messageCount = messageCount &<< 8 | Int(bytes[at])
            }
            headerRead &+= 1
            at &+= 1
        }
        guard headerRead == Self.messageHeader else { return nil }
        return messageCount &+ Self.messageHeader > ClientHelloLimit.message ? .tooLong : nil
    }
}

/// Reads the message byte by byte, stepping over the headers of records. Made for a message that is whole.
struct ClientHelloCursor {
    /// Bytes of the message that are left, and of them those of the structure that is being read.
    private(set) var left: Int
    private var at: Int
    private var recordEnd: Int

    /// At the first byte behind the message's header.
    init(_ bytes: Span<UInt8>, count: Int) {
        at = 0
        recordEnd = 0
        left = count &+ ClientHelloRecords.messageHeader
        for _ in 0..<ClientHelloRecords.messageHeader { _ = next(bytes) }
    }

    /// The next byte, or `nil` at the end of the message.
    mutating func next(_ bytes: Span<UInt8>) -> UInt8? {
        guard left > 0 else { return nil }
        if at == recordEnd {
            recordEnd = at &+ ClientHelloRecords.recordHeader &+ (Int(bytes[at &+ 3]) &<< 8 | Int(bytes[at &+ 4]))
            at &+= ClientHelloRecords.recordHeader
        }
        left &-= 1
        defer { at &+= 1 }
        return bytes[at]
    }

    /// A number of so many bytes, high byte first.
    mutating func number(_ size: Int, _ bytes: Span<UInt8>) -> Int? {
        guard size <= left else { return nil }
        var number = 0
        for _ in 0..<size { number = number &<< 8 | Int(next(bytes) ?? 0) }
        return number
    }

    /// Steps over so many bytes. `false`: there are fewer.
    mutating func skip(_ count: Int, _ bytes: Span<UInt8>) -> Bool {
        guard count <= left else { return false }
        var rest = count
        while rest > 0 {
            if at == recordEnd {
                _ = next(bytes)
                rest &-= 1
                continue
            }
            let step = min(rest, recordEnd &- at)
            at &+= step
            left &-= step
            rest &-= step
        }
        return true
    }
}
