/// A value as it was written, with where: what a document consists of before anything is asked of it.
struct Written {
    enum Content {
        /// `isQuoted` tells `"~"` from a value left out.
        case text(String, isQuoted: Bool)
        case list([Written])
        case mapping([Pair])
        /// What is wrong was reported.
        case unreadable
    }

    struct Pair {
        var key: String
        var keyPosition: Position
        var value: Written
    }

    var position: Position
    var content: Content

    /// Nothing was written: `key:` with nothing behind it, `~` or `null`.
    var isNothing: Bool {
        guard case .text(let text, isQuoted: false) = content else { return false }
        return text.isEmpty || text == "~" || text == "null"
    }

    /// In a sentence: "found …".
    var found: String {
        switch content {
        case .text where isNothing: "found nothing"
        case .text(let text, _): "found \(Shown.quoted(text))"
        case .list: "found a list"
        case .mapping: "found a mapping"
        case .unreadable: "found nothing that can be read"
        }
    }
}

/// Counted from 1; columns count Unicode scalars.
struct Position: Equatable, Hashable {
    var line: Int32
    var column: Int32

    init(line: Int, column: Int) {
        self.line = Int32(clamping: line)
        self.column = Int32(clamping: column)
    }
}
