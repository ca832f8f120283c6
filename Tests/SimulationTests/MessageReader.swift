/// Reads HTTP/1.1 messages as they come in, whichever way. A parser of its own, which does not share the product's
/// mistakes; it knows just enough to read what the product may write.
struct MessageReader {
    struct Head {
        var firstLine: String
        var fields: [String: String]

        var words: [Substring] { firstLine.split(separator: " ") }
        var status: Int { words.count > 1 ? Int(words[1]) ?? 0 : 0 }
        var method: String { words.first.map(String.init) ?? "" }
        var target: String { words.count > 1 ? String(words[1]) : "" }
    }

    enum Event {
        case head(Head)
        case body(ArraySlice<UInt8>)
        case end
        case malformed(String)
    }

    private enum Phase {
        case head
        case counted(Int)
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailers
        case untilClose
        case broken
    }

    enum Way { case requests, responses }

    let way: Way
    /// Responses: to HEAD, in the order of the requests.
    var bodiless: () -> Bool = { false }
    private var phase = Phase.head

    init(_ way: Way) { self.way = way }

    /// In the middle of a message.
    var isInside: Bool { if case .head = phase { false } else { true } }

    /// Whether what was read so far ends where a message may end with the stream.
    var lastsUntilClose: Bool { if case .untilClose = phase { true } else { false } }

    /// From here on the bytes are no messages any more.
    mutating func becomeTunnel() { phase = .untilClose }

    /// The next event, whose bytes are gone from `bytes`; `nil` wants more.
    mutating func next(_ bytes: inout [UInt8]) -> Event? {
        switch phase {
        case .head:
            guard let end = bytes.end(of: [13, 10, 13, 10]) else { return nil }
            let text = String(decoding: bytes[..<end], as: UTF8.self)
            bytes.removeFirst(end)
            return begin(text)
        case .counted(let left):
            guard !bytes.isEmpty else { return nil }
            let part = take(&bytes, left)
            phase = left == part.count ? .head : .counted(left - part.count)
            pendingEnd = left == part.count
            return .body(part)
        case .chunkSize:
            guard let end = bytes.end(of: [13, 10]) else { return nil }
            let line = String(decoding: bytes[..<(end - 2)], as: UTF8.self)
            bytes.removeFirst(end)
            guard let size = Int(line.prefix { $0 != ";" }, radix: 16), size >= 0 else {
                return broken("chunk \(line)")
            }
            phase = size == 0 ? .trailers : .chunk(size)
            return next(&bytes)
        case .chunk(let left):
            guard !bytes.isEmpty else { return nil }
            let part = take(&bytes, left)
            phase = left == part.count ? .chunkEnd : .chunk(left - part.count)
            return .body(part)
        case .chunkEnd:
            guard bytes.count >= 2 else { return nil }
            guard bytes[0] == 13, bytes[1] == 10 else { return broken("chunk end") }
            bytes.removeFirst(2)
            phase = .chunkSize
            return next(&bytes)
        case .trailers:
            guard let end = bytes.end(of: [13, 10]) else { return nil }
            bytes.removeFirst(end)
            guard end == 2 else { return next(&bytes) }
            phase = .head
            return .end
        case .untilClose:
            guard !bytes.isEmpty else { return nil }
            return .body(take(&bytes, bytes.count))
        case .broken:
            bytes = []
            return nil
        }
    }

    /// A counted body has had its last byte, or there is none: the next event is its end.
    private(set) var pendingEnd = false

    /// To be asked before ``next(_:)``.
    mutating func takeEnd() -> Bool {
        defer { pendingEnd = false }
        return pendingEnd
    }

    private mutating func begin(_ text: String) -> Event {
        var lines = text.split(separator: "\r\n", omittingEmptySubsequences: true).map(String.init)
        guard !lines.isEmpty else { return broken("an empty head") }
        var head = Head(firstLine: lines.removeFirst(), fields: [:])
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { return broken("field \(line)") }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            head.fields[line[..<colon].lowercased()] = String(value)
        }
        let isRequest = way == .requests
        guard isRequest ? head.words.count == 3 : head.firstLine.hasPrefix("HTTP/1.1 ") && head.status >= 100 else {
            return broken("first line \(head.firstLine)")
        }
        let hasNoBody = !isRequest && (head.status < 200 || head.status == 204 || head.status == 304 || bodiless())
        if hasNoBody {
            pendingEnd = head.status >= 200
        } else if head.fields["transfer-encoding"] == "chunked" {
            guard head.fields["content-length"] == nil else { return broken("two framings") }
            phase = .chunkSize
        } else if let length = head.fields["content-length"] {
            guard let count = Int(length), count >= 0 else { return broken("length \(length)") }
            if count == 0 { pendingEnd = true } else { phase = .counted(count) }
        } else if isRequest {
            pendingEnd = true
        } else {
            phase = .untilClose
        }
        return .head(head)
    }

    private mutating func broken(_ what: String) -> Event {
        phase = .broken
        return .malformed(what)
    }

    private func take(_ bytes: inout [UInt8], _ limit: Int) -> ArraySlice<UInt8> {
        guard limit < bytes.count else {
            defer { bytes = [] }
            return bytes[...]
        }
        let part = Array(bytes[..<limit])
        bytes.removeFirst(limit)
        return part[...]
    }
}

extension [UInt8] {
    /// Where the first occurrence of `mark` ends.
    func end(of mark: [UInt8]) -> Int? {
        var place = 0
        while place + mark.count <= count {
            if self[place] == mark[0], mark.indices.allSatisfy({ self[place + $0] == mark[$0] }) {
                return place + mark.count
            }
            place += 1
        }
        return nil
    }

    init(_ text: String) { self = Array(text.utf8) }
}
