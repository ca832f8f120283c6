import Contract
import FoundationEssentials
import Kernel

/// Where overrides are kept: one small JSON file, replaced as a whole. What ``save(_:)`` returned from is there after
/// `kill -9` and after a power cut.
struct OverrideFile: Sendable {
    static let knownFormat = 1
    /// Bytes that are read: more than the limit of overrides can take.
    static let sizeLimit = 256 << 20
    /// Broken files that are kept under names of their own.
    private static let asideLimit = 100

    let path: String
    /// The two steps of writing, by which a test lets the system fail.
    var replace: @Sendable (String, [UInt8]) throws -> Void = { try System.replaceFile($0, with: $1) }
    var syncFolder: @Sendable (String) throws -> Void = { try Holdings.syncFolder($0) }

    private struct Document: Codable {
        var format: Int
        var overrides: [Override]
    }

    enum Fault: Error, CustomStringConvertible {
        case format(Int)
        case tooMany(Int)
        case weight(Int)
        case name(String)

        var description: String {
            switch self {
            case .format(let found): "found format \(found); wanted \(OverrideFile.knownFormat)"
            case .tooMany(let count): "found \(count) overrides; wanted at most \(Overrides.limit)"
            case .weight(let weight): "found weight \(weight); wanted 0 to 1000"
            case .name(let name): "found a name of \(name.utf8.count) bytes; wanted 1 to \(Overrides.nameLimit)"
            }
        }
    }

    /// What became of reading it.
    enum Loaded {
        case overrides(Overrides)
        /// It made no sense, and lies at this path now.
        case setAside(path: String, reason: String)
        /// It makes no sense and could not be moved: to write a new one would lose it.
        case stuck(reason: String)
    }

    func load() -> Loaded {
        do {
            let document = try JSONDecoder().decode(
                Document.self, from: Data(System.readFile(path, limit: Self.sizeLimit)))
            try Self.check(document)
            return .overrides(Overrides(document.overrides))
        } catch let error as SystemError where error.isMissing {
            return .overrides(Overrides())
        } catch {
            return setAside("\(error)")
        }
    }

    func save(_ overrides: Overrides) throws {
        let before = try? System.readFile(path, limit: Self.sizeLimit)
        try replace(path, Self.encoded(overrides))
        do {
            try syncFolder(folder)
        } catch {
            // The command fails, so what it asked for shall not come true at the next start.
            try? replace(path, before ?? Self.encoded(Overrides()))
            throw error
        }
    }

    private static func encoded(_ overrides: Overrides) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(Document(format: knownFormat, overrides: overrides.all))) + [0x0a]
    }

    private var folder: String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }

    private static func check(_ document: Document) throws(Fault) {
        guard document.format == knownFormat else { throw .format(document.format) }
        guard document.overrides.count <= Overrides.limit else { throw .tooMany(document.overrides.count) }
        for override in document.overrides {
            if let weight = override.weight, !Endpoint.weightRange.contains(weight) { throw .weight(weight) }
            for name in [override.rule, override.endpoint]
            where name.isEmpty || name.utf8.count > Overrides.nameLimit {
                throw .name(name)
            }
        }
    }

    private func setAside(_ reason: String) -> Loaded {
        for number in 1...Self.asideLimit {
            let aside = path + (number == 1 ? ".broken" : ".broken-\(number)")
            if (try? Holdings.facts(of: aside)) != nil { continue }
            do {
                try Holdings.rename(path, to: aside)
                return .setAside(path: aside, reason: reason)
            } catch {
                return .stuck(reason: "\(reason); and it could not be moved aside: \(error)")
            }
        }
        return .stuck(reason: "\(reason); and there are \(Self.asideLimit) broken ones beside it already")
    }
}

extension Override: Codable {
    private enum CodingKeys: String, CodingKey {
        case rule, pool, endpoint, container, weight
        case isDrained = "drained"
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            rule: try values.decode(String.self, forKey: .rule),
            pool: try values.decodeIfPresent(String.self, forKey: .pool),
            endpoint: try values.decode(String.self, forKey: .endpoint),
            isDrained: try values.decodeIfPresent(Bool.self, forKey: .isDrained) ?? false,
            container: try values.decodeIfPresent(String.self, forKey: .container),
            weight: try values.decodeIfPresent(Int.self, forKey: .weight))
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(rule, forKey: .rule)
        try values.encodeIfPresent(pool, forKey: .pool)
        try values.encode(endpoint, forKey: .endpoint)
        if isDrained { try values.encode(true, forKey: .isDrained) }
        try values.encodeIfPresent(container, forKey: .container)
        try values.encodeIfPresent(weight, forKey: .weight)
    }
}
