import Contract

/// Reads how long requests wait for an endpoint, and when a container may sleep.
extension SectionReader {
    /// - Returns: `nil` when nothing was said.
    mutating func hold(_ fields: Fields) -> Holding? {
        guard let section = abbreviated("hold", of: fields) else { return nil }
        var holding = Holding()
        holding.time = number("time", of: section) ?? holding.time
        holding.limit = number("limit", of: section) ?? holding.limit
        holding.page = number("page", of: section) ?? holding.page
        return holding
    }

    /// - Returns: `nil` when nothing was said.
    mutating func sleep(_ fields: Fields) -> SleepDeclaration? {
        guard let section = abbreviated("sleep", of: fields), let after = number("after", of: section) else {
            return nil
        }
        return SleepDeclaration(after: after, wake: number("wake", of: section) ?? SleepDeclaration.standardWake)
    }

    /// The fields of a section for which one of them may stand alone.
    private mutating func abbreviated(_ name: String, of fields: Fields) -> Fields? {
        guard let (field, pair) = fields.written(name), case .abbreviated(let section, let stem) = field.type else {
            return nil
        }
        guard case .text = pair.value.content else {
            return self.fields(pair.value, as: section, subject: fields.subject)
        }
        let inner = Written.Pair(key: stem, keyPosition: pair.keyPosition, value: pair.value)
        let whole = Written(position: pair.value.position, content: .mapping([inner]))
        return self.fields(whole, as: section, subject: fields.subject)
    }
}
