import FoundationEssentials

/// Frames of the Link: a length of four bytes, the most significant first, then that many bytes of JSON.
public enum LinkFrame {
    /// The largest payload that is accepted; room for about half a million rules.
    public static let payloadLimit = 256 << 20
    public static let headerSize = 4

    public enum Failure: Error, Equatable, Sendable {
        /// The length announced is beyond ``payloadLimit``.
        case tooLarge(Int)
    }

    /// One message as it goes on the wire.
    public static func encode(_ message: some Encodable) throws -> [UInt8] {
        let payload = try JSONEncoder().encode(message)
        guard payload.count <= payloadLimit else { throw Failure.tooLarge(payload.count) }
        var frame: [UInt8] = []
        frame.reserveCapacity(headerSize + payload.count)
        for shift in [24, 16, 8, 0] { frame.append(UInt8(truncatingIfNeeded: payload.count >> shift)) }
        frame.append(contentsOf: payload)
        return frame
    }

    public static func decode<Message: Decodable>(_ type: Message.Type, from payload: some Collection<UInt8>) throws
        -> Message
    {
        try JSONDecoder().decode(type, from: Data(payload))
    }
}

/// Cuts a stream of bytes into frames, however the bytes were split on their way.
public struct LinkFrameReader: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0

    public init() {}

    public mutating func append(_ bytes: some Collection<UInt8>) {
        // Frames that never end where a read does must not let the bytes already taken pile up.
        if start > buffer.count / 2 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole payload, or `nil` when it is not all there yet.
    public mutating func next() throws(LinkFrame.Failure) -> ArraySlice<UInt8>? {
        let available = buffer.count - start
        guard available >= LinkFrame.headerSize else { return nil }
        var length = 0
        for byte in buffer[start..<start + LinkFrame.headerSize] { length = length << 8 | Int(byte) }
        guard length <= LinkFrame.payloadLimit else { throw .tooLarge(length) }
        guard available >= LinkFrame.headerSize + length else { return nil }
        let payload = buffer[start + LinkFrame.headerSize..<start + LinkFrame.headerSize + length]
        start += LinkFrame.headerSize + length
        if start == buffer.count {
            buffer = []
            start = 0
        }
        return payload
    }
}
