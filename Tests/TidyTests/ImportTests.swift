import Testing

@Suite("Imports follow the shelves")
struct ImportTests {
    let repository = Repository.shared
    let shelves = Shelves(Repository.shared)

    @Test("every folder of the sources is a module of the manifest")
    func everyFolderIsAModule() {
        let strays = Set(repository.sources.map(\.folder)).filter { shelves.module(inFolder: $0) == nil }
        #expect(strays.isEmpty, "\(told("folders without a module in Package.swift:", strays.sorted()))")
        #expect(shelves.modules.count > 15, "the manifest was read wrongly: found \(shelves.modules.keys.sorted())")
    }

    @Test("a module imports its own shelf and those below it, nothing across the planes")
    func shelfByShelf() {
        var faults: [String] = []
        for file in repository.sources {
            guard let owner = shelves.module(inFolder: file.folder) else { continue }
            let reach = Shelves.reach(of: owner.shelf)
            for (name, line) in file.imports {
                guard let imported = shelves.modules[name] else { continue }
                // Matching is pure: what explains a decision is the code that makes it.
                let isExplaining = owner.name == "Management" && name == "Routing"
                if !reach.contains(imported.shelf), !isExplaining {
                    faults.append(
                        "\(file.path):\(line): \(owner.name) (\(owner.shelf)) imports \(name) (\(imported.shelf))")
                }
            }
        }
        #expect(faults.isEmpty, "\(told("imports against the shelves:", faults))")
    }

    @Test(
        "a composition root joins one plane only",
        arguments: [
            ("kontainers", Shelves.Shelf.dataPlane), ("kontainers-edge", .controlPlane),
        ])
    func rootsKeepToTheirPlane(_ root: String, _ other: Shelves.Shelf) {
        let faults = repository.sources.filter { $0.folder == "Sources/\(root)" }.flatMap { file in
            file.imports.filter { shelves.modules[$0.module]?.shelf == other }.map { "\(file.path):\($0.line)" }
        }
        #expect(faults.isEmpty, "\(told("\(root) imports the \(other):", faults))")
    }

    @Test("what is imported of ours is named in the manifest, not met by way of another module")
    func declared() {
        var faults: [String] = []
        for file in repository.sources {
            guard let owner = shelves.module(inFolder: file.folder) else { continue }
            for (name, line) in file.imports where shelves.modules[name] != nil && name != owner.name {
                if !owner.uses.contains(name) {
                    faults.append("\(file.path):\(line): \(owner.name) does not declare \(name)")
                }
            }
        }
        #expect(faults.isEmpty, "\(told("imports that Package.swift does not name:", faults))")
    }

    @Test("HTTP/1 and TLS do not know each other; every protocol knows HTTP's words at most")
    func protocolsAreStrangers() {
        var faults: [String] = []
        for file in repository.sources {
            guard let owner = shelves.module(inFolder: file.folder), owner.shelf == .protocols else { continue }
            for (name, line) in file.imports where name != "HTTP" && shelves.modules[name]?.shelf == .protocols {
                faults.append("\(file.path):\(line): \(owner.name) imports \(name)")
            }
        }
        #expect(faults.isEmpty, "\(told("protocols that know each other:", faults))")
    }

    @Test("each C module is seen by one module only")
    func wallsAroundC() {
        var users: [String: Set<String>] = [:]
        for file in repository.sources {
            for (name, _) in file.imports {
                guard let module = shelves.modules[name], module.folder.hasPrefix("Sources/Platform/C") else {
                    continue
                }
                users[name, default: []].insert(file.folder)
            }
        }
        let faults = users.filter { $0.value.count > 1 }.map { "\($0.key): \($0.value.sorted())" }
        #expect(faults.isEmpty, "\(told("C modules with more than one user:", faults.sorted()))")
    }

    /// Decoding JSON is the one thing that Foundation does below the control plane, away from the path of a request.
    static let essentials: Set = ["Sources/Contract", "Sources/kontainers-edge"]

    @Test("no Foundation below the control plane; its essentials where JSON is read, and nowhere else")
    func foundation() {
        var faults: [String] = []
        for file in repository.sources {
            guard let owner = shelves.module(inFolder: file.folder), owner.shelf != .controlPlane else { continue }
            guard owner.name != "kontainers" else { continue }
            for (name, line) in file.imports where name.hasPrefix("Foundation") {
                if name == "FoundationEssentials", Self.essentials.contains(file.folder) { continue }
                faults.append("\(file.path):\(line): imports \(name)")
            }
        }
        #expect(faults.isEmpty, "\(told("Foundation below the control plane:", faults))")
    }
}
