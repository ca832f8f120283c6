import COpenSSL
import Testing

@testable import TLS

@Suite("Contexts", .timeLimit(.minutes(1)))
struct ContextsTests {
    let authority = TestAuthority()

    /// The certificate a client gets that asks for `name`.
    private func presented(_ contexts: TLSContexts, to name: String?) throws -> String? {
        let meeting = try Meeting(contexts, .init(name: name))
        #expect(meeting.shakeHands())
        return meeting.client.presented
    }

    @Test("an exact name wins over a wildcard, and that over the fallback")
    func choice() throws {
        let contexts = contexts([
            authority.input("first", for: ["first.test"]),
            authority.input("wild", for: ["*.site.test", "site.test"]),
            authority.input("exact", for: ["www.site.test"]),
        ])
        #expect(contexts.certificateNames == ["first", "wild", "exact"])
        for (name, certificate) in [
            ("www.site.test", "exact"), ("WWW.Site.Test", "exact"), ("api.site.test", "wild"), ("site.test", "wild"),
            ("a.b.site.test", "first"), ("elsewhere.test", "first"), (nil, "first"), ("_-_", "first"),
        ] {
            #expect(try presented(contexts, to: name) == certificate)
        }
    }

    @Test("what rules assign goes before what certificates say, where both are equally exact")
    func assignments() throws {
        let contexts = contexts(
            [
                authority.input("first", for: ["first.test"]),
                authority.input("own", for: ["site.test", "*.wide.test"]),
                authority.input("chosen", for: ["chosen.test"]),
            ],
            assignments: [("site.test", "chosen"), ("*.wide.test", "chosen"), ("*", "own")])
        #expect(try presented(contexts, to: "site.test") == "chosen")
        #expect(try presented(contexts, to: "a.b.wide.test") == "chosen")
        #expect(try presented(contexts, to: "first.test") == "first")
        #expect(try presented(contexts, to: nil) == "own")
        #expect(contexts.certificateName(forHost: Array("other.test".utf8).span) == "own")
    }

    @Test("the commonName counts only without a subjectAltName")
    func commonName() throws {
        let old = authority.leaf([], subject: "old.test")
        let new = authority.leaf(["new.test"], subject: "ignored.test")
        let contexts = contexts([
            authority.input("fallback", for: ["fallback.test"]),
            CertificateInput(name: "old", chain: old.chainPEM, key: old.keyPEM),
            CertificateInput(name: "new", chain: new.chainPEM, key: new.keyPEM),
        ])
        #expect(try presented(contexts, to: "old.test") == "old.test")
        #expect(try presented(contexts, to: "ignored.test") == "fallback")
    }

    @Test("RSA and ECDSA certificates serve side by side, with their intermediates")
    func kinds() throws {
        let between = authority.intermediate("Between")
        let leaf = between.leaf(["chain.test"])
        let contexts = contexts([
            authority.input("rsa", for: ["rsa.test"], kind: .rsa(bits: 2_048)),
            CertificateInput(name: "chain", chain: leaf.chainPEM + between.root.chainPEM, key: leaf.keyPEM),
        ])
        #expect(try presented(contexts, to: "rsa.test") == "rsa")
        let meeting = try Meeting(contexts, .init(name: "chain.test"))
        #expect(meeting.shakeHands())
        #expect(meeting.client.chainCount == 2)
    }

    @Test("a key of another certificate is refused, and both are described")
    func mismatch() throws {
        let (one, other) = (authority.leaf(["a.test"], subject: "one"), authority.leaf([], kind: .rsa(bits: 2_048)))
        let failure = try #require(onlyFailure(chain: one.chainPEM, key: other.keyPEM))
        #expect(failure.severity == .error)
        #expect(failure.message.contains("“CN=one”"))
        #expect(failure.message.contains("EC prime256v1 (SHA-256 of the public key: "))
        #expect(failure.message.contains("RSA 2048 bits (SHA-256 of the public key: "))
        #expect(failure.message.hasSuffix("; nothing serves under this name"))
    }

    @Test("what cannot be read is refused with what was found and what is wanted")
    func unreadable() throws {
        let leaf = authority.leaf(["a.test"])
        let damaged = leaf.chainPEM.replacing("MII", with: "AAA", maxReplacements: 1)
        let weak = authority.leaf(["weak.test"], kind: .rsa(bits: 1_024))
        for (chain, key, told) in [
            ("", leaf.keyPEM, "the certificate is not PEM: found nothing"),
            ("garbage\u{0}\u{1}", leaf.keyPEM, "found no line “-----BEGIN …-----”"),
            ("0\u{2}\u{3}", leaf.keyPEM, "looks like DER"),
            (damaged, leaf.keyPEM, "certificate 1 of the chain cannot be read"),
            (leaf.chainPEM + damaged, leaf.keyPEM, "certificate 2 of the chain cannot be read"),
            (leaf.keyPEM, leaf.chainPEM, "are certificate and key swapped?"),
            (leaf.chainPEM, "none", "the key is not PEM"),
            (leaf.chainPEM, leaf.encryptedKeyPEM, "protected by a passphrase"),
            (leaf.chainPEM, leaf.keyPEM.replacing("MI", with: "AA", maxReplacements: 1), "the key cannot be read"),
            (authority.root.chainPEM + leaf.chainPEM, leaf.keyPEM, "wanted the leaf first"),
            (String(repeating: leaf.chainPEM, count: 11), leaf.keyPEM, "more than 10 certificates"),
            (leaf.chainPEM, String(repeating: "x", count: 300_000), "the key has 300000 bytes"),
            (weak.chainPEM, weak.keyPEM, "wanted ECDSA P-256 or RSA of 2048 bits or more"),
        ] {
            let failure = try #require(onlyFailure(chain: chain, key: key))
            #expect(failure.severity == .error)
            #expect(failure.message.contains(told), "\(failure.message)")
            #expect(!failure.message.contains("PRIVATE KEY-----\n"))
        }
    }

    /// The one failure that this input causes, when nothing serves.
    private func onlyFailure(chain: String, key: String) -> CertificateFailure? {
        let (made, failures) = TLSContexts.build(
            certificates: [CertificateInput(name: "bad", chain: chain, key: key)], assignments: [],
            policy: .intermediate, previous: nil)
        #expect(made.isEmpty)
        #expect(failures.count == 1)
        return failures.first
    }

    @Test("expired, future, unordered and nameless certificates serve with a warning")
    func warnings() throws {
        let between = authority.intermediate("Between")
        let leaf = between.leaf(["chain.test"])
        let nameless = authority.leaf([], subject: "no host")
        for (input, told) in [
            (authority.input("odd", for: ["a.test"], days: -9 ... -1), "expired at"),
            (authority.input("odd", for: ["a.test"], days: 2...9), "valid only from"),
            (
                CertificateInput(
                    name: "odd", chain: leaf.chainPEM + authority.root.chainPEM + between.root.chainPEM,
                    key: leaf.keyPEM), "out of order"
            ),
            (CertificateInput(name: "odd", chain: nameless.chainPEM, key: nameless.keyPEM), "names no host"),
        ] {
            let (made, failures) = TLSContexts.build(
                certificates: [input], assignments: [], policy: .intermediate, previous: nil)
            #expect(!made.isEmpty)
            #expect(failures.allSatisfy { $0.severity == .warning })
            #expect(failures.contains { $0.message.contains(told) })
            #expect(try presented(made, to: nil) != nil)
        }
    }

    @Test("of two certificates for one name the valid one serves")
    func renewed() throws {
        let (made, _) = TLSContexts.build(
            certificates: [
                authority.input("old", for: ["a.test"], days: -9 ... -1), authority.input("new", for: ["a.test"]),
            ], assignments: [], policy: .intermediate, previous: nil)
        #expect(try presented(made, to: "a.test") == "new")
    }

    @Test("one bad certificate harms no other, and the last good one of its name stays in service")
    func lastGood() throws {
        let (good, other) = (authority.input("a", for: ["a.test"]), authority.input("b", for: ["b.test"]))
        let before = contexts([good, other])
        let broken = CertificateInput(name: "a", chain: good.chain, key: other.key)
        for policy in TLSPolicy.allCases {
            let (after, failures) = TLSContexts.build(
                certificates: [broken, other], assignments: [("*.a.test", "a")], policy: policy, previous: before)
            #expect(failures.map(\.name) == ["a"])
            #expect(failures[0].message.hasSuffix("; the last good one stays in service"))
            #expect(try presented(after, to: "x.a.test") == "a")
            #expect(try presented(after, to: "b.test") == "b")
        }
        // Gone from the configuration is gone from service.
        #expect(contexts([other], previous: before).certificateNames == ["b"])
    }

    @Test("contexts are kept for what did not change, and made anew for what did")
    func reuse() throws {
        let (kept, changed) = (authority.input("kept", for: ["a.test"]), authority.input("changed", for: ["b.test"]))
        let before = contexts([kept, changed])
        let after = contexts([authority.input("changed", for: ["b.test"]), kept], previous: before)
        func certificate(_ contexts: TLSContexts, _ name: String) -> ServedCertificate? {
            contexts.certificate(forName: Array(name.utf8).span)
        }
        #expect(certificate(before, "a.test") === certificate(after, "a.test"))
        #expect(certificate(before, "b.test") !== certificate(after, "b.test"))
        #expect(before.front === after.front)
        let modern = contexts([kept], policy: .modern, previous: after)
        #expect(certificate(modern, "a.test") !== certificate(after, "a.test"))
    }

    @Test("duplicate names, hosts that are none and unknown certificates are reported")
    func configurationFaults() throws {
        let one = authority.input("a", for: ["a.test"])
        let (made, failures) = TLSContexts.build(
            certificates: [one, authority.input("a", for: ["b.test"])],
            assignments: [("no host", "a"), ("c.test", "missing")], policy: .intermediate, previous: nil)
        #expect(made.certificateNames == ["a"])
        #expect(failures.map(\.name) == ["a", "a", "missing"])
        #expect(failures[1].message.contains("“no host” is no host"))
    }

    @Test("a session keeps the contexts it started with until it is freed")
    func lifetime() throws {
        var old: TLSContexts? = contexts([authority.input("old", for: ["a.test"])])
        weak let watched = old
        var meeting: Meeting? = try Meeting(#require(old))
        old = nil
        #expect(watched != nil)
        #expect(meeting?.shakeHands() == true)
        #expect(meeting?.client.presented == "old")
        meeting = nil
        #expect(watched == nil)
    }

    @Test(
        "a ticket resumes, across builds and whatever certificates come and go",
        arguments: [
            TLS1_2_VERSION, TLS1_3_VERSION,
        ])
    func resumption(_ version: CInt) throws {
        let site = authority.input("site", for: ["site.test"])
        let before = contexts([authority.input("first", for: ["first.test"]), site])
        let first = try Meeting(before, .init(name: "site.test", versions: version...version))
        #expect(first.shakeHands())
        // In TLS 1.3 tickets follow the handshake.
        var bytes: [UInt8] = []
        #expect(first.client.read(into: &bytes) == .waits)
        let ticket = try #require(first.client.ticket)

        let after = contexts([site, authority.input("new", for: ["new.test"])], previous: before)
        for contexts in [before, after] {
            let second = try Meeting(
                contexts, .init(name: "site.test", versions: version...version, resuming: ticket))
            #expect(second.shakeHands())
            #expect(second.server.isResumed)
            #expect(second.client.isResumed)
            #expect(second.server.serverName.text == "site.test")
        }
        // Nor does another policy end a ticket that it admits.
        if version == TLS1_3_VERSION {
            let strict = try Meeting(
                contexts([site], policy: .modern, previous: after), .init(name: "site.test", resuming: ticket))
            #expect(strict.shakeHands())
            #expect(strict.server.isResumed)
            // A used ticket is replaced.
            #expect(strict.client.read(into: &bytes) == .waits)
            #expect(strict.client.ticket != nil)
        }
        // A stranger's ticket is no error: a full handshake follows.
        let stranger = try Meeting(
            contexts([site]), .init(name: "site.test", versions: version...version, resuming: ticket))
        #expect(stranger.shakeHands())
        #expect(!stranger.server.isResumed)
    }
}
