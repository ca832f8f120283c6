/// A text with variables: `${name}` is replaced when it is used, `$${` stands for `${` itself.
public struct Template: Equatable, Sendable {
    public enum Variable: String, Sendable, CaseIterable {
        /// The client's address, without its port.
        case client
        /// The host that was asked for, without a port.
        case host
        /// `http` or `https`, as the client came.
        case scheme
        /// The rule's name.
        case rule
        /// The ID that the proxy gave the request.
        case requestID = "request_id"
        /// Who signed in.
        case user
        /// The path in its normal form, without the slash in front.
        case path
        /// The query with its `?`, or nothing.
        case query
    }

    public enum Piece: Equatable, Sendable {
        case text(String)
        case variable(Variable)
    }

    /// Texts are not empty, and no two of them are neighbours.
    public let pieces: [Piece]

    /// Bytes of a template as it is written.
    public static let sizeLimit = 2_048

    public init(_ written: String, allowing allowed: [Variable]) throws(OptionFault) {
        guard written.utf8.count <= Self.sizeLimit else {
            throw OptionFault(
                found: "found a value of \(written.utf8.count) bytes", wanted: "wanted at most \(Self.sizeLimit)")
        }
        var pieces: [Piece] = []
        var text: [UInt8] = []
        var rest = Array(written.utf8)[...]
        func finish() {
            if !text.isEmpty { pieces.append(.text(String(decoding: text, as: UTF8.self))) }
            text = []
        }
        while let byte = rest.first {
            if rest.starts(with: "$${".utf8) {
                text += Array("${".utf8)
                rest = rest.dropFirst(3)
            } else if rest.starts(with: "${".utf8) {
                let known = "wanted one of " + allowed.map { "${\($0.rawValue)}" }.joined(separator: ", ")
                guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
                    throw OptionFault(found: "found \"${\" without \"}\"", wanted: known + "; \"$${\" means itself")
                }
                let name = String(decoding: rest[(rest.startIndex + 2)..<end], as: UTF8.self)
                guard let variable = Variable(rawValue: name), allowed.contains(variable) else {
                    throw OptionFault(found: "found the unknown variable \"${\(name.prefix(40))}\"", wanted: known)
                }
                finish()
                pieces.append(.variable(variable))
                rest = rest[(end + 1)...]
            } else {
                text.append(byte)
                rest = rest.dropFirst()
            }
        }
        finish()
        self.pieces = pieces
    }
}
