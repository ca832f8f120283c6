import Contract
import Testing

@testable import Routing

@Suite("Numbers of routes and endpoints")
struct IdentityTests {
    private func rule(_ name: String, _ addresses: [String]) -> Rule {
        Rule(name: name, hosts: ["\(name).test"], endpoints: addresses.map { Endpoint(address: $0) })
    }

    private func id(_ table: RouteTable, _ name: String) -> RouteID? {
        let host = Array("\(name).test".utf8)
        let match = table.view.match(host: host.span, path: host.span.extracting(first: 0), listener: 0, secure: false)
        guard case .route(let id) = match else { return nil }
        return id
    }

    private func endpoints(_ table: RouteTable, _ name: String) -> [EndpointID] {
        guard let id = id(table, name) else { return [] }
        let list = table.view.endpoints(of: table.view.route(id))
        return (0..<list.count).map { list[$0] }
    }

    @Test("an address has the same number in every table and every pool, however it is written")
    func stable() {
        let compiler = RouteCompiler()
        compiler.put([rule("a", ["10.0.0.1:80", "10.0.0.2:80"]), rule("b", ["[::0]:80", "10.0.0.2:080"])])
        let first = compiler.build(revision: 1, epoch: "").0
        compiler.remove(["a"])
        compiler.put([rule("c", ["10.0.0.3:80", "[0::]:80"])])
        let second = compiler.build(revision: 2, epoch: "").0
        #expect(endpoints(first, "a")[1] == endpoints(first, "b")[1])
        #expect(endpoints(second, "b") == endpoints(first, "b"))
        #expect(endpoints(second, "c")[1] == endpoints(first, "b")[0])
        #expect(id(first, "b") == id(second, "b"))
        #expect(Set(endpoints(first, "a") + endpoints(first, "b") + endpoints(second, "c")).count == 4)
        #expect(!second.view.contains(endpoints(first, "a")[0]))
        #expect(second.view.contains(endpoints(first, "a")[1]))
        #expect(!second.view.contains(id(first, "a")!))
    }

    @Test("a number is given anew only after each table that held it is gone")
    func recycled() {
        let compiler = RouteCompiler()
        compiler.put([rule("a", ["10.0.0.1:80"])])
        var old: RouteTable? = compiler.build(revision: 1, epoch: "").0
        let number = endpoints(old!, "a")[0]
        let route = id(old!, "a")!
        compiler.remove(["a"])
        compiler.put([rule("b", ["10.0.0.2:80"])])
        let second = compiler.build(revision: 2, epoch: "").0
        #expect(endpoints(second, "b")[0] != number)
        #expect(id(second, "b") != route)
        old = nil
        compiler.put([rule("c", ["10.0.0.3:80"])])
        let third = compiler.build(revision: 3, epoch: "").0
        #expect(endpoints(third, "c") == [number])
        #expect(id(third, "c") == route)
        #expect(third.endpointIDLimit == 2)
        #expect(third.routeIDLimit == 2)
    }

    @Test("an address that comes back while an old table holds it gets its number back")
    func returning() {
        let compiler = RouteCompiler()
        compiler.put([rule("a", ["10.0.0.1:80"])])
        let first = compiler.build(revision: 1, epoch: "").0
        compiler.remove(["a"])
        compiler.put([rule("a", ["10.0.0.1:80"])])
        let second = compiler.build(revision: 2, epoch: "").0
        #expect(endpoints(first, "a") == endpoints(second, "a"))
        #expect(id(first, "a") == id(second, "a"))
    }

    @Test("the compiler may be gone before its tables")
    func outliving() {
        func build() -> RouteTable {
            let compiler = RouteCompiler()
            compiler.put([rule("a", ["10.0.0.1:80"])])
            return compiler.build(revision: 9, epoch: "e").0
        }
        let table = build()
        #expect(table.revision == 9)
        #expect(table.epoch == "e")
        #expect(endpoints(table, "a").count == 1)
    }

    @Test("tables that come and go under random changes never confuse two addresses", arguments: 1...10)
    func random(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let compiler = RouteCompiler(seed: seed)
        var tables: [(RouteTable, [String: [String]])] = []
        var rules: [String: [String]] = [:]
        for step in 0..<300 {
            let name = "r\(Int.random(in: 0..<20, using: &random))"
            if Bool.random(using: &random) {
                let count = Int.random(in: 0...5, using: &random)
                let addresses = Set((0..<count).map { _ in "10.0.0.\(Int.random(in: 1...40, using: &random)):80" })
                rules[name] = addresses.sorted()
                compiler.put([rule(name, addresses.sorted())])
            } else {
                rules[name] = nil
                compiler.remove([name])
            }
            tables.append((compiler.build(revision: UInt64(step), epoch: "").0, rules))
            while tables.count > 4 { tables.remove(at: Int.random(in: 0..<tables.count, using: &random)) }
            var owners: [EndpointID: String] = [:]
            for (table, rules) in tables {
                for (name, addresses) in rules {
                    let ids = endpoints(table, name)
                    #expect(ids.map { table.view.endpoint($0).text } == addresses, "seed \(seed)")
                    for (id, address) in zip(ids, addresses) {
                        #expect(owners[id] == nil || owners[id] == address, "seed \(seed)")
                        owners[id] = address
                    }
                }
            }
            // 40 addresses and 4 tables: numbers do not grow with the number of steps.
            #expect(tables.last!.0.endpointIDLimit <= 41)
        }
    }
}
