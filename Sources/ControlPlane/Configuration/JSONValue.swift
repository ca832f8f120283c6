/// A JSON document (RFC 8259) as it was written: what the interface takes and keeps of fields whose meaning is told
/// elsewhere.
public enum JSONValue: Equatable, Hashable, Sendable {
    case null
    case boolean(Bool)
    /// A whole number; what has a fraction or is larger is a `number`.
    case integer(Int)
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    /// Levels of lists and objects that are read.
    public static let depthLimit = 32

    public subscript(_ name: String) -> JSONValue? {
        if case .object(let fields) = self { fields[name] } else { nil }
    }

    public var text: String? { if case .text(let text) = self { text } else { nil } }
    public var integer: Int? { if case .integer(let number) = self { number } else { nil } }
    public var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
    public var list: [JSONValue]? { if case .list(let items) = self { items } else { nil } }
    public var object: [String: JSONValue]? { if case .object(let fields) = self { fields } else { nil } }

    /// In a sentence: "found …".
    public var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .integer, .number: "a number"
        case .text: "a text"
        case .list: "a list"
        case .object: "an object"
        }
    }
}

extension JSONValue: Codable {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    public init(from decoder: any Decoder) throws {
        guard decoder.codingPath.count < Self.depthLimit else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: [], debugDescription: "found more than \(Self.depthLimit) levels"))
        }
        if let values = try? decoder.container(keyedBy: Key.self) {
            var fields: [String: JSONValue] = [:]
            for key in values.allKeys {
                fields[key.stringValue] = try values.decode(JSONValue.self, forKey: key)
            }
            self = .object(fields)
        } else if var values = try? decoder.unkeyedContainer() {
            var items: [JSONValue] = []
            while !values.isAtEnd { items.append(try values.decode(JSONValue.self)) }
            self = .list(items)
        } else {
            self = try Self.scalar(decoder.singleValueContainer())
        }
    }

    private static func scalar(_ value: any SingleValueDecodingContainer) throws -> JSONValue {
        if value.decodeNil() { return .null }
        if let text = try? value.decode(String.self) { return .text(text) }
        if let boolean = try? value.decode(Bool.self) { return .boolean(boolean) }
        if let integer = try? value.decode(Int.self) { return .integer(integer) }
        return .number(try value.decode(Double.self))
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .object(let fields):
            var values = encoder.container(keyedBy: Key.self)
            for (name, value) in fields { try values.encode(value, forKey: Key(stringValue: name)) }
        case .list(let items):
            var values = encoder.unkeyedContainer()
            for item in items { try values.encode(item) }
        case .null:
            var value = encoder.singleValueContainer()
            try value.encodeNil()
        case .boolean(let boolean):
            var value = encoder.singleValueContainer()
            try value.encode(boolean)
        case .integer(let number):
            var value = encoder.singleValueContainer()
            try value.encode(number)
        case .number(let number):
            var value = encoder.singleValueContainer()
            try value.encode(number)
        case .text(let text):
            var value = encoder.singleValueContainer()
            try value.encode(text)
        }
    }
}
