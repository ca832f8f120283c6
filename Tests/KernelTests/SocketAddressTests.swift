import TestKit
import Testing

@testable import Kernel

@Suite("Addresses as text")
struct SocketAddressTests {
    @Test(
        "are read, and written in one form",
        arguments: [
            ("1.2.3.4:80", "1.2.3.4:80"), ("0.0.0.0:0", "0.0.0.0:0"),
            ("255.255.255.255:65535", "255.255.255.255:65535"),
            ("127.0.0.1:00080", "127.0.0.1:80"), ("[::]:80", "[::]:80"), ("[::1]:443", "[::1]:443"),
            ("[2001:db8::1]:1", "[2001:db8::1]:1"), ("[2001:DB8:0:0:0:0:0:1]:1", "[2001:db8::1]:1"),
            ("[2001:0db8:0000:0000:0001:0000:0000:0001]:1", "[2001:db8::1:0:0:1]:1"),
            ("[1:2:3:4:5:6:7:8]:1", "[1:2:3:4:5:6:7:8]:1"), ("[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1"),
            ("[::2:3:4:5:6:7:8]:1", "[0:2:3:4:5:6:7:8]:1"), ("[1::]:1", "[1::]:1"), ("[1:0:0:2::]:1", "[1:0:0:2::]:1"),
            ("[::1.2.3.4]:1", "[::102:304]:1"), ("[64:ff9b::192.0.2.33]:1", "[64:ff9b::c000:221]:1"),
            ("[1:2:3:4:5:6:1.2.3.4]:1", "[1:2:3:4:5:6:102:304]:1"),
        ])
    func forms(_ text: String, _ written: String) throws {
        let address = try #require(SocketAddress(text: text))
        #expect(address.description == written)
        #expect(SocketAddress(text: written) == address)
    }

    @Test(
        "are refused when two programs could read them differently",
        arguments: [
            "", ":", ":80", "1.2.3.4", "1.2.3.4:", "1.2.3:80", "1.2.3.4.5:80", "1.2.3.256:80", "01.2.3.4:80",
            "1.2.3.04:80",
            "1.2.3.:80", "1..3.4:80", "0x7f.0.0.1:80", "127.1:80", "2130706433:80", "1.2.3.4:65536", "1.2.3.4:-1",
            "1.2.3.4:+1", "1.2.3.4:8x", "1.2.3.4:000080", " 1.2.3.4:80", "1.2.3.4:80 ", "localhost:80", "::1:80",
            "[]:80",
            "[:]:80", "[:::]:80", "[::1:80", "::1]:80", "[::1]80", "[::1]", "[1:2:3:4:5:6:7]:80",
            "[1:2:3:4:5:6:7:8:9]:80", "[1:2:3:4:5:6:7:8::]:80", "[1::2::3]:80", "[12345::]:80", "[g::]:80", "[1:]:80",
            "[:1]:80", "[::1.2.3]:80", "[1.2.3.4::]:80", "[::1.2.3.4:5]:80", "[fe80::1%eth0]:80", "[::1.2.3.256]:80",
            "[1:2:3:4:5:6:7:1.2.3.4]:80", "[::ı]:80", "1.2.3.٤:80", "1.2.3.4:٨٠", "[::１]:80", "[::1\u{301}]:80",
            "[\(String(repeating: "0:", count: 40))1]:80",
        ])
    func refused(_ text: String) { #expect(SocketAddress(text: text) == nil) }

    @Test("come back from their text", arguments: [1, 2] as [UInt64])
    func roundTrip(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<5_000 {
            let port = UInt16.random(in: 0 ... .max, using: &generator)
            let four = SocketAddress(ipv4: UInt32(truncatingIfNeeded: generator.next()), port: port)
            #expect(SocketAddress(text: four.description) == four)
            // Groups of zeros in every place and number.
            var groups = (0..<8).map { _ in UInt64(UInt16(truncatingIfNeeded: generator.next())) }
            for place in 0..<8 where Bool.random(using: &generator) { groups[place] = 0 }
            let number = { (part: ArraySlice<UInt64>) in part.reduce(0) { $0 << 16 | $1 } }
            let six = SocketAddress(ipv6High: number(groups[..<4]), low: number(groups[4...]), port: port)
            #expect(SocketAddress(text: six.description) == six, "\(six)")
            #expect(!six.description.contains(":::"))
        }
    }

    @Test("a socket tells where it is bound")
    func bound() throws {
        for text in ["127.0.0.1:0", "[::1]:0"] {
            let wanted = try #require(SocketAddress(text: text))
            let socket = try Socket.listen(on: wanted)
            let found = try #require(Socket.localAddress(socket.raw))
            #expect(found.host == wanted.host && found.port != 0)
            // Shared by another of the same user, as by workers.
            let second = try Socket.listen(on: found)
            #expect(Socket.localAddress(second.raw) == found)
        }
    }
}
