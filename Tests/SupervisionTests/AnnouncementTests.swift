import Contract
import KontainersConfiguration
import Testing

@testable import Supervision

@Suite("Announcement")
struct AnnouncementTests {
    private let web = Listener(name: "web", address: "0.0.0.0:80", wireProtocol: .http)
    private let secure = Listener(name: "secure", address: "[::]:8443", wireProtocol: .https)
    private let db = Listener(name: "db", address: "0.0.0.0:5432", wireProtocol: .tcp)

    private func rule(_ hosts: [String], path: String = "/", tls: RuleDeclaration.TLS = .unspecified) -> RuleDeclaration
    {
        RuleDeclaration(
            name: "r", hosts: hosts, path: path, tls: tls, target: .addresses(["127.0.0.1:9000"]), place: .appliance)
    }

    private func announcement(
        _ listeners: [Listener], _ rules: [RuleDeclaration], docker: Bool = true, failures: [String: String] = [:]
    ) -> Announcement {
        let endpoint = ApplianceConfiguration.DockerEndpoint(
            address: .unix(path: "/var/run/docker.sock"), text: "unix:///var/run/docker.sock")
        return Announcement(
            configuration: ApplianceConfiguration(
                data: "/data", listeners: listeners, dockerEndpoints: docker ? [endpoint] : [], rules: rules),
            configurationPath: "k.yaml",
            statuses: listeners.map { listener in
                ListenerStatus(
                    name: listener.name, address: failures[listener.name] == nil ? listener.address : "",
                    failure: failures[listener.name])
            },
            absentDockerSockets: [], supervisorUser: "root", controlUser: "root", edgeUser: "61801", isRoot: true)
    }

    private func last(_ announcement: Announcement) -> String {
        announcement.text.split(separator: "\n").last.map(String.init) ?? ""
    }

    @Test(
        "ends with what to open",
        arguments: [
            (["*"], "Open http://127.0.0.1/"),
            (["localhost"], "Open http://localhost/"),
            (["site.test", "shop.localhost"], "Open http://shop.localhost/"),
            (
                ["site.test"],
                "Open http://site.test/ (while site.test has no address: "
                    + "curl --resolve site.test:80:127.0.0.1 http://site.test/)"
            ),
            (
                ["*.site.test"],
                "Open http://www.site.test/ (while www.site.test has no address: "
                    + "curl --resolve www.site.test:80:127.0.0.1 http://www.site.test/)"
            ),
        ])
    func next(_ hosts: [String], _ line: String) {
        #expect(last(announcement([web], [rule(hosts)])) == line)
    }

    @Test("opens with TLS what wants it, on its port, at its path")
    func tls() {
        #expect(
            last(announcement([web, secure], [rule(["*"], path: "/api", tls: .auto)])) == "Open https://[::1]:8443/api")
        #expect(
            last(announcement([web, secure], [rule(["a.test"], tls: .certificate("local"))]))
                == "Open https://a.test:8443/ (while a.test has no address: "
                + "curl -k --resolve a.test:8443:::1 https://a.test:8443/)")
        #expect(last(announcement([web, secure], [rule(["*"], tls: .off)])) == "Open http://127.0.0.1/")
    }

    @Test("prefers a rule that answers without more ado")
    func easiest() {
        #expect(
            last(announcement([web], [rule(["*.a.test"]), rule(["a.test"]), rule(["*"], path: "/x")]))
                == "Open http://127.0.0.1/x")
    }

    @Test("without a rule tells how to get one")
    func noRule() {
        #expect(last(announcement([web], [])).contains("docker run -d -l kontainers.enable=true"))
        #expect(last(announcement([web], [])).hasSuffix("then open http://hello.localhost/"))
        #expect(last(announcement([web], [], docker: false)).hasPrefix("Next: add a rule to k.yaml"))
    }

    @Test("uses only what is open, and says what is not")
    func closed() {
        let text = announcement([web, secure], [rule(["*"])], failures: ["web": "it is taken"]).text
        #expect(text.contains("web     http   NOT OPEN: it is taken"))
        #expect(text.hasSuffix("Open https://[::1]:8443/\n"))
        #expect(last(announcement([db], [])) == "Connect to 127.0.0.1:5432 (tcp).")
        let dns = Listener(name: "dns", address: "[::]:53", wireProtocol: .udp)
        #expect(last(announcement([db, dns], [])) == "Connect to 127.0.0.1:5432 (tcp) or [::1]:53 (udp).")
        #expect(last(announcement([db], [], failures: ["db": "no"])).hasPrefix("No listener is open yet"))
        #expect(last(announcement([], [])).hasPrefix("No listener is open yet"))
    }

    @Test("says that Docker is absent, who runs what, and who is not up yet")
    func facts() {
        var announcement = announcement([web], [])
        #expect(announcement.text.hasPrefix("Kontainers is up.\n"))
        #expect(announcement.text.contains("taken from unix:///var/run/docker.sock"))
        #expect(announcement.text.contains("control as root, the edge as 61801"))
        announcement.absentDockerSockets = ["/var/run/docker.sock"]
        announcement.isRoot = false
        announcement.edgeUser = "dev"
        announcement.waitsFor = ["kontainers control"]
        #expect(announcement.text.contains("/var/run/docker.sock is absent. Kontainers keeps trying"))
        #expect(announcement.text.contains("can reach what dev can"))
        #expect(announcement.text.hasPrefix("Kontainers is up, except kontainers control"))
    }
}

@Suite("Start verdict")
struct StartVerdictTests {
    private let text =
        "data: ./data\r\nlisteners:\r\n  - x\r\n# rules: none\r\nrules:\r\n  - y\r\n  - z\r\nlimits:\r\n  a: 1\r\n"

    private func verdict(_ lines: [Int], severity: Diagnosis.Severity = .error, text: String? = nil) -> StartVerdict {
        StartVerdict.of(
            lines.map {
                Diagnosis(
                    code: "c", severity: severity, place: .file(path: "k", line: $0, column: 1), found: "f", wanted: "w"
                )
            }, text: text ?? self.text)
    }

    @Test("starts without errors, whatever the warnings")
    func fine() {
        #expect(verdict([]) == .start)
        #expect(verdict([1, 3], severity: .warning) == .start)
    }

    @Test("starts without the rules that are wrong")
    func rules() {
        #expect(verdict([6]) == .startWithout(errors: 1))
        #expect(verdict([5, 6, 7]) == .startWithout(errors: 3))
    }

    @Test("refuses faults that concern everything", arguments: [1, 2, 3, 4, 8, 9])
    func others(_ line: Int) {
        #expect(verdict([line]) == .refuse(errors: 1))
        #expect(verdict([6, line]) == .refuse(errors: 2))
    }

    @Test("forgives nothing in a file whose sections it cannot see")
    func flow() {
        #expect(verdict([1], text: "{ rules: [ x ] }") == .refuse(errors: 1))
        #expect(verdict([7], text: "") == .refuse(errors: 1))
    }
}
