import Contract
import Glibc
import Kernel
import Testing

@testable import Supervision

@Suite("Listener book")
struct ListenerBookTests {
    private func listener(_ name: String, _ address: String = "127.0.0.1:0") -> Listener {
        Listener(name: name, address: address, wireProtocol: .http)
    }

    private func book(workers: Int = 2) -> ListenerBook { ListenerBook(workers: workers, program: "/opt/kontainers") }

    @Test("opens one socket a worker, all on one port")
    func workers() throws {
        var book = book(workers: 3)
        let change = book.apply([listener("web"), Listener(name: "dns", address: "[::1]:0", wireProtocol: .udp)])
        #expect(change.added.map(\.listener.name) == ["web", "dns"] && change.forgotten == [])
        for entry in book.entries {
            #expect(entry.sockets.count == 3)
            #expect(Set(entry.sockets.map { Socket.localAddress($0.raw) }) == [entry.bound])
            #expect(entry.bound.port != 0)
        }
        #expect(book.statuses.map(\.failure) == [nil, nil])
    }

    @Test("keeps sockets across changes of others, of the name and of the protocol")
    func keeping() throws {
        var book = book()
        _ = book.apply([listener("web"), listener("gone")])
        let sockets = book.entries[0].sockets.map(\.raw)
        let bound = "\(book.entries[0].bound)"
        #expect(book.apply([listener("web"), listener("new")]).forgotten == ["gone"])
        #expect(book.entries[0].sockets.map(\.raw) == sockets)
        _ = book.apply([listener("fixed", bound)])
        #expect(book.entries[0].sockets.map(\.raw) != sockets || book.entries[0].listener.name == "fixed")
        let fixed = book.entries[0].sockets.map(\.raw)
        let change = book.apply([Listener(name: "fixed", address: bound, wireProtocol: .https)])
        #expect(change.forgotten == ["fixed"] && change.added.map(\.listener.wireProtocol) == [.https])
        #expect(book.entries[0].sockets.map(\.raw) == fixed)
    }

    @Test("says who has a port, goes on with the others, and opens it when it is free")
    func taken() throws {
        let stranger = try Holdings.bind(SocketAddress(ipv4: 0x7f00_0001, port: 0), .stream)
        let address = try #require(Socket.localAddress(stranger.raw))
        var holder: Holdings.HeldSocket? = stranger
        try withExtendedLifetime(holder) {
            var book = book()
            _ = book.apply([listener("web", "\(address)"), listener("other")])
            #expect(book.entries.map(\.listener.name) == ["other"])
            let failure = try #require(book.failures.first)
            #expect(failure.sentence.hasPrefix("\(address) is taken by "))
            #expect(failure.sentence.contains("(process \(getpid()))"))
            #expect(failure.sentence.hasSuffix("stop it, or give listener web another port"))
            #expect(book.retry().isEmpty && book.hasPassingFailures)
        }
        holder = nil
    }

    @Test("what failed for a passing reason opens later; what was refused does not")
    func retrying() throws {
        var address: SocketAddress?
        var book = book()
        do {
            let stranger = try Holdings.bind(SocketAddress(ipv4: 0x7f00_0001, port: 0), .stream)
            address = Socket.localAddress(stranger.raw)
            _ = book.apply([listener("web", "\(try #require(address))"), listener("bad", "nonsense"), listener("bad")])
            withExtendedLifetime(stranger) {}
        }
        #expect(book.entries.isEmpty && book.failures.count == 3)
        #expect(book.retry().added.map(\.listener.name) == ["web"])
        #expect(book.failures.map(\.listener.name) == ["bad", "bad"] && !book.hasPassingFailures)
    }

    @Test("moves a listener between overlapping addresses of one port once the edge let go")
    func overlap() throws {
        var book = book()
        _ = book.apply([listener("web")])
        let port = book.entries[0].bound.port
        // The edge's copies of the sockets.
        var edge = book.entries[0].sockets.map { dup($0.raw) }
        var told: [[String]] = []
        let change = book.apply([listener("web", "0.0.0.0:\(port)")]) { forgotten in
            told.append(forgotten)
            for socket in edge { close(socket) }
            edge = []
        }
        #expect(told == [["web"]])
        #expect(change.forgotten == [] && change.added.map(\.bound.description) == ["0.0.0.0:\(port)"])
    }

    @Test("a bad address is told with what is wanted", arguments: ["", "80", ":80", "localhost:80", "1.2.3.4:99999"])
    func addresses(_ text: String) {
        var book = book()
        _ = book.apply([listener("web", text)])
        #expect(book.failures.first?.sentence.contains("wanted IPv4:port or [IPv6]:port") == true)
    }
}

@Suite("Listen failures")
struct ListenFailureTests {
    private let web = Listener(name: "web", address: "0.0.0.0:80", wireProtocol: .http)

    private func sentence(_ code: CInt, _ occupant: PortOccupant? = nil, listener: Listener? = nil) -> String {
        ListenFailure.sentence(
            listener ?? web, SystemError(code: code, call: "bind"), occupant: occupant, unprivilegedPort: 1_024,
            program: "/opt/kontainers")
    }

    @Test("say who has the port, as far as can be seen")
    func taken() {
        #expect(
            sentence(EADDRINUSE, PortOccupant(program: "nginx", pid: 812, user: 0))
                == "0.0.0.0:80 is taken by nginx (process 812): stop it, or give listener web another port")
        #expect(sentence(EADDRINUSE, PortOccupant(user: 0)).hasPrefix("0.0.0.0:80 is taken by a process of user root"))
        #expect(sentence(EADDRINUSE).hasPrefix("0.0.0.0:80 is taken by another program"))
    }

    @Test("say what gives the right to a low port")
    func privileges() {
        let text = sentence(EACCES)
        #expect(text.hasPrefix("port 80 needs a privilege, as every port below 1024 does here: run as root"))
        #expect(text.contains("setcap cap_net_bind_service=+ep /opt/kontainers"))
        #expect(text.contains("a port from 1024"))
        let high = Listener(name: "web", address: "0.0.0.0:8080", wireProtocol: .http)
        #expect(sentence(EACCES, listener: high).contains("may not be bound by this user"))
    }

    @Test("say what to change for every other cause", arguments: [EADDRNOTAVAIL, EAFNOSUPPORT, EMFILE, ENOMEM])
    func others(_ code: CInt) {
        #expect(sentence(code).contains("0.0.0.0:80"))
    }
}

@Suite("Port occupant")
struct PortOccupantTests {
    private let table = Array(
        """
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
           0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 52301 1 0 100 0
           1: 0100007F:0050 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 52302 1 0 20 4
           2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 52303 1 0 100 0
        """.utf8)

    @Test("is read from the kernel's table, listening sockets only")
    func tables() {
        #expect(PortOccupant.entry(in: table, port: 80, .stream) == .init(user: 0, inode: 52_303))
        #expect(PortOccupant.entry(in: table, port: 8_080, .stream) == .init(user: 1_000, inode: 52_301))
        #expect(PortOccupant.entry(in: table, port: 49_153, .stream) == nil)
        #expect(PortOccupant.entry(in: table, port: 80, .datagram) == nil)
    }

    @Test("is none in a table that makes no sense, cut anywhere")
    func cut() {
        for end in 0..<table.count { _ = PortOccupant.entry(in: Array(table[..<end]), port: 80, .stream) }
        #expect(PortOccupant.entry(in: [], port: 80, .stream) == nil)
        #expect(PortOccupant.entry(in: Array("\n: : : : : : : : : :\n".utf8), port: 0, .stream) == nil)
    }
}
