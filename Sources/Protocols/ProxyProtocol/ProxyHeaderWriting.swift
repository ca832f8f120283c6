public import Bytes

// Writes headers for whoever a connection is passed on to. What is written, ``parseProxyHeader(_:)`` reads.

/// What version 2 says beside addresses (§2.2.4 to §2.2.8); the values are registered there.
public enum ProxyExtension: UInt8, Sendable {
    /// The protocol that the client's TLS agreed on.
    case applicationProtocol = 0x01
    /// The name that the client asked for in its ClientHello.
    case authority = 0x02
    /// A number that tells this connection from all others, up to 128 bytes.
    case uniqueID = 0x05
    /// Facts of the client's TLS, see ``ProxyTLSFacts``.
    case tls = 0x20
}

/// Parts of ``ProxyExtension/tls``.
public enum ProxyTLSFact: UInt8, Sendable {
    /// `TLSv1.3`
    case version = 0x21
    /// The common name of the client's certificate.
    case commonName = 0x22
    /// `TLS_AES_128_GCM_SHA256`
    case cipher = 0x23
}

/// What the client's TLS was (§2.2.5).
public struct ProxyTLSFacts: OptionSet, Sendable, BitwiseCopyable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The client came by TLS.
    public static let tls = ProxyTLSFacts(rawValue: 1)
    /// It showed a certificate on this connection.
    public static let certificate = ProxyTLSFacts(rawValue: 2)
    /// The certificate was checked and found good: without it, `verify` is 1.
    public static let verified = ProxyTLSFacts(rawValue: 0x80)
}

/// Whether the payload behind a header of version 2 is a stream or one datagram.
public enum ProxyTransport: UInt8, Sendable { case stream = 1, datagram = 2 }

extension ProxyHeaderLimit {
    /// Bytes of a ``ProxyExtension/uniqueID`` (§2.2.6).
    public static let uniqueID = 128
    /// Bytes that a header of version 2 has without its extensions, at most.
    public static let version2Addresses = 52
}

extension Buffer {
    /// A header of version 1 (§2.1): up to ``ProxyHeaderLimit/version1`` bytes. Without a source, or with addresses of
    /// two families that no one family holds, it is `UNKNOWN`.
    public func append(proxyHeader1 source: ProxiedAddress?, to destination: ProxiedAddress?) {
        append("PROXY ")
        guard let source, let destination else { return append("UNKNOWN\r\n") }
        if case .ipv4(let from, let fromPort) = source, case .ipv4(let to, let toPort) = destination {
            append("TCP4 ")
            append(ipv4: from)
            append(UInt8(ascii: " "))
            append(ipv4: to)
            appendPorts(fromPort, toPort)
        } else {
            append("TCP6 ")
            append(ipv6: source.mapped)
            append(UInt8(ascii: " "))
            append(ipv6: destination.mapped)
            appendPorts(source.port, destination.port)
        }
    }

    /// A header of version 2 (§2.2). Without a source it is `LOCAL`: the connection is our own.
    ///
    /// - Parameter extensions: written by ``append(proxyExtension:_:)``; with the addresses they fit into
    ///   ``ProxyHeaderLimit/version2``.
    public func append(
        proxyHeader2 source: ProxiedAddress?, to destination: ProxiedAddress?, _ transport: ProxyTransport = .stream,
        extensions: Span<UInt8>
    ) {
        precondition(extensions.count <= ProxyHeaderLimit.version2 - ProxyHeaderLimit.version2Addresses)
        for place in signature2.indices { append(signature2[place]) }
        guard let source, let destination else {
            append(0x20)
            append(0x00)
            append(number: 0, size: 2)
            return
        }
        append(0x21)
        if case .ipv4(let from, let fromPort) = source, case .ipv4(let to, let toPort) = destination {
            append(0x10 | transport.rawValue)
            append(number: UInt128(12 &+ extensions.count), size: 2)
            append(number: UInt128(from), size: 4)
            append(number: UInt128(to), size: 4)
            append(number: UInt128(fromPort), size: 2)
            append(number: UInt128(toPort), size: 2)
        } else {
            append(0x20 | transport.rawValue)
            append(number: UInt128(36 &+ extensions.count), size: 2)
            append(number: source.mapped, size: 16)
            append(number: destination.mapped, size: 16)
            append(number: UInt128(source.port), size: 2)
            append(number: UInt128(destination.port), size: 2)
        }
        append(extensions)
    }

    /// An extension of version 2. `false`: it does not fit into a header beside what is here, and was left out.
    public func append(proxyExtension type: ProxyExtension, _ value: Span<UInt8>) -> Bool {
        guard type != .uniqueID || value.count <= ProxyHeaderLimit.uniqueID else { return false }
        return append(type: type.rawValue, value)
    }

    /// Facts of TLS with their parts, which ``append(proxyTLSFact:_:)`` wrote. `false`: they do not fit.
    public func append(proxyTLS facts: ProxyTLSFacts, parts: Span<UInt8>) -> Bool {
        guard holdsExtension(of: 5 &+ parts.count) else { return false }
        append(ProxyExtension.tls.rawValue)
        append(number: UInt128(5 &+ parts.count), size: 2)
        append(facts.rawValue & 0x7F)
        append(number: facts.contains(.verified) ? 0 : 1, size: 4)
        append(parts)
        return true
    }

    /// A part of ``append(proxyTLS:parts:)``. `false`: it does not fit.
    public func append(proxyTLSFact type: ProxyTLSFact, _ value: Span<UInt8>) -> Bool {
        append(type: type.rawValue, value)
    }

    private func append(type: UInt8, _ value: Span<UInt8>) -> Bool {
        guard holdsExtension(of: value.count) else { return false }
        append(type)
        append(number: UInt128(value.count), size: 2)
        append(value)
        return true
    }

    /// Whether a value of so many bytes fits behind what is here, with its type and length.
    private func holdsExtension(of size: Int) -> Bool {
        count &+ 3 &+ size <= ProxyHeaderLimit.version2 &- ProxyHeaderLimit.version2Addresses && 3 &+ size <= room
    }

    /// In `size` bytes, the high one first.
    private func append(number: UInt128, size: Int) {
        for place in (0..<size).reversed() { append(UInt8(truncatingIfNeeded: number >> UInt128(8 &* place))) }
    }

    private func append(ipv4 address: UInt32) {
        for place in 0..<4 {
            if place > 0 { append(UInt8(ascii: ".")) }
            append(decimal: UInt64(address >> UInt32(24 &- 8 &* place) & 0xFF))
        }
    }

    /// All eight groups: any form is allowed, and this one is never too long.
    private func append(ipv6 address: UInt128) {
        for place in 0..<8 {
            if place > 0 { append(UInt8(ascii: ":")) }
            append(hexadecimal: UInt16(truncatingIfNeeded: address >> UInt128(112 &- 16 &* place)))
        }
    }

    private func append(hexadecimal group: UInt16) {
        var isLeading = true
        for shift in [12, 8, 4, 0] as [UInt16] {
            let digit = UInt8(truncatingIfNeeded: group >> shift & 15)
            if digit == 0, isLeading, shift > 0 { continue }
            isLeading = false
            append(digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10)
        }
    }

    private func appendPorts(_ source: UInt16, _ destination: UInt16) {
        append(UInt8(ascii: " "))
        append(decimal: UInt64(source))
        append(UInt8(ascii: " "))
        append(decimal: UInt64(destination))
        append("\r\n")
    }
}

extension ProxiedAddress {
    /// As IPv6; IPv4 within `::ffff:0:0/96` (RFC 4291 §2.5.5.2).
    fileprivate var mapped: UInt128 {
        switch self {
        case .ipv4(let address, _): 0xFFFF_0000_0000 | UInt128(address)
        case .ipv6(let address, _): address
        }
    }

    fileprivate var port: UInt16 {
        switch self {
        case .ipv4(_, let port), .ipv6(_, let port): port
        }
    }
}
