extension ClientHello {
    /// Reads the ClientHello at the front of `bytes`.
    ///
    /// Pure but for what it fills: the same bytes always give the same answer, and the answer to a longer piece of the
    /// same connection never contradicts one that was final. Looks at ``ClientHelloLimit/message`` bytes and one record
    /// at most, and reads the message itself once, when it is whole.
    public mutating func parse(_ bytes: Span<UInt8>) -> ClientHelloProgress {
        name.clear()
        protocols.clear()
        byteCount = 0
        var records = ClientHelloRecords()
        switch records.find(in: bytes) {
        case .incomplete: return .incomplete
        case .absent: return .absent
        case .refused(let error): return .refused(error)
        case .complete: break
        }
        byteCount = records.byteCount
        var cursor = ClientHelloCursor(bytes, count: records.messageCount)
        do {
            try readMessage(&cursor, bytes)
        } catch {
            return .refused(error)
        }
        return .complete
    }

    private mutating func readMessage(
        _ cursor: inout ClientHelloCursor, _ bytes: Span<UInt8>
    ) throws(ClientHelloError) {
        // Version and random; then session, cipher suites and compression methods, which concern nobody here.
        guard cursor.skip(2 + 32, bytes) else { throw .badLength }
        let sizes: InlineArray<3, Int> = [1, 2, 1]
        for place in sizes.indices {
            guard let count = cursor.number(sizes[place], bytes), cursor.skip(count, bytes) else { throw .badLength }
        }
        // Before TLS 1.3 there may be no extensions.
        guard cursor.left > 0 else { return }
        guard let count = cursor.number(2, bytes), count == cursor.left else { throw .badLength }
        var hasName = false
        var hasProtocols = false
        while cursor.left > 0 {
            guard let type = cursor.number(2, bytes), let count = cursor.number(2, bytes), count <= cursor.left else {
                throw .badLength
            }
            let rest = cursor.left &- count
            switch type {
            case Self.serverName:
                if hasName { throw .repeatedExtension }
                hasName = true
                try readName(&cursor, bytes, count)
            case Self.applicationProtocols:
                if hasProtocols { throw .repeatedExtension }
                hasProtocols = true
                try readProtocols(&cursor, bytes, count)
            case _:
                _ = cursor.skip(count, bytes)
            }
            guard cursor.left == rest else { throw .badLength }
        }
    }

    private static let serverName = 0
    private static let applicationProtocols = 16

    /// RFC 6066 §3: a list of names, each of a type; only host names exist, and of each type there is one at most.
    private mutating func readName(
        _ cursor: inout ClientHelloCursor, _ bytes: Span<UInt8>, _ count: Int
    ) throws(ClientHelloError) {
        guard count >= 2, cursor.number(2, bytes) == count &- 2 else { throw .badLength }
        guard count >= 5, cursor.number(1, bytes) == 0, let length = cursor.number(2, bytes) else { throw .badName }
        guard length == count &- 5 else { throw .badLength }
        guard length > 0 else { throw .badName }
        for _ in 0..<length {
            guard let byte = cursor.next(bytes), Self.isOfName(byte), name.append(Self.lower(byte)) else {
                throw .badName
            }
        }
    }

    /// Letters, digits, and what stands between them; no address in brackets, which RFC 6066 excludes.
    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        case _: false
        }
    }

    private static func lower(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }

    /// RFC 7301 §3.1: a list of protocols, each of 1 to 255 bytes.
    private mutating func readProtocols(
        _ cursor: inout ClientHelloCursor, _ bytes: Span<UInt8>, _ count: Int
    ) throws(ClientHelloError) {
        guard count >= 2, cursor.number(2, bytes) == count &- 2 else { throw .badLength }
        var rest = count &- 2
        guard rest > 0 else { throw .badProtocols }
        while rest > 0 {
            guard let length = cursor.next(bytes), protocols.append(length) else { throw .badProtocols }
            guard length > 0 else { throw .badProtocols }
            guard Int(length) < rest else { throw .badLength }
            for _ in 0..<length {
                guard let byte = cursor.next(bytes), protocols.append(byte) else { throw .badProtocols }
            }
            rest &-= 1 &+ Int(length)
        }
    }
}
