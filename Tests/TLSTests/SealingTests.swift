import Testing

@testable import TLS

@Suite("Sealing")
struct SealingTests {
    let key = Sealing.randomBytes(Sealing.keyCount)

    @Test("gives back what was sealed", arguments: [0, 1, 15, 16, 17, 4_096, 100_000])
    func roundTrip(_ count: Int) {
        let plain = Sealing.randomBytes(count)
        let sealed = Sealing.seal(plain, key: key)
        #expect(sealed.count == count + Sealing.overhead)
        #expect(Sealing.open(sealed, key: key) == plain)
    }

    private static let wanted: [UInt8] = [
        0x42, 0x23, 0xa3, 0x58, 0xbf, 0x5e, 0x5c, 0x8c, 0xee, 0xdd, 0x4d, 0x6f, 0x37, 0xdf, 0x89, 0x31,
        0xfe, 0x69, 0x64, 0x7b, 0xc6, 0x7d, 0xaf, 0x11, 0xf2, 0x71, 0x7d, 0x2e, 0x4b, 0x8a, 0x20, 0x8b,
    ]

    @Test("derives what HKDF expands to, another for each purpose and key")
    func derived() {
        // RFC 5869 §2.3, by: openssl mac -digest SHA256 -macopt hexkey:000102…1f HMAC, of "sticky cookies\u{1}".
        let key = Array(0..<32 as Range<UInt8>)
        #expect(Sealing.derive("sticky cookies", key: key) == Self.wanted)
        #expect(Sealing.derive("other", key: key) != Self.wanted)
        #expect(Sealing.derive("sticky cookies", key: key.reversed()) != Self.wanted)
    }

    @Test("never seals twice alike")
    func nonces() {
        #expect(Set((0..<100).map { _ in Sealing.seal([1, 2, 3], key: key) }).count == 100)
    }

    @Test("opens nothing with another key")
    func otherKey() {
        let sealed = Sealing.seal([1, 2, 3], key: key)
        var other = key
        other[31] ^= 1
        #expect(Sealing.open(sealed, key: other) == nil)
    }

    @Test("notices every changed bit")
    func tampering() {
        let sealed = Sealing.seal([1, 2, 3, 4], key: key)
        for bit in 0..<(sealed.count * 8) {
            var changed = sealed
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(Sealing.open(changed, key: key) == nil)
        }
    }

    @Test("opens nothing that was cut or lengthened")
    func cutting() {
        let sealed = Sealing.seal([1, 2, 3, 4], key: key)
        for count in 0..<sealed.count { #expect(Sealing.open(Array(sealed[..<count]), key: key) == nil) }
        #expect(Sealing.open(sealed + [0], key: key) == nil)
    }

    @Test("opens what the first release sealed")
    func knownBytes() {
        // Made with another library: key 00…1f, nonce 00…0b, the format number as associated data.
        let sealed: [UInt8] = [
            0x01, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x2c, 0x6d, 0xb8, 0x6f, 0xa4,
            0x8c, 0xac, 0x7e, 0xff, 0x32, 0xcf, 0xd3, 0x60, 0x39, 0x8d, 0xa0, 0x0b, 0x4b, 0x98, 0x86, 0xa4, 0x7f, 0xd3,
            0x94, 0xed, 0xd1,
        ]
        #expect(Sealing.open(sealed, key: Array(0..<32)) == Array("kontainers".utf8))
    }

    @Test("random bytes differ, and none are none")
    func randomness() {
        #expect(Sealing.randomBytes(0).isEmpty)
        #expect(Sealing.randomBytes(32) != Sealing.randomBytes(32))
    }
}
