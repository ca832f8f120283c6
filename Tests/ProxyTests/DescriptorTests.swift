import Contract
import Foundation
import Kernel
import TestKit
import Testing

@testable import Proxy

/// The edge as a program of its own that may open few descriptors.
private final class ScarceEdge {
    let address: SocketAddress
    let process: CInt
    private let folder: TemporaryFolder

    /// - Parameter rules: as a snapshot has them.
    init(descriptors: Int, rules: String = "") throws {
        folder = try TemporaryFolder("descriptors")
        let port = try freePort()
        try folder.write(
            "snapshot.json",
            """
            {"format": 1, "revision": 1, "settings": {"accessLog": {"output": "off"}},
             "listeners": [{"name": "web", "address": "127.0.0.1:\(port)", "protocol": "http"}],
             "rules": [\(rules)]}
            """)
        let null = try ChildProcess.openNull()
        let edge =
            try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            .split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/kontainers-edge"
        let start = ProgramStart(
            path: "/bin/sh",
            arguments: [
                "-c", "ulimit -n \(descriptors); exec \"$0\" --snapshot \"$1\" --workers 1 --user root", edge,
                folder("snapshot.json"),
            ])
        process = try uncopied { try ChildProcess.spawn(start, descriptors: [null.raw, null.raw, null.raw]) }
        address = SocketAddress(ipv4: 0x7f00_0001, port: UInt16(port))
        try waitUntil("the edge listens") { (try? Peer(to: address)) != nil }
    }

    deinit {
        ChildProcess.kill(process)
        try? waitUntil("the edge ends") { ChildProcess.reap(process) != nil }
    }

    /// Hundredths of a second that it has had.
    func processorTicks() throws -> Int {
        let words = try System.readFile("/proc/\(process)/stat").text.split(separator: " ")
        return (Int(words[13]) ?? 0) + (Int(words[14]) ?? 0)
    }
}

@Suite("Out of descriptors", .timeLimit(.minutes(5)))
struct DescriptorTests {
    private static let get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"

    @Test("clients wait without spinning, and are served when others leave")
    func accepting() throws {
        let edge = try ScarceEdge(descriptors: 40)
        var clients: [Peer] = []
        for _ in 0..<61 { clients.append(try Peer(to: edge.address)) }
        let last = try #require(clients.last)
        try last.send(Self.get)
        let before = try edge.processorTicks()
        #expect(try last.isQuiet(milliseconds: 1_000))
        #expect(try edge.processorTicks() - before < 10)
        clients.removeFirst(60)
        #expect(try last.response().status == 404)
    }

    @Test("idle connections to endpoints go first; then there is 503 instead of a connect, until clients leave")
    func dialling() throws {
        let gate = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            while try peer.requestHead() != nil {
                _ = gate.wait(Peer.patience)
                try peer.send(ok("x"))
            }
        }
        let endpoint = upstream.endpoint.address
        let edge = try ScarceEdge(
            descriptors: 60,
            rules: #"{"name": "site", "hosts": ["site.test"], "endpoints": [{"address": "\#(endpoint)"}]}"#)
        let first = try (0..<8).map { _ in try Peer(to: edge.address) }
        for client in first { try client.send(Self.get) }
        try waitUntil("all have an upstream") { upstream.openCount == 8 }
        gate.give()
        for client in first { #expect(try client.response().text == "x") }
        #expect(upstream.openCount == 8)

        // More than there is room for: the eight idle ones make room for eight of them.
        var others: [Peer] = []
        for _ in 0..<80 { others.append(try Peer(to: edge.address)) }
        try waitUntil("no idle connection is left") { upstream.openCount == 0 }
        for client in first {
            try client.send(Self.get)
            let answer = try client.response()
            expect(answer, .overloaded)
            #expect(answer["retry-after"] == "5")
        }
        others.removeAll()
        try waitUntil("it recovers") {
            try first[0].send(Self.get)
            return try first[0].response().status == 200
        }
        for client in first.dropFirst() {
            try client.send(Self.get)
            #expect(try client.response().text == "x")
        }
    }
}
