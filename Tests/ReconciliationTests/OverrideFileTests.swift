import FoundationEssentials
import Kernel
import TestKit
import Testing

@testable import Reconciliation

@Suite("The file of overrides")
struct OverrideFileTests {
    private static let some = Overrides([
        Override(rule: "docker:site", endpoint: "web-1", isDrained: true, container: "0123"),
        Override(rule: "mine", endpoint: "127.0.0.1:9000", weight: 0),
    ])

    private static func file(_ folder: TemporaryFolder) -> OverrideFile {
        OverrideFile(path: folder("overrides.json"))
    }

    private static func loaded(_ file: OverrideFile) -> Overrides? {
        guard case .overrides(let overrides) = file.load() else { return nil }
        return overrides
    }

    @Test("what is written is read, by its owner alone, and replaced as a whole")
    func roundTrip() throws {
        let folder = try TemporaryFolder("overrides")
        let file = Self.file(folder)
        #expect(Self.loaded(file) == Overrides())
        try file.save(Self.some)
        #expect(Self.loaded(file) == Self.some)
        #expect(try Holdings.facts(of: file.path).mode == 0o600)
        try file.save(Overrides())
        #expect(Self.loaded(file) == Overrides())
    }

    @Test("a crash before the new file is whole leaves the old one, and the rest of it disturbs nobody")
    func crash() throws {
        let folder = try TemporaryFolder("overrides")
        let file = Self.file(folder)
        try file.save(Self.some)
        try folder.write("overrides.json.new", "{\"format\":1,\"overri")
        #expect(Self.loaded(file) == Self.some)
        try file.save(Overrides())
        #expect(Self.loaded(file) == Overrides())
        #expect((try? Holdings.facts(of: folder("overrides.json.new"))) == nil)
    }

    @Test("what the system does not take is told, and changes nothing", arguments: [false, true])
    func refused(_ atSync: Bool) throws {
        let folder = try TemporaryFolder("overrides")
        var file = Self.file(folder)
        try file.save(Self.some)
        let full = SystemError(code: 28, call: "write")
        if atSync { file.syncFolder = { _ in throw full } } else { file.replace = { _, _ in throw full } }
        #expect(throws: full) { try file.save(Overrides()) }
        #expect(Self.loaded(file) == Self.some)
    }

    @Test("a first save that fails at its last step leaves no override behind")
    func refusedFirst() throws {
        let folder = try TemporaryFolder("overrides")
        var file = Self.file(folder)
        file.syncFolder = { _ in throw SystemError(code: 5, call: "fsync") }
        #expect(throws: SystemError.self) { try file.save(Self.some) }
        #expect(Self.loaded(file) == Overrides())
    }

    @Test("a folder that is gone, and a place that is taken, are told")
    func gone() throws {
        let folder = try TemporaryFolder("overrides")
        #expect(throws: SystemError.self) {
            try OverrideFile(path: folder("away") + "/overrides.json").save(Self.some)
        }
        try FileManager.default.createDirectory(
            atPath: folder("overrides.json.new"), withIntermediateDirectories: false)
        #expect(throws: SystemError.self) { try Self.file(folder).save(Self.some) }
    }

    @Test(
        "a file that makes no sense is set aside, each under a name of its own",
        arguments: [
            "", "nonsense", "[]", "{\"format\":2,\"overrides\":[]}", "{\"overrides\":[]}",
            "{\"format\":1,\"overrides\":[{\"rule\":\"a\",\"endpoint\":\"b\",\"weight\":1001}]}",
            "{\"format\":1,\"overrides\":[{\"rule\":\"\",\"endpoint\":\"b\",\"weight\":1}]}",
            "{\"format\":1,\"overrides\":[{\"rule\":\"a\",\"weight\":1}]}",
            "{\"format\":1,\"overrides\":[{\"rule\":\"a\",\"endpoint\":\"b\",\"weight\":1e99}]}",
        ])
    func broken(_ text: String) throws {
        let folder = try TemporaryFolder("overrides")
        let file = Self.file(folder)
        for name in ["overrides.json.broken", "overrides.json.broken-2"] {
            try folder.write("overrides.json", text)
            guard case .setAside(let path, let reason) = file.load() else {
                Issue.record("it was taken for good")
                return
            }
            #expect(path == folder(name) && !reason.isEmpty)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
            #expect(Self.loaded(file) == Overrides())
        }
    }

    @Test("a broken file that cannot be moved is not written over")
    func stuck() throws {
        let folder = try TemporaryFolder("overrides")
        let file = Self.file(folder)
        // A folder in its place can neither be read nor, with something in it, be replaced.
        try FileManager.default.createDirectory(
            atPath: folder("overrides.json") + "/x", withIntermediateDirectories: true)
        for number in 1...100 { try folder.write("overrides.json.broken\(number == 1 ? "" : "-\(number)")", "x") }
        guard case .stuck = file.load() else {
            Issue.record("it was moved")
            return
        }
    }
}
