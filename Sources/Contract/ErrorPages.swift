/// Pages that a rule brings along: shown to browsers instead of the edge's own, by the status of the answer. What an
/// upstream answers is passed on as it is.
public struct ErrorPages: Equatable, Sendable {
    /// By status (`503`) or class of statuses (`5xx`); a status is looked for before its class. HTML in UTF-8.
    public var pages: [String: String]

    public static let countLimit = 16
    /// Bytes of one page: it is sent in one piece with its head.
    public static let sizeLimit = 6_144

    public init(_ pages: [String: String] = [:]) { self.pages = pages }

    /// What a page is for.
    public enum Scope: Equatable, Sendable {
        /// 400 to 599.
        case status(Int)
        /// 4 or 5.
        case kind(Int)

        public init(_ written: String) throws(OptionFault) {
            switch written.lowercased() {
            case "4xx": self = .kind(4)
            case "5xx": self = .kind(5)
            case let text:
                guard let status = Int(text), text.utf8.count == 3, (400...599).contains(status) else {
                    throw OptionFault(
                        found: "found \"\(written.prefix(40))\" as the status of a page",
                        wanted: "wanted 400 to 599, 4xx or 5xx")
                }
                self = .status(status)
            }
        }
    }

    public func check() throws(OptionFault) {
        guard pages.count <= Self.countLimit else {
            throw OptionFault(found: "found \(pages.count) pages", wanted: "wanted at most \(Self.countLimit)")
        }
        for (status, page) in pages { try Self.check(status, page) }
    }

    public static func check(_ status: String, _ page: String) throws(OptionFault) {
        _ = try Scope(status)
        guard (1...sizeLimit).contains(page.utf8.count) else {
            throw OptionFault(
                found: "found \(page.utf8.count) bytes in the page for \(status)",
                wanted: "wanted 1 to \(sizeLimit): images and the like from elsewhere")
        }
    }
}

extension ErrorPages: Codable {
    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode([String: String].self))
    }

    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(pages)
    }
}
