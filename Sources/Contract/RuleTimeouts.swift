/// Waits of one rule's exchanges, in milliseconds, in place of the edge's ``Timeouts`` of the same names. What is
/// `nil` is as the edge has it.
public struct RuleTimeouts: Equatable, Sendable, Codable {
    public var bodyIdle: Int?
    public var connect: Int?
    public var firstByte: Int?
    public var responseIdle: Int?
    public var tunnelIdle: Int?
    /// 0: none, whatever the edge has.
    public var total: Int?

    public init() {}

    /// In the names of the configuration, with what each may be.
    public static var fields: [(name: String, least: Int, path: WritableKeyPath<RuleTimeouts, Int?>)] {
        [
            ("bodyIdle", 1, \.bodyIdle), ("connect", 1, \.connect), ("firstByte", 1, \.firstByte),
            ("responseIdle", 1, \.responseIdle), ("tunnelIdle", 1, \.tunnelIdle), ("total", 0, \.total),
        ]
    }

    public func check() throws(OptionFault) {
        for field in Self.fields {
            guard let value = self[keyPath: field.path] else { continue }
            guard (field.least...Timeouts.longest).contains(value) else {
                throw OptionFault(
                    found: "found \(value) in timeouts.\(field.name)",
                    wanted: "wanted \(field.least) to \(Timeouts.longest) milliseconds")
            }
        }
    }
}
