/// Finds what was probably meant by a word that is not known.
public enum Suggestion {
    /// Longer words are not compared: a distance takes time in the product of both lengths.
    static let wordLimit = 64

    /// The nearest of `known`, or `nil` when none is near enough to be worth a question.
    public static func nearest(to word: String, among known: [String]) -> String? {
        let written = Array(word.lowercased().unicodeScalars)
        guard !written.isEmpty, written.count <= wordLimit else { return nil }
        var best: (word: String, distance: Int)?
        for candidate in known {
            let letters = Array(candidate.lowercased().unicodeScalars)
            let distance = distance(from: written, to: letters)
            // One slip in three letters; a word that begins like the other may miss more at its end.
            let isStem = letters.count >= 4 && (written.starts(with: letters) || letters.starts(with: written))
            let allowed = max(1, min(written.count, letters.count) / 3) + (isStem && written.count >= 3 ? 4 : 0)
            if distance <= allowed, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.word
    }

    /// `did you mean "x"?` or, when nothing is near, the words that are known.
    public static func question(_ word: String, among known: [String], calling kind: String) -> String {
        if let near = nearest(to: word, among: known) { return "did you mean \"\(near)\"?" }
        return "wanted \(kind): " + known.joined(separator: ", ")
    }

    static func distance(from first: String, to second: String) -> Int {
        distance(from: Array(first.unicodeScalars), to: Array(second.unicodeScalars))
    }

    /// Damerau-Levenshtein (optimal string alignment): letters inserted, left out, replaced, or two neighbours swapped.
    static func distance(from first: [Unicode.Scalar], to second: [Unicode.Scalar]) -> Int {
        if first.isEmpty { return second.count }
        if second.isEmpty { return first.count }
        var beforeLast = [Int](repeating: 0, count: second.count + 1)
        var last = Array(0...second.count)
        var row = last
        for i in 1...first.count {
            row[0] = i
            for j in 1...second.count {
                let cost = first[i - 1] == second[j - 1] ? 0 : 1
                row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
                if i > 1, j > 1, first[i - 1] == second[j - 2], first[i - 2] == second[j - 1] {
                    row[j] = min(row[j], beforeLast[j - 2] + 1)
                }
            }
            (beforeLast, last, row) = (last, row, beforeLast)
        }
        return last[second.count]
    }
}

/// Words of others, made safe to print: in quotes, without control characters, and short.
public enum Shown {
    static let scalarLimit = 80

    public static func quoted(_ text: String) -> String { "\"\(plain(text))\"" }

    public static func plain(_ text: String) -> String {
        var shown = ""
        var count = 0
        for scalar in text.unicodeScalars {
            guard count < scalarLimit else { return shown + "…" }
            count += 1
            switch scalar.properties.generalCategory {
            // Also what turns the direction of writing or is invisible: a terminal shall show what is there.
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }
}
