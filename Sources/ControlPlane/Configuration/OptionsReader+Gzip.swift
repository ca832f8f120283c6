import Contract

/// Reads which responses are compressed: `true`, or a mapping that says more.
extension SectionReader {
    mutating func gzip(_ fields: Fields) -> Gzip? {
        guard let (field, pair) = fields.written("gzip"), case .switchable(let section) = field.type else { return nil }
        if case .text(let text, _) = pair.value.content {
            do {
                return try Quantities.boolean(text) ? Gzip() : nil
            } catch {
                report(
                    error.code, at: pair.value.position, subject: fields.subject, found: "\(error.found) in \"gzip\"",
                    wanted: "wanted \(field.type.wanted)")
                return nil
            }
        }
        guard let inner = self.fields(pair.value, as: section, subject: fields.subject) else { return nil }
        var gzip = Gzip()
        if inner.has("types") { gzip.types = [] }
        for (type, position) in texts("types", of: inner) {
            do {
                try Gzip.check(type: type)
            } catch {
                report(error, "bad-type", at: position, fields)
            }
            gzip.types.append(type)
        }
        gzip.minimum = number("minimum", of: inner) ?? gzip.minimum
        gzip.level = number("level", of: inner) ?? gzip.level
        return gzip
    }
}
