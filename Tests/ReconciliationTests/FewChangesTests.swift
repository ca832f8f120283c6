import Contract
import KontainersConfiguration
import Store
import TestKit
import Testing

@testable import Reconciliation

@Suite("A change of a few rules among many")
struct FewChangesTests {
    private static let configuration = ApplianceConfiguration(
        data: "/data", listeners: [Listener(name: "web", address: "0.0.0.0:80", wireProtocol: .http)])

    private func stored(_ number: Int, _ variant: Int) -> StoredRule {
        var rule = ProxyRule(
            id: "\(number)", name: "r\(number)", sourceHost: "h\(number).site.test", created: Int64(variant))
        rule.endpoints = [.text("127.0.0.1:\(1_000 + variant)")]
        return StoredRule(rule, RuleDocumentReader(Self.configuration))
    }

    @Test(
        "comes to what computing everything anew comes to, whatever the changes are",
        arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func model(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var state = DesiredState(parser: { _, _ in ([], []) })
        var rules: [Int: StoredRule] = [:]
        for number in 0..<40 { rules[number] = stored(number, 0) }
        var published: SnapshotContent?
        var fast = 0
        for step in 1..<200 {
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                let number = Int.random(in: 0..<60, using: &generator)
                switch Int.random(in: 0..<24, using: &generator) {
                case 0...4: rules[number] = nil
                case 5 where step > 60:
                    // Asks for what another one has.
                    var rule = stored(number, step).rule
                    rule.sourceHost = "h\(Int.random(in: 0..<60, using: &generator)).site.test"
                    rules[number] = StoredRule(rule, RuleDocumentReader(Self.configuration))
                default: rules[number] = stored(number, step)
                }
            }
            var sources = Sources(file: Self.configuration)
            sources.stored = rules.values.sorted { $0.rule.name < $1.rule.name }
            let outcome = state.compute(sources, now: .now)
            var fresh = DesiredState(parser: { _, _ in ([], []) })
            let wanted = fresh.compute(sources, now: .now)
            #expect(outcome.content == wanted.content)
            #expect(outcome.diagnoses == wanted.diagnoses)
            if let published {
                let known = published.delta(
                    to: outcome.content, knowing: outcome.change, epoch: "e", base: 1, revision: 2)
                #expect(known == published.delta(to: wanted.content, epoch: "e", base: 1, revision: 2))
                #expect(
                    outcome.content.differs(from: published, knowing: outcome.change)
                        == (wanted.content != published))
            }
            if outcome.change != nil { fast += 1 }
            published = outcome.content
        }
        #expect(fast > 0)
    }

    @Test("with 10,000 rules takes little")
    func scale() {
        var state = DesiredState(parser: { _, _ in ([], []) })
        var sources = Sources(file: Self.configuration)
        sources.stored = (10_000..<20_000).map { stored($0, 0) }
        _ = state.compute(sources, now: .now)
        sources.stored[77] = stored(10_077, 1)
        let outcome = state.compute(sources, now: .now)
        #expect(outcome.change?.put.map(\.name) == ["store:r10077"] && outcome.change?.removed == [])
        #expect(outcome.content.rules.count == 10_000)
    }
}
