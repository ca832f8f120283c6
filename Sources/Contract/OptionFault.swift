/// Why a value of an option cannot be used: said alike to whoever writes a file, a label or a snapshot.
public struct OptionFault: Error, Equatable, Sendable {
    /// "found …".
    public var found: String
    /// "wanted …".
    public var wanted: String

    public init(found: String, wanted: String) {
        self.found = found
        self.wanted = wanted
    }

    public var message: String { "\(found), \(wanted)" }
}
