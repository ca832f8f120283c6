import TestKit

/// A request as an upstream sees it, or a response as a client does. Read by a parser of the tests' own, which does not
/// share the product's mistakes.
struct Message: CustomStringConvertible {
    /// The first line and the field lines, with their line ends.
    var head: String
    var firstLine: String
    /// Names in lower case.
    var fields: [(name: String, value: String)]
    var body: [UInt8] = []
    /// The body came to its end. One that lasts until the close is whole unless it ends with a reset.
    var isWhole = true
    /// Sizes of the chunks, without the last one's zero; `nil` for a body that is not chunked.
    var chunks: [Int]?
    /// The trailer section, with the line ends of its lines.
    var trailers = ""

    init(head: [UInt8]) throws {
        self.head = head.text
        var lines = self.head.utf8.split(separator: 10, omittingEmptySubsequences: false).map { line in
            var line = line
            if line.last == 13 { line.removeLast() }
            return String(line) ?? ""
        }
        firstLine = lines.removeFirst()
        fields = []
        for line in lines where !line.isEmpty {
            guard let colon = line.firstIndex(of: ":") else { throw PeerFault.malformed(line) }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields.append((line[..<colon].lowercased(), String(value)))
        }
    }

    var status: Int { Int(firstLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }
    var method: String { String(firstLine.split(separator: " ").first ?? "") }
    var target: String { String(firstLine.split(separator: " ").dropFirst().first ?? "") }
    var text: String { body.text }

    /// The first field of this name, given in lower case.
    subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }
    func all(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

    var description: String { head + text.prefix(200) + (isWhole ? "" : " …cut") }
}

extension Peer {
    /// The next request with its body, or `nil` when the other side ended instead.
    func request() throws -> Message? {
        guard let head = try read(through: "\r\n\r\n") else { return nil }
        var message = try Message(head: head)
        try readBody(of: &message, lastsUntilClose: false)
        return message
    }

    /// The next request's head, its body unread.
    func requestHead() throws -> Message? { try read(through: "\r\n\r\n").map { try Message(head: $0) } }

    /// The next final response.
    /// - Parameter toHead: no body follows, whatever the fields say.
    func response(toHead: Bool = false) throws -> Message {
        while true {
            let message = try anyResponse(toHead: toHead)
            if message.status >= 200 || message.status == 101 { return message }
        }
    }

    /// The next response, which may be an interim one.
    func anyResponse(toHead: Bool = false) throws -> Message {
        guard let head = try read(through: "\r\n\r\n") else { throw PeerFault.ended("before a response") }
        var message = try Message(head: head)
        if toHead || message.status == 204 || message.status == 304 || message.status < 200 { return message }
        do {
            try readBody(of: &message, lastsUntilClose: true)
        } catch PeerFault.ended {
            message.isWhole = false
        }
        return message
    }

    private func readBody(of message: inout Message, lastsUntilClose: Bool) throws {
        if message["transfer-encoding"] == "chunked" {
            message.chunks = []
            while true {
                let line = try read(through: "\r\n") ?? []
                guard let size = Int(line.dropLast(2).text, radix: 16) else {
                    throw PeerFault.ended("chunk \(line.text)")
                }
                if size == 0 {
                    while let line = try read(through: "\r\n"), line != [13, 10] { message.trailers += line.text }
                    return
                }
                let data = try read(size + 2, "a chunk")
                guard data.suffix(2) == [13, 10] else { throw PeerFault.malformed("chunk end") }
                message.chunks?.append(size)
                message.body += data.dropLast(2)
            }
        } else if let length = message["content-length"] {
            guard let count = Int(length) else { throw PeerFault.malformed("length \(length)") }
            do {
                message.body = try read(count, "a body")
            } catch PeerFault.ended(let what) {
                message.body = try readToEnd()
                throw PeerFault.ended(what)
            }
        } else if lastsUntilClose {
            message.body = try readToEnd()
            message.isWhole = !wasReset
        }
    }
}

/// Bytes that are told apart from their neighbours.
func pattern(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count { bytes += patternBlock.prefix(count - bytes.count) }
    return bytes
}

/// Of a prime length, so that it falls together with no buffer.
private let patternBlock: [UInt8] = {
    var generator = SeededGenerator(seed: 7)
    return generator.bytes(65_521)
}()
