import Foundation

/// The modules and their shelves, as the manifest declares them.
struct Shelves: Sendable {
    enum Shelf: String, Sendable { case platform, protocols, contract, dataPlane, controlPlane, root, tests }

    struct Module: Sendable {
        var name: String
        var shelf: Shelf
        var folder: String
        /// What the manifest lets it import: modules of ours and products of packages.
        var uses: Set<String>
    }

    private(set) var modules: [String: Module] = [:]

    init(_ repository: Repository) {
        let text = repository.manifest.lines.joined(separator: "\n")
        let products = Self.products(in: text)
        for declaration in text.matches(of: /\bmodule\(\s*"(\w+)",\s*on:\s*\.(\w+)/) {
            let name = String(declaration.output.1)
            let rest = Self.argumentList(text[declaration.range.lowerBound...])
            let folder = rest.firstMatch(of: /folder:\s*"(\w+)"/).map { String($0.output.1) } ?? name
            let shelf: Shelf =
                switch declaration.output.2 {
                case "Platform": .platform
                case "Protocols": .protocols
                case "DataPlane": .dataPlane
                default: .controlPlane
                }
            modules[name] = Module(
                name: name, shelf: shelf, folder: "Sources/\(declaration.output.2)/\(folder)",
                uses: Self.dependencies(rest, label: "uses", products: products))
        }
        for declaration in text.matches(of: /\bcModule\(\s*"(\w+)"/) {
            let name = String(declaration.output.1)
            modules[name] = Module(name: name, shelf: .platform, folder: "Sources/Platform/\(name)", uses: [])
        }
        for declaration in text.matches(of: /\.(?:executableTarget|target)\(\s*name:\s*"([\w-]+)"/) {
            let name = String(declaration.output.1)
            let rest = Self.argumentList(text[declaration.range.lowerBound...])
            let path = rest.firstMatch(of: /path:\s*"([^"\\]+)"/).map { String($0.output.1) } ?? "Sources/\(name)"
            modules[name] = Module(
                name: name, shelf: name == "Contract" ? .contract : name == "TestKit" ? .tests : .root,
                folder: path, uses: Self.dependencies(rest, label: "dependencies", products: products))
        }
    }

    func module(inFolder folder: String) -> Module? { modules.values.first { $0.folder == folder } }

    /// Shelves that modules of `shelf` may import from.
    static func reach(of shelf: Shelf) -> Set<Shelf> {
        switch shelf {
        case .platform: [.platform]
        case .protocols: [.protocols, .platform]
        case .contract: []
        case .dataPlane: [.dataPlane, .contract, .protocols, .platform]
        case .controlPlane: [.controlPlane, .contract, .protocols, .platform]
        case .root: [.dataPlane, .controlPlane, .contract, .protocols, .platform]
        case .tests: [.tests, .dataPlane, .controlPlane, .contract, .protocols, .platform]
        }
    }

    /// Names bound in the manifest to products of packages: `let nio: Target.Dependency = .product(name: "NIOCore", …`.
    private static func products(in text: String) -> [String: String] {
        var products: [String: String] = [:]
        for match in text.matches(of: /let\s+(\w+):\s*Target\.Dependency\s*=\s*\.product\(name:\s*"(\w+)"/) {
            products[String(match.output.1)] = String(match.output.2)
        }
        return products
    }

    /// From a call's name to its closing parenthesis.
    private static func argumentList(_ text: Substring) -> Substring {
        var depth = 0
        for index in text.indices {
            if text[index] == "(" { depth += 1 }
            if text[index] == ")" {
                depth -= 1
                if depth == 0 { return text[...index] }
            }
        }
        return text
    }

    private static func dependencies(_ call: Substring, label: String, products: [String: String]) -> Set<String> {
        guard let start = call.range(of: "\(label):") else { return [] }
        let rest = call[start.upperBound...]
        guard let open = rest.firstIndex(of: "["), let close = rest.firstIndex(of: "]"), open < close else { return [] }
        var names: Set<String> = []
        for word in rest[open..<close].matches(of: /"([\w-]+)"|\b([a-z]\w*)\b/) {
            if let quoted = word.output.1 { names.insert(String(quoted)) }
            if let bound = word.output.2, let product = products[String(bound)] { names.insert(product) }
        }
        return names
    }
}
