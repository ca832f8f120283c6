import Contract
import Testing

@testable import Routing

@Suite("Access lists")
struct AccessListTests {
    private func admits(_ allow: [String], _ deny: [String], _ address: String) throws -> Bool {
        var options = RuleOptions()
        (options.allow, options.deny) = (allow, deny)
        let compiler = RouteCompiler(seed: 1)
        compiler.put([Rule(name: "r", hosts: ["a.test"], options: options)])
        let (table, diagnoses) = compiler.build(revision: 1, epoch: "")
        try #require(diagnoses.isEmpty, "\(diagnoses)")
        let view = table.view
        let network = try Network(address)
        let (high, low) = (UInt64(truncatingIfNeeded: network.start >> 64), UInt64(truncatingIfNeeded: network.start))
        let admitted = view.admits(view.options(of: view.route(RouteID(number: 0))), high: high, low: low)
        withExtendedLifetime(table) {}
        return admitted
    }

    @Test(
        "the longest prefix decides, and with an allow list everybody else is denied",
        arguments: [
            (["10.0.0.0/8"], [], "10.0.0.0", true), (["10.0.0.0/8"], [], "10.255.255.255", true),
            (["10.0.0.0/8"], [], "9.255.255.255", false), (["10.0.0.0/8"], [], "11.0.0.0", false),
            (["10.0.0.0/8"], [], "2001:db8::1", false),
            ([], ["10.0.0.0/8"], "10.1.2.3", false), ([], ["10.0.0.0/8"], "11.0.0.0", true),
            ([], ["10.0.0.0/8"], "::", true),
            (["10.0.0.0/8"], ["10.1.0.0/16"], "10.1.2.3", false), (["10.0.0.0/8"], ["10.1.0.0/16"], "10.2.0.0", true),
            (["10.0.0.0/8", "10.1.2.0/24"], ["10.1.0.0/16"], "10.1.2.255", true),
            (["10.0.0.0/8", "10.1.2.0/24"], ["10.1.0.0/16"], "10.1.3.0", false),
            (["10.1.2.3"], [], "10.1.2.3", true), (["10.1.2.3"], [], "10.1.2.2", false),
            (["10.1.2.3"], [], "10.1.2.4", false),
            (["2001:db8::/32"], ["2001:db8:1::/48"], "2001:db8::1", true),
            (["2001:db8::/32"], ["2001:db8:1::/48"], "2001:db8:1::1", false),
            (["2001:db8::/32"], [], "2001:db9::", false),
            // IPv4 is no part of IPv6's whole.
            ([], ["::/0"], "10.0.0.1", true), ([], ["::/0"], "2001:db8::1", false),
            (["::/0"], [], "10.0.0.1", false), (["::/0"], [], "::1", true), (["::/0"], [], "ffff::", true),
            ([], ["0.0.0.0/0"], "10.0.0.1", false), ([], ["0.0.0.0/0"], "::1", true),
            // A mapped address is the IPv4 one, in lists and of clients.
            (["::ffff:10.0.0.0/104"], [], "10.1.1.1", true), ([], ["10.1.1.1"], "::ffff:10.1.1.1", false),
            (["255.255.255.255"], [], "255.255.255.255", true),
            ([], ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", true),
            ([], ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ] as [([String], [String], String, Bool)])
    func verdicts(_ allow: [String], _ deny: [String], _ address: String, _ admitted: Bool) throws {
        #expect(try admits(allow, deny, address) == admitted)
    }

    @Test("looking up agrees with asking every network")
    func reference() throws {
        var random = Seeded(state: 5)
        for _ in 0..<60 {
            var verdicts: [Network: Bool] = [:]
            for _ in 0..<Int.random(in: 1...30, using: &random) {
                // Few bits, so that networks lie in each other.
                let length = Int.random(in: 20...32, using: &random)
                let bits = UInt32.random(in: 0...0xfff, using: &random)
                let start = ((bits >> UInt32(32 - length)) << UInt32(32 - length)) | 0x0a00_0000
                let network = Network(start: Network.ipv4.start | UInt128(start), length: length + 96)
                verdicts[network] = Bool.random(using: &random)
            }
            let texts = verdicts.map { (Self.text($0.key), $0.value) }
            let (allow, deny) = (texts.filter(\.1).map(\.0), texts.filter { !$0.1 }.map(\.0))
            let set = try AccessList(allow: allow, deny: deny)
            for address in UInt128(0x0a00_0000 - 2)...UInt128(0x0a00_1002) {
                let address = Network.ipv4.start | address
                let best = verdicts.filter { $0.key.start <= address && address <= $0.key.last }
                    .max { $0.key.length < $1.key.length }
                let wanted = best?.value ?? allow.isEmpty
                let found = set.boundaries.last { $0.start <= address }?.isAllowed
                guard found == wanted else {
                    Issue.record("\(address): found \(String(describing: found)) of \(allow) \(deny)")
                    return
                }
            }
            #expect(set.boundaries == set.boundaries.sorted { $0.start < $1.start })
        }
    }

    private static func text(_ network: Network) -> String {
        let low = UInt32(truncatingIfNeeded: network.start)
        return "\(low >> 24).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)/\(network.length - 96)"
    }

    @Test(
        "what is no network is refused with what is wanted",
        arguments: [
            "", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0/8", "010.0.0.0/8", "10.1.2.3/8", "a",
            "::/129", "2001:db8::1/32", "[::1]", "::1%1", "1.2.3.4/8/8", "0x7f.1", "127.1", "10.0.0.0/ 8",
        ])
    func refused(_ text: String) {
        #expect(throws: RuleFault.self) { try Network(text) }
    }

    @Test("a network that is allowed and denied is a fault, however it is written")
    func both() {
        #expect(throws: RuleFault.self) { try AccessList(allow: ["10.0.0.1"], deny: ["10.0.0.1/32"]) }
        #expect(throws: RuleFault.self) { try AccessList(allow: ["::ffff:10.0.0.1"], deny: ["10.0.0.1/32"]) }
    }
}
