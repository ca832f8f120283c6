import Glibc
import Kernel
import TestKit
import Testing

@Suite("Child processes", .timeLimit(.minutes(1)))
struct ChildProcessTests {
    /// Runs a shell script and answers what it sent on descriptor 3 and how it ended.
    private func run(
        _ script: String, directory: String = "", identity: Identity? = nil, extra: [CInt] = []
    ) throws -> (output: String, ending: Ending) {
        let null = try ChildProcess.openNull()
        let (ours, theirs) = try PacketSocket.pair()
        let pid: CInt
        do {
            pid = try spawn(
                ProgramStart(
                    path: "/bin/sh", arguments: ["-c", script], directory: directory, identity: identity),
                descriptors: [null.raw, 1, 2, theirs.raw] + extra)
        }
        var output: [UInt8] = []
        let ending = try ended(pid)
        while case .packet(let packet) = ours.receive() { output += packet.bytes }
        withExtendedLifetime(theirs) {}
        return (String(decoding: output, as: UTF8.self), ending)
    }

    private func ended(_ pid: CInt) throws -> Ending {
        while true {
            if let reaped = ChildProcess.reap(pid) { return reaped.ending }
            usleep(2_000)
        }
    }

    @Test("tell how they ended")
    func endings() throws {
        #expect(try run("exit 0").ending == .exited(code: 0))
        #expect(try run("exit 7").ending == .exited(code: 7))
        #expect(try run("kill -9 $$").ending == .killed(signal: 9))
        #expect(Ending.exited(code: 7).description == "exited with code 7")
        #expect(Ending.killed(signal: 9).description.hasPrefix("was ended by signal 9"))
    }

    @Test("get the descriptors they are given and no other")
    func descriptors() throws {
        let stray = unsafe open("/dev/zero", O_RDONLY)  // not close-on-exec, on purpose
        defer { close(stray) }
        let (output, ending) = try run("ls /proc/self/fd | tr '\\n' ' ' >&3")
        #expect(ending == .exited(code: 0))
        // ls itself opens the folder; the shell may hold one more of its own above 9.
        #expect(output.hasPrefix("0 1 2 3 "))
        #expect(!output.split(separator: " ").contains("\(stray)") || stray < 5)
    }

    @Test("get descriptors that change places")
    func crossing() throws {
        let (a, b) = try PacketSocket.pair()
        let (c, d) = try PacketSocket.pair()
        // Given so that each one's target is likely another's source.
        let list = [a.raw, b.raw, c.raw, d.raw].sorted(by: >)
        let null = try ChildProcess.openNull()
        let pid = try spawn(
            ProgramStart(path: "/bin/sh", arguments: ["-c", "printf 5 >&5; printf 6 >&6; printf 3 >&3; printf 4 >&4"]),
            descriptors: [null.raw, 1, 2] + list)
        #expect(try ended(pid) == .exited(code: 0))
        // list[i] was descriptor 3 + i there; its peer received what was written to it.
        let peer = [a.raw: b, b.raw: a, c.raw: d, d.raw: c]
        for (index, raw) in list.enumerated() {
            guard case .packet(let packet)? = peer[raw]?.receive() else {
                Issue.record("nothing came through descriptor \(3 + index)")
                continue
            }
            #expect(packet.bytes == Array("\(3 + index)".utf8))
        }
    }

    @Test("start with plain signals, in a group of their own, unable to gain privileges")
    func confinement() throws {
        // This process ignores broken pipes, and its parent may ignore others; none of that is the child's.
        _ = signal(SIGPIPE, SIG_IGN)
        let (output, _) = try run(
            "cat /proc/self/status >&3; cut -d' ' -f5 /proc/$$/stat | grep -qx $$ && printf own-group >&3")
        var fields: [Substring: String] = [:]
        for line in output.split(separator: "\n") {
            let parts = line.split(separator: ":\t", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = String(parts[1]) }
        }
        #expect(fields["SigBlk"] == "0000000000000000")
        // Signals 32 and 33 are the C library's own and beyond reach.
        #expect(UInt64(fields["SigIgn"] ?? "", radix: 16).map { $0 & 0x7fff_ffff } == 0)
        #expect(fields["NoNewPrivs"] == "1")
        #expect(fields["CapAmb"] == "0000000000000000")
        #expect(output.hasSuffix("own-group"))
    }

    @Test("start in the folder they are given")
    func folder() throws {
        #expect(try run("pwd >&3", directory: "/proc/self").output.hasPrefix("/proc/"))
        #expect(throws: SpawnError.self) { try run("exit 0", directory: "/nowhere/at/all") }
    }

    @Test("become the user they are given, with those groups only")
    func user() throws {
        guard System.isRoot else { try Test.cancel("changing the user needs root") }
        let identity = Identity(user: 61_801, group: 61_802, supplementaryGroups: [61_803])
        let (output, _) = try run(
            "grep -E '^(Uid|Gid|Groups|CapPrm|CapEff)' /proc/self/status | tr '\\n\\t' '  ' >&3", identity: identity)
        #expect(output.contains("Uid: 61801 61801 61801 61801"))
        #expect(output.contains("Gid: 61802 61802 61802 61802"))
        #expect(output.contains("Groups: 61803 "))
        #expect(output.contains("CapPrm: 0000000000000000 CapEff: 0000000000000000"))
    }

    @Test("are executed as another user even where that user may not walk")
    func closedFolder() throws {
        guard System.isRoot else { try Test.cancel("changing the user needs root") }
        let folder = "/tmp/kontainers-closed-\(System.random64())"
        #expect(unsafe mkdir(folder, 0o700) == 0)
        defer {
            _ = unsafe unlink(folder + "/sleep")
            _ = unsafe rmdir(folder)
        }
        // Written by another program: a descriptor of ours would pass to whatever other tests start at this moment, and
        // a file that somebody may write is not executed.
        let copying = try spawn(
            ProgramStart(path: "/bin/cp", arguments: ["/bin/sleep", folder + "/sleep"]), descriptors: [-1, 1, 2])
        #expect(try ended(copying) == .exited(code: 0))
        let pid = try spawn(
            ProgramStart(
                path: folder + "/sleep", arguments: ["0"], identity: Identity(user: 61_801, group: 61_801)),
            descriptors: [-1, 1, 2])
        #expect(try ended(pid) == .exited(code: 0))
    }

    @Test("that cannot be executed are told at once, and leave nothing to reap")
    func missing() {
        do {
            _ = try spawn(ProgramStart(path: "/nowhere/kontainers-edge"), descriptors: [-1, -1, -1])
            Issue.record("it started")
        } catch {
            #expect(error.step == .execute && error.cause.isMissing)
            #expect(
                error.description
                    == "/nowhere/kontainers-edge could not be executed (spawn: No such file or directory)")
        }
    }

    @Test("are never confused with process groups")
    func groups() throws {
        // Were 0 or -1 passed on, this process and the child would not live to tell.
        let pid = try spawn(ProgramStart(path: "/bin/sleep", arguments: ["60"]), descriptors: [-1, 1, 2])
        for pid in [0, -1] as [CInt] {
            ChildProcess.signal(pid, .terminate)
            ChildProcess.kill(pid)
        }
        #expect(ChildProcess.reap(pid)?.ending == nil)
        ChildProcess.kill(pid)
        #expect(try ended(pid) == .killed(signal: 9))
    }
}

@Suite("Identities")
struct IdentityTests {
    @Test("are read from names and numbers")
    func reading() throws {
        #expect(try Identity.named("0") == Identity(user: 0, group: 0))
        #expect(try Identity.named("root") == Identity(user: 0, group: 0))
        #expect(try Identity.named("61801") == Identity(user: 61_801, group: 61_801))
        #expect(try Identity.named("61801:7") == Identity(user: 61_801, group: 7))
        #expect(try Identity.named("root:root") == Identity(user: 0, group: 0))
        #expect(try Identity.named("0").userName == "root")
        #expect(Identity(user: 61_801, group: 0).userName == "61801")
    }

    @Test("that do not exist are refused", arguments: ["", "no-such-user", "4294967295", "-1", "+5", "a\0b", ":"])
    func refused(_ text: String) {
        #expect(throws: Identity.Failure.noSuchUser(text == ":" ? "" : text)) { try Identity.named(text) }
    }

    @Test("with a group that does not exist are refused")
    func refusedGroup() {
        #expect(throws: Identity.Failure.noSuchGroup("no-such-group")) { try Identity.named("root:no-such-group") }
        #expect(throws: Identity.Failure.noSuchGroup("")) { try Identity.named("root:") }
    }
}

/// Starts a program while no test counts on closes that its copies of descriptors would delay.
private func spawn(_ start: ProgramStart, descriptors: [CInt]) throws(SpawnError) -> CInt {
    try uncopied { () throws(SpawnError) in try ChildProcess.spawn(start, descriptors: descriptors) }
}
