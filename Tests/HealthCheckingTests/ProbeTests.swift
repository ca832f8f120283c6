import Bytes
import Contract
import Engine
import Kernel
import Telemetry
import Testing

@testable import HealthChecking

@Suite("Checks by datagram")
struct ProbeTests {
    /// An endpoint that the checker reaches over loopback; its clock is the stage's.
    private final class Endpoint {
        let socket: CInt
        let address: SocketAddress
        private var mailbox = Mailbox()
        private var isOpen = true

        init() throws {
            socket = try Socket.bindDatagrams(to: SocketAddress(ipv4: 0x7f00_0001, port: 0)).release()
            address = try #require(Socket.localAddress(socket))
        }

        deinit { close() }

        func close() {
            if isOpen { Socket.close(socket) }
            isOpen = false
        }

        /// What was asked, answered with this text.
        func answer(_ text: [UInt8]) -> [UInt8]? {
            guard System.waitReadable(socket, milliseconds: 5_000),
                mailbox.receive(from: socket, first: 0, limit: 1, peers: true) == .parcels(1)
            else { return nil }
            let parcel = mailbox[0]
            let asked = [UInt8](copying: mailbox.bytes(parcel))
            mailbox.load(text.span, in: 1, to: parcel.peer)
            var segmenting = false
            _ = mailbox.send(on: socket, header: nil, segmenting: &segmenting)
            mailbox.unload()
            return asked
        }
    }

    private func probe(_ send: String, _ answer: String? = nil) throws -> HealthCheck {
        let found = (try ProbeBytes(send), try answer.map { try ProbeBytes($0) })
        return check {
            $0.kind = .udp
            ($0.send, $0.answer) = found
            ($0.rise, $0.fall) = (1, 1)
            ($0.interval, $0.timeout, $0.jitter) = (10_000, 1_000, 0)
        }
    }

    /// The stage's time stands still: what comes over loopback is waited for by looking again.
    private func settle(_ stage: Stage, until name: String, is count: UInt64 = 1) throws {
        for _ in 0..<5_000 where stage.checker.tally.results[name] != count {
            try stage.settle()
            System.sleep(milliseconds: 1)
        }
        #expect(stage.checker.tally.results[name] == count, "\(stage.checker.tally.results)")
    }

    @Test("any answer is good, unless bytes of it are wanted")
    func answers() throws {
        for (wanted, told, result) in [
            (nil, [1, 2], "passed"), (nil, [], "passed"), ("hex:02 03", [1, 2, 3, 4], "passed"),
            ("pong", Array("ping".utf8), "text"), ("pong", [], "text"),
        ] as [(String?, [UInt8], String)] {
            let (stage, endpoint) = (try Stage(), try Endpoint())
            try stage.follow([(try probe(#"hi\x00\n"#, wanted), ["\(endpoint.address)"])])
            #expect(endpoint.answer(told) == [0x68, 0x69, 0, 0x0a])
            try settle(stage, until: result)
            #expect(stage.checker.tally.connectionsOpen.current == 0)
        }
    }

    @Test("an endpoint that is not there is down at once, one that says nothing is down at the timeout")
    func down() throws {
        let (stage, silent, gone) = (try Stage(), try Endpoint(), try Endpoint())
        gone.close()
        try stage.follow([(try probe("x"), ["\(silent.address)", "\(gone.address)"])])
        try settle(stage, until: "unreachable")
        #expect(stage.checker.tally.down.current == 1)
        try stage.pass(milliseconds: 1_200)
        #expect(stage.checker.tally.results["late"] == 1)
        #expect(stage.checker.tally.down.current == 2)
    }

    @Test("what was late for one check is no answer to the next")
    func late() throws {
        let (stage, endpoint) = (try Stage(), try Endpoint())
        try stage.follow([(try probe("x"), ["\(endpoint.address)"])])
        try stage.pass(milliseconds: 1_200)
        #expect(stage.checker.tally.results["late"] == 1)
        #expect(endpoint.answer([1]) == [UInt8(ascii: "x")])
        try stage.settle()
        #expect(stage.checker.tally.results["passed"] == 0)
        try stage.pass(milliseconds: 10_000)
        #expect(endpoint.answer([1]) == [UInt8(ascii: "x")])
        try settle(stage, until: "passed")
    }
}
