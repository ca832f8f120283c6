import Contract
import Testing

@testable import Routing

@Suite("Forms of a path")
struct PathFormTests {
    private let asking = Asking([
        Rule(name: "root", hosts: ["a.test"]), Rule(name: "admin", hosts: ["a.test"], path: "/admin"),
        Rule(name: "deep", hosts: ["a.test"], path: "/public/files"),
        Rule(name: "space", hosts: ["a.test"], path: "/my%20files"),
        Rule(name: "utf8", hosts: ["a.test"], path: "/café"),
        Rule(name: "encoded", hosts: ["a.test"], path: "/a%2fb"), Rule(name: "slash", hosts: ["a.test"], path: "/a/b"),
        Rule(name: "percent", hosts: ["a.test"], path: "/100%25"), Rule(name: "dots", hosts: ["a.test"], path: "/..."),
    ])

    @Test(
        "every way to write a path is that path",
        arguments: [
            ("/admin", "admin"), ("/admin/", "admin"), ("//admin", "admin"), ("/admin//", "admin"),
            ("///admin///x", "admin"),
            ("/./admin", "admin"), ("/admin/.", "admin"), ("/x/../admin", "admin"), ("/x/y/../../admin", "admin"),
            ("/x/..//admin", "admin"), ("/x//../admin", "admin"), ("/%61dmin", "admin"), ("/%61%64%6D%69%6e", "admin"),
            ("/%2e/admin", "admin"), ("/x/%2e%2e/admin", "admin"), ("/x/%2E./admin", "admin"),
            ("/x/.%2e/admin", "admin"),
            ("/public/../admin", "admin"), ("/public/files/../../admin", "admin"), ("/admin/..", "root"),
            ("/admin/../", "root"), ("/admin/%2e%2e/other", "root"), ("/public/./files", "deep"),
            ("/public//files", "deep"), ("/public/files/..", "root"), ("/public/files/../files", "deep"),
            ("/admin/x/..", "admin"), ("/./", "root"), ("/.", "root"), ("//", "root"), ("/%2e", "root"),
            ("/x/..", "root"),
            ("/my%20files", "space"), ("/my files", "space"), ("/caf%C3%A9/x", "utf8"), ("/caf%c3%a9", "utf8"),
            ("/a/b", "slash"), ("/a%2Fb", "encoded"), ("/a%2fb/c", "encoded"), ("/%61%2fb", "encoded"),
            ("/100%25", "percent"), ("/...", "dots"), ("/%2e%2e%2e", "dots"),
        ])
    func written(_ path: String, _ rule: String) { #expect(asking.ask("a.test", path) == rule, "\(path)") }

    @Test(
        "what only looks like another path is not that path",
        arguments: [
            "/Admin", "/ADMIN", "/admin%2f", "/admin%2fx", "/admin%5cx", "/admin\\x", "/x%2f..%2fadmin", "/..%2fadmin",
            "/..%5cadmin", "/..\\admin", "/admin;x", "/..;/admin", "/%252e%252e/admin", "/x/%252e%252e/admin",
            "/%2561dmin",
            "/admin%20", "/admin.", "/.admin", "/%2f/admin", "/%5c", "/a%252fb", "/a%2525", "/admi%6", "/a%2fb",
        ])
    func other(_ path: String) {
        let answer = asking.ask("a.test", path)
        #expect(answer != "admin" && answer != "slash", "\(path)")
    }

    @Test(
        "a path that climbs above the root or is badly encoded is refused",
        arguments: [
            "/..", "/../", "/../admin", "/./../admin", "//../admin", "/x/../../admin", "/x/../..", "/%2e%2e/admin",
            "/x/%2e%2e/%2e%2e", "/.%2e", "/admin/../..", "/admin/x/../../../admin", "/%", "/%2", "/admin/%", "/admin%4",
            "/%zz", "/%2g", "/%g2", "/% 2", "/%%32", "/%u0061dmin", "/admin%00", "/%00", "/x%00/../admin", "admin",
            "../admin", "%2fadmin", "\\admin", "http://a.test/admin", "**", "*x", " /admin", "?", "\0",
        ])
    func refused(_ path: String) { #expect(asking.ask("a.test", path) == "bad path", "\(path)") }

    @Test("a bad path is told before anything is looked up")
    func beforeLookup() {
        #expect(asking.ask("other.test", "/..") == "bad path")
        #expect(asking.ask("other.test", "/") == "404")
    }

    @Test("paths of every length are told apart by their last byte, plain and encoded, and by whole segments")
    func everyLength() {
        let paths = (1...80).flatMap { count in
            ["a", "b"].map { "/" + String(repeating: "m", count: count - 1) + $0 }
        }
        let asking = Asking(
            paths.enumerated().map { Rule(name: "\($0.offset)", hosts: ["a.test"], path: $0.element) })
        #expect(asking.diagnoses == [])
        for (number, path) in paths.enumerated() {
            #expect(asking.ask("a.test", path) == "\(number)")
            #expect(asking.ask("a.test", path + "/") == "\(number)")
            #expect(asking.ask("a.test", path + "/mmm/a/b") == "\(number)")
            #expect(asking.ask("a.test", "//" + path.dropFirst()) == "\(number)")
            #expect(asking.ask("a.test", path + "c") == "404")
            #expect(asking.ask("a.test", "/z" + path) == "404")
        }
    }

    @Test("the number of segments may be any")
    func depths() {
        let depths = [1, 2, 7, 8, 9, 61, 62, 63, 64, 65, 100, 200]
        let asking = Asking(
            depths.map { Rule(name: "\($0)", hosts: ["a.test"], path: String(repeating: "/x", count: $0)) })
        for depth in 1...300 {
            let wanted = depths.last { $0 <= depth }!
            #expect(asking.ask("a.test", String(repeating: "/x", count: depth)) == "\(wanted)", "\(depth)")
            #expect(asking.ask("a.test", String(repeating: "//x", count: depth) + "/") == "\(wanted)", "\(depth)")
        }
    }

    @Test("what does not fit the room cannot change which rule is met")
    func beyondRoom() {
        let long = "/" + String(repeating: "p", count: 1_023)
        let asking = Asking([
            Rule(name: "root", hosts: ["a.test"]), Rule(name: "x", hosts: ["a.test"], path: "/x"),
            Rule(name: "long", hosts: ["a.test"], path: long),
        ])
        #expect(asking.diagnoses == [])
        for extra in [0, 1, 1_000, 1_022, 1_023, 1_024, 60_000] {
            let big = "/" + String(repeating: "q", count: extra)
            for prefix in ["", "/."] {
                #expect(asking.ask("a.test", prefix + "/x" + big) == "x")
                #expect(asking.ask("a.test", prefix + "/y" + big + "/../../x") == (extra == 0 ? "bad path" : "x"))
                #expect(
                    asking.ask("a.test", prefix + "/x" + big + big + "/../../..") == (extra == 0 ? "bad path" : "root"))
                #expect(asking.ask("a.test", prefix + long + big) == "long")
                #expect(asking.ask("a.test", prefix + long + big + "/..") == (extra == 0 ? "root" : "long"))
                #expect(asking.ask("a.test", prefix + long + "x" + big) == "root")
            }
        }
        #expect(
            asking.ask("a.test", String(repeating: "/q", count: 5_000) + String(repeating: "/..", count: 5_000))
                == "root")
        #expect(
            asking.ask("a.test", String(repeating: "/q", count: 5_000) + String(repeating: "/..", count: 5_001))
                == "bad path")
        #expect(
            asking.ask("a.test", String(repeating: "/q", count: 5_000) + String(repeating: "/..", count: 5_000) + "/x")
                == "x")
    }
}
