import Contract
import Foundation
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("As many as there is room for", .timeLimit(.minutes(5)))
struct CapacityTests {
    @Test("at the limit of connections new ones wait, and come in when others leave")
    func connectionLimit() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), settings: quick { $0.limits.connectionsPerWorker = 3 }) { proxy throws in
            var clients = try (0..<3).map { _ in try proxy.client() }
            for client in clients {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                #expect(try client.response().text == "x")
            }
            let waiting = try proxy.client()
            try waiting.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try waiting.isQuiet(milliseconds: 150))
            #expect(proxy.books.clients == 3)
            clients.removeLast().close()
            #expect(try waiting.response().text == "x")
            #expect(proxy.books.clients == 3)
            #expect(proxy.tally.shed.current == 0)
        }
    }

    @Test("two hundred clients at once are all answered")
    func many() throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(site(upstream)) { proxy throws in
            let clients = try (0..<200).map { _ in try proxy.client() }
            for (number, client) in clients.enumerated() {
                let text = "number \(number)"
                try client.send(
                    "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
            }
            for (number, client) in clients.enumerated() { #expect(try client.response().text == "number \(number)") }
        }
    }

    @Test("a program out of descriptors lets clients wait without spinning, and serves them when others leave")
    func descriptors() async throws {
        let folder = try TemporaryFolder("descriptors")
        let port = try freePort()
        try folder.write(
            "snapshot.json",
            """
            {"format": 1, "revision": 1, "settings": {"accessLog": {"output": "off"}},
             "listeners": [{"name": "web", "address": "127.0.0.1:\(port)", "protocol": "http"}]}
            """)
        let null = try ChildProcess.openNull()
        let edge =
            try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            .split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/kontainers-edge"
        let program = try ChildProcess.spawn(
            ProgramStart(
                path: "/bin/sh",
                arguments: [
                    "-c", "ulimit -n 40; exec \"$0\" --snapshot \"$1\" --workers 1 --user root", edge,
                    folder("snapshot.json"),
                ]),
            descriptors: [null.raw, null.raw, null.raw])
        defer {
            ChildProcess.kill(program)
            try? waitUntil("the edge ends") { ChildProcess.reap(program) != nil }
        }
        let address = SocketAddress(ipv4: 0x7f00_0001, port: UInt16(port))
        var clients: [Peer] = []
        try waitUntil("the edge listens") { (try? Peer(to: address)).map { clients.append($0) } != nil }
        for _ in 0..<60 { clients.append(try Peer(to: address)) }
        let last = try #require(clients.last)
        try last.send("GET / HTTP/1.1\r\nHost: x.test\r\n\r\n")
        let before = try processorTicks(program)
        #expect(try last.isQuiet(milliseconds: 1_000))
        #expect(try processorTicks(program) - before < 10)
        clients.removeFirst(60)
        #expect(try last.response().status == 404)
    }

    /// Hundredths of a second that a process has had.
    private func processorTicks(_ process: CInt) throws -> Int {
        let words = try System.readFile("/proc/\(process)/stat").text.split(separator: " ")
        return (Int(words[13]) ?? 0) + (Int(words[14]) ?? 0)
    }

    @Test("an idle connection holds no buffer")
    func idle() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let clients = try (0..<50).map { _ in try proxy.client() }
            for client in clients {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                #expect(try client.response().text == "x")
            }
            try waitUntil("buffers are given back") { proxy.books.used == 0 }
            #expect(proxy.books.clients == 50)
        }
    }
}
