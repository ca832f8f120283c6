import Contract
import Testing

@testable import Routing

/// A table of rules, asked by name.
struct Asking {
    let compiler = RouteCompiler(seed: 1)
    let table: RouteTable
    let diagnoses: [EdgeDiagnosis]

    init(_ rules: [Rule]) {
        for name in ["web", "secure", "db"] { _ = compiler.listenerIndex(of: name) }
        compiler.replaceAll(rules: rules)
        (table, diagnoses) = compiler.build(revision: 1, epoch: "test")
    }

    func match(_ host: String, _ path: String = "/", on listener: String = "web", secure: Bool = false) -> RouteMatch {
        match(Array(host.utf8), Array(path.utf8), on: listener, secure: secure)
    }

    func match(_ host: [UInt8], _ path: [UInt8], on listener: String = "web", secure: Bool = false) -> RouteMatch {
        table.view.match(
            host: host.span, path: path.span, listener: compiler.listenerIndex(of: listener), secure: secure)
    }

    /// The name of the rule that answers; `>name` for a redirect, `404`, `bad path`, `bad host`.
    func ask(_ host: String, _ path: String = "/", on listener: String = "web", secure: Bool = false) -> String {
        describe(match(host, path, on: listener, secure: secure))
    }

    func describe(_ match: RouteMatch) -> String {
        switch match {
        case .route(let id): name(id)
        case .redirectToTLS(let id): ">" + name(id)
        case .none: "404"
        case .badPath: "bad path"
        case .badHost: "bad host"
        }
    }

    func name(_ id: RouteID) -> String {
        let view = table.view
        let name = view.name(of: view.route(id))
        return String(decoding: (0..<name.count).map { name[$0] }, as: UTF8.self)
    }
}

@Suite("Which rule meets a request")
struct MatchTests {
    @Test("an exact host comes before a wildcard, the longest wildcard before a shorter one, that before the default")
    func hosts() {
        let asking = Asking([
            Rule(name: "exact", hosts: ["www.site.test"]), Rule(name: "wild", hosts: ["*.site.test"]),
            Rule(name: "longer", hosts: ["*.eu.site.test"]), Rule(name: "top", hosts: ["*.test"]),
            Rule(name: "default", hosts: ["*"]),
        ])
        #expect(asking.diagnoses == [])
        #expect(asking.ask("www.site.test") == "exact")
        #expect(asking.ask("a.site.test") == "wild")
        #expect(asking.ask("a.b.c.site.test") == "wild")
        #expect(asking.ask("a.eu.site.test") == "longer")
        #expect(asking.ask("eu.site.test") == "wild")
        #expect(asking.ask("site.test") == "top")
        #expect(asking.ask("test") == "default")
        #expect(asking.ask("other.example") == "default")
        #expect(asking.ask("") == "default")
    }

    @Test("within one host the longest path wins, by whole segments")
    func paths() {
        let asking = Asking([
            Rule(name: "root", hosts: ["a.test"]), Rule(name: "api", hosts: ["a.test"], path: "/api/"),
            Rule(name: "v1", hosts: ["a.test"], path: "/api/v1"),
            Rule(name: "deep", hosts: ["a.test"], path: "/api/v1/users/all"),
        ])
        for (path, rule) in [
            ("/", "root"), ("", "root"), ("*", "root"), ("/apix", "root"), ("/api", "api"), ("/api/", "api"),
            ("/api/x", "api"), ("/api/v1", "v1"), ("/api/v12", "api"), ("/api/v1/users", "v1"),
            ("/api/v1/users/all", "deep"), ("/api/v1/users/all/", "deep"), ("/api/v1/users/all/more/of/it", "deep"),
            ("/api/v1/users/allx", "v1"), ("/API", "root"),
        ] { #expect(asking.ask("a.test", path) == rule, "\(path)") }
    }

    @Test("a host none of whose rules serves the path or the listener is passed over for a more general one")
    func fallingThrough() {
        let asking = Asking([
            Rule(name: "exact", hosts: ["a.test"], path: "/only"),
            Rule(name: "elsewhere", listeners: ["secure"], hosts: ["a.test"]),
            Rule(name: "wild", hosts: ["*.test"], path: "/wild"), Rule(name: "default", hosts: ["*"]),
        ])
        #expect(asking.ask("a.test", "/only/x") == "exact")
        #expect(asking.ask("a.test", "/wild") == "wild")
        #expect(asking.ask("a.test", "/") == "default")
        #expect(asking.ask("a.test", "/", on: "secure", secure: true) == "elsewhere")
        #expect(asking.ask("b.test", "/only") == "default")
    }

    @Test("a longer path that does not serve the listener gives way to a shorter one that does")
    func shorterPath() {
        let asking = Asking([
            Rule(name: "root", hosts: ["a.test"]), Rule(name: "mid", hosts: ["a.test"], path: "/x"),
            Rule(name: "long", listeners: ["secure"], hosts: ["a.test"], path: "/x/y"),
        ])
        #expect(asking.ask("a.test", "/x/y/z") == "mid")
        #expect(asking.ask("a.test", "/x/y/z", on: "secure") == "long")
    }

    @Test("tls off serves plain requests only, tls required redirects them")
    func tls() {
        let asking = Asking([
            Rule(name: "any", hosts: ["any.test"]), Rule(name: "off", hosts: ["off.test"], tls: .off),
            Rule(name: "required", hosts: ["required.test"], tls: .required),
            Rule(name: "zz-plain", hosts: ["both.test"], tls: .off),
            Rule(name: "aa-secure", hosts: ["both.test"], tls: .required),
            Rule(name: "admin", hosts: ["off.test"], path: "/admin", tls: .required),
        ])
        #expect(asking.diagnoses == [])
        #expect(asking.ask("any.test") == "any")
        #expect(asking.ask("any.test", secure: true) == "any")
        #expect(asking.ask("off.test") == "off")
        #expect(asking.ask("off.test", secure: true) == "404")
        #expect(asking.ask("required.test") == ">required")
        #expect(asking.ask("required.test", secure: true) == "required")
        #expect(asking.ask("both.test") == "zz-plain", "where one serves, none redirects")
        #expect(asking.ask("both.test", secure: true) == "aa-secure")
        #expect(asking.ask("off.test", "/admin") == ">admin")
    }

    @Test("of two rules for the same place the first by name wins, and the other is reported")
    func duplicates() {
        let asking = Asking([
            Rule(name: "b", hosts: ["a.test", "only-b.test"], path: "/x"),
            Rule(name: "a", hosts: ["A.test"], path: "/x/"),
            Rule(name: "c", listeners: ["web", "secure"], hosts: ["c.test"]),
            Rule(name: "d", listeners: ["secure", "db"], hosts: ["c.test"]),
        ])
        #expect(asking.ask("a.test", "/x") == "a")
        #expect(asking.ask("only-b.test", "/x") == "b")
        #expect(asking.ask("c.test", on: "secure") == "c")
        #expect(asking.ask("c.test", on: "db") == "d")
        #expect(asking.diagnoses.map(\.name) == ["b", "d"])
        #expect(asking.diagnoses[0].message.contains("rule \"a\" has the same"))
        #expect(asking.diagnoses[1].message.contains("there it wins"))
    }

    @Test("listeners beyond the sixty-fourth work like the first")
    func manyListeners() {
        let rules = (0..<200).map { Rule(name: "r\($0)", listeners: ["l\($0)"], hosts: ["a.test"]) }
        let asking = Asking(rules + [Rule(name: "some", listeners: ["l3", "l77", "l150"], hosts: ["b.test"])])
        #expect(asking.diagnoses == [])
        for number in 0..<200 { #expect(asking.ask("a.test", on: "l\(number)") == "r\(number)") }
        for (listener, answer) in [("l3", "some"), ("l77", "some"), ("l150", "some"), ("l4", "404"), ("l151", "404")] {
            #expect(asking.ask("b.test", on: listener) == answer)
        }
        for listener in [-1, 64, 1_000, Int.max, Int.min] {
            let host = Array("b.test".utf8)
            let match = asking.table.view.match(
                host: host.span, path: host.span.extracting(first: 0), listener: listener, secure: false)
            #expect(match == .none)
        }
    }

    @Test("an http rule without hosts serves every host of the listeners it names")
    func withoutHosts() {
        let asking = Asking([Rule(name: "all", listeners: ["db"]), Rule(name: "nowhere")])
        #expect(asking.ask("any.test", on: "db") == "all")
        #expect(asking.ask("any.test", on: "web") == "404")
        #expect(asking.diagnoses.map(\.name) == ["nowhere"])
    }

    @Test("a table without rules answers nothing")
    func noRules() {
        let asking = Asking([])
        #expect(asking.table.routeCount == 0)
        #expect(asking.ask("a.test") == "404")
        #expect(asking.table.view.transportRoute(listener: 0) == nil)
    }

    @Test("what a route says is readable through the view")
    func reading() {
        let asking = Asking([
            Rule(
                name: "quo\"te\n", hosts: ["a.test"],
                endpoints: [
                    Endpoint(address: "127.0.0.1:80"), Endpoint(address: "[0:0::1]:8080"),
                    Endpoint(address: "127.0.0.1:80"),
                ], note: "stopped"),
            Rule(name: "empty", hosts: ["b.test"]),
        ])
        let view = asking.table.view
        guard case .route(let id) = asking.match("a.test") else { return #expect(Bool(false), "no route") }
        let route = view.route(id)
        #expect(asking.name(id) == #"quo\"te\u000a"#)
        #expect(text(view.note(of: route)) == "stopped")
        #expect(route.endpointCount == 2)
        let endpoints = view.endpoints(of: route)
        #expect(text(view.text(of: endpoints[0])) == "127.0.0.1:80")
        #expect(text(view.text(of: endpoints[1])) == "[::1]:8080")
        #expect(view.endpoint(endpoints[0]) == EndpointAddress(ipv4: 0x7f00_0001, port: 80))
        #expect(view.endpoint(endpoints[1]) == EndpointAddress(ipv6High: 0, low: 1, port: 8080))
        #expect(view.contains(endpoints[0]))
        #expect(!view.contains(EndpointID(number: 2)))
        #expect(!view.contains(EndpointID(number: .max)))
        #expect(!view.contains(RouteID(number: .max)))
        guard case .route(let other) = asking.match("b.test") else { return #expect(Bool(false), "no route") }
        #expect(view.route(other).endpointCount == 0)
        #expect(!view.route(other).hasNote)
    }

    private func text(_ span: Span<UInt8>) -> String {
        String(decoding: (0..<span.count).map { span[$0] }, as: UTF8.self)
    }
}
