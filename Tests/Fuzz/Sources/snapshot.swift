import Contract
import FoundationEssentials
import Routing

/// What reads as a snapshot can be written and read again, compiles or is reported, and its table answers what it is
/// asked.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSnapshot(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe input(start, count)
    guard let snapshot = try? JSONDecoder().decode(Snapshot.self, from: Data(bytes)) else { return 0 }
    guard let written = try? JSONEncoder().encode(snapshot),
        let again = try? JSONDecoder().decode(Snapshot.self, from: written)
    else {
        expect(false, "was read, and cannot be written and read again")
        return 0
    }
    expect(again == snapshot, "reads differently once written")

    let compiler = RouteCompiler(seed: 1)
    compiler.replaceAll(rules: snapshot.rules)
    let (table, diagnoses) = compiler.build(revision: snapshot.revision, epoch: snapshot.epoch)
    let names = Set(snapshot.rules.map(\.name))
    for diagnosis in diagnoses { expect(names.contains(diagnosis.name), "a diagnosis of nobody: \(diagnosis)") }
    for rule in snapshot.rules.prefix(8) {
        for host in rule.hosts.prefix(4) + ["a.test"] {
            expectAgreement(table, host: Array(host.utf8), path: Array(rule.path.utf8), listener: "web", secure: false)
        }
    }
    // What was once compiled makes no difference to a compiler that is asked for the same again.
    compiler.replaceAll(rules: again.rules)
    let (_, same) = compiler.build(revision: snapshot.revision, epoch: snapshot.epoch)
    expect(same == diagnoses, "the same rules are reported differently: \(diagnoses), then \(same)")
    return 0
}
