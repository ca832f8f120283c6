import HTTP

// What an Accept line of a request says of pages (RFC 9110 §12.5.1).

extension Span where Element == UInt8 {
    /// Whether the line in `start..<end` names `text/html`, with a weight, before anything of JSON: browsers do, in its
    /// first element, and programs do not.
    func namesPages(from start: Int, to end: Int) -> Bool {
        var at = start
        while at < end {
            let comma = first(.comma, from: at, to: end)
            let type = at..<first(.semicolon, from: at, to: comma)
            let name = trimmed(from: type.lowerBound, to: type.upperBound)
            if name.count == 9, equalsIgnoringCase("text/html", at: name.lowerBound) {
                return !hasNoWeight(from: type.upperBound, to: comma)
            }
            // `application/json`, `application/problem+json`.
            if name.count > 4, equalsIgnoringCase("json", at: name.upperBound &- 4) { return false }
            at = comma &+ 1
        }
        return false
    }

    /// RFC 9110 §12.4.2: `;q=0`, also with a point and zeros behind it.
    private func hasNoWeight(from start: Int, to end: Int) -> Bool {
        guard start < end else { return false }
        let weight = trimmed(from: start &+ 1, to: end)
        guard weight.count >= 3, equalsIgnoringCase("q=0", at: weight.lowerBound) else { return false }
        for at in (weight.lowerBound &+ 3)..<weight.upperBound where self[at] != 0x2e && self[at] != 0x30 {
            return false
        }
        return true
    }
}
