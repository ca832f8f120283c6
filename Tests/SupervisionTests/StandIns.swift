import Foundation
import Glibc
import Kernel
import Testing

/// `kontainers serve` with stand-ins for control and the edge that do as they are told, in a folder of its own.
final class Stage {
    let folder = "/tmp/kontainers-stage-\(System.random64())"
    private(set) var pid: CInt = 0
    /// Two ports that were free just now.
    let ports: [UInt16]

    struct Unfit: Error {}

    init(listeners: ((_ ports: [UInt16]) -> String)? = nil, drain: Int = 2_000) throws {
        let held = try (0..<2).map { _ in try Holdings.bind(SocketAddress(ipv4: 0x7f00_0001, port: 0), .stream) }
        ports = held.map { Socket.localAddress($0.raw)?.port ?? 0 }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let lines =
            listeners?(ports)
            ?? "  - { name: web, address: \"127.0.0.1:\(ports[0])\", protocol: http }\n"
        try write(
            "k.yaml",
            "data: ./data\nworkers: 2\nlisteners:\n\(lines)timeouts: { drain: \(drain)ms }\nrules:\n"
                + "  - { name: site, hosts: [\"*\"], endpoints: [\"127.0.0.1:9\"] }\n")
        try write("kontainers-edge", Self.edge, executable: true)
        try write("kontainers", Self.control, executable: true)
        withExtendedLifetime(held) {}
    }

    deinit {
        ChildProcess.kill(pid)
        if pid > 0 { _ = try? ended() }
        try? FileManager.default.removeItem(atPath: folder)
    }

    func write(_ name: String, _ text: String, executable: Bool = false) throws {
        let path = folder + "/" + name
        // Written beside and moved: a reader sees all or nothing, and a program that runs can be replaced.
        try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        if executable { try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path) }
    }

    func start() throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let program = URL(fileURLWithPath: own).deletingLastPathComponent().path + "/kontainers"
        guard FileManager.default.isExecutableFile(atPath: program) else { try Test.cancel("\(program) is not built") }
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/python3") else {
            try Test.cancel("the stand-ins need /usr/bin/python3")
        }
        let output = try System.openForAppending(folder + "/output")
        pid = try ChildProcess.spawn(
            ProgramStart(
                path: program,
                arguments: ["serve", "--config", folder + "/k.yaml", "--programs", folder, "--verbose"]),
            descriptors: [-1, output.raw, output.raw])
    }

    var output: String { (try? String(contentsOfFile: folder + "/output", encoding: .utf8)) ?? "" }

    /// Waits until what it printed holds `text`, `count` times.
    func wait(for text: String, count: Int = 1, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let deadline = Clock.monotonic() + 20_000_000_000
        while output.components(separatedBy: text).count <= count {
            guard Clock.monotonic() < deadline else {
                Issue.record("no \"\(text)\" in:\n\(output)", sourceLocation: sourceLocation)
                throw Unfit()
            }
            usleep(5_000)
        }
    }

    func signal(_ signal: Signal) { ChildProcess.signal(pid, signal) }

    func ended() throws -> Ending {
        let deadline = Clock.monotonic() + 20_000_000_000
        while Clock.monotonic() < deadline {
            if let reaped = ChildProcess.reap(pid) {
                pid = 0
                return reaped.ending
            }
            usleep(2_000)
        }
        Issue.record("it does not end:\n\(output)")
        throw Unfit()
    }

    /// Pids of its children, by the first line of what they run.
    func child(_ name: String) -> CInt? {
        let list = (try? Holdings.head(of: "/proc/\(pid)/task/\(pid)/children", limit: 4_096)) ?? []
        for text in String(decoding: list, as: UTF8.self).split(separator: " ") {
            let line = (try? Holdings.head(of: "/proc/\(text)/cmdline", limit: 4_096)) ?? []
            let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            if words.contains(where: { $0.hasSuffix("/" + name) }) { return CInt(text) }
        }
        return nil
    }

    /// Whether a process that is not our child is gone, or dead and not yet reaped by process 1. Waits a little for it.
    static func isOver(_ pid: CInt) -> Bool {
        let deadline = Clock.monotonic() + 5_000_000_000
        while Clock.monotonic() < deadline {
            guard let stat = try? Holdings.head(of: "/proc/\(pid)/stat", limit: 512) else { return true }
            if String(decoding: stat, as: UTF8.self).contains(") Z ") { return true }
            usleep(2_000)
        }
        return false
    }

    /// What the edge says on a port (its pid), or `nil` when the connection was refused or cut.
    func ask(_ port: UInt16, _ question: String = "?") -> String? {
        let socket: CInt
        switch Socket.connect(to: SocketAddress(ipv4: 0x7f00_0001, port: port)) {
        case .connected(let connected), .inProgress(let connected): socket = connected
        case .failed: return nil
        }
        let connection = Descriptor(owning: socket)
        _ = fcntl(connection.raw, F_SETFL, 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        _ = unsafe setsockopt(
            connection.raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var answer: [UInt8] = []
        guard Socket.send(connection.raw, Array(question.utf8).span) == .bytes(question.utf8.count) else { return nil }
        while let count = try? System.read(connection.raw, appendingTo: &answer, upTo: 100), count > 0 {}
        return answer.isEmpty ? nil : String(decoding: answer, as: UTF8.self)
    }
}

extension Stage {
    /// Answers its pid on every connection; what it is asked for decides what else it does.
    static let edge = """
        #!/usr/bin/python3 -IS
        import array, json, os, selectors, signal, socket, subprocess, sys, time
        channel = socket.socket(fileno=3)
        selector = selectors.DefaultSelector()
        listeners = {}
        stubborn = False
        def stop(*_):
            print("edge: asked to stop", flush=True)
            if not stubborn: os._exit(0)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGHUP, lambda *_: print("edge: hangup", flush=True))
        selector.register(channel, selectors.EVENT_READ)
        print("edge: descriptors", sorted(map(int, os.listdir("/proc/self/fd")))[:5], flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is channel:
                    data, ancillary, flags, _ = channel.recvmsg(1 << 18, socket.CMSG_SPACE(250 * 4))
                    if not data: os._exit(3)
                    order = json.loads(data)
                    if "start" in order:
                        print("edge: workers", order["start"]["workers"], "key", len(order["start"]["machineKey"]),
                              flush=True)
                    elif "sockets" in order:
                        fds = array.array("i")
                        for level, kind, raw in ancillary: fds.frombytes(raw[:len(raw) - len(raw) % 4])
                        name = order["sockets"]["_0"]["name"]
                        listeners[name] = [socket.socket(fileno=fd) for fd in fds]
                        print("edge:", len(fds), "sockets of", name, flush=True)
                        for s in listeners[name]: selector.register(s, selectors.EVENT_READ)
                    elif "close" in order:
                        for s in listeners.pop(order["close"]["name"], []):
                            selector.unregister(s)
                            s.close()
                    elif "handedOver" in order:
                        channel.send(json.dumps({"ready": {"revision": 7}}).encode())
                else:
                    try: connection, _ = key.fileobj.accept()
                    except BlockingIOError: continue
                    question = connection.recv(100).decode()
                    if question == "garbage":
                        for _ in range(200): channel.send(b"\\xff{nonsense")
                    if question == "deaf": channel.close(); selector.close(); time.sleep(60)
                    if question == "stubborn": stubborn = True
                    if question == "orphan":
                        subprocess.Popen(["/bin/sh", "-c", "sleep 0.1 & exit"]).wait()
                    try: connection.sendall(str(os.getpid()).encode())
                    except OSError: pass
                    connection.close()

        """

    /// Sends what `data/ask` holds when it is told to read its configuration again.
    static let control = """
        #!/usr/bin/python3 -IS
        import os, signal, socket, sys
        channel = socket.socket(fileno=3)
        link = socket.socket(fileno=4)
        data = sys.argv[sys.argv.index("--data") + 1]
        def ask(*_):
            with open(data + "/ask") as f: channel.send(f.read().encode())
        signal.signal(signal.SIGHUP, ask)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        print("control:", sys.argv[1], sys.argv[-1], "listens", link.getsockopt(1, 30), flush=True)
        channel.send(b'{"ready":{}}')
        while True:
            reply = channel.recv(1 << 18)
            if not reply: os._exit(4)
            print("control: got", reply.decode(), flush=True)

        """
}
