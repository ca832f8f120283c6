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
}
