import Foundation

/// A folder under the system's temporary folder that goes when its owner goes. Its name holds the number of the test
/// process, so that a later run can tell what a crashed one left behind (``Leftovers``).
public final class TemporaryFolder: Sendable {
    static let prefix = "kontainers-test-"

    public let path: String

    public init(_ purpose: String = "x") throws {
        let name =
            "\(Self.prefix)\(ProcessInfo.processInfo.processIdentifier)-\(purpose)-\(UUID().uuidString.prefix(6))"
        path = NSTemporaryDirectory() + name
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        if ProcessInfo.processInfo.environment["KONTAINERS_KEEP"] == nil {
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    /// The path of something inside.
    public func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file whole, under another name first, as an editor does.
    @discardableResult
    public func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: self(name), atomically: true, encoding: .utf8)
        return self(name)
    }
}
