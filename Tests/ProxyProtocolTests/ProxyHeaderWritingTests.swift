import Bytes
import ProxyProtocol
import TestKit
import Testing

private let four = ProxiedAddress.ipv4(0xC000_0201, port: 4_711)
private let otherFour = ProxiedAddress.ipv4(0xC633_6401, port: 443)
/// `four` among addresses of IPv6.
private let mapped = ProxiedAddress.ipv6(0xFFFF_C000_0201, port: 4_711)
private let six = ProxiedAddress.ipv6(0x2001_0DB8_0000_0000_0000_0000_0000_0001, port: 65_535)
private let largest = ProxiedAddress.ipv6(.max, port: 65_535)

@Suite("Headers that are sent")
struct ProxyHeaderWritingTests {
    @Test("version 1 in words")
    func words() {
        #expect(
            text { $0.append(proxyHeader1: four, to: otherFour) } == "PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n")
        #expect(
            text { $0.append(proxyHeader1: six, to: four) }
                == "PROXY TCP6 2001:db8:0:0:0:0:0:1 0:0:0:0:0:ffff:c000:201 65535 4711\r\n")
        #expect(text { $0.append(proxyHeader1: nil, to: four) } == "PROXY UNKNOWN\r\n")
    }

    @Test("version 2 in bytes")
    func bytes() {
        #expect(written { $0.append(proxyHeader2: four, to: otherFour, extensions: Span()) } == version2(addresses4))
        let local = written { $0.append(proxyHeader2: nil, to: nil, extensions: Span()) }
        #expect(local == version2(0x20, 0, []))
        let datagram = written { $0.append(proxyHeader2: four, to: otherFour, .datagram, extensions: Span()) }
        #expect(datagram == version2(0x21, 0x12, addresses4))
    }

    @Test("what is written is read", arguments: 0..<50 as Range<UInt64>)
    func pair(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        func address() -> ProxiedAddress {
            let port = UInt16.random(in: 0...65_535, using: &random)
            if Bool.random(using: &random) { return .ipv4(.random(in: 0 ... .max, using: &random), port: port) }
            let bits = UInt128.random(in: 0 ... .max, using: &random)
            return .ipv6(Bool.random(using: &random) ? bits : bits & 0xFFFF_0000_FFFF, port: port)
        }
        let (source, destination) = (address(), address())
        for version in 1...2 {
            let header = written {
                if version == 1 {
                    $0.append(proxyHeader1: source, to: destination)
                } else {
                    $0.append(proxyHeader2: source, to: destination, extensions: Span())
                }
            }
            guard case .complete(let read) = readHeader(header) else {
                Issue.record("\(header) is not read")
                continue
            }
            #expect(read.byteCount == header.count)
            let mixed = source.isIPv4 != destination.isIPv4
            if !mixed { #expect(read.source == source && read.destination == destination) }
            #expect(read.source?.isIPv4 == (source.isIPv4 && destination.isIPv4))
        }
        #expect(written { $0.append(proxyHeader1: largest, to: largest) }.count <= ProxyHeaderLimit.version1)
    }

    @Test("extensions say what was told, and are left out where they do not fit")
    func extensions() {
        var pool = BufferPool()
        let parts = pool.take(.small)
        let list = pool.take(.normal)
        defer {
            pool.give(parts)
            pool.give(list)
        }
        func add(_ type: ProxyExtension, _ value: [UInt8]) -> Bool { list.append(proxyExtension: type, value.span) }
        func add(version: [UInt8]) -> Bool { parts.append(proxyTLSFact: .version, version.span) }
        func addTLS() -> Bool { list.append(proxyTLS: [.tls, .verified], parts: parts.readable) }
        #expect(add(version: Array("TLSv1.3".utf8)))
        #expect(add(.applicationProtocol, Array("h2".utf8)))
        #expect(add(.authority, Array("site.example".utf8)))
        #expect(addTLS())
        let wanted =
            tlv(1, Array("h2".utf8)) + tlv(2, Array("site.example".utf8))
            + tlv(0x20, [1, 0, 0, 0, 0] + tlv(0x21, Array("TLSv1.3".utf8)))
        #expect(Array(list) == wanted)
        let header = written { $0.append(proxyHeader2: four, to: six, extensions: list.readable) }
        #expect(readHeader(header) == .complete(.init(byteCount: header.count, source: mapped, destination: six)))

        func id(_ count: Int) -> Bool { add(.uniqueID, [UInt8](repeating: 9, count: count)) }
        #expect(id(ProxyHeaderLimit.uniqueID) && !id(ProxyHeaderLimit.uniqueID + 1))
        let room = ProxyHeaderLimit.version2 - ProxyHeaderLimit.version2Addresses - list.count - 3
        #expect(!add(.authority, [UInt8](repeating: 97, count: room + 1)))
        #expect(add(.authority, [UInt8](repeating: 97, count: room)))
        let whole = written { $0.append(proxyHeader2: six, to: six, extensions: list.readable) }
        #expect(whole.count == ProxyHeaderLimit.version2)
        #expect(readHeader(whole) == .complete(.init(byteCount: whole.count, source: six, destination: six)))
    }
}

private func written(_ write: (Buffer) -> Void) -> [UInt8] {
    var pool = BufferPool()
    let buffer = pool.take(.normal)
    defer { pool.give(buffer) }
    write(buffer)
    return Array(buffer)
}

private func text(_ write: (Buffer) -> Void) -> String { String(decoding: written(write), as: UTF8.self) }

extension Array where Element == UInt8 {
    fileprivate init(_ buffer: Buffer) { self.init(copying: buffer.readable) }
}

extension ProxiedAddress {
    fileprivate var isIPv4: Bool { if case .ipv4 = self { true } else { false } }
}
