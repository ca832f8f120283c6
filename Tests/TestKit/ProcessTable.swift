import Foundation
import Glibc

/// Processes as /proc shows them.
public enum ProcessTable {
    public struct Entry: Sendable {
        public var pid: Int32
        public var parent: Int32
        public var command: String
    }

    public static var all: [Entry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap(Int32.init).compactMap(entry)
    }

    public static func children(of parent: Int32) -> [Entry] {
        all.filter { $0.parent == parent }
    }

    /// Ends one process at once.
    public static func kill(_ pid: Int32) { _ = Glibc.kill(pid, SIGKILL) }

    public static func isAlive(_ pid: Int32) -> Bool { entry(pid) != nil }

    /// Open descriptors of a process.
    public static func descriptors(of pid: Int32) -> Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []).count
    }

    /// Resident memory that is the process's own (anonymous), in kilobytes.
    public static func anonymousMemory(of pid: Int32) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }

    /// `nil` for a process that is gone, or dead and not yet reaped.
    private static func entry(_ pid: Int32) -> Entry? {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let name = status.lastIndex(of: ")")
        else { return nil }
        let fields = status[name...].dropFirst(2).split(separator: " ")
        guard fields.count > 1, fields[0] != "Z", let parent = Int32(fields[1]) else { return nil }
        let command = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
        return Entry(
            pid: pid, parent: parent,
            command: String(decoding: command.map { $0 == 0 ? UInt8(ascii: " ") : $0 }, as: UTF8.self))
    }
}

/// What a test run that crashed left behind, and taking it away.
public enum Leftovers {
    /// Ends processes that name a temporary folder whose test process is gone, and removes the folder.
    public static func clear() async {
        let base = NSTemporaryDirectory()
        for name in (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? [] {
            guard name.hasPrefix(TemporaryFolder.prefix) else { continue }
            let owner = name.dropFirst(TemporaryFolder.prefix.count).prefix { $0.isNumber }
            guard let pid = Int32(owner), kill(pid, 0) != 0, errno == ESRCH else { continue }
            for entry in ProcessTable.all where entry.command.contains(base + name) { ProcessTable.kill(entry.pid) }
            await unmountAll(under: base + name)
            if let bridge = try? String(contentsOfFile: base + name + "/bridge", encoding: .utf8) {
                await removeBridges(of: bridge)
            }
            try? FileManager.default.removeItem(atPath: base + name)
        }
    }

    /// Takes away an engine's own bridge and those of its networks, which lie in its range.
    private static func removeBridges(of bridge: String) async {
        _ = try? await run("ip", ["link", "delete", bridge], anyStatus: true)
        guard let number = Int(bridge.drop { !$0.isNumber }) else { return }
        let routes = try? await run("ip", ["-4", "route", "show", "root", DockerEngine.pool(number)], anyStatus: true)
        for route in routes?.out.split(separator: "\n") ?? [] {
            let words = route.split(separator: " ").map(String.init)
            guard let at = words.firstIndex(of: "dev"), at + 1 < words.count else { continue }
            if words[at + 1].hasPrefix("br-") {
                _ = try? await run("ip", ["link", "delete", words[at + 1]], anyStatus: true)
            }
        }
    }

    /// Takes away what an engine mounted under a folder: layers of containers, shared memory, network namespaces.
    static func unmountAll(under folder: String) async {
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        let points = mounts.split(separator: "\n").compactMap { $0.split(separator: " ").dropFirst().first }
        for point in points.reversed() where point.hasPrefix(folder) {
            _ = try? await run("umount", ["-l", String(point)], anyStatus: true)
        }
    }
}
