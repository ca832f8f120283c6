public import Contract
import Foundation

/// A rule as a program wrote it: the fields of the file's grammar, each with where it stands in the program's own
/// document.
public struct RuleDocument: Equatable, Sendable {
    public struct Field: Equatable, Sendable {
        /// As the file's grammar has it: `hosts`, `endpoints`, `pool`.
        public var name: String
        public var value: JSONValue
        /// A JSON pointer (RFC 6901) into the program's document.
        public var pointer: String
        /// Of a list whose items stand in several places.
        public var itemPointers: [String]?

        public init(_ name: String, _ value: JSONValue, at pointer: String, items itemPointers: [String]? = nil) {
            self.name = name
            self.value = value
            self.pointer = pointer
            self.itemPointers = itemPointers
        }
    }

    public struct Container: Equatable, Sendable {
        /// Its name or id.
        public var id: String
        /// `nil`: the one that its image exposes.
        public var port: Int?
        public var network: String?

        public init(id: String, port: Int? = nil, network: String? = nil) {
            self.id = id
            self.port = port
            self.network = network
        }
    }

    /// For people; any text.
    public var name: String
    public var kind: Rule.Kind
    public var fields: [Field]
    /// In place of `endpoints`.
    public var container: Container?
    /// A port to be opened for it, where policy allows.
    public var listenPort: Int?
    /// The name of the certificate that it brings along.
    public var certificate: String?

    public init(
        name: String, kind: Rule.Kind, fields: [Field] = [], container: Container? = nil, listenPort: Int? = nil
    ) {
        self.name = name
        self.kind = kind
        self.fields = fields
        self.container = container
        self.listenPort = listenPort
    }
}

/// Reads rules that programs wrote by the grammar of the file, beside the listeners and certificates that the file has.
/// Any thread.
public struct RuleDocumentReader: Sendable {
    private let configuration: ApplianceConfiguration

    public init(_ configuration: ApplianceConfiguration) {
        var known = configuration
        // Only what a rule may name is of interest, and there may be thousands of them.
        known.rules = []
        self.configuration = known
    }

    /// Whether rules that were read beside the one mean the same beside the other.
    public func agrees(with other: ApplianceConfiguration) -> Bool {
        configuration.listeners == other.listeners && configuration.certificates == other.certificates
    }

    /// - Returns: the rule, or `nil` with what is wrong; warnings stand beside a rule.
    public func read(_ document: RuleDocument) -> (rule: RuleDeclaration?, diagnoses: [Diagnosis]) {
        var pointers: [String] = []
        // The name is for people; the grammar's names are narrower.
        var pairs = [Self.pair("name", .text("rule"), "/name", &pointers)]
        pairs.append(Self.pair("kind", .text(document.kind.rawValue), "/protocol", &pointers))
        for field in document.fields where field.value != .null {
            var pair = Self.pair(field.name, field.value, field.pointer, &pointers)
            if let places = field.itemPointers, case .list(let items) = field.value {
                pair.value.content = .list(zip(items, places).map { Self.written($0, $1, &pointers) })
            }
            pairs.append(pair)
        }
        let written = Written(position: Position(line: 0, column: 1), content: .mapping(pairs))
        var reader = FileReader(path: "", now: Date())
        reader.prepare(for: configuration, document)
        var rule = reader.readRule(written)
        rule?.name = document.name
        rule?.place = .field(rule: document.name, pointer: "")
        if let container = document.container {
            rule?.target = .container(id: container.id, port: container.port, network: container.network)
        }
        rule?.listenPort = document.listenPort
        if let certificate = document.certificate { rule?.tls = .certificate(certificate) }
        return (reader.reader.errorCount > 0 ? nil : rule, told(reader.reader.diagnoses, document, pointers))
    }

    /// Lines count the values of the document.
    private func told(_ diagnoses: [Diagnosis], _ document: RuleDocument, _ pointers: [String]) -> [Diagnosis] {
        diagnoses.map { diagnosis in
            var diagnosis = diagnosis
            diagnosis.subject = document.name
            var pointer = ""
            if case .file(_, let line, _) = diagnosis.place, pointers.indices.contains(line - 1) {
                pointer = pointers[line - 1]
            }
            diagnosis.place = .field(rule: document.name, pointer: pointer)
            return diagnosis
        }
    }

    private static func pair(
        _ name: String, _ value: JSONValue, _ pointer: String, _ pointers: inout [String]
    ) -> Written.Pair {
        let written = written(value, pointer, &pointers)
        return Written.Pair(key: name, keyPosition: written.position, value: written)
    }

    private static func written(_ value: JSONValue, _ pointer: String, _ pointers: inout [String]) -> Written {
        pointers.append(pointer)
        let position = Position(line: pointers.count, column: 1)
        let content: Written.Content =
            switch value {
            case .null: .text("", isQuoted: false)
            case .boolean(let value): .text(value ? "true" : "false", isQuoted: true)
            case .integer(let number): .text(String(number), isQuoted: true)
            case .number(let number): .text(String(number), isQuoted: true)
            case .text(let text): .text(text, isQuoted: true)
            case .list(let items):
                .list(items.enumerated().map { written($0.element, "\(pointer)/\($0.offset)", &pointers) })
            case .object(let fields):
                .mapping(
                    fields.sorted { $0.key < $1.key }.map { name, value in
                        pair(name, value, pointer + "/" + JSONPointer.part(name), &pointers)
                    })
            }
        return Written(position: position, content: content)
    }
}

/// RFC 6901.
public enum JSONPointer {
    /// One reference token (§3).
    public static func part(_ name: String) -> String {
        name.replacing("~", with: "~0").replacing("/", with: "~1")
    }
}

extension FileReader {
    fileprivate mutating func prepare(for configuration: ApplianceConfiguration, _ document: RuleDocument) {
        self.configuration.listeners = configuration.listeners
        for listener in configuration.listeners {
            listenerNames.insert(listener.name)
            listenersByName[listener.name] = listener
        }
        for certificate in configuration.certificates { certificateFacts.updateValue(nil, forKey: certificate.name) }
        expectation = .init(
            needsEndpoints: document.container == nil, needsListener: document.listenPort == nil,
            knowsCertificates: false)
    }

    fileprivate mutating func readRule(_ written: Written) -> RuleDeclaration? {
        reader.fields(written, as: Schema.rule).flatMap { readRule($0) }
    }
}
