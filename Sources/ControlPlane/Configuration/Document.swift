import Yams

/// Reads YAML into a tree of what was written, and refuses what would take more than a file may take.
///
/// Aliases are resolved here and not by Yams: Yams compares the keys of each mapping by hashing them whole, so a
/// short file of aliases to aliases in a key would keep it busy for years. Before Yams sees the text, each `*` is
/// replaced by a private-use character; where that begins a plain scalar it was an alias, elsewhere it is put back.
/// This also tells an alias from a wildcard host that lacks its quotes.
struct Document {
    /// Nodes after aliases were expanded. 100,000 rules of ten fields take about two million.
    static let nodeLimit = 6_000_000
    /// Levels of lists and mappings; the deepest field of the schema lies five deep.
    static let depthLimit = 64

    private let path: String
    private let star: Unicode.Scalar
    private var anchors: [String: Anchored] = [:]
    private var nodeCount = 0
    private(set) var diagnoses: [Diagnosis] = []

    private struct Anchored {
        var value: Written
        var nodeCount: Int
        var height: Int
    }

    /// Nothing more can be read.
    private struct Refusal: Error { var diagnosis: Diagnosis }

    /// The one document of `text`, or `nil` with the reason. `path` is what diagnoses name.
    static func read(_ text: String, path: String) -> (Written?, [Diagnosis]) {
        guard
            let star = (0xE000...0xF8FF as ClosedRange<UInt32>).lazy.compactMap(Unicode.Scalar.init)
                .first(where: { !text.unicodeScalars.contains($0) })
        else { return (nil, [fault("syntax", path, 1, 1, "found every private-use character", "wanted text")]) }
        var masked = text.unicodeScalars
        if text.utf8.contains(UInt8(ascii: "*")) {
            masked = String.UnicodeScalarView()
            masked.reserveCapacity(text.utf8.count)
            for scalar in text.unicodeScalars { masked.append(scalar == "*" ? star : scalar) }
        }

        var document = Document(path: path, star: star)
        do {
            // Yams' own resolver tries regular expressions on every key; types are the schema's business here.
            let parser = try Parser(yaml: String(masked), resolver: .basic, encoding: .utf8)
            // Nodes hold their anchors weakly, the parser strongly.
            return try withExtendedLifetime(parser) {
                guard let root = try parser.singleRoot() else { return (nil, []) }
                let written = try document.written(root, depth: 1).value
                return (written, document.diagnoses)
            }
        } catch let refusal as Refusal {
            return (nil, document.diagnoses + [refusal.diagnosis])
        } catch let error as YamlError {
            return (nil, [SyntaxFault.diagnosis(of: error, in: text, path: path, star: star)])
        } catch {
            return (nil, [fault("syntax", path, 1, 1, "found YAML that cannot be read: \(error)", "wanted YAML")])
        }
    }

    private init(path: String, star: Unicode.Scalar) {
        self.path = path
        self.star = star
    }

    private mutating func written(_ node: Node, depth: Int) throws -> (value: Written, height: Int) {
        let position = Position(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
        guard depth <= Self.depthLimit else {
            throw refusal("too-deep", position, "found more than \(Self.depthLimit) levels", "wanted a flatter file")
        }
        try count(1, at: position)
        let before = nodeCount
        var value = Written(position: position, content: .list([]))
        var height = 1
        switch node {
        case .scalar(let scalar):
            if scalar.style == .plain, scalar.string.unicodeScalars.first == star {
                return try aliased(restored(scalar.string), at: position, depth: depth)
            }
            value.content = .text(restored(scalar.string), isQuoted: scalar.style != .plain)
        case .sequence(let sequence):
            var items: [Written] = []
            items.reserveCapacity(sequence.count)
            for item in sequence {
                let (item, itemHeight) = try written(item, depth: depth + 1)
                items.append(item)
                height = max(height, itemHeight + 1)
            }
            value.content = .list(items)
        case .mapping(let mapping):
            var pairs: [Written.Pair] = []
            pairs.reserveCapacity(mapping.count)
            for (key, item) in mapping {
                let (name, _) = try written(key, depth: depth + 1)
                let (item, itemHeight) = try written(item, depth: depth + 1)
                height = max(height, itemHeight + 1)
                guard case .text(let text, _) = name.content else {
                    note("bad-key", name.position, name.found + " as a field's name", "wanted a text")
                    continue
                }
                pairs.append(.init(key: text, keyPosition: name.position, value: item))
            }
            value.content = .mapping(pairs)
        case .alias: break
        }
        if let anchor = node.anchor?.rawValue {
            anchors[anchor] = Anchored(value: value, nodeCount: nodeCount - before + 1, height: height)
        }
        return (value, height)
    }

    /// What `*name` stands for. Its nodes count as if they had been written again.
    private mutating func aliased(_ text: String, at position: Position, depth: Int) throws -> (Written, Int) {
        guard let anchored = anchors[String(text.dropFirst())] else {
            note(
                "unquoted-star", position,
                "found \(Shown.plain(text)) without quotes, which YAML reads as a reference to an anchor that is not "
                    + "there",
                "wanted quotes around it: \"\(Shown.plain(text))\"")
            return (Written(position: position, content: .unreadable), 1)
        }
        try count(anchored.nodeCount - 1, at: position)
        guard depth + anchored.height - 1 <= Self.depthLimit else {
            throw refusal("too-deep", position, "found more than \(Self.depthLimit) levels", "wanted a flatter file")
        }
        var value = anchored.value
        value.position = position
        return (value, anchored.height)
    }

    private mutating func count(_ nodes: Int, at position: Position) throws {
        nodeCount += nodes
        guard nodeCount <= Self.nodeLimit else {
            throw refusal(
                "too-many-nodes", position, "found more than \(Self.nodeLimit) values, aliases expanded",
                "wanted fewer: check aliases that contain aliases")
        }
    }

    private func restored(_ text: String) -> String {
        guard text.unicodeScalars.contains(star) else { return text }
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { scalars.append(scalar == star ? "*" : scalar) }
        return String(scalars)
    }

    private mutating func note(_ code: String, _ position: Position, _ found: String, _ wanted: String) {
        guard diagnoses.count < ConfigurationFile.diagnosisLimit else { return }
        diagnoses.append(refusal(code, position, found, wanted).diagnosis)
    }

    private func refusal(_ code: String, _ position: Position, _ found: String, _ wanted: String) -> Refusal {
        Refusal(
            diagnosis: Self.fault(code, path, Int(position.line), Int(position.column), found, wanted))
    }

    static func fault(
        _ code: String, _ path: String, _ line: Int, _ column: Int, _ found: String, _ wanted: String
    ) -> Diagnosis {
        Diagnosis(code: code, place: .file(path: path, line: line, column: column), found: found, wanted: wanted)
    }
}
