import Glibc
import Kernel
import Testing

@Suite("Holdings")
struct HoldingsTests {
    private let loopback = SocketAddress(ipv4: 0x7f00_0001, port: 0)

    /// A new folder of its own.
    private func folder() -> String {
        let path = "/tmp/kontainers-holdings-\(System.random64())"
        #expect(unsafe mkdir(path, 0o700) == 0)
        return path
    }

    @Test(
        "sockets share an address among themselves, and a probe still sees that it is taken",
        arguments: [
            Holdings.Transport.stream, .datagram,
        ])
    func sharing(_ transport: Holdings.Transport) throws {
        let first = try Holdings.bind(loopback, transport)
        let address = try #require(Socket.localAddress(first.raw))
        #expect(address.port != 0)
        let second = try Holdings.bind(address, transport)
        #expect(Socket.localAddress(second.raw) == address)
        #expect(throws: SystemError(code: EADDRINUSE, call: "bind")) { try Holdings.probe(address, transport) }
        withExtendedLifetime((first, second)) {}
    }

    @Test("an address is free again when the last holder is gone")
    func release() throws {
        var held: Holdings.HeldSocket? = try Holdings.bind(loopback, .stream)
        let address = try #require(Socket.localAddress(held?.raw ?? -1))
        held = nil
        try Holdings.probe(address, .stream)
    }

    @Test("the same port in IPv6 is another address")
    func families() throws {
        let six = try Holdings.bind(SocketAddress(ipv6High: 0, low: 0, port: 0), .stream)
        let port = try #require(Socket.localAddress(six.raw)).port
        try Holdings.probe(SocketAddress(ipv4: 0, port: port), .stream)
        withExtendedLifetime(six) {}
    }

    @Test("a Unix socket is reachable by its owner alone, however deep its folder lies")
    func unix() throws {
        var path = folder()
        for _ in 0..<4 {
            path += "/" + String(repeating: "d", count: 60)
            #expect(unsafe mkdir(path, 0o700) == 0)
        }
        for _ in 0..<2 {  // the second replaces the file that the first left
            let held = try Holdings.listenUnix(folder: path, name: "link.sock")
            let facts = try Holdings.facts(of: path + "/link.sock")
            #expect(facts.kind == .socket && facts.mode == 0o600)
            withExtendedLifetime(held) {}
        }
    }

    @Test("a lock has one holder, and is let go with it")
    func locks() throws {
        let path = folder() + "/lock"
        var first = try Holdings.lock(path)
        #expect(first != nil)
        try first?.note("41\n")
        try first?.note("7")
        #expect(try Holdings.head(of: path, limit: 100) == Array("7".utf8))
        #expect(try Holdings.lock(path) == nil)
        first = nil
        #expect(try Holdings.lock(path) != nil)
    }

    @Test("the head of a file is read up to the limit, of /proc too")
    func heads() throws {
        #expect(try Holdings.head(of: "/proc/self/stat", limit: 4).count == 4)
        #expect(try Holdings.head(of: "/dev/null", limit: 4) == [])
        #expect(throws: SystemError(code: ENOENT, call: "read")) { try Holdings.head(of: "/nowhere", limit: 1) }
    }

    @Test("facts of what is not there are an error")
    func facts() throws {
        #expect(try Holdings.facts(of: "/tmp").kind == .folder)
        #expect(throws: SystemError(code: ENOENT, call: "stat")) { try Holdings.facts(of: "/nowhere") }
    }
}
