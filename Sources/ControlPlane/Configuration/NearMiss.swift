/// Labels that were probably meant for us: `kontainer.host`, `kontainers-host`, `Kontainers.host`.
enum NearMiss {
    private static let word = "kontainers"
    private static let firstWords = Set(
        (["enable", "http", "tcp", "udp"] + Schema.shortLabels.spellings).map { $0.lowercased() })

    /// The label that was meant, or `nil` when `key` is nobody's of ours.
    static func meant(by key: String) -> String? {
        guard !key.hasPrefix(LabelGrammar.prefix), key.utf8.count <= 256,
            let end = key.firstIndex(where: { ".-_/: ".contains($0) })
        else { return nil }
        let rest = String(key[key.index(after: end)...])
        guard !rest.isEmpty else { return nil }
        let head = key[..<end].lowercased()
        // "container" and "containers" are words of their own: only a label of our shape counts then.
        if head.hasPrefix("c") {
            let first = rest.prefix { $0 != "." && $0 != "-" && $0 != "_" }.lowercased()
            guard firstWords.contains(first) else { return nil }
        }
        guard (word.count - 2...word.count + 2).contains(head.unicodeScalars.count),
            Suggestion.distance(from: head, to: word) <= 2
        else { return nil }
        let separator = key[end]
        let dotted = separator == "." ? rest : String(rest.map { $0 == separator ? "." : $0 })
        return LabelGrammar.prefix + spelled(dotted)
    }

    /// Options are spelled in both cases, and so may be what is behind them: a header's name, for instance.
    private static func spelled(_ dotted: String) -> String {
        let first = dotted.prefix { $0 != "." }
        guard let option = Schema.optionNames.first(where: { $0.lowercased() == first.lowercased() }) else {
            return dotted.lowercased()
        }
        return option + dotted.dropFirst(first.count)
    }
}
