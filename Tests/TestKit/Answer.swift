/// A response as a client sees it. Read by a parser of the tests' own, which does not share the product's mistakes.
public struct Answer: Sendable, Equatable, CustomStringConvertible {
    public var status: Int
    /// Names in lower case, in the order they came.
    public var names: [String]
    public var values: [String]
    public var body: [UInt8]

    public var text: String { String(decoding: body, as: UTF8.self) }
    /// The body without spaces and line ends around it.
    public var word: String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// The first field of this name, lower case.
    public subscript(_ name: String) -> String? { names.firstIndex(of: name).map { values[$0] } }

    public func all(_ name: String) -> [String] { zip(names, values).filter { $0.0 == name }.map(\.1) }

    public var description: String {
        "\(status) \(zip(names, values).map { "\($0): \($1)" }.joined(separator: "; ")) | \(text.prefix(400))"
    }

    /// - Parameter atEnd: the peer has closed.
    /// - Returns: the answer and how many bytes it took, or `nil` while it is not whole.
    static func parse(_ bytes: [UInt8], atEnd: Bool, toHead: Bool) throws -> (Answer, Int)? {
        guard let headEnd = find([13, 10, 13, 10], in: bytes, from: 0) else { return nil }
        var lines = String(decoding: bytes[..<headEnd], as: UTF8.self).replacing("\r\n", with: "\n")
            .split(separator: "\n", omittingEmptySubsequences: false)[...]
        let first = lines.removeFirst().split(separator: " ")
        guard first.count >= 2, first[0].hasPrefix("HTTP/1."), let status = Int(first[1]) else {
            throw RawConnection.Failure.malformed(String(decoding: bytes.prefix(200), as: UTF8.self))
        }
        var answer = Answer(status: status, names: [], values: [], body: [])
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { throw RawConnection.Failure.malformed(String(line)) }
            answer.names.append(line[..<colon].lowercased())
            let value = line[line.index(after: colon)...]
            answer.values.append(String(value.drop { $0 == " " }))
        }
        let start = headEnd + 4
        if toHead || status == 204 || status == 304 || status / 100 == 1 { return (answer, start) }
        if answer["transfer-encoding"]?.lowercased() == "chunked" {
            guard let (body, end) = try chunks(bytes, from: start) else { return nil }
            answer.body = body
            return (answer, end)
        }
        if let length = answer["content-length"].flatMap({ Int($0) }) {
            guard bytes.count >= start + length else { return nil }
            answer.body = Array(bytes[start..<start + length])
            return (answer, start + length)
        }
        guard atEnd else { return nil }
        answer.body = Array(bytes[start...])
        return (answer, bytes.count)
    }

    private static func chunks(_ bytes: [UInt8], from start: Int) throws -> ([UInt8], Int)? {
        var body: [UInt8] = []
        var at = start
        while true {
            guard let lineEnd = find([13, 10], in: bytes, from: at) else { return nil }
            let size = String(decoding: bytes[at..<lineEnd].prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
            guard let count = Int(size, radix: 16) else { throw RawConnection.Failure.malformed("chunk size \(size)") }
            at = lineEnd + 2
            guard bytes.count >= at + count + 2 else { return nil }
            body += bytes[at..<at + count]
            at += count + 2
            if count == 0 { return (body, at) }
        }
    }

    private static func find(_ pattern: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count >= start + pattern.count else { return nil }
        return (start...bytes.count - pattern.count).first { at in
            pattern.indices.allSatisfy { bytes[at + $0] == pattern[$0] }
        }
    }
}

/// One request on a connection of its own.
public func get(
    _ path: String = "/", host: String, port: Int, fields: [String] = [], within limit: Duration = .seconds(5)
) throws -> Answer {
    let connection = try RawConnection(port: port, within: limit)
    let more = fields.map { $0 + "\r\n" }.joined()
    try connection.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\(more)\r\n")
    return try connection.answer(within: limit)
}
