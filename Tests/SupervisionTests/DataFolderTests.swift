import Foundation
import Kernel
import Testing

@testable import Supervision

@Suite("Data folder")
struct DataFolderTests {
    private let path = "/tmp/kontainers-data-\(System.random64())"

    private func mode(_ name: String) throws -> UInt32 { try Holdings.facts(of: path + name).mode }

    @Test("is laid out for its owner alone, with a key that stays")
    func layout() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let key: [UInt8]
        do {
            let folder = try DataFolder(preparing: path + "/deep/data", edge: nil, control: nil)
            key = folder.machineKey
            #expect(key.count == 32 && Set(key).count > 8)
            for name in ["", "/edge", "/control"] { #expect(try mode("/deep/data" + name) == 0o700) }
            #expect(try mode("/deep/data/machine.key") == 0o600)
            #expect(try mode("/deep/data/run/link.sock") == 0o600)
            #expect(folder.edgePaths(for: nil).link == path + "/deep/data/run/link.sock")
        }
        #expect(try DataFolder(preparing: path + "/deep/data", edge: nil, control: nil).machineKey == key)
    }

    @Test("has one supervisor")
    func lock() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let first = try DataFolder(preparing: path, edge: nil, control: nil)
        do {
            _ = try DataFolder(preparing: path, edge: nil, control: nil)
            Issue.record("two have it")
        } catch {
            #expect(error.description.contains("another kontainers serve (process \(getpid()))"))
        }
        withExtendedLifetime(first) {}
    }

    @Test("refuses a key that is not whole and says what to do", arguments: [0, 31, 33])
    func damagedKey(size: Int) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Data(repeating: 7, count: size).write(to: URL(fileURLWithPath: path + "/machine.key"))
        do {
            _ = try DataFolder(preparing: path, edge: nil, control: nil)
            Issue.record("it was taken")
        } catch {
            #expect(error.description.contains("wanted 32: remove it"))
        }
    }

    @Test("cannot be made in place of a file, or where nothing may be made")
    func impossible() throws {
        #expect(throws: DataFolder.Fault.self) {
            try DataFolder(preparing: "/dev/null", edge: nil, control: nil)
        }
        #expect(throws: DataFolder.Fault.self) {
            try DataFolder(preparing: "/proc/no/such/place", edge: nil, control: nil)
        }
    }

    @Test("tells the edge relative paths where an address is too short for the absolute one")
    func longPath() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let deep = path + "/" + String(repeating: "d", count: 100)
        let folder = try DataFolder(preparing: deep, edge: nil, control: nil)
        #expect(folder.edgePaths(for: nil) == .init(data: ".", link: "../run/link.sock"))
    }

    @Test("gives the edge's user its own folder and the way to it, and nothing else")
    func users() throws {
        guard System.isRoot else { try Test.cancel("giving files away needs root") }
        defer { try? FileManager.default.removeItem(atPath: path) }
        let edge = Identity(user: 61_801, group: 61_801)
        // As left by a run without root: closed, and with a file of the first user's.
        try FileManager.default.createDirectory(atPath: path + "/edge", withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        try Data([1]).write(to: URL(fileURLWithPath: path + "/edge/last-good"))
        let folder = try DataFolder(preparing: path, edge: edge, control: nil)
        #expect(try mode("") == 0o711 && mode("/run") == 0o711)
        for name in ["/edge", "/edge/last-good", "/run/link.sock"] {
            #expect(try Holdings.facts(of: path + name).user == 61_801)
        }
        for name in ["", "/machine.key", "/control", "/run", "/lock"] {
            #expect(try Holdings.facts(of: path + name).user == 0)
        }
        #expect(folder.edgePaths(for: edge).data == path + "/edge")
    }

    @Test("below a closed folder is reached by relative paths")
    func closedParent() throws {
        guard System.isRoot else { try Test.cancel("giving files away needs root") }
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        let edge = Identity(user: 61_801, group: 61_801)
        let folder = try DataFolder(preparing: path + "/data", edge: edge, control: nil)
        #expect(folder.edgePaths(for: edge) == .init(data: ".", link: "../run/link.sock"))
        // And so it is, by that very user.
        let paths = folder.edgePaths(for: edge)
        let pid = try ChildProcess.spawn(
            ProgramStart(
                path: "/bin/sh", arguments: ["-c", "test -S \(paths.link) && touch \(paths.data)/mine"],
                directory: folder.edge, identity: edge), descriptors: [-1, 1, 2])
        var ending: Ending?
        while ending == nil {
            usleep(1_000)
            ending = ChildProcess.reap(pid)?.ending
        }
        #expect(ending == .exited(code: 0))
    }
}
