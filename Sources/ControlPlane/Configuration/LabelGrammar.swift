import Contract

/// Reads what a container's labels ask for. Only labels that begin with `kontainers.`, or nearly so, are looked at.
///
/// One bad rule never harms another: each rule is read for itself.
public enum LabelGrammar {
    /// Rules of one container. More are not read.
    public static let ruleLimit = 64
    /// Bytes of one label's value.
    public static let valueLimit = 4_096
    /// Diagnoses of one container.
    public static let diagnosisLimit = 100

    static let prefix = "kontainers."
    /// Compose's own labels, which name a service alike however its containers are named.
    static let composeProject = "com.docker.compose.project"
    static let composeService = "com.docker.compose.service"

    /// - Returns: the rules that are valid, sorted by the labels that declare them; and what is wrong with the rest.
    public static func parse(
        labels: [String: String], container: (id: String, name: String)
    ) -> (rules: [RuleDeclaration], diagnoses: [Diagnosis]) {
        var reader = LabelReader(labels: labels, id: container.id, name: container.name)
        return reader.read()
    }
}

/// One container's labels while they are read.
struct LabelReader {
    let labels: [String: String]
    let id: String
    /// As Docker names it, without the slash in front.
    let name: String
    var diagnoses: [Diagnosis] = []

    init(labels: [String: String], id: String, name: String) {
        self.labels = labels
        self.id = id
        self.name = name.hasPrefix("/") ? String(name.dropFirst()) : name
    }

    /// The labels of one rule: fields by the names that were written.
    struct Group {
        var kind: RuleDeclaration.Kind
        /// Empty for the short form.
        var name: String
        var fields: [(written: String, key: String, value: String)] = []
        /// An unknown field or a bad one: the rule is not served as something that was not asked for.
        var isFaulty = false
        var guesses: Set<String> = []

        var section: Section {
            name.isEmpty ? Schema.shortLabels : Schema.labels(of: kind)
        }
    }

    mutating func read() -> (rules: [RuleDeclaration], diagnoses: [Diagnosis]) {
        var ours: [(rest: String, key: String, value: String)] = []
        for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
            if key.hasPrefix(LabelGrammar.prefix) {
                ours.append((String(key.dropFirst(LabelGrammar.prefix.count)), key, value))
            } else if let meant = NearMiss.meant(by: key) {
                report(
                    "near-miss", .warning, key: key,
                    found: "found the label \(Shown.quoted(key)), which is not looked at",
                    wanted: "did you mean \"\(Shown.plain(meant))\"?")
            }
        }
        guard isEnabled(ours) else { return ([], diagnoses) }

        let groups = groups(of: ours.filter { $0.rest != "enable" })
        var rules: [RuleDeclaration] = []
        for group in groups.prefix(LabelGrammar.ruleLimit) {
            if let rule = rule(group) { rules.append(rule) }
        }
        if groups.count > LabelGrammar.ruleLimit {
            let excess = groups[LabelGrammar.ruleLimit]
            report(
                "too-many-rules", key: excess.fields.first?.key ?? LabelGrammar.prefix,
                found: "found \(groups.count) rules on one container",
                wanted: "wanted at most \(LabelGrammar.ruleLimit); the others are left out")
        }
        if groups.isEmpty, diagnoses.allSatisfy({ $0.severity == .warning }) {
            report(
                "missing-field", key: LabelGrammar.prefix + "enable", found: "found kontainers.enable and no rule",
                wanted: "wanted \"kontainers.host\" with the host name to serve")
        }
        return (rules, diagnoses)
    }

    /// Whether the container wants to be looked at. Without a word about it, its other labels are worth a question.
    private mutating func isEnabled(_ ours: [(rest: String, key: String, value: String)]) -> Bool {
        guard let enable = ours.first(where: { $0.rest == "enable" }) else {
            let near = ours.first { Suggestion.nearest(to: $0.rest, among: ["enable", "enabled"]) != nil }
            if let near {
                report(
                    "not-enabled", .warning, key: near.key, found: "found the label \(Shown.quoted(near.key))",
                    wanted: "did you mean \"kontainers.enable\"?")
            } else if let first = ours.first {
                report(
                    "not-enabled", .warning, key: first.key,
                    found: "found labels of Kontainers without \"kontainers.enable\"; they are not looked at",
                    wanted: "wanted \"kontainers.enable=true\" as well")
            }
            return false
        }
        do {
            return try Quantities.boolean(trimmed(enable.value))
        } catch {
            report(error, key: enable.key)
            return false
        }
    }

    private mutating func groups(of ours: [(rest: String, key: String, value: String)]) -> [Group] {
        var groups: [String: Group] = [:]
        for (rest, key, value) in ours {
            let parts = rest.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            if parts.count == 1 || Self.isNear(parts[0], Schema.labelOptionNames) {
                groups["", default: Group(kind: .http, name: "")].fields.append((rest, key, value))
                continue
            }
            guard let kind = RuleDeclaration.Kind(rawValue: parts[0]) else {
                let kinds = RuleDeclaration.Kind.allCases.map(\.rawValue)
                if let near = Suggestion.nearest(to: parts[0], among: kinds) {
                    let meant = ([near] + parts.dropFirst()).joined(separator: ".")
                    report(
                        "unknown-field", key: key, found: "found the unknown label \(Shown.quoted(key))",
                        wanted: "did you mean \"kontainers.\(Shown.plain(meant))\"?")
                } else {
                    report(
                        "unknown-field", key: key, found: "found the unknown label \(Shown.quoted(key))",
                        wanted: "wanted kontainers.host and its like, or kontainers.http.NAME.hosts and its like")
                }
                continue
            }
            guard parts.count == 3 || parts.count > 3 && Self.isNear(parts[2], Schema.allLabelOptionNames),
                Self.isRuleName(parts[1])
            else {
                report(
                    "bad-label", key: key, found: "found the label \(Shown.quoted(key))",
                    wanted: "wanted kontainers.\(kind.rawValue).NAME.FIELD, with a NAME of 1 to 64 letters, digits, "
                        + "\"_\" or \"-\"")
                continue
            }
            groups["\(kind.rawValue).\(parts[1])", default: Group(kind: kind, name: parts[1])].fields
                .append((parts[2...].joined(separator: "."), key, value))
        }
        return groups.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Also what is none and was meant to be one belongs to its rule, which is not served without what it asked for.
    private static func isNear(_ word: String, _ options: [String]) -> Bool {
        RuleDeclaration.Kind(rawValue: word) == nil && Suggestion.nearest(to: word, among: options) != nil
    }

    static func isRuleName(_ text: String) -> Bool {
        (try? Quantities.name(text)) != nil && !text.utf8.contains(UInt8(ascii: "."))
    }

    /// What rules of the short form are called: after the compose service, which stays when containers come and go, or
    /// after the container.
    var baseName: String {
        let composed: String? =
            if let project = labels[LabelGrammar.composeProject], let service = labels[LabelGrammar.composeService],
                !project.isEmpty, !service.isEmpty
            {
                "\(project)-\(service)"
            } else {
                nil
            }
        for candidate in [composed, name, String(id.prefix(12))] {
            if let candidate, (try? Quantities.name(candidate)) != nil { return candidate }
        }
        return "container"
    }

    mutating func report(
        _ code: String, _ severity: Diagnosis.Severity = .error, key: String, found: String, wanted: String
    ) {
        guard diagnoses.count < LabelGrammar.diagnosisLimit else { return }
        diagnoses.append(
            Diagnosis(
                code: code, severity: severity, place: .label(container: Shown.plain(name), key: Shown.plain(key)),
                subject: Shown.plain(name), found: found, wanted: wanted))
    }

    mutating func report(_ fault: Fault, key: String) {
        report(fault.code, key: key, found: fault.found, wanted: fault.wanted)
    }

    func trimmed(_ text: some StringProtocol) -> String {
        var text = text[...]
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text.drop(while: \.isWhitespace))
    }
}
