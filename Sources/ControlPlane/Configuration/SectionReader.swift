/// Reads one value by its type, whatever source it comes from.
enum ScalarReader {
    /// A value that passed its field's type. Hosts, paths, addresses are texts in canonical form.
    enum Value: Equatable {
        case text(String)
        case number(Int)
    }

    static func value(_ text: String, as type: FieldType) throws(Fault) -> Value {
        switch type {
        case .text, .file:
            guard !text.isEmpty, text.utf8.count <= 4_096, !text.unicodeScalars.contains("\0") else {
                throw Fault("bad-text", text: text, wanted: "wanted \(type.wanted) of 1 to 4096 bytes")
            }
            return .text(text)
        case .name: return .text(try Quantities.name(text))
        case .integer(let range): return .number(try Quantities.integer(text, in: range))
        case .duration(let range): return .number(try Quantities.duration(text, in: range))
        case .size(let range): return .number(try Quantities.size(text, in: range))
        case .boolean: return .number(try Quantities.boolean(text) ? 1 : 0)
        case .choice(let words):
            if words.contains(text) { return .text(text) }
            throw Fault("bad-choice", text: text, wanted: Suggestion.question(text, among: words, calling: "one of"))
        case .address: return .text(try Addresses.listening(text))
        case .addressOrOff:
            // YAML has other words for it, and what looks like a wish for silence must not open a port.
            switch text.lowercased() {
            case "off": return .text("off")
            case "false", "no", "none":
                throw Fault("bad-address", text: text, wanted: "did you mean \"off\"?")
            case _: return .text(try Addresses.listening(text))
            }
        case .addressRange: return .text(try Addresses.range(text))
        case .host: return .text(try Hosts.host(text))
        case .path: return .text(try Hosts.path(text))
        case .tls: return .text(try tls(text))
        case .endpoint: return .text(try Addresses.endpoint(text))
        case .dockerEndpoint: return .text(try Addresses.dockerEndpoint(text).text)
        case .user:
            guard (try? Quantities.name(text)) != nil else {
                throw Fault("bad-user", text: text, wanted: "wanted \(type.wanted)")
            }
            return .text(text)
        case .network: return .text(try Addresses.network(text))
        case .ip:
            guard let address = IPAddress(text) else {
                throw Fault("bad-address", text: text, wanted: "wanted \(type.wanted)")
            }
            return .text(address.canonical)
        case .ports: return .text(try ports(text))
        case .several(let type, _): return try value(text, as: type)
        case .section, .switchable, .abbreviated, .sections, .pairs, .users:
            throw Fault("wrong-type", text: text, wanted: "wanted \(type.wanted)")
        }
    }

    /// `off`, or `low-high`.
    private static func ports(_ text: String) throws(Fault) -> String {
        switch text.lowercased() {
        case "off": return "off"
        case "false", "no", "none": throw Fault("bad-port", text: text, wanted: "did you mean \"off\"?")
        case _: break
        }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(parts.count), let low = parts[0], let high = parts[parts.count - 1], low <= high,
            (1...65_535).contains(low), (1...65_535).contains(high)
        else { throw Fault("bad-port", text: text, wanted: "wanted \(FieldType.ports.wanted)") }
        return "\(low)-\(high)"
    }

    private static func tls(_ text: String) throws(Fault) -> String {
        switch text.lowercased() {
        case "auto", "off": return text.lowercased()
        case "false", "no", "none": throw Fault("bad-tls", text: text, wanted: "did you mean \"off\"?")
        case "true", "yes", "on":
            throw Fault("bad-tls", text: text, wanted: "did you mean \"auto\", or a certificate's name?")
        default:
            guard (try? Quantities.name(text)) != nil else {
                throw Fault("bad-tls", text: text, wanted: "wanted \(FieldType.tls.wanted)")
            }
            return text
        }
    }
}

/// Reads mappings of a document by the schema, collecting what is wrong on the way.
struct SectionReader {
    let path: String
    private(set) var diagnoses: [Diagnosis] = []
    /// Diagnoses beyond the limit are counted, not kept.
    private(set) var omitted = 0
    private(set) var omittedError = false
    private(set) var errorCount = 0

    init(path: String) { self.path = path }

    func place(_ position: Position) -> Place {
        .file(path: path, line: Int(position.line), column: Int(position.column))
    }

    mutating func report(
        _ code: String, _ severity: Diagnosis.Severity = .error, at position: Position, subject: String = "",
        found: String, wanted: String
    ) {
        report(
            Diagnosis(
                code: code, severity: severity, place: place(position), subject: subject, found: found, wanted: wanted))
    }

    mutating func report(_ diagnosis: Diagnosis) {
        if diagnosis.severity == .error { errorCount += 1 }
        if diagnoses.count < ConfigurationFile.diagnosisLimit {
            diagnoses.append(diagnosis)
        } else {
            omitted += 1
            if diagnosis.severity == .error { omittedError = true }
        }
    }

    /// Counts an error whose cause was reported already.
    mutating func refuseSilently() { errorCount += 1 }

    /// The fields of `written`, each under its schema's name. Unknown fields are reported, missing ones too.
    mutating func fields(_ written: Written, as section: Section, subject: String = "") -> Fields? {
        guard case .mapping(let pairs) = written.content else {
            report(
                "wrong-type", at: written.position, subject: subject, found: written.found,
                wanted: "wanted \(section.title): a mapping with \(section.fieldNames.joined(separator: ", "))")
            return nil
        }
        var fields = Fields(section: section, position: written.position, subject: subject)
        for pair in pairs {
            guard let field = section.field(spelled: pair.key) else {
                let near = Suggestion.nearest(to: pair.key, among: section.spellings)
                if let near, let meant = section.field(spelled: near) { fields.guesses.insert(meant.name) }
                report(
                    "unknown-field", at: pair.keyPosition, subject: subject,
                    found: "found the unknown field \(Shown.quoted(pair.key)) of \(section.title)",
                    wanted: unknownFieldWanted(pair.key, near: near, section: section))
                continue
            }
            if let other = fields.values[field.name] {
                report(
                    "said-twice", at: pair.keyPosition, subject: subject,
                    found: "found \"\(pair.key)\", and \"\(other.key)\" which means the same",
                    wanted: "wanted one of them")
                continue
            }
            fields.values[field.name] = pair
        }
        for field in section.fields where field.presence == .required {
            guard fields.values[field.name] == nil, !fields.guesses.contains(field.name) else { continue }
            report(
                "missing-field", at: written.position, subject: subject,
                found: "found no \"\(field.name)\" in \(section.title)", wanted: "wanted \(field.type.wanted)")
        }
        return fields
    }

    private func unknownFieldWanted(_ key: String, near: String?, section: Section) -> String {
        if let near { return "did you mean \"\(near)\"?" }
        if key == "<<" { return "wanted the fields themselves: merge keys are not understood" }
        return "wanted one of: " + section.fieldNames.joined(separator: ", ")
    }

    /// One value of a field, or `nil` when it was left out or is wrong; what is wrong is reported.
    mutating func value(_ name: String, of fields: Fields) -> ScalarReader.Value? {
        guard let (field, pair) = fields.written(name) else { return nil }
        return scalar(pair.value, as: field.type, name: pair.key, subject: fields.subject)
    }

    mutating func text(_ name: String, of fields: Fields) -> String? {
        guard case .text(let text) = value(name, of: fields) else { return nil }
        return text
    }

    mutating func number(_ name: String, of fields: Fields) -> Int? {
        guard case .number(let number) = value(name, of: fields) else { return nil }
        return number
    }

    /// The values of a field that may hold several, each with its place. Wrong ones are reported and left out.
    mutating func texts(_ name: String, of fields: Fields) -> [(text: String, position: Position)] {
        guard let (field, pair) = fields.written(name), case .several(let type, let limit) = field.type else {
            return []
        }
        var items = [pair.value]
        if case .list(let list) = pair.value.content {
            items = list
            if list.isEmpty {
                report(
                    "empty-list", at: pair.value.position, subject: fields.subject,
                    found: "found an empty list in \"\(pair.key)\"", wanted: "wanted \(type.wanted)")
            }
        }
        guard items.count <= limit else {
            report(
                "too-many", at: pair.value.position, subject: fields.subject,
                found: "found \(items.count) values in \"\(pair.key)\"", wanted: "wanted at most \(limit)")
            return []
        }
        var texts: [(text: String, position: Position)] = []
        for item in items {
            guard case .text(let text) = scalar(item, as: type, name: pair.key, subject: fields.subject) else {
                continue
            }
            texts.append((text, item.position))
        }
        return texts
    }

    mutating func scalar(
        _ written: Written, as type: FieldType, name: String, subject: String
    ) -> ScalarReader.Value? {
        guard case .text(let text, let isQuoted) = written.content, isQuoted || !written.isNothing else {
            if case .unreadable = written.content {
                refuseSilently()
                return nil
            }
            report(
                "wrong-type", at: written.position, subject: subject, found: "\(written.found) in \"\(name)\"",
                wanted: "wanted \(type.wanted)")
            return nil
        }
        do {
            return try ScalarReader.value(text, as: type)
        } catch {
            var fault = error
            fault.found += "\(fault.found.contains(", ") ? "," : "") in \"\(name)\""
            report(fault.diagnosis(at: place(written.position), subject: subject))
            return nil
        }
    }
}

/// The fields of one mapping, known and told apart, not read yet.
struct Fields {
    let section: Section
    let position: Position
    var subject: String
    fileprivate(set) var values: [String: Written.Pair] = [:]
    /// What unknown fields were probably meant to be: these are not missing too.
    fileprivate(set) var guesses: Set<String> = []

    fileprivate init(section: Section, position: Position, subject: String) {
        self.section = section
        self.position = position
        self.subject = subject
    }

    func has(_ name: String) -> Bool { values[name] != nil }

    func position(_ name: String) -> Position { values[name]?.value.position ?? position }

    func written(_ name: String) -> (Field, Written.Pair)? {
        guard let pair = values[name], let field = section.field(spelled: name) else { return nil }
        return (field, pair)
    }
}
