import Foundation
import Glibc
import Kernel
import Testing

/// The program itself, with small stand-ins for its children.
@Suite("Supervisor", .timeLimit(.minutes(2)))
struct SupervisorTests {
    @Test("starts both with what they need, says what to open, and stops when it is told to")
    func life() throws {
        let stage = try Stage()
        try stage.start()
        try stage.wait(for: "Open http://127.0.0.1:\(stage.ports[0])/\n")
        let output = stage.output
        // The folder's own descriptor is the fifth; nothing else came along.
        #expect(output.contains("edge: descriptors [0, 1, 2, 3, 4]"))
        #expect(output.contains("edge: workers 2 key 44"))
        #expect(output.contains("edge: 2 sockets of web"))
        #expect(output.contains("control: control --supervised listens 1"))
        #expect(stage.ask(stage.ports[0]) == stage.child("kontainers-edge").map { "\($0)" })
        #expect(try Holdings.facts(of: "/proc/\(stage.pid)/task").kind == .folder)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(stage.pid)/task").count == 1)
        stage.signal(.terminate)
        #expect(try stage.ended() == .exited(code: 0))
        #expect(stage.output.contains("edge: asked to stop"))
        #expect(stage.ask(stage.ports[0]) == nil)
        #expect(!FileManager.default.fileExists(atPath: stage.folder + "/data/run/link.sock"))
    }

    @Test("replaces an edge that was killed before a client is refused")
    func killedEdge() throws {
        let stage = try Stage()
        try stage.start()
        try stage.wait(for: "Open http")
        let first = try #require(stage.child("kontainers-edge"))
        #expect(stage.ask(stage.ports[0]) == "\(first)")
        let control = stage.child("kontainers")
        ChildProcess.kill(first)
        let begun = Clock.monotonic()
        var refused = 0
        var answer: String?
        while answer == nil || answer == "\(first)" {
            answer = stage.ask(stage.ports[0])
            if answer == nil { refused += 1 }
            try #require(Clock.monotonic() - begun < 10_000_000_000)
        }
        // One that was accepted by the edge that died may be cut; none is refused.
        #expect(refused <= 1)
        #expect(answer == stage.child("kontainers-edge").map { "\($0)" })
        try stage.wait(for: "was ended by signal 9 (Killed)")
        #expect(stage.output.contains("it is started again at once"))
        #expect(stage.child("kontainers") == control)
        stage.signal(.terminate)
        #expect(try stage.ended() == .exited(code: 0))
    }

    @Test("replaces control while the edge serves on, with the same Link")
    func killedControl() throws {
        let stage = try Stage()
        try stage.start()
        try stage.wait(for: "Open http")
        let edge = stage.child("kontainers-edge")
        ChildProcess.kill(try #require(stage.child("kontainers")))
        #expect(stage.ask(stage.ports[0]) == edge.map { "\($0)" })
        try stage.wait(for: "control is up", count: 2)
        try stage.wait(for: "control: control --supervised listens 1", count: 2)
        #expect(stage.ask(stage.ports[0]) == edge.map { "\($0)" })
        stage.signal(.interrupt)
        #expect(try stage.ended() == .exited(code: 0))
    }

    @Test("opens and closes listeners as control asks, and says how each went")
    func listen() throws {
        let stage = try Stage()
        try stage.start()
        try stage.wait(for: "Open http")
        try stage.write(
            "data/ask",
            #"{"listen":{"_0":[{"name":"renamed","address":"127.0.0.1:\#(stage.ports[0])","protocol":"https"},"#
                + #"{"name":"more","address":"127.0.0.1:\#(stage.ports[1])","protocol":"tcp"},"#
                + #"{"name":"far","address":"198.51.100.7:80","protocol":"http"}]}}"#)
        stage.signal(.hangup)
        try stage.wait(for: "control: got")
        try stage.wait(for: "edge: 2 sockets of more")
        #expect(stage.output.contains("edge: hangup"))
        #expect(stage.output.contains("edge: 2 sockets of renamed"))
        #expect(stage.output.contains("no network interface of this machine has the address of 198.51.100.7:80"))
        for port in stage.ports { #expect(stage.ask(port) == stage.child("kontainers-edge").map { "\($0)" }) }
        try stage.write("data/ask", #"{"listen":{"_0":[]}}"#)
        stage.signal(.hangup)
        try stage.wait(for: #"control: got {"listening":{"_0":[]}}"#)
        try stage.wait(for: "listener renamed is closed")
        stage.signal(.terminate)
        #expect(try stage.ended() == .exited(code: 0))
    }

    @Test("goes on with the other listeners when a port is taken, and opens it once it is free")
    func takenPort() throws {
        let stage = try Stage(listeners: { ports in
            ports.enumerated().map {
                "  - { name: l\($0.offset), address: \"127.0.0.1:\($0.element)\", protocol: http }\n"
            }.joined()
        })
        do {
            let stranger = try Holdings.bind(SocketAddress(ipv4: 0x7f00_0001, port: stage.ports[0]), .stream)
            try stage.start()
            try stage.wait(for: "Open http://127.0.0.1:\(stage.ports[1])/\n")
            #expect(stage.output.contains("listener l0: 127.0.0.1:\(stage.ports[0]) is taken by "))
            #expect(stage.output.contains("(process \(getpid())): stop it, or give listener l0 another port"))
            withExtendedLifetime(stranger) {}
        }
        try stage.wait(for: "listener l0 is open now")
        #expect(stage.ask(stage.ports[0]) != nil)
        stage.signal(.terminate)
        #expect(try stage.ended() == .exited(code: 0))
    }

    @Test("starts nothing when no listener can be opened, and ends with 1")
    func nothingToServe() throws {
        let stage = try Stage()
        let stranger = try Holdings.bind(SocketAddress(ipv4: 0x7f00_0001, port: stage.ports[0]), .stream)
        try stage.start()
        #expect(try stage.ended() == .exited(code: 1))
        #expect(stage.output.contains("none of the 1 listeners could be opened"))
        #expect(!stage.output.contains("edge:"))
        withExtendedLifetime(stranger) {}
    }

    @Test("says clearly that a child does not stay up, and keeps the other")
    func crashLoop() throws {
        let stage = try Stage()
        try stage.write("kontainers", "#!/bin/sh\nexit 5\n", executable: true)
        try stage.start()
        try stage.wait(
            for: "kontainers control does not stay up: it ended 4 times in a row (last time it exited with code 5")
        #expect(stage.output.contains("the edge serves what it has; changes wait; it is started again in 400 ms"))
        #expect(stage.ask(stage.ports[0]) != nil)
        try stage.write("kontainers", Stage.control, executable: true)
        try stage.wait(for: "Open http")
        stage.signal(.terminate)
        #expect(try stage.ended() == .exited(code: 0))
    }

    @Test("is not moved by a child that talks nonsense, and replaces one that left its channel")
    func badChild() throws {
        let stage = try Stage()
        try stage.start()
        try stage.wait(for: "Open http")
        let first = stage.ask(stage.ports[0], "garbage")
        try stage.wait(for: "said something that makes no sense (10 bytes)")
        #expect(stage.ask(stage.ports[0]) == first)
        // The edge keeps this connection while it is deaf; it is cut when the edge is ended.
        #expect(stage.ask(stage.ports[0], "deaf") == nil)
        try stage.wait(for: "left its supervisor and did not end")
        try stage.wait(for: "the edge serves", count: 2)
        #expect(stage.ask(stage.ports[0]) != first)
        #expect(stage.output.components(separatedBy: "makes no sense").count == 2)
        stage.signal(.terminate)
        #expect(try stage.ended() == .exited(code: 0))
    }

    @Test("ends an edge that does not drain in time, or at once when told twice", arguments: [false, true])
    func stubborn(twice: Bool) throws {
        let stage = try Stage(drain: twice ? 600_000 : 1)
        try stage.start()
        try stage.wait(for: "Open http")
        _ = stage.ask(stage.ports[0], "stubborn")
        let edge = try #require(stage.child("kontainers-edge"))
        stage.signal(.terminate)
        try stage.wait(for: "edge: asked to stop")
        #expect(stage.ask(stage.ports[0]) != nil)  // The stand-in still holds its sockets; the supervisor does not.
        if twice { stage.signal(.terminate) }
        #expect(try stage.ended() == .exited(code: twice ? 143 : 0))
        #expect(stage.output.contains(twice ? "cut off" : "did not end in time"))
        #expect(Stage.isOver(edge))
    }

    @Test("takes its children with it when it is killed itself, and can be started again at once")
    func killedSupervisor() throws {
        let stage = try Stage()
        try stage.start()
        try stage.wait(for: "Open http")
        let children = [stage.child("kontainers-edge"), stage.child("kontainers")].compactMap(\.self)
        #expect(children.count == 2)
        ChildProcess.kill(stage.pid)
        #expect(try stage.ended() == .killed(signal: 9))
        try stage.start()
        try stage.wait(for: "Open http", count: 2)
        #expect(stage.ask(stage.ports[0]) == stage.child("kontainers-edge").map { "\($0)" })
        for child in children { #expect(Stage.isOver(child)) }
        stage.signal(.terminate)
        #expect(try stage.ended() == .exited(code: 0))
    }

    @Test("says where the programs are wanted when they are missing")
    func missingProgram() throws {
        let stage = try Stage()
        try FileManager.default.removeItem(atPath: stage.folder + "/kontainers-edge")
        try stage.start()
        #expect(try stage.ended() == .exited(code: 1))
        #expect(stage.output.contains("found no program at \(stage.folder)/kontainers-edge; wanted"))
    }

    @Test("refuses a configuration that is wrong, starts with one whose rule is wrong")
    func configuration() throws {
        let stage = try Stage()
        let text = try String(contentsOfFile: stage.folder + "/k.yaml", encoding: .utf8)
        try stage.write("k.yaml", "wrokers: 2\n" + text)
        try stage.start()
        #expect(try stage.ended() == .exited(code: 1))
        #expect(stage.output.contains("k.yaml:1:1: error:"))
        try stage.write("k.yaml", text + "  - { name: bad, hosts: [\"..\"], endpoints: [\"127.0.0.1:9\"] }\n")
        try stage.start()
        try stage.wait(for: "Open http")
        #expect(stage.output.contains("has an error, each told above; the rest of it is served"))
        stage.signal(.terminate)
        #expect(try stage.ended() == .exited(code: 0))
    }
}
