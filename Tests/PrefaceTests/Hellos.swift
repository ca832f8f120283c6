import Preface

/// A ClientHello in one record, or cut into records of so many bytes.
func hello(
    extensions: [[UInt8]], type: UInt8 = 1, session: Int = 32, hasExtensions: Bool = true, recordSize: Int = 16_384
) -> [UInt8] {
    var body: [UInt8] = [3, 3] + [UInt8](repeating: 7, count: 32)
    body += [UInt8(session)] + [UInt8](repeating: 1, count: session)
    body += [0, 4, 0x13, 1, 0x13, 2, 1, 0]
    if hasExtensions { body += vector(extensions.flatMap(\.self), 2) }
    return records([type] + vector(body, 3), size: recordSize)
}

func records(_ message: [UInt8], size: Int) -> [UInt8] {
    stride(from: 0, to: message.count, by: size).flatMap { start in
        [22, 3, 1] + vector(Array(message[start..<min(start + size, message.count)]), 2)
    }
}

/// The bytes with their number in front, in so many bytes.
func vector(_ bytes: [UInt8], _ size: Int) -> [UInt8] {
    (0..<size).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
}

func part(_ type: Int, _ content: [UInt8]) -> [UInt8] {
    [UInt8(truncatingIfNeeded: type >> 8), UInt8(truncatingIfNeeded: type)] + vector(content, 2)
}

func serverName(_ name: String) -> [UInt8] { part(0, vector([0] + vector(Array(name.utf8), 2), 2)) }

func protocols(_ names: String...) -> [UInt8] { part(16, vector(names.flatMap { vector(Array($0.utf8), 1) }, 2)) }

/// What one reads, as a value.
struct ReadHello: Equatable {
    var name: String
    var protocols: [UInt8]
    var byteCount: Int
}

enum Reading: Equatable {
    case incomplete, absent
    case complete(ReadHello)
    case refused(ClientHelloError)
}

/// Reads what has come at each cut, then the whole, as a connection would; the first final answer counts.
func readHello(_ bytes: [UInt8], cuts: [Int] = []) -> Reading {
    var hello = ClientHello()
    for end in cuts + [bytes.count] {
        switch hello.parse(bytes.span.extracting(0..<end)) {
        case .incomplete: continue
        case .absent: return .absent
        case .refused(let error): return .refused(error)
        case .complete:
            let name = hello.name.bytes
            let protocols = hello.protocols.bytes
            return .complete(
                ReadHello(
                    name: String(decoding: name.indices.map { name[$0] }, as: UTF8.self),
                    protocols: protocols.indices.map { protocols[$0] }, byteCount: hello.byteCount))
        }
    }
    return .incomplete
}
