import Contract
import Kernel
import Telemetry
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
