/// Keeps a value behind a reference, so that what holds it stays small: most rules have no options, and thousands of
/// rules are copied with each change. Equal, encoded and decoded as the value itself.
@propertyWrapper
public struct Aside<Value: Equatable & Sendable & Codable>: Equatable, Sendable, Encodable {
    private final class Box: Sendable {
        let value: Value

        init(_ value: Value) { self.value = value }
    }

    private var box: Box?

    public init(wrappedValue: Value?) { box = wrappedValue.map(Box.init) }

    public var wrappedValue: Value? {
        get { box?.value }
        set { box = newValue.map(Box.init) }
    }

    public static func == (one: Aside, other: Aside) -> Bool {
        one.box === other.box || one.wrappedValue == other.wrappedValue
    }

    public func encode(to encoder: any Encoder) throws { try wrappedValue.encode(to: encoder) }
}

extension KeyedEncodingContainer {
    /// Leaves the key out where there is no value, as for every other optional property.
    public mutating func encode<Value>(_ aside: Aside<Value>, forKey key: Key) throws {
        try encodeIfPresent(aside.wrappedValue, forKey: key)
    }
}
