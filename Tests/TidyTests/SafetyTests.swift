import Testing

@Suite("Hazards stay where they are listed")
struct SafetyTests {
    let repository = Repository.shared

    @Test("unsafe code, unchecked conformances and unsafe isolation stand in listed files only")
    func listed() {
        let hazard = #/\bunsafe\b|@unchecked\b|nonisolated\(unsafe\)/#
        let found = Set(repository.sources.filter { !$0.places(of: hazard).isEmpty }.map(\.path))
        let unlisted = found.subtracting(Hazards.files.keys).sorted()
        let stale = Set(Hazards.files.keys).subtracting(found).sorted()
        #expect(unlisted.isEmpty, "\(told("hazards in files that Hazards.swift does not list:", unlisted))")
        #expect(stale.isEmpty, "\(told("files listed in Hazards.swift without a hazard:", stale))")
    }

    @Test("@unchecked and nonisolated(unsafe) have their reason in a comment just above")
    func reasons() {
        check(#/@unchecked\b|nonisolated\(unsafe\)/#, called: "hazards")
    }

    @Test("fatalError and try! have a comment just above, or beside: why this cannot happen")
    func traps() {
        check(#/\bfatalError\(|\btry!/#, called: "traps")
    }

    @Test("a state machine lists its cases: no default in it")
    func stateMachines() {
        var faults: [String] = []
        for path in Hazards.stateMachines {
            guard let file = repository.files.first(where: { $0.path == path }) else {
                faults.append("\(path): listed in Hazards.swift, but absent")
                continue
            }
            faults += file.places(of: #/^\s*default\s*:/#)
        }
        #expect(faults.isEmpty, "\(told("state machines with a default, or missing:", faults))")
    }

    /// A comment counts when it stands on the line itself or ends on the line above the statement's first line, which
    /// may be up to four lines of the same statement or its attributes higher.
    private func check<Output>(_ pattern: Regex<Output>, called kind: String) {
        let pattern = pattern.wordBoundaryKind(.simple)
        var faults: [String] = []
        for file in repository.sources {
            for (index, line) in file.code.enumerated() where line.contains(pattern) {
                let near = max(0, index - 4)...index
                if !file.comments[near].contains(where: { $0.contains("//") }) {
                    faults.append("\(file.path):\(index + 1)")
                }
            }
        }
        #expect(faults.isEmpty, "\(told("\(kind) without a reason:", faults))")
    }
}
