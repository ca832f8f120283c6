/// Which responses are compressed for clients that take gzip.
public struct Gzip: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case types, minimum, level }

    /// Media types, lower case: `text/html`, or `text/*` for all of a kind.
    public var types: [String]
    /// Bytes; shorter responses are not worth it. One of unknown length counts as long.
    public var minimum: Int
    /// 1 (fast) to 9 (small).
    public var level: Int

    public static let standardTypes = [
        "text/*", "application/atom+xml", "application/javascript", "application/json", "application/ld+json",
        "application/manifest+json", "application/problem+json", "application/rss+xml", "application/wasm",
        "application/x-javascript", "application/x-ndjson", "application/xhtml+xml", "application/xml", "font/otf",
        "font/ttf", "image/svg+xml",
    ]
    public static let typeLimit = 64
    /// Bytes of one type.
    public static let typeSize = 100
    public static let minimumRange = 0...1 << 30
    public static let levelRange = 1...9

    public init(types: [String] = standardTypes, minimum: Int = 1_024, level: Int = 5) {
        self.types = types
        self.minimum = minimum
        self.level = level
    }

    public func check() throws(OptionFault) {
        guard (1...Self.typeLimit).contains(types.count) else {
            throw OptionFault(found: "found \(types.count) types in gzip", wanted: "wanted 1 to \(Self.typeLimit)")
        }
        for type in types { try Self.check(type: type) }
        guard Self.levelRange.contains(level) else {
            throw OptionFault(found: "found the level \(level) in gzip", wanted: "wanted 1 to 9")
        }
        guard Self.minimumRange.contains(minimum) else {
            throw OptionFault(found: "found a minimum of \(minimum) bytes in gzip", wanted: "wanted 0 to 1 GiB")
        }
    }

    public static func check(type: String) throws(OptionFault) {
        let halves = type.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isRight =
            type.utf8.count <= typeSize && halves.count == 2 && halves.allSatisfy { !$0.isEmpty }
            && halves[0].allSatisfy(isLetter) && (halves[1].elementsEqual("*".utf8) || halves[1].allSatisfy(isLetter))
        guard isRight else {
            let shown = String(type.unicodeScalars.prefix(40).filter { (0x20...0x7e).contains($0.value) })
            throw OptionFault(
                found: "found \"\(shown)\" as a media type",
                wanted: "wanted one such as text/html, or text/* for all text")
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$&-^_.+".utf8.contains(byte)
        }
    }
}

extension Gzip: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let standard = Gzip()
        self.init(
            types: try values.decodeIfPresent([String].self, forKey: .types) ?? standard.types,
            minimum: try values.decodeIfPresent(Int.self, forKey: .minimum) ?? standard.minimum,
            level: try values.decodeIfPresent(Int.self, forKey: .level) ?? standard.level)
    }
}
