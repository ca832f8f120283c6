import Contract
import Testing

@testable import Routing

@Suite("Compiling rules")
struct CompilerTests {
    private func fault(_ rule: Rule) -> String? {
        let compiler = RouteCompiler(seed: 1)
        compiler.put([rule])
        let (table, diagnoses) = compiler.build(revision: 1, epoch: "")
        #expect(table.routeCount == (diagnoses.isEmpty ? 1 : 0))
        #expect(diagnoses.allSatisfy { $0.subject == .rule && $0.name == rule.name })
        return diagnoses.first?.message
    }

    @Test(
        "a host is refused with what was found and what is wanted",
        arguments: [
            ("", "is empty"), (".", "is empty"), ("*.", "is empty"), ("a.test:80", "has a port"),
            ("*a.test", "whole labels"),
            ("a.*.test", "whole labels"), ("*.*.test", "whole labels"), ("http://a.test", "has a port"),
            ("a.test/x", "has a path"),
            ("bücher.test", "Punycode"), ("a..test", "empty label"), (".a.test", "empty label"),
            ("a b.test", "no host name has"),
            ("[::1", "IPv6"), ("[::1]:80", "IPv6"), ("[fe80::1%eth0]", "IPv6"), ("*.[::1]", "IPv6"),
            (String(repeating: "a", count: 64) + ".test", "too long"), ("a%41.test", "no host name has"),
        ])
    func badHosts(_ host: String, _ words: String) throws {
        let message = try #require(fault(Rule(name: "r", hosts: ["good.test", host])))
        #expect(message.contains("host \"\(host)\""))
        #expect(message.contains(words), "\(message)")
        #expect(message.hasSuffix("the rule is not served"))
    }

    @Test(
        "a path is refused with what was found and what is wanted",
        arguments: [
            ("", "starts with"), ("api", "starts with"), ("/..", "climbs"), ("/100%", "%25"), ("/%zz", "%25"),
            ("/a?b", "leave out"),
            ("/a#b", "leave out"), ("/a\nb", "control"),
        ])
    func badPaths(_ path: String, _ words: String) throws {
        let message = try #require(fault(Rule(name: "r", hosts: ["a.test"], path: path)))
        #expect(message.contains(words), "\(message)")
    }

    @Test(
        "an endpoint is an address with a port",
        arguments: [
            "", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3:80", "1.2.3.4.5:80", "01.2.3.4:80",
            "256.1.1.1:80",
            "1.2.3.4:+80", "::1:80", "[::1]", "[::1]:0", "[::1:80", "[]:80", "[:::]:80", "[1::2::3]:80",
            "[1:2:3:4:5:6:7]:80",
            "[1:2:3:4:5:6:7:8:9]:80", "[1:2:3:4:5:6:7:8::]:80", "[12345::]:80", "[::1.2.3]:80", "[::1%eth0]:80",
            "web:80",
            "1.2.3.4:8 0", " 1.2.3.4:80", "[1:]:80", "[:1]:80", "[1:2:3:4:5:6:7:1.2.3.4]:80",
        ])
    func badEndpoints(_ address: String) throws {
        #expect(EndpointAddress(text: address) == nil)
        let message = try #require(fault(Rule(name: "r", hosts: ["a.test"], endpoints: [Endpoint(address: address)])))
        #expect(message.contains("wanted IPv4:port or [IPv6]:port"))
    }

    @Test(
        "one address has one text",
        arguments: [
            ("1.2.3.4:80", "1.2.3.4:80"), ("0.0.0.0:1", "0.0.0.0:1"),
            ("255.255.255.255:65535", "255.255.255.255:65535"),
            ("1.2.3.4:0080", "1.2.3.4:80"), ("[::]:80", "[::]:80"), ("[::1]:80", "[::1]:80"),
            ("[0:0:0:0:0:0:0:1]:80", "[::1]:80"),
            ("[2001:DB8::A]:80", "[2001:db8::a]:80"), ("[1::]:80", "[1::]:80"),
            ("[1:0:0:2:0:0:0:3]:80", "[1:0:0:2::3]:80"),
            ("[1:2:3:4:5:6:7:8]:80", "[1:2:3:4:5:6:7:8]:80"), ("[1:2:3:4:5:6:7::]:80", "[1:2:3:4:5:6:7:0]:80"),
            ("[::ffff:1.2.3.4]:80", "[::ffff:102:304]:80"), ("[1:2:3:4:5:6:1.2.3.4]:80", "[1:2:3:4:5:6:102:304]:80"),
            ("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
        ])
    func texts(_ written: String, _ canonical: String) throws {
        let address = try #require(EndpointAddress(text: written))
        #expect(address.text == canonical)
        #expect(EndpointAddress(text: canonical) == address)
    }

    @Test("counts are agreed to up to their limit")
    func limits() {
        func hosts(_ count: Int) -> [String] { (0..<count).map { "h\($0).test" } }
        func endpoints(_ count: Int) -> [Endpoint] {
            (0..<count).map { Endpoint(address: "10.0.\($0 / 256).\($0 % 256):80") }
        }
        func listeners(_ count: Int) -> [String] { (0..<count).map { "l\($0)" } }
        func name(_ count: Int) -> String { String(repeating: "n", count: count) }
        #expect(fault(Rule(name: "r", hosts: hosts(RuleLimits.hosts))) == nil)
        #expect(fault(Rule(name: "r", hosts: hosts(RuleLimits.hosts + 1))) != nil)
        #expect(fault(Rule(name: "r", hosts: ["a"], endpoints: endpoints(RuleLimits.endpoints))) == nil)
        #expect(fault(Rule(name: "r", hosts: ["a"], endpoints: endpoints(RuleLimits.endpoints + 1))) != nil)
        #expect(fault(Rule(name: "r", listeners: listeners(RuleLimits.listeners), hosts: ["a"])) == nil)
        #expect(fault(Rule(name: "r", listeners: listeners(RuleLimits.listeners + 1), hosts: ["a"])) != nil)
        #expect(fault(Rule(name: name(RuleLimits.nameBytes), hosts: ["a"])) == nil)
        #expect(fault(Rule(name: name(RuleLimits.nameBytes + 1), hosts: ["a"])) != nil)
        #expect(fault(Rule(name: "", hosts: ["a"])) != nil)
        #expect(fault(Rule(name: "r", hosts: ["a"], note: name(RuleLimits.nameBytes + 1))) != nil)
        #expect(fault(Rule(name: "r", hosts: ["a"], path: "/" + name(PathLimits.ruleBytes - 1))) == nil)
        #expect(fault(Rule(name: "r", hosts: ["a"], path: "/" + name(PathLimits.ruleBytes))) != nil)
        let label = name(63)
        #expect(fault(Rule(name: "r", hosts: ["\(label).\(label).\(label).\(name(61))"])) == nil)
        #expect(fault(Rule(name: "r", hosts: ["\(label).\(label).\(label).\(name(62))"])) != nil)
    }

    @Test("rules in one place are agreed to up to their limit, and no request walks further")
    func crowdedPlace() {
        let rules = (0..<RuleLimits.rulesInOnePlace + 2).map {
            Rule(name: "r\(1_000 + $0)", listeners: ["l\($0)"], hosts: ["a.test"], path: "/x")
        }
        let asking = Asking(rules)
        #expect(asking.diagnoses.map(\.name) == rules.suffix(2).map(\.name))
        #expect(asking.ask("a.test", "/x", on: "l255") == "r1255")
        #expect(asking.ask("a.test", "/x", on: "l256") == "404")
    }

    @Test("a rule that cannot be compiled keeps its last good version, until it is mended or removed")
    func lastGood() {
        let compiler = RouteCompiler(seed: 1)
        let good = Rule(name: "r", hosts: ["a.test"])
        var bad = good
        bad.hosts = ["a.test:80"]
        let other = Rule(name: "other", hosts: ["b.test"])
        func state() -> (routes: Int, faults: [String]) {
            let (table, diagnoses) = compiler.build(revision: 1, epoch: "")
            return (table.routeCount, diagnoses.map(\.message))
        }
        compiler.put([bad, other])
        #expect(state().routes == 1)
        #expect(state().faults.first?.hasSuffix("the rule is not served") == true)
        compiler.put([good])
        #expect(state() == (2, []))
        compiler.put([bad])
        #expect(state().routes == 2)
        #expect(state().faults.first?.hasSuffix("its last good version stays in service") == true)
        compiler.replaceAll(rules: [bad, other])
        #expect(state().routes == 2)
        #expect(state().faults.count == 1)
        compiler.remove(["r", "nobody"])
        #expect(state() == (1, []))
        compiler.replaceAll(rules: [bad])
        #expect(state().routes == 0)
        compiler.replaceAll(rules: [])
        #expect(state() == (0, []))
    }

    @Test("of several rules with one name the last counts, and the name is reported")
    func sameName() {
        let asking = Asking([Rule(name: "r", hosts: ["a.test"]), Rule(name: "r", hosts: ["b.test"])])
        #expect(asking.table.routeCount == 1)
        #expect(asking.ask("a.test") == "404")
        #expect(asking.ask("b.test") == "r")
        #expect(asking.diagnoses.map(\.name) == ["r"])
    }

    @Test("a host that a rule names twice is one place")
    func sameHost() {
        let asking = Asking([Rule(name: "r", hosts: ["a.test", "A.TEST.", "*.a.test", "*", "*"])])
        #expect(asking.diagnoses == [])
        #expect(asking.ask("a.test") == "r")
    }

    @Test("listener indexes stay")
    func listenerIndexes() {
        let compiler = RouteCompiler()
        #expect(compiler.listenerIndex(of: "a") == 0)
        #expect(compiler.listenerIndex(of: "b") == 1)
        compiler.replaceAll(rules: [Rule(name: "r", listeners: ["c"], hosts: ["x"])])
        compiler.replaceAll(rules: [])
        #expect(compiler.listenerIndex(of: "c") == 2)
        #expect(compiler.listenerIndex(of: "a") == 0)
    }
}
