public import KontainersConfiguration

/// What a JSON value must be: checked before anything is done with it, and written into the OpenAPI document as JSON
/// Schema (2020-12).
public indirect enum JSONSchema: Sendable {
    /// Characters.
    case text(ClosedRange<Int>, form: TextForm = .any)
    case choice([String])
    case boolean
    case integer(ClosedRange<Int>)
    case number
    case list(JSONSchema, limit: Int)
    case object(Shape)
    /// Any names, with values of one kind.
    case map(JSONSchema, limit: Int)
    /// Whatever JSON there is; the sentence says what it holds.
    case any(String)
    case nullable(JSONSchema)
    /// Held under a name of its own in the document.
    case named(String, JSONSchema)

    public enum TextForm: Sendable {
        case any
        /// One line, with neither control characters nor spaces at its ends.
        case line
        case email
    }

    public struct Shape: Sendable {
        public struct Field: Sendable {
            var name: String
            var schema: JSONSchema
            var isRequired: Bool
            /// Told by the server, and passed over when a client sends it back.
            var isReadOnly: Bool
            var says: String

            public init(
                _ name: String, _ schema: JSONSchema, isRequired: Bool = false, isReadOnly: Bool = false,
                says: String = ""
            ) {
                self.name = name
                self.schema = schema
                self.isRequired = isRequired
                self.isReadOnly = isReadOnly
                self.says = says
            }
        }

        var fields: [Field]
        /// Others than these are no fault.
        var isOpen: Bool

        public init(_ fields: [Field], isOpen: Bool = false) {
            self.fields = fields
            self.isOpen = isOpen
        }
    }

    public static func line(_ characters: ClosedRange<Int>) -> JSONSchema { .text(characters, form: .line) }
    public static let identifier = JSONSchema.line(1...128)
    /// Milliseconds since 1970.
    public static let time = JSONSchema.integer(0...9_007_199_254_740_991)
    public static let count = JSONSchema.integer(0...9_007_199_254_740_991)
}

/// What is wrong with one value of a body.
public struct FieldFault: Equatable, Sendable, Codable {
    /// A JSON pointer (RFC 6901) into the body.
    public var pointer: String
    public var found: String
    public var wanted: String
    /// Stable, where documentation tells more.
    public var code: String?

    public init(_ pointer: String, found: String, wanted: String, code: String? = nil) {
        self.pointer = pointer
        self.found = found
        self.wanted = wanted
        self.code = code
    }
}

extension JSONSchema {
    /// Faults that one body is told of.
    static let faultLimit = 50

    /// Everything that is wrong with a value.
    public func faults(_ value: JSONValue, at pointer: String = "") -> [FieldFault] {
        switch (self, value) {
        case (.any, _), (.boolean, .boolean), (.nullable, .null), (.number, .integer), (.number, .number): return []
        case (.nullable(let schema), _), (.named(_, let schema), _): return schema.faults(value, at: pointer)
        case (.text(let range, let form), .text(let text)):
            return Self.fault(text, range, form).map { [FieldFault(pointer, found: $0, wanted: wanted)] } ?? []
        case (.choice(let words), .text(let text)):
            if words.contains(text) { return [] }
            return [
                FieldFault(
                    pointer, found: "found \(Self.shown(text))",
                    wanted: Suggestion.question(text, among: words, calling: "one of"))
            ]
        case (.integer(let range), .integer(let number)):
            return range.contains(number) ? [] : [FieldFault(pointer, found: "found \(number)", wanted: wanted)]
        case (.list(let schema, let limit), .list(let items)):
            guard items.count <= limit else {
                return [FieldFault(pointer, found: "found \(items.count) values", wanted: "wanted at most \(limit)")]
            }
            return Self.bounded(
                items.enumerated().lazy.flatMap { schema.faults($0.element, at: "\(pointer)/\($0.offset)") })
        case (.map(let schema, let limit), .object(let fields)):
            guard fields.count <= limit else {
                return [FieldFault(pointer, found: "found \(fields.count) names", wanted: "wanted at most \(limit)")]
            }
            return Self.bounded(
                fields.sorted { $0.key < $1.key }.lazy.flatMap {
                    schema.faults($0.value, at: pointer + "/" + JSONPointer.part($0.key))
                })
        case (.object(let shape), .object(let fields)): return shape.faults(fields, at: pointer)
        case (.text, _), (.choice, _), (.boolean, _), (.integer, _), (.number, _), (.list, _), (.map, _), (.object, _):
            return [FieldFault(pointer, found: "found \(value.kind)", wanted: wanted)]
        }
    }

    private static func bounded(_ faults: some Sequence<FieldFault>) -> [FieldFault] {
        Array(faults.prefix(faultLimit))
    }

    static func shown(_ text: String) -> String {
        let short = text.unicodeScalars.prefix(60).map { $0.value < 0x20 || $0.value == 0x7f ? "?" : String($0) }
        return "\"\(short.joined())\(text.unicodeScalars.count > 60 ? "…" : "")\""
    }

    private static func fault(_ text: String, _ range: ClosedRange<Int>, _ form: TextForm) -> String? {
        let count = text.unicodeScalars.count
        if !range.contains(count) { return "found \(count) characters" }
        switch form {
        case .any: return text.unicodeScalars.contains("\0") ? "found a zero character" : nil
        case .line:
            if text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) }) {
                return "found a control character"
            }
            return text.first == " " || text.last == " " ? "found a space at an end" : nil
        case .email:
            let parts = text.split(separator: "@", omittingEmptySubsequences: false)
            let isPlain = text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
            return parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && isPlain ? nil : "found \(shown(text))"
        }
    }

    /// In a sentence: "wanted …".
    var wanted: String {
        switch self {
        case .text(let range, .email): "wanted an address such as ann@site.example, of at most \(range.upperBound)"
        case .text(let range, .any): "wanted a text of \(range.lowerBound) to \(range.upperBound) characters"
        case .text(let range, .line): "wanted one line of \(range.lowerBound) to \(range.upperBound) characters"
        case .choice(let words): "wanted one of: " + words.joined(separator: ", ")
        case .boolean: "wanted true or false"
        case .integer(let range): "wanted a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number: "wanted a number"
        case .list: "wanted a list"
        case .object(let shape): "wanted an object with " + shape.fields.map(\.name).joined(separator: ", ")
        case .map: "wanted an object"
        case .any(let says): "wanted " + says
        case .nullable(let schema): schema.wanted + ", or null"
        case .named(_, let schema): schema.wanted
        }
    }
}

extension JSONSchema.Shape {
    fileprivate func faults(_ values: [String: JSONValue], at pointer: String) -> [FieldFault] {
        var faults: [FieldFault] = []
        for field in fields {
            switch values[field.name] {
            case nil, .null?:
                guard field.isRequired else { continue }
                faults.append(
                    FieldFault(
                        pointer + "/" + JSONPointer.part(field.name), found: "found no \"\(field.name)\"",
                        wanted: field.schema.wanted))
            case let value?:
                if !field.isReadOnly {
                    faults += field.schema.faults(value, at: pointer + "/" + JSONPointer.part(field.name))
                }
            }
        }
        if !isOpen {
            let known = fields.map(\.name)
            for name in values.keys.sorted() where !known.contains(name) {
                faults.append(
                    FieldFault(
                        pointer + "/" + JSONPointer.part(name),
                        found: "found the unknown field \(JSONSchema.shown(name))",
                        wanted: Suggestion.question(name, among: known, calling: "one of"), code: "unknown-field"))
            }
        }
        return Array(faults.prefix(JSONSchema.faultLimit))
    }
}
