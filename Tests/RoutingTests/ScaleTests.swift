import Contract
import Testing

@testable import Routing

@Suite("Many rules")
struct ScaleTests {
    @Test("ten thousand hosts are each found, and no other")
    func hosts() {
        let asking = Asking((0..<10_000).map { Rule(name: "r\($0)", hosts: ["app-\($0).example.com"]) })
        #expect(asking.diagnoses == [])
        for number in stride(from: 0, to: 10_000, by: 7) {
            #expect(asking.ask("app-\(number).example.com", "/index.html") == "r\(number)")
            #expect(asking.ask("apq-\(number).example.com") == "404")
        }
    }

    @Test("ten thousand paths of one host are each found")
    func paths() {
        let asking = Asking((0..<10_000).map { Rule(name: "r\($0)", hosts: ["a.test"], path: "/svc/\($0)/v1") })
        for number in stride(from: 0, to: 10_000, by: 7) {
            #expect(asking.ask("a.test", "/svc/\(number)/v1/x") == "r\(number)")
            #expect(asking.ask("a.test", "/svc/\(number)/v2") == "404")
        }
    }

    @Test("ten thousand wildcards are each found")
    func wildcards() {
        let asking = Asking((0..<10_000).map { Rule(name: "r\($0)", hosts: ["*.app-\($0).example.com"]) })
        for number in stride(from: 0, to: 10_000, by: 7) {
            #expect(asking.ask("a.b.app-\(number).example.com") == "r\(number)")
            #expect(asking.ask("app-\(number).example.com") == "404")
        }
    }

    @Test("tables are read by several threads while others are built and let go")
    func threads() async {
        let compiler = RouteCompiler()
        compiler.replaceAll(rules: (0..<100).map { Rule(name: "r\($0)", hosts: ["h\($0).test"]) })
        let table = compiler.build(revision: 1, epoch: "").0
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var found = 0
                    for number in 0..<2_000 {
                        let host = Array("h\(number % 100).test".utf8)
                        let match = table.view.match(
                            host: host.span, path: host.span.extracting(first: 0), listener: 0, secure: false)
                        if case .route = match { found += 1 }
                    }
                    return found
                }
            }
            for revision in 2..<20 {
                compiler.put([
                    Rule(
                        name: "r1", hosts: ["other\(revision).test"],
                        endpoints: [Endpoint(address: "10.0.0.\(revision):80")])
                ])
                _ = compiler.build(revision: UInt64(revision), epoch: "")
            }
            for await found in group { #expect(found == 2_000) }
        }
    }
}

@Suite("Explanations")
struct ExplanationTests {
    @Test("each rule that was considered is told with why it lost")
    func lines() {
        let asking = Asking([
            Rule(name: "api", hosts: ["a.test"], path: "/api", tls: .required),
            Rule(name: "also", hosts: ["a.test"], path: "/api"),
            Rule(name: "shadowed", hosts: ["a.test"], path: "/api"),
            Rule(name: "elsewhere", listeners: ["db"], hosts: ["a.test"], path: "/api/v1"),
            Rule(name: "root", hosts: ["a.test"]), Rule(name: "secure", hosts: ["*.test"], tls: .off),
            Rule(name: "default", hosts: ["*"]), Rule(name: "unrelated", hosts: ["b.test"]),
        ])
        let shadow = "never reached, rules that come before it by name serve the same"
        let lines = asking.table.explain(host: "A.test:80", path: "/x/..//api/v1", listener: "web", secure: true)
        #expect(
            lines == [
                #"asked: host "A.test:80", path "/x/..//api/v1", listener "web", with TLS"#,
                #"compared: host "a.test", path "/api/v1""#,
                #"rule "root" (host a.test, path /): lost, path /api of rule "also" is longer"#,
                #"rule "also" (host a.test, path /api): serves"#,
                #"rule "elsewhere" (host a.test, path /api/v1): lost, it does not serve listener "web""#,
                #"rule "secure" (host *.test, path /): lost, it serves requests without TLS only"#,
                #"rule "default" (host *, path /): lost, host a.test of rule "also" is more specific"#,
                #"rule "api" (host a.test, path /api): \#(shadow)"#,
                #"rule "shadowed" (host a.test, path /api): \#(shadow)"#,
                #"answer: rule "also" serves it"#,
            ])
    }

    @Test("what cannot be looked up is told too")
    func refusals() {
        let asking = Asking([Rule(name: "r", hosts: ["a.test"])])
        func answer(_ host: String, _ path: String) -> String {
            asking.table.explain(host: host, path: path, listener: "new", secure: false).last!
        }
        #expect(answer("a.test", "/").hasPrefix("answer: rule \"r\""))
        #expect(answer("a.test", "/..").hasPrefix("answer: 400, the path"))
        #expect(answer("a test", "/").hasPrefix("answer: 400, the host"))
        #expect(answer("b.test", "/").hasPrefix("answer: 404, no rule"))
        #expect(answer(String(repeating: "a", count: 256), "/").hasPrefix("answer: 404, the host is longer"))
    }
}
