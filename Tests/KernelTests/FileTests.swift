import Foundation
import TestKit
import Testing

@testable import Kernel

@Suite("Files written and read whole")
struct FileTests {
    private func mode(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test("a file is replaced as one, for its owner's eyes only, and leaves nothing beside it")
    func replace() throws {
        let folder = try TemporaryFolder("files")
        let path = folder("state.json")
        try System.replaceFile(path, with: [])
        #expect(try System.readFile(path) == [])
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let reader = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        let big = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 / 251) }
        try System.replaceFile(path, with: big)
        #expect(try System.readFile(path) == big)
        #expect(try mode(path) == 0o600)
        // Who had the old one open still has the old one.
        #expect(try reader.readToEnd() ?? Data() == Data())
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["state.json"])
    }

    @Test("a file that cannot be replaced stays as it was")
    func failed() throws {
        let folder = try TemporaryFolder("files")
        #expect(throws: SystemError.self) { try System.replaceFile(folder("absent/file"), with: [1]) }
        // A folder in the place of the file.
        try FileManager.default.createDirectory(atPath: folder("taken/inside"), withIntermediateDirectories: true)
        #expect(throws: SystemError.self) { try System.replaceFile(folder("taken"), with: [1]) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["taken"])
        // The other name that is used on the way may not lead elsewhere.
        try System.replaceFile(folder("target"), with: [1])
        try FileManager.default.createSymbolicLink(atPath: folder("file.new"), withDestinationPath: folder("target"))
        #expect(throws: SystemError.self) { try System.replaceFile(folder("file"), with: [2]) }
        #expect(try System.readFile(folder("target")) == [1])
    }

    @Test("a file is read up to the limit and refused beyond it")
    func limit() throws {
        let folder = try TemporaryFolder("files")
        let path = folder("file")
        try System.replaceFile(path, with: Array(repeating: 7, count: 1_000))
        #expect(try System.readFile(path, limit: 1_001).count == 1_000)
        #expect(try System.readFile(path, limit: 1_000).count == 1_000)
        #expect(throws: SystemError.self) { try System.readFile(path, limit: 999) }
        #expect(throws: SystemError.self) { try System.readFile(folder("absent")) }
        do {
            _ = try System.readFile(folder("absent"))
        } catch {
            #expect(error.isMissing && "\(error)" == "open: No such file or directory")
        }
    }
}
