import Contract

/// Options in labels: the fields of the file, with a dot between a section and what is in it. They are put together as
/// the file would have them, and read by the same reader.
extension LabelReader {
    /// One label of an option: `requestHeaders.set.NAME`, for instance.
    struct OptionLabel {
        var path: [String]
        var key: String
        var value: String

        /// `nil` when the label is none of an option of this kind of rule.
        init?(_ written: String, of kind: RuleDeclaration.Kind, key: String, value: String) {
            let parts = written.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard Schema.labelOptionsSection(of: kind).field(spelled: parts[0]) != nil else { return nil }
            (path, self.key, self.value) = (parts, key, value)
        }
    }

    /// `nil` where nothing was asked for.
    struct Options {
        var rule: RuleOptions?
        var pool: PoolOptions?
        var hold: Holding?
        var sleep: SleepDeclaration?
        var transport: TransportOptions?
        var sni: [String] = []
    }

    /// What is wrong is reported, and makes the group faulty.
    mutating func options(_ labels: [OptionLabel], path: String, in group: inout Group) -> Options {
        guard !labels.isEmpty else { return Options() }
        for label in labels where label.value.utf8.count > LabelGrammar.valueLimit {
            report(
                "too-large", key: label.key, found: "found a value of \(label.value.utf8.count) bytes",
                wanted: "wanted at most \(LabelGrammar.valueLimit)")
            group.isFaulty = true
            return Options()
        }
        // Lines count the labels, so that a diagnosis finds back to its own.
        let items = labels.enumerated().map { ($0.element.path[...], $0.element.value, $0.offset + 1) }
        var reader = SectionReader(path: "")
        let section = Schema.labelOptionsSection(of: group.kind)
        let written = tree(items, of: section)
        guard let fields = reader.fields(written, as: section, subject: name) else { return Options() }
        var options = Options(
            rule: reader.ruleOptions(of: fields, path: path, kind: group.kind),
            pool: reader.pool(fields, of: group.kind), hold: reader.hold(fields), sleep: reader.sleep(fields),
            transport: reader.transport(fields).options)
        for (name, _) in reader.texts("sni", of: fields) where !options.sni.contains(name) { options.sni.append(name) }
        reader.refuseUnfit(fields, for: group.kind, options.rule, options.pool)
        for diagnosis in reader.diagnoses {
            guard case .file(_, let line, _) = diagnosis.place, labels.indices.contains(line - 1) else { continue }
            report(
                diagnosis.code, diagnosis.severity, key: labels[line - 1].key, found: diagnosis.found,
                wanted: diagnosis.wanted)
        }
        if reader.errorCount > 0 { group.isFaulty = true }
        return options
    }

    private typealias Item = (path: ArraySlice<String>, value: String, line: Int)

    private func tree(_ items: [Item], of section: Section) -> Written {
        var pairs: [Written.Pair] = []
        var names: [String] = []
        for item in items where !names.contains(item.path.first ?? "") { names.append(item.path.first ?? "") }
        for name in names {
            let group = items.filter { $0.path.first == name }
            let deeper = group.filter { $0.path.count > 1 }
            switch section.field(spelled: name)?.type {
            // `gzip=true` beside `gzip.level=6` says nothing more.
            case .switchable(let inner)? where !deeper.isEmpty && !group.contains { $0.path.count == 1 && isOff($0) }:
                let inside = deeper.map { ($0.path.dropFirst(), $0.value, $0.line) }
                pairs.append(pair(name, tree(inside, of: inner)))
            // `hold=10s` beside `hold.limit=50` is the field that may stand alone.
            case .abbreviated(let inner, let stem)? where !deeper.isEmpty:
                let inside = group.map { item -> Item in
                    (item.path.count == 1 ? [stem] : item.path.dropFirst(), item.value, item.line)
                }
                pairs.append(pair(name, tree(inside, of: inner)))
            case .section(let inner)? where deeper.count == group.count:
                let inside = deeper.map { ($0.path.dropFirst(), $0.value, $0.line) }
                pairs.append(pair(name, tree(inside, of: inner)))
            case .pairs? where deeper.count == group.count:
                // A header's name may have dots of its own.
                let headers = deeper.map { pair($0.path.dropFirst().joined(separator: "."), text($0)) }
                pairs.append(
                    pair(name, Written(position: Self.position(group[0].line), content: .mapping(headers))))
            case .users? where deeper.count == group.count:
                let users = deeper.map { pair($0.path.dropFirst().joined(separator: "."), text($0)) }
                pairs.append(pair(name, Written(position: Self.position(group[0].line), content: .mapping(users))))
            case .several?:
                for item in group { pairs.append(pair(item.path.joined(separator: "."), list(item))) }
            default:
                for item in group { pairs.append(pair(item.path.joined(separator: "."), text(item))) }
            }
        }
        return Written(position: Self.position(items.first?.line ?? 1), content: .mapping(pairs))
    }

    private func isOff(_ item: Item) -> Bool { (try? Quantities.boolean(trimmed(item.value))) != true }

    private func pair(_ key: String, _ value: Written) -> Written.Pair {
        Written.Pair(key: key, keyPosition: value.position, value: value)
    }

    private func text(_ item: Item) -> Written {
        Written(position: Self.position(item.line), content: .text(trimmed(item.value), isQuoted: true))
    }

    private func list(_ item: Item) -> Written {
        let parts = item.value.split(separator: ",", omittingEmptySubsequences: false)
        let texts = parts.map {
            Written(position: Self.position(item.line), content: .text(trimmed($0), isQuoted: true))
        }
        return Written(position: Self.position(item.line), content: .list(texts))
    }

    private static func position(_ line: Int) -> Position { Position(line: line, column: 1) }
}
