import Kernel
import Synchronization
import Testing

@testable import Passwords

@Suite("Passwords against their hashes")
struct PasswordHashTests {
    /// Of the author's test vectors (crypt_blowfish 1.3).
    private static let vectors: [(hash: String, password: [UInt8])] = [
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", Array("U*U".utf8)),
        ("$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", Array("U*U*".utf8)),
        ("$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", Array("U*U*U".utf8)),
        ("$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", [0xa3]),
    ]

    @Test("known pairs match, others do not", arguments: vectors.indices)
    func known(_ index: Int) {
        let (hash, password) = Self.vectors[index]
        #expect(PasswordHash.matches(password, Array(hash.utf8)))
        #expect(!PasswordHash.matches(password + [0x21], Array(hash.utf8)))
        #expect(!PasswordHash.matches([], Array(hash.utf8)))
        // What follows a zero byte is not passed over.
        #expect(!PasswordHash.matches(password + [0], Array(hash.utf8)))
    }

    @Test(
        "what is no hash matches nothing",
        arguments: [
            "", "*0", "$2y$", "U*U", "$2y$05$CCCC", "$2y$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        ])
    func others(_ hash: String) {
        #expect(!PasswordHash.matches(Array("U*U".utf8), Array(hash.utf8)))
        #expect(!PasswordHash.matches([], Array(hash.utf8)))
    }
}

@Suite("Hashes that are made")
struct PasswordMakingTests {
    @Test("are yescrypt, each with another salt, and match their password alone")
    func made() throws {
        let password = Array("correct horse".utf8)
        let (one, other) = (try #require(PasswordHash.make(password)), try #require(PasswordHash.make(password)))
        #expect(one.starts(with: "$y$".utf8) && one != other)
        #expect(PasswordHash.matches(password, one) && PasswordHash.matches(password, other))
        #expect(!PasswordHash.matches(password + [0x21], one))
        #expect(PasswordHash.make([0x61, 0]) == nil)
    }
}

@Suite("Digests under a key")
struct KeyedDigestTests {
    @Test("are those of the reference")
    func reference() {
        let digest = KeyedDigest(key: (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908))
        #expect(digest([UInt8]().span) == .init(low: 0xe6a8_25ba_047f_81a3, high: 0x9302_55c7_1472_f66d))
        #expect(digest([UInt8(0)].span) == .init(low: 0x44af_996b_d8c1_87da, high: 0x45fc_229b_1159_7634))
    }

    @Test("differ for every length and key")
    func lengths() {
        let one = KeyedDigest()
        let other = KeyedDigest()
        var seen: [UInt64] = []
        for count in 0...40 {
            let bytes = [UInt8](repeating: 0, count: count)
            seen += [one(bytes.span).low, other(bytes.span).low]
        }
        #expect(Set(seen).count == seen.count)
    }
}

@Suite("Secrets that were proven")
struct ProvenSecretsTests {
    private func digest(_ number: UInt64) -> KeyedDigest.Value { .init(low: number, high: ~number) }

    @Test("are known until their time is up")
    func time() {
        var proven = ProvenSecrets()
        #expect(!proven.contains(digest(0), now: 1))
        proven.insert(digest(7), now: 10)
        #expect(proven.contains(digest(7), now: 9 + ProvenSecrets.lifetime))
        #expect(!proven.contains(digest(7), now: 10 + ProvenSecrets.lifetime))
        #expect(!proven.contains(.init(low: 7, high: 7), now: 11))
        proven.insert(digest(7), now: 50)
        #expect(proven.contains(digest(7), now: 49 + ProvenSecrets.lifetime))
        // A vacant place is nobody's.
        #expect(!proven.contains(.init(low: 0, high: 0), now: 1))
    }

    @Test("are bounded: the one that ends soonest goes")
    func bound() {
        var proven = ProvenSecrets()
        // All in the same eight places.
        for number in 0..<9 { proven.insert(digest(UInt64(number) << 32), now: UInt64(100 + number)) }
        #expect(
            (0..<9).map { proven.contains(digest($0 << 32), now: 200) } == [false] + Array(repeating: true, count: 8))
    }
}

@Suite("The verifier's threads", .timeLimit(.minutes(1)))
struct PasswordVerifierTests {
    private final class Counts: Sendable {
        struct Value {
            var running = 0
            var most = 0
            var right = 0
            var wrong = 0
        }
        let value = Mutex(Value())
        let gate: Bell
        init() throws { gate = try Bell() }
    }

    @Test("answer every question once, a bounded number at a time, and refuse what is too much")
    func bound() throws {
        let counts = try Counts()
        let verifier = PasswordVerifier(threads: 2) { password, hash in
            counts.value.withLock {
                $0.running += 1
                $0.most = max($0.most, $0.running)
            }
            _ = System.waitReadable(counts.gate.descriptor, milliseconds: 20_000)
            counts.value.withLock { $0.running -= 1 }
            return password == hash
        }
        func ask(_ number: Int) -> Bool {
            verifier.submit(
                .init(password: [UInt8(number & 1)], hash: [1]) { isRight in
                    counts.value.withLock { if isRight { $0.right += 1 } else { $0.wrong += 1 } }
                })
        }
        #expect(ask(0) && ask(1))
        while counts.value.withLock({ $0.running }) < 2 { System.sleep(milliseconds: 1) }
        for number in 0..<PasswordVerifier.queueLimit { #expect(ask(number)) }
        #expect(!ask(0))
        counts.gate.ring()
        let all = PasswordVerifier.queueLimit + 2
        while counts.value.withLock({ $0.right + $0.wrong }) < all { System.sleep(milliseconds: 1) }
        #expect(counts.value.withLock { [$0.most, $0.right, $0.wrong] } == [2, all / 2, all / 2])
        // A thread that found nothing more to do ends; the next question gets another.
        #expect(ask(1))
        while counts.value.withLock({ $0.right }) <= all / 2 { System.sleep(milliseconds: 1) }
    }
}
