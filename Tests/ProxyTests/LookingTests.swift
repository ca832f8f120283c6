import Preface
import Contract
import Kernel
import TLS
import Telemetry
import Testing

@testable import Proxy

@Suite("Connections told apart by what they begin with", .timeLimit(.minutes(5)))
struct LookingTests {
    @Test("each beginning goes to the rule that asks for it, however it is cut, and requests are served beside")
    func mixed() throws {
        let (shell, base) = (try ScriptedUpstream.parroting("shell "), try ScriptedUpstream.parroting("base "))
        let (rest, web) = (try ScriptedUpstream.parroting("rest "), try ScriptedUpstream.saying("web"))
        let rules = [
            tunnel("shell", to: shell) { $1.prefaces = [.ssh] },
            tunnel("base", to: base) { $1.prefaces = [.postgres] }, tunnel("rest", to: rest),
            Rule(name: "web", listeners: ["raw"], hosts: ["site.test"], tls: .off, endpoints: [web.endpoint]),
        ]
        let startup: [UInt8] = [0, 0, 0, 9, 0, 3, 0, 0, 0]
        let question: [UInt8] = [0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F]
        let beginnings: [([UInt8], String)] = [
            (Array("SSH-2.0-x\r\n".utf8), "shell "), (startup, "base "), (question, "base "),
            (Array("\u{1}\u{2}".utf8), "rest "), (clientHello("a.test"), "rest "),
        ]
        try proxying(rules, settings: quick { $0.timeouts.preface = 10_000 }) { proxy throws in
            for (bytes, word) in beginnings {
                for cut in Set([0, 1, bytes.count / 2]) {
                    let client = try proxy.rawClient()
                    try client.send(Array(bytes[..<cut]))
                    // Enough for some, too little for others: what is told then is the same.
                    _ = try client.isQuiet(milliseconds: 5)
                    try client.send(Array(bytes[cut...]))
                    let expected = Array(word.utf8) + bytes
                    #expect(try client.read(expected.count) == expected, "\(word)cut at \(cut)")
                }
            }
            let client = try proxy.rawClient()
            try client.send("GET / HTTP/1.1\r\nHo")
            try client.send("st: site.test\r\n\r\n")
            #expect(try client.response().text == "web")
        }
    }

    @Test("a client that says nothing is taken for one that waits, after a while")
    func silence() throws {
        let (shell, greeting) = (try ScriptedUpstream.parroting("shell "), try ScriptedUpstream.parroting("220 "))
        let rules = [
            tunnel("shell", to: shell) { $1.prefaces = [.ssh] },
            tunnel("mail", to: greeting) { $1.prefaces = [.other] },
        ]
        try proxying(rules, settings: quick { $0.timeouts.preface = 200 }) { proxy throws in
            let client = try proxy.rawClient()
            #expect(try client.read(4).text == "220 ")
            // One that has begun and goes no further is not.
            let other = try proxy.rawClient()
            try other.send("SS")
            #expect(try other.readToEnd().isEmpty)
            #expect(proxy.tally.timeouts.preface.current == 1)
        }
    }

    @Test("names and protocols of a ClientHello choose, and its bytes arrive untouched", arguments: [false, true])
    func names(inPieces: Bool) throws {
        let words = ["exact ", "suffix ", "protocol ", "star "]
        let upstreams = try words.map { try ScriptedUpstream.parroting($0) }
        let rules = [
            tunnel("a", to: upstreams[0], hosts: ["a.test"]), tunnel("b", to: upstreams[1], hosts: ["*.test"]),
            tunnel("c", to: upstreams[2], hosts: ["a.test"]) { $1.protocols = ["postgresql"] },
            tunnel("d", to: upstreams[3], hosts: ["*"]),
        ]
        let hellos: [([UInt8], Int)] = [
            (clientHello("a.test"), 0), (clientHello("A.Test", ["h2"]), 0), (clientHello("x.a.test"), 1),
            (clientHello("a.test", ["h2", "postgresql"]), 2), (clientHello("b.example"), 3), (clientHello(""), 3),
        ]
        try proxying(rules) { proxy throws in
            for (hello, place) in hellos {
                let client = try proxy.rawClient()
                if inPieces {
                    for byte in hello.dropLast() { try client.send([byte]) }
                    #expect(try client.isQuiet(milliseconds: 10))
                    try client.send([hello[hello.count - 1]])
                } else {
                    try client.send(hello + [1, 2, 3])
                }
                let expected = Array(words[place].utf8) + hello
                #expect(try client.read(expected.count) == expected)
            }
        }
    }

    @Test("a name that nobody serves gets the alert for it, and what is no ClientHello ends")
    func unknown() throws {
        let upstream = try ScriptedUpstream.parroting()
        let found = try records([tunnel(to: upstream, hosts: ["a.test"])]) { proxy throws in
            let client = try proxy.rawClient()
            try client.send(clientHello("b.test"))
            #expect(try client.readToEnd() == [21, 3, 3, 0, 2, 2, 112])
            for bytes in [[22, 3, 1, 0, 0], [22, 3, 1, 255, 255], [22, 3, 1, 0, 4, 2, 0, 0, 0]] as [[UInt8]] {
                let other = try proxy.rawClient()
                try other.send(bytes)
                #expect(try other.readToEnd().isEmpty)
            }
            #expect(proxy.tally.transports.hellosRefused.current == 3)
            #expect(proxy.tally.transports.unrouted.current == 4)
        }
        #expect(found.allSatisfy { $0["reason"] as? String == "no route" })
        #expect(upstream.acceptedCount == 0)
    }

    @Test("a listener for requests passes on what a rule names and serves the rest")
    func besideRequests() async throws {
        let (base, web) = (try ScriptedUpstream.parroting("base "), try ScriptedUpstream.saying("web"))
        let rules = site(web) + [tunnel(to: base, hosts: ["db.test"], on: ["secure"])]
        let certificate = try await TLSServingTests.made.value.certificate
        try proxying(rules, certificate: certificate) { proxy throws in
            let client = try Peer(to: proxy.secure)
            let hello = clientHello("db.test")
            try client.send(hello)
            #expect(try client.read(5 + hello.count) == Array("base ".utf8) + hello)
            let other = try TLSPeer(proxy)
            try other.peer.send("GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n")
            #expect(try other.peer.response().text == "web")
        }
    }

    @Test("TLS is taken off by name, and what is inside goes on; a rule without names has a certificate of its own")
    func termination() async throws {
        let (base, mail) = (try ScriptedUpstream.parroting("base "), try ScriptedUpstream.parroting("mail "))
        let certificate = try await TLSServingTests.made.value.certificate
        let contexts = TLSContexts.build(
            certificates: [certificate], assignments: [], policy: .intermediate, previous: nil
        ).0.forConnections(certificate: certificate.name, protocols: ["postgresql"])
        let rules = [
            tunnel("base", to: base, hosts: ["db.test"]) { rule, _ in rule.tls = .required },
            tunnel("mail", to: mail) { rule, options in
                rule.tls = .required
                options.prefaces = [.tls]
            },
        ]
        let terms = ["base": ConnectionTLS(server: contexts), "mail": ConnectionTLS(server: contexts)]
        let found = try records(rules, certificate: certificate, connectionTLS: terms) { proxy throws in
            for (name, word) in [("db.test", "base "), ("other.test", "mail ")] {
                let client = try TLSPeer(to: "\(proxy.raw)", name: name, ["-alpn", "postgresql"])
                try client.peer.send("hello")
                #expect(try client.peer.read(10).text == word + "hello")
            }
            #expect(proxy.tally.handshakes.current == 2)
        }
        #expect(Set(found.compactMap { $0["server_name"] as? String }) == ["db.test"])
        #expect(found.allSatisfy { $0["tls"] as? String == "TLSv1.3" })
    }

    @Test("PostgreSQL's question is answered where names choose, and asked of the endpoint in the client's place")
    func postgres() throws {
        let question: [UInt8] = [0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F]
        let upstream = try ScriptedUpstream { peer, number in
            guard try peer.read(8) == question else { throw PeerFault.malformed("no question") }
            try peer.send(number == 0 ? "S" : "N")
            try peer.send(try peer.readSome())
            _ = try peer.readToEnd()
        }
        try proxying([tunnel(to: upstream, hosts: ["db.test"])]) { proxy throws in
            let client = try proxy.rawClient()
            try client.send([0, 0, 0, 8, 4, 0xD2, 0x16, 0x30])
            #expect(try client.read(1).text == "N")
            try client.send(question)
            #expect(try client.read(1).text == "S")
            let hello = clientHello("db.test")
            try client.send(hello)
            #expect(try client.read(hello.count) == hello)
            // An endpoint without TLS is none for a client that wants it.
            let other = try proxy.rawClient()
            try other.send(question)
            _ = try other.read(1)
            try other.send(hello)
            #expect(try other.readToEnd().isEmpty)
            #expect(proxy.tally.transports.openingFailures.current == 1)
            // Nor may a client go on without TLS once it asked.
            let third = try proxy.rawClient()
            try third.send(question)
            _ = try third.read(1)
            try third.send([0, 0, 0, 9, 0, 3, 0, 0, 0])
            #expect(try third.readToEnd().isEmpty)
        }
    }

    @Test("MySQL's clients are greeted where names choose, and their question is handed on to the endpoint")
    func mysql() throws {
        let question: [UInt8] =
            [32, 0, 0, 1, 0x85, 0x8a, 0x9f, 1, 0, 0, 0, 1, 45] + [UInt8](repeating: 0, count: 23)
        let challenge = InlineArray<20, UInt8>(repeating: 65)
        let form = MySQL.greeting(challenge: challenge)
        let greeting = form.indices.map { form[$0] }
        let upstream = try ScriptedUpstream { peer, number in
            // In two pieces, or without TLS, or none at all.
            switch number {
            case 0:
                try peer.send(Array(greeting.prefix(30)))
                try peer.send(Array(greeting.dropFirst(30)))
            case 1: try peer.send([5, 0, 0, 0, 0xff, 0x10, 4, 65, 65])
            default: try peer.send("SSH-2.0-other\r\n")
            }
            guard number == 0 else { return }
            guard try peer.read(36) == question else { throw PeerFault.malformed("no question") }
            try peer.send(try peer.readSome())
            _ = try peer.readToEnd()
        }
        try proxying([tunnel(to: upstream, hosts: ["db.test"]) { $1.preamble = .mysql }]) { proxy throws in
            let client = try proxy.rawClient()
            #expect(try client.read(greeting.count).prefix(19) == greeting.prefix(19))
            // Its answer in pieces, its name right behind it.
            let hello = clientHello("db.test")
            try client.send(Array(question.prefix(7)))
            try client.send(Array(question.dropFirst(7)) + hello)
            #expect(try client.read(hello.count) == hello)
            #expect(proxy.tally.transports.preambles.current == 1)
            // An endpoint that refuses, or is none, is none.
            for _ in 0..<2 {
                let other = try proxy.rawClient()
                _ = try other.read(greeting.count)
                try other.send(question + hello)
                #expect(try other.readToEnd().isEmpty)
            }
            // Without TLS nobody gets to send a password.
            let plain = try proxy.rawClient()
            _ = try plain.read(greeting.count)
            try plain.send([40, 0, 0, 1, 0x85, 0x82, 0x9f, 1] + [UInt8](repeating: 0, count: 36))
            #expect(try plain.readToEnd().text.contains("TLS is wanted here"))
            for nonsense: [UInt8] in [[1, 2, 3, 4, 5, 6], question.map { $0 ^ 0xff }, hello] {
                let client = try proxy.rawClient()
                _ = try client.read(greeting.count)
                try client.send(nonsense)
                #expect(try client.readToEnd().isEmpty)
            }
            // TLS is not taken back once it was asked for.
            let late = try proxy.rawClient()
            _ = try late.read(greeting.count)
            try late.send(question + question)
            #expect(try late.readToEnd().isEmpty)
        }
    }
}
