import Balancing
import Bytes
import Contract
import Testing

@testable import Routing

@Suite("Compiling pools")
struct PoolCompilingTests {
    private func fault(_ rule: Rule) -> String? {
        let compiler = RouteCompiler(seed: 1)
        compiler.put([rule])
        return compiler.build(revision: 1, epoch: "").1.first?.message
    }

    private func rule(_ name: String, _ endpoints: [Endpoint], _ pool: PoolOptions? = nil) -> Rule {
        Rule(name: name, hosts: ["\(name).test"], endpoints: endpoints, pool: pool)
    }

    private func route(_ name: String, _ table: RouteTable) throws -> Route {
        let (host, path) = (Array("\(name).test".utf8), Array("/".utf8))
        let match = table.view.match(host: host.span, path: path.span, listener: 0, secure: false)
        guard case .route(let id) = match else { throw RuleFault(message: "no route \(name)") }
        return table.view.route(id)
    }

    @Test("only what is more than turns has a plan, and plans of many rules do not mix")
    func plans() throws {
        let plain = [Endpoint(address: "10.0.0.1:80"), Endpoint(address: "10.0.0.2:80")]
        let weighed = [
            Endpoint(address: "10.0.0.2:80", weight: 3), Endpoint(address: "10.0.0.3:80", tier: 1),
            Endpoint(address: "10.0.0.2:80", weight: 7),
        ]
        var sticky = PoolOptions()
        sticky.sticky = "route"
        sticky.policy = .hash
        sticky.hashBy = .header("x-user")
        sticky.ejection = .off
        let compiler = RouteCompiler(seed: 1)
        compiler.put([rule("a", plain), rule("b", weighed), rule("c", plain, sticky), rule("d", [], PoolOptions())])
        let (table, diagnoses) = compiler.build(revision: 1, epoch: "")
        #expect(diagnoses.isEmpty)
        let view = table.view
        #expect(try !route("a", table).hasPlan)
        let second = try route("b", table)
        let identities = ["10.0.0.2:80", "10.0.0.3:80"].map { EndpointAddress(text: $0)?.identity ?? 0 }
        let list = view.endpoints(of: second)
        let members = [
            PoolPlan.Member(number: list[0].number, identity: identities[0], weight: 3),
            PoolPlan.Member(number: list[1].number, identity: identities[1], tier: 1),
        ]
        let wanted = PoolPlan(members, PoolPlan.Options(.roundRobin))
        let plan = view.plan(of: second)
        let words = (0..<plan.count).map { plan[$0] }
        #expect(words == wanted.words)
        #expect(view.pool(of: second).ejects && view.pool(of: second).key == .none)
        let third = try route("c", table)
        let pool = view.pool(of: third)
        #expect(pool.isSticky && !pool.ejects && pool.key == .header)
        #expect(String(decoding: [UInt8](copying: view.stickyCookie(of: pool)), as: UTF8.self) == "route")
        #expect(String(decoding: [UInt8](copying: view.keyName(of: pool)), as: UTF8.self) == "x-user")
        #expect(try route("d", table).hasPlan)
    }

    @Test("weights, tiers and options beyond their limits are refused")
    func limits() {
        func endpoint(_ weight: Int, _ tier: Int) -> [Endpoint] {
            [Endpoint(address: "10.0.0.1:80", weight: weight, tier: tier)]
        }
        for (weight, tier) in [(0, 0), (1_000, 7)] { #expect(fault(rule("r", endpoint(weight, tier))) == nil) }
        for (weight, tier) in [(-1, 0), (1_001, 0)] {
            #expect(fault(rule("r", endpoint(weight, tier)))?.contains("wanted 0 to 1000") == true)
        }
        for tier in [-1, 8] { #expect(fault(rule("r", endpoint(1, tier)))?.contains("wanted 0 to 7") == true) }
        var pool = PoolOptions()
        pool.panic = 101
        #expect(fault(rule("r", endpoint(1, 0), pool))?.hasPrefix("pool: found 101") == true)
    }

    @Test("an address has one identity, none has zero, and near ones differ")
    func identities() {
        var seen: Set<UInt64> = [0]
        for host in 0..<64 {
            for port in 80..<90 {
                let (four, six) = ("10.0.0.\(host):\(port)", "[fd00::\(host)]:\(port)")
                for text in [four, six] {
                    let isNew = seen.insert(EndpointAddress(text: text)?.identity ?? 0).inserted
                    #expect(isNew, "\(text)")
                }
            }
        }
        // Cookies outlive a process and a version: this number may not change.
        #expect(EndpointAddress(text: "10.0.0.1:80")?.identity == EndpointAddress(ipv4: 0x0a00_0001, port: 80).identity)
    }
}

@Suite("Compiling how requests are held")
struct HoldingCompilingTests {
    @Test("rules that hold and rules that do not are told apart, each with its own numbers")
    func holdings() throws {
        var first = Holding()
        (first.time, first.limit, first.wake, first.page) = (1, 2, 3, 4)
        let compiler = RouteCompiler(seed: 1)
        compiler.put([
            Rule(name: "a", hosts: ["a.test"], endpoints: [], holding: first), Rule(name: "b", hosts: ["b.test"]),
            Rule(name: "c", hosts: ["c.test"], endpoints: [], holding: Holding()),
        ])
        let (table, diagnoses) = compiler.build(revision: 1, epoch: "")
        #expect(diagnoses.isEmpty && table.view.isHolding)
        let found = (0..<3).map { table.view.holding(of: table.view.route(RouteID(number: $0))) }
        #expect(found[0]?.time == 1_000_000 && found[0]?.limit == 2)
        #expect(found[0]?.wake == 3_000_000 && found[0]?.page == 4_000_000)
        #expect(found[1] == nil)
        #expect(found[2]?.time == 10_000_000_000 && found[2]?.limit == 10_000 && found[2]?.wake == 0)
        #expect(table.name(of: RouteID(number: 2)) == "c" && table.name(of: RouteID(number: 9)) == nil)
        compiler.remove(["a", "c"])
        #expect(!compiler.build(revision: 2, epoch: "").0.view.isHolding)
    }

    @Test("a rule whose holding cannot be is refused with what was found and what is wanted")
    func fault() {
        var wrong = Holding()
        wrong.limit = 0
        let compiler = RouteCompiler(seed: 1)
        compiler.put([Rule(name: "a", hosts: ["a.test"], holding: wrong)])
        let message = compiler.build(revision: 1, epoch: "").1.first?.message ?? ""
        #expect(message.hasPrefix("holding: found 0 requests that are held, wanted 1 to 100000"), "\(message)")
    }

    @Test("a pool's line is compiled, and there is none where nothing is said of it")
    func queue() throws {
        var pool = PoolOptions()
        let compiler = RouteCompiler(seed: 1)
        for (queue, size, timeout) in [(nil, 0, 0), (Queue(), 1_000, 10_000_000_000)] as [(Queue?, Int, UInt64)] {
            pool.queue = queue
            compiler.put([Rule(name: "a", hosts: ["a.test"], pool: pool)])
            let table = compiler.build(revision: 1, epoch: "").0
            let found = table.view.pool(of: table.view.route(RouteID(number: 0))).queue
            #expect(found.size == size && found.timeout == timeout)
        }
    }
}
