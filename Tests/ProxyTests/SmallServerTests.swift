import Balancing
import Contract
import Engine
import Kernel
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Proxy

/// A server that takes one connection after the other and has a queue of few, as small servers do. What comes while its
/// queue is full the kernel drops without a word.
private final class SmallServer: Sendable {
    let address: SocketAddress
    private let listener: CInt
    private let ended: Bell
    private let goes: Signal
    private let served = Atomic(0)

    /// - Parameters:
    ///   - isOpen: serves at once; else when it is opened.
    ///   - time: milliseconds that each request takes.
    init(backlog: CInt, isOpen: Bool = true, time: CInt = 1) throws {
        listener = try Socket.listen(on: SocketAddress(ipv4: 0x7f00_0001, port: 0), backlog: backlog).release()
        address = Socket.localAddress(listener) ?? SocketAddress(ipv4: 0x7f00_0001, port: 0)
        ended = try Bell()
        goes = try Signal()
        if isOpen { goes.give() }
        try NativeThread.start(named: "small") { [self] in serve(time) }
    }

    var endpoint: Endpoint { Endpoint(address: address.description) }
    var servedCount: Int { served.load(ordering: .relaxed) }

    func open() { goes.give() }
    func stop() {
        goes.give()
        ended.ring()
    }

    private func serve(_ time: CInt) {
        defer { Socket.close(listener) }
        _ = goes.wait(Peer.patience)
        guard let poller = try? Poller(), (try? poller.addLevelTriggered(listener, token: 0)) != nil,
            (try? poller.addLevelTriggered(ended.descriptor, token: 1)) != nil
        else { preconditionFailure("no poller for a small server") }
        while (try? poller.wait(milliseconds: -1)) != nil {
            if poller.event(0).token == 1 { return }
            guard case .connection(let socket, _) = Socket.accept(listener), let peer = try? Peer(socket: socket)
            else { continue }
            defer { peer.close() }
            // Given up, or begun anew, it says nothing.
            guard (try? peer.requestHead()) != nil else { continue }
            System.sleep(milliseconds: time)
            if (try? peer.send(ok("small", "Connection: close\r\n"))) != nil {
                served.wrappingAdd(1, ordering: .relaxed)
            }
        }
    }
}

@Suite("Connects to a server with a short queue", .timeLimit(.minutes(5)))
struct SmallServerTests {
    private let get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"
    /// Milliseconds after which the kernel sends once more what was dropped.
    private let kernels: CInt = 1_000

    @Test("three hundred that were held are let go at its pace: the kernel drops few, and nobody waits for it")
    func released() throws {
        let old = try ScriptedUpstream.saying("old")
        let small = try SmallServer(backlog: 4)
        defer { small.stop() }
        try proxying(holding([old.endpoint]) { $0.limit = 300 }) { proxy throws in
            proxy.adopt(holding([]) { $0.limit = 300 })
            let clients = try (0..<300).map { _ in try proxy.client() }
            for client in clients { try client.send(get) }
            try proxy.waitUntilHeld(300)
            let began = Clock.monotonic()
            proxy.adopt(holding([small.endpoint]) { $0.limit = 300 })
            for client in clients {
                #expect(try client.response().text == "small")
                client.close()
            }
            // One connect that waits for the kernel would take a second longer than all of them do one by one.
            let took = (Clock.monotonic() - began) / 1_000_000
            let redials = proxy.tally.upstreamRedials.current
            #expect(took < 2_000, "\(took) ms, \(redials) begun anew")
            // Each of them was dropped once: far fewer than if all had come at once.
            #expect(redials < 150, "\(redials)")
            #expect(proxy.look { $0.heldRoutes.isEmpty && $0.heldCount == 0 })
        }
        #expect(small.servedCount == 300)
    }

    @Test("a burst that its queue does not hold is begun anew sooner than the kernel would")
    func burst() throws {
        let small = try SmallServer(backlog: 2, time: 0)
        defer { small.stop() }
        let rules = [Rule(name: "site", hosts: ["site.test"], endpoints: [small.endpoint])]
        try proxying(rules) { proxy throws in
            #expect(try proxy.get().text == "small")
            let clients = try (0..<40).map { _ in try proxy.client() }
            let began = Clock.monotonic()
            for client in clients { try client.send(get) }
            for client in clients {
                #expect(try client.response().text == "small")
                client.close()
            }
            #expect((Clock.monotonic() - began) / 1_000_000 < UInt64(kernels))
            #expect(proxy.tally.upstreamConnectFailures.current == 0)
        }
    }

    @Test("a worker that stood still takes no connect for dropped that has come about meanwhile")
    func stoodStill() throws {
        let upstream = try ScriptedUpstream.saying("well")
        try proxying(site(upstream)) { proxy throws in
            #expect(try proxy.get().text == "well")
            let clients = try (0..<400).map { _ in try proxy.client() }
            for (number, client) in clients.enumerated() {
                try client.send(get)
                if number % 100 == 99 { proxy.look { _ in System.sleep(milliseconds: 150) } }
            }
            for client in clients {
                #expect(try client.response().text == "well")
                client.close()
            }
            #expect(proxy.tally.upstreamRedials.current == 0)
        }
    }

    /// Takes every place of the queue of a server that is not open yet.
    private func fill(_ small: SmallServer) throws -> [Peer] {
        var peers: [Peer] = []
        while true {
            switch Socket.connect(to: small.address) {
            case .connected(let socket): peers.append(try Peer(socket: socket))
            case .inProgress(let socket):
                let poller = try Poller()
                try poller.addEdgeTriggered(socket, token: 0)
                let isThere = try poller.wait(milliseconds: 100) > 0
                guard isThere else {
                    Socket.close(socket)
                    return peers
                }
                peers.append(try Peer(socket: socket))
            case .failed(let code): throw PeerFault.failed(code)
            }
        }
    }

    private func connecting(_ proxy: TestProxy) -> Int {
        proxy.look { worker in worker.endpoints.reduce(0) { $0 + Int($1.connectingCount) } }
    }

    @Test("where nobody knows how long a connect takes, it has all of its time")
    func unknown() throws {
        let small = try SmallServer(backlog: 1, isOpen: false)
        defer { small.stop() }
        let peers = try fill(small)
        let rules = [Rule(name: "site", hosts: ["site.test"], endpoints: [small.endpoint])]
        try proxying(rules, settings: quick { $0.timeouts.connect = 400 }) { proxy throws in
            expect(try proxy.get(), .connectTimeout)
            #expect(proxy.tally.upstreamRedials.current == 0)
        }
        for peer in peers { peer.close() }
    }

    @Test("a connect that is begun anew ends with the time of the first, and with its client")
    func ends() throws {
        let small = try SmallServer(backlog: 1, isOpen: false)
        defer { small.stop() }
        let rules = [Rule(name: "site", hosts: ["site.test"], endpoints: [small.endpoint])]
        try proxying(rules, settings: quick { $0.timeouts.connect = 600 }) { proxy throws in
            let first = try proxy.client()
            try first.send(get)
            try waitUntil("its connect is known") { proxy.look { $0.endpoints[0].connectTime } > 0 }
            let peers = try fill(small)
            let began = Clock.monotonic()
            expect(try proxy.get(), .connectTimeout)
            let took = (Clock.monotonic() - began) / 1_000_000
            #expect((600..<1_500).contains(took))
            #expect((1...4).contains(proxy.tally.upstreamRedials.current))
            let leaving = try proxy.client()
            try leaving.send(get)
            let before = proxy.tally.upstreamRedials.current
            try waitUntil("it is begun anew") { proxy.tally.upstreamRedials.current > before }
            leaving.reset()
            try waitUntil("nobody connects") { connecting(proxy) == 0 }
            for peer in peers { peer.close() }
            small.open()
            #expect(try first.response().text == "small")
            first.close()
        }
    }

    @Test("while no connect comes about, few are on their way, and others follow slowly")
    func window() throws {
        let old = try ScriptedUpstream.saying("old")
        let small = try SmallServer(backlog: 1, isOpen: false)
        defer { small.stop() }
        let peers = try fill(small)
        try proxying(holding([old.endpoint])) { proxy throws in
            proxy.adopt(holding([]))
            let clients = try (0..<50).map { _ in try proxy.client() }
            for client in clients { try client.send(get) }
            try proxy.waitUntilHeld(50)
            proxy.adopt(holding([small.endpoint]))
            try waitUntil("some are on their way") { connecting(proxy) > 1 }
            #expect(connecting(proxy) < 10)
            for peer in peers { peer.close() }
            small.open()
            for client in clients {
                #expect(try client.response().text == "small")
                client.close()
            }
            #expect(proxy.look { $0.heldRoutes.isEmpty && $0.heldCount == 0 })
        }
    }
}
