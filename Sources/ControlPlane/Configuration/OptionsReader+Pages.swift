import Contract

/// Reads the pages that a rule brings along.
extension SectionReader {
    mutating func errorPages(_ fields: Fields) -> ErrorPages? {
        guard let (field, pair) = fields.written("errorPages") else { return nil }
        guard case .mapping(let written) = pair.value.content else {
            report(
                "wrong-type", at: pair.value.position, subject: fields.subject,
                found: "\(pair.value.found) in \"errorPages\"", wanted: "wanted \(field.type.wanted)")
            return nil
        }
        var pages = ErrorPages()
        for page in written {
            guard case .text(let text, _) = page.value.content else {
                report(
                    "wrong-type", at: page.value.position, subject: fields.subject,
                    found: "\(page.value.found) in \"\(Shown.plain(page.key))\"", wanted: "wanted a text")
                continue
            }
            do {
                try ErrorPages.check(page.key, text)
            } catch {
                report(error, "bad-page", at: page.keyPosition, fields)
                continue
            }
            let key = page.key.lowercased()
            guard pages.pages.updateValue(text, forKey: key) == nil else {
                report(
                    "said-twice", at: page.keyPosition, subject: fields.subject,
                    found: "found two pages for \(key)", wanted: "wanted one of them")
                continue
            }
        }
        do {
            try pages.check()
        } catch {
            report(error, "bad-page", at: pair.value.position, fields)
        }
        return pages.pages.isEmpty ? nil : pages
    }
}
