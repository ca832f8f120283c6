import Contract

extension LabelReader {
    /// A field's values, read by the schema.
    private enum Values {
        case texts([String])
        case number(Int)
    }

    mutating func rule(_ group: Group) -> RuleDeclaration? {
        var group = group
        var values: [String: Values] = [:]
        var keys: [String: String] = [:]
        var optionLabels: [OptionLabel] = []
        for (written, key, value) in group.fields {
            if let label = OptionLabel(written, of: group.kind, key: key, value: value) {
                optionLabels.append(label)
                continue
            }
            guard let field = group.section.field(spelled: written) else {
                reportUnknown(written, key: key, in: &group)
                continue
            }
            let name = Self.longName(field)
            if let other = keys[name] {
                report(
                    "said-twice", key: key, found: "found \(Shown.quoted(key)), and \"\(other)\" which means the same",
                    wanted: "wanted one of them")
                group.isFaulty = true
                continue
            }
            keys[name] = key
            guard let read = read(value, as: field.type, key: key) else {
                group.isFaulty = true
                continue
            }
            values[name] = read
        }
        let stem = group.name.isEmpty ? LabelGrammar.prefix : "kontainers.\(group.kind.rawValue).\(group.name)."
        switch group.kind {
        case .http:
            if keys["hosts"] == nil, !group.guesses.contains("hosts") {
                let wanted = group.name.isEmpty ? "host" : "hosts"
                reportMissing("\(stem)\(wanted)", in: &group, wanted: "with the host name to serve")
            }
        case .tcp, .udp:
            if keys["listeners"] == nil, keys["listen"] == nil, group.guesses.isDisjoint(with: ["listeners", "listen"])
            {
                reportMissing(
                    "\(stem)listener", in: &group, wanted: "with the name of a \(group.kind.rawValue) listener")
            }
        }
        let path: String? = if case .texts(let texts) = values["path"] { texts.first } else { nil }
        let options = options(optionLabels, path: path ?? "/", in: &group)
        guard !group.isFaulty else { return nil }

        func texts(_ name: String) -> [String] {
            if case .texts(let texts) = values[name] { texts } else { [] }
        }
        func number(_ name: String) -> Int? {
            if case .number(let number) = values[name] { number } else { nil }
        }
        let tls: RuleDeclaration.TLS =
            switch texts("tls").first {
            case nil: .unspecified
            case "auto": .auto
            case "off": .off
            case let name?: .certificate(name)
            }
        var rule = RuleDeclaration(
            name: group.name.isEmpty ? baseName : group.name, kind: group.kind, listeners: texts("listeners"),
            hosts: group.kind == .tcp ? options.sni : texts("hosts"), path: path ?? "/", tls: tls,
            target: .container(id: id, port: number("port"), network: texts("network").first),
            listenPort: number("listen"), options: options.rule,
            place: .label(
                container: Shown.plain(name), key: keys["hosts"] ?? keys["listen"] ?? keys["listeners"] ?? stem))
        rule.pool = options.pool
        rule.hold = options.hold
        rule.sleep = options.sleep
        rule.share = EndpointShare(weight: number("weight") ?? 1, tier: number("tier") ?? 0)
        rule.transport = options.transport
        do {
            try rule.check()
        } catch {
            report("bad-transport", key: optionLabels.first?.key ?? stem, found: error.found, wanted: error.wanted)
            return nil
        }
        return rule
    }

    /// The short form speaks of one host, and means what the long form calls hosts.
    private static func longName(_ field: Field) -> String {
        field.name == Schema.host.name ? Schema.hosts.name : field.name
    }

    private mutating func reportMissing(_ label: String, in group: inout Group, wanted: String) {
        // The unknown label beside it says enough.
        group.isFaulty = true
        report(
            "missing-field", key: group.fields.first?.key ?? label, found: "found no \"\(label)\"",
            wanted: "wanted it, \(wanted)")
    }

    private mutating func reportUnknown(_ written: String, key: String, in group: inout Group) {
        group.isFaulty = true
        let section = group.section
        let stem = group.name.isEmpty ? LabelGrammar.prefix : "kontainers.\(group.kind.rawValue).\(group.name)."
        let first = String(written.prefix { $0 != "." })
        if group.kind != .http, Schema.isOption(first) {
            return reportUnfit(first, key: key, stem: stem, group.kind)
        }
        let near = Suggestion.nearest(to: first, among: section.spellings)
        if let near, let meant = section.field(spelled: near) { group.guesses.insert(Self.longName(meant)) }
        let wanted: String
        if let near {
            wanted = "did you mean \"\(stem)\(near)\(Shown.plain(String(written.dropFirst(first.count))))\"?"
        } else if group.name.isEmpty, RuleDeclaration.Kind(rawValue: written) != nil {
            wanted = "wanted kontainers.\(written).NAME.FIELD"
        } else if group.name.isEmpty, Schema.httpLabels.field(spelled: written) != nil {
            wanted = "wanted the long form: \"kontainers.http.NAME.\(written)\""
        } else {
            wanted = "wanted one of: " + section.fieldNames.map { stem + $0 }.joined(separator: ", ")
        }
        report("unknown-field", key: key, found: "found the unknown label \(Shown.quoted(key))", wanted: wanted)
    }

    /// A field that rules of another kind have.
    private mutating func reportUnfit(_ field: String, key: String, stem: String, _ kind: RuleDeclaration.Kind) {
        let isName = kind == .tcp && Schema.httpLabels.field(spelled: field)?.name == Schema.hosts.name
        report(
            "not-for-kind", key: key, found: "found \(Shown.quoted(key)) in a \(kind.rawValue) rule",
            wanted: isName
                ? "wanted \"\(stem)sni\": the names that clients ask for when they begin TLS"
                : "wanted it left out: \(kind.traffic) have none")
    }

    private mutating func read(_ value: String, as type: FieldType, key: String) -> Values? {
        guard value.utf8.count <= LabelGrammar.valueLimit else {
            report(
                "too-large", key: key, found: "found a value of \(value.utf8.count) bytes",
                wanted: "wanted at most \(LabelGrammar.valueLimit)")
            return nil
        }
        do {
            guard case .several(let item, _) = type else {
                switch try ScalarReader.value(trimmed(value), as: type) {
                case .text(let text): return .texts([text])
                case .number(let number): return .number(number)
                }
            }
            var texts: [String] = []
            for part in value.split(separator: ",", omittingEmptySubsequences: false) {
                guard case .text(let text) = try ScalarReader.value(trimmed(part), as: item) else { continue }
                if !texts.contains(text) { texts.append(text) }
            }
            return .texts(texts)
        } catch {
            report(error, key: key)
            return nil
        }
    }
}
