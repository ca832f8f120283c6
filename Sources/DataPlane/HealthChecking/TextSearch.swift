/// Finds a text in bytes that come in pieces, wherever the cuts are (Knuth, Morris and Pratt). Immutable; the place in
/// the text is the caller's, so that thousands of searches share one.
struct TextSearch: Sendable {
    private let text: [UInt8]
    /// How much of the text is still matched where the byte behind the first so many does not match.
    private let fallback: [UInt16]

    /// - Parameter text: 1 to 65,535 bytes.
    init(_ text: [UInt8]) {
        precondition((1...Int(UInt16.max)).contains(text.count))
        self.text = text
        var fallback: [UInt16] = [0]
        var matched = 0
        for place in text.indices.dropFirst() {
            while matched > 0, text[place] != text[matched] { matched = Int(fallback[matched - 1]) }
            if text[place] == text[matched] { matched += 1 }
            fallback.append(UInt16(matched))
        }
        self.fallback = fallback
    }

    /// Goes on with the next piece. `matched` is 0 at first, and how much of the text stands at the end of what has
    /// come so far. `true`: the text is there; nothing more need be asked.
    func found(in piece: Span<UInt8>, matched: inout UInt16) -> Bool {
        var count = Int(matched)
        for place in 0..<piece.count {
            while count > 0, piece[place] != text[count] { count = Int(fallback[count &- 1]) }
            if piece[place] == text[count] { count &+= 1 }
            if count == text.count { return true }
        }
        matched = UInt16(truncatingIfNeeded: count)
        return false
    }
}
