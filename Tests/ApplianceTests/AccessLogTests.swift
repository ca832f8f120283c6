import Foundation
import Glibc
import TestKit
import Testing

extension ApplianceTests {
    @Suite("The access log of the appliance")
    struct AccessLog {
        /// A folder that the edge, whoever it runs as, may make files in, and the line that has it log there.
        private func place(_ folder: TemporaryFolder, _ more: String) throws -> String {
            try FileManager.default.createDirectory(atPath: folder("logs"), withIntermediateDirectories: true)
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder("logs"))
            return "accessLog: { output: logs/access.log\(more) }"
        }

        private func lines(_ path: String) -> [Substring] {
            ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
        }

        @Test("a file that was renamed is opened anew on SIGHUP", .timeLimit(.minutes(1)))
        func hangup() async throws {
            let folder = try TemporaryFolder("appliance")
            let more = try place(folder, "")
            let appliance = try await Appliance.serving(.init(more: [more]), folder: folder)
            let path = folder("logs/access.log")
            try await eventually("a first line", within: .seconds(5)) { !lines(path).isEmpty }
            try FileManager.default.moveItem(atPath: path, toPath: folder("logs/old"))
            #expect(kill(appliance.program.pid, SIGHUP) == 0)
            try await eventually("a new file", within: .seconds(5)) {
                FileManager.default.fileExists(atPath: path)
            }
            _ = try appliance.get("/behind", host: "nobody.invalid")
            try await eventually("a line in the new file", within: .seconds(5)) {
                lines(path).contains { $0.contains("/behind") }
            }
            #expect(!lines(folder("logs/old")).contains { $0.contains("/behind") })
            #expect(await appliance.stop() == 0)
        }

        @Test("files are rotated by size, and no line is lost or torn", .timeLimit(.minutes(2)))
        func rotation() async throws {
            let folder = try TemporaryFolder("appliance")
            let more = try place(folder, ", format: combined, rotateAt: 64KiB, keep: 9")
            let appliance = try await Appliance.serving(.init(more: [more]), folder: folder)
            let count = 1_500
            for number in 0..<count { _ = try appliance.get("/number/\(number)", host: "nobody.invalid") }
            #expect(await appliance.stop() == 0)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder("logs"))
            #expect(names.count > 1 && names.count <= 10, "\(names)")
            let all = names.flatMap { lines(folder("logs/\($0)")) }
            for name in names {
                let size = try FileManager.default.attributesOfItem(atPath: folder("logs/\(name)"))[.size] as? Int
                #expect(size ?? .max <= 65_536, "\(name)")
            }
            #expect(all.allSatisfy { $0.hasSuffix("\"") && $0.contains(" - - [") })
            let numbers = all.compactMap { $0.firstMatch(of: #/\/number\/(\d+) HTTP/#).flatMap { Int($0.output.1) } }
            #expect(numbers.sorted() == Array(0..<count))
        }
    }
}
