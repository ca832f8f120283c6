import Contract
import Docker
import KontainersConfiguration
import Testing

@testable import Reconciliation

private func plainContainer(_ name: String, _ number: Int) -> ContainerRecord { container(name, number, [:]) }
private func plainFile() -> ApplianceConfiguration { file() }

@Suite("Rules for connections and datagrams")
struct TransportTests {
    /// Labels as people write them.
    private static func container(
        _ name: String, _ number: Int, _ labels: [String: String], ports: [ContainerRecord.Port] = [.init(number: 80)]
    ) -> ContainerRecord {
        var record = plainContainer(name, number)
        record.labels = labels.merging(["kontainers.enable": "true"]) { $1 }
        record.exposedPorts = ports
        return record
    }

    /// A desired state, its clock and its file.
    private struct World {
        var state = DesiredState { labels, container in LabelGrammar.parse(labels: labels, container: container) }
        var now = ContinuousClock.now
        var file = World.file()
        var told: [Diagnosis] = []

        mutating func compute(_ containers: [ContainerRecord], after seconds: Double = 0) -> DesiredState.Outcome {
            now += .seconds(seconds)
            return state.compute(
                Sources(
                    file: file, certificates: [certificate("local", ["a.test"])], engines: [engine(containers)],
                    listenerDiagnoses: told), now: now)
        }

        static func file() -> ApplianceConfiguration {
            var file = plainFile()
            file.listeners = [
                Listener(name: "web", address: "0.0.0.0:80", wireProtocol: .http),
                Listener(name: "secure", address: "0.0.0.0:443", wireProtocol: .https),
                Listener(name: "db", address: "127.0.0.1:5432", wireProtocol: .tcp),
                Listener(name: "dns", address: "0.0.0.0:53", wireProtocol: .udp),
            ]
            return file
        }
    }

    @Test("a rule of the file is compiled with all that it asks for")
    func compiled() {
        var world = World()
        var rule = fileRule(
            "a", hosts: ["a.test"], tls: .auto, listeners: ["secure", "db"], kind: .tcp)
        rule.transport = TransportOptions()
        rule.transport?.proxyProtocol = .v2
        world.file.rules = [rule, fileRule("b", hosts: [], listeners: ["dns"], kind: .udp)]
        let outcome = world.compute([])
        #expect(outcome.diagnoses.isEmpty)
        #expect(outcome.content.listeners == world.file.listeners)
        let endpoints = [Endpoint(address: "127.0.0.1:9000", name: "127.0.0.1:9000")]
        #expect(
            outcome.content.rules == [
                Rule(
                    name: "a", kind: .tcp, listeners: ["db", "secure"], hosts: ["a.test"], tls: .required,
                    certificate: "local", endpoints: endpoints, transport: rule.transport),
                Rule(name: "b", kind: .udp, listeners: ["dns"], endpoints: endpoints),
            ])
    }

    @Test("what a label asks for is opened, for all who ask for it, and closed when its rule went")
    func opened() {
        var world = World()
        let one = Self.container("one", 1, ["kontainers.tcp.x.listen": "6000"])
        let two = Self.container("two", 2, ["kontainers.tcp.y.listen": "6000"])
        let apart = Self.container("apart", 3, ["kontainers.tcp.z.listen": "6000", "kontainers.tcp.z.sni": "b.test"])
        var outcome = world.compute([one, two, apart])
        #expect(outcome.diagnoses.isEmpty)
        let listener = Listener(name: "docker:tcp:6000", address: "0.0.0.0:6000", wireProtocol: .tcp)
        #expect(outcome.content.listeners == world.file.listeners + [listener])
        #expect(outcome.content.rules.map(\.name) == ["docker:x", "docker:z"])
        #expect(outcome.content.rules.map(\.listeners) == [["docker:tcp:6000"], ["docker:tcp:6000"]])
        #expect(outcome.content.rules[0].endpoints.count == 2)
        #expect(outcome.content.rules[0].holding == Holding())
        // A rule that waits for its successor keeps its port.
        outcome = world.compute([])
        #expect(outcome.content.listeners.last == listener && outcome.content.rules.count == 2)
        #expect(outcome.diagnoses.isEmpty)
        outcome = world.compute([two], after: 5)
        #expect(outcome.content.rules.map(\.name) == ["docker:x", "docker:z"])
        outcome = world.compute([two], after: 10)
        #expect(outcome.content.rules.map(\.name) == ["docker:x"])
        outcome = world.compute([])
        outcome = world.compute([], after: 10)
        #expect(outcome.content.listeners == world.file.listeners && outcome.content.rules.isEmpty)
    }

    @Test("datagrams are not held, but their port waits for a successor too")
    func datagrams() {
        var world = World()
        world.file.listenPolicy.address = "::"
        let ports: [ContainerRecord.Port] = [
            .init(number: 53), .init(number: 53, transport: .udp), .init(number: 54, transport: .udp),
        ]
        // The exposed port that is listened on is the one that is meant.
        let container = Self.container("one", 1, ["kontainers.udp.x.listen": "5353"], ports: Array(ports.prefix(2)))
        var outcome = world.compute([container])
        #expect(outcome.diagnoses.isEmpty)
        #expect(
            outcome.content.listeners.last
                == Listener(name: "docker:udp:5353", address: "[::]:5353", wireProtocol: .udp))
        #expect(outcome.content.rules.map(\.endpoints.first?.address) == ["198.18.0.3:53"])
        #expect(outcome.content.rules[0].kind == .udp && outcome.content.rules[0].holding == nil)
        outcome = world.compute([], after: 9)
        #expect(outcome.content.listeners.count == 5)
        outcome = world.compute([], after: 10)
        #expect(outcome.content.listeners.count == 4)
        let several = Self.container("two", 2, ["kontainers.udp.x.listener": "dns"], ports: ports)
        outcome = world.compute([several])
        #expect(outcome.diagnoses.map(\.code) == ["several-ports"])
        #expect(outcome.diagnoses.first?.wanted.contains("kontainers.udp.x.port") == true)
        let meant = Self.container("two", 2, ["kontainers.udp.x.listen": "53"], ports: ports)
        outcome = world.compute([meant])
        #expect(outcome.content.rules.first?.listeners == ["dns"])
        #expect(outcome.content.rules.first?.endpoints.first?.address == "198.18.0.4:53")
    }

    @Test("datagrams wake a container that sleeps, and are not held for it")
    func woken() {
        var world = World()
        var record = Self.container(
            "one", 1, ["kontainers.udp.x.listen": "5353", "kontainers.udp.x.sleep.after": "1h"],
            ports: [.init(number: 53, transport: .udp)])
        var wake = Holding()
        (wake.time, wake.wake) = (0, SleepDeclaration.standardWake)
        #expect(world.compute([record]).content.rules.map(\.holding) == [wake])
        record.state = .exited
        record.networks = []
        let rule = world.compute([record]).content.rules.first
        #expect(rule?.holding == wake && rule?.note == DesiredState.asleepNote)
    }

    @Test("a port that the file listens on with the same protocol is that listener")
    func shared() {
        var world = World()
        let outcome = world.compute([Self.container("one", 1, ["kontainers.tcp.x.listen": "5432"])])
        #expect(outcome.diagnoses.isEmpty && outcome.content.listeners == world.file.listeners)
        #expect(outcome.content.rules.map(\.listeners) == [["db"]])
    }

    @Test(
        "what labels may not have is told with how to allow it, and harms nobody",
        arguments: [
            ("tcp", "443", "which listener \"secure\" has for https"), ("tcp", "8600", "the management plane"),
            ("tcp", "22", "labels may have 1024-65535 opened"), ("udp", "80", "labels may have 1024-65535 opened"),
        ])
    func refused(_ kind: String, _ port: String, _ found: String) {
        var world = World()
        let ports: [ContainerRecord.Port] = [.init(number: 80), .init(number: 80, transport: .udp)]
        let outcome = world.compute([
            Self.container("one", 1, ["kontainers.\(kind).x.listen": port, "kontainers.host": "a.test"], ports: ports)
        ])
        #expect(outcome.diagnoses.map(\.code) == ["port-not-allowed"])
        #expect(outcome.diagnoses.first?.found.contains(found) == true, "\(outcome.diagnoses)")
        #expect(
            outcome.diagnoses.first?.place == .label(container: "one", key: "kontainers.\(kind).x.listen"))
        #expect(outcome.content.rules.map(\.kind) == [.http])
        #expect(outcome.content.listeners == world.file.listeners)
    }

    @Test("the file may allow more, or nothing")
    func policy() {
        var world = World()
        let container = Self.container("one", 1, ["kontainers.tcp.x.listen": "22"])
        world.file.listenPolicy.ports = [22...22]
        #expect(world.compute([container]).content.listeners.last?.name == "docker:tcp:22")
        world.file.listenPolicy.ports = []
        let outcome = world.compute([container])
        #expect(outcome.content.listeners == world.file.listeners)
        #expect(outcome.diagnoses.first?.wanted.contains("listen: [\"22\"]") == true, "\(outcome.diagnoses)")
    }

    @Test("a port that cannot be opened is told of the rule whose label asked for it")
    func failed() {
        var world = World()
        let containers = [
            Self.container("one", 1, ["kontainers.tcp.x.listen": "6000"]),
            Self.container("two", 2, ["kontainers.tcp.y.listen": "7000"]),
        ]
        world.told = [
            Diagnosis(
                code: "listener-failed", place: .appliance, subject: "docker:tcp:6000", found: "found it taken",
                wanted: "wanted another")
        ]
        let outcome = world.compute(containers)
        #expect(outcome.diagnoses.map(\.code) == ["listener-failed", "listener-failed"])
        #expect(outcome.diagnoses.last?.place == .label(container: "one", key: "kontainers.tcp.x.listen"))
        #expect(outcome.diagnoses.last?.subject == "x" && outcome.diagnoses.last?.found == "found it taken")
        #expect(outcome.content.rules.count == 2)
    }

    @Test("of two who ask for the same the second is told, and served where it is alone")
    func conflicts() {
        var world = World()
        world.file.rules = [
            fileRule("mine", hosts: ["a.test"], listeners: ["db"], kind: .tcp),
            fileRule("rest", hosts: [], listeners: ["db"], kind: .tcp),
        ]
        let outcome = world.compute([
            Self.container("one", 1, ["kontainers.tcp.x.listener": "db", "kontainers.tcp.x.sni": "a.test,b.test"]),
            Self.container("two", 2, ["kontainers.tcp.y.listener": "db"]),
        ])
        #expect(outcome.diagnoses.map(\.code) == ["conflict", "conflict"])
        #expect(outcome.content.rules.map(\.name) == ["docker:x", "mine", "rest"])
        #expect(outcome.content.rules[0].hosts == ["b.test"])
    }

    @Test("listeners of another protocol are told, unless the rule says which connections it wants")
    func listeners() {
        var world = World()
        let outcome = world.compute([
            Self.container("one", 1, ["kontainers.tcp.x.listener": "secure"]),
            Self.container("two", 2, ["kontainers.udp.x.listener": "db"], ports: [.init(number: 5, transport: .udp)]),
            Self.container("three", 3, ["kontainers.http.y.hosts": "y.test", "kontainers.http.y.listener": "dns"]),
            Self.container("four", 4, ["kontainers.tcp.z.listener": "secure", "kontainers.tcp.z.sni": "z.test"]),
            Self.container("five", 5, ["kontainers.http.w.hosts": "w.test", "kontainers.http.w.listener": "db"]),
        ])
        #expect(outcome.diagnoses.map(\.code) == ["wrong-listener", "wrong-listener", "wrong-listener"])
        #expect(outcome.content.rules.map(\.name) == ["docker:w", "docker:z"])
    }

    @Test("tls auto without a certificate passes nothing on as it is")
    func uncovered() {
        var world = World()
        world.file.rules = [fileRule("a", hosts: ["x.test"], tls: .auto, listeners: ["db"], kind: .tcp)]
        let outcome = world.compute([])
        #expect(outcome.diagnoses.map(\.code) == ["no-certificate-yet"])
        #expect(outcome.content.rules.map(\.tls) == [.required])
    }

    @Test("rules that leave nothing to each other are told")
    func shadows() {
        var world = World()
        var all = fileRule("all", hosts: [], listeners: ["db"], kind: .tcp)
        all.transport = TransportOptions()
        all.transport?.prefaces = TransportOptions.Preface.allCases
        world.file.rules = [
            fileRule("site", hosts: ["a.test"]), fileRule("plain", hosts: ["b.test"], tls: .off),
            fileRule("through", hosts: ["a.test", "b.test"], listeners: ["secure"], kind: .tcp), all,
            fileRule("rest", hosts: [], listeners: ["db"], kind: .tcp),
        ]
        let outcome = world.compute([])
        #expect(outcome.diagnoses.map(\.code) == ["shadowed", "shadowed"])
        #expect(outcome.diagnoses.map(\.subject) == ["rest", "site"])
        #expect(outcome.content.rules.count == 5)
        world.file.rules = [
            fileRule("deep", hosts: ["x.b.c.test", "y.test"]), fileRule("other", hosts: ["c.test"]),
            fileRule("through", hosts: ["*.c.test"], listeners: ["secure"], kind: .tcp),
        ]
        #expect(world.compute([]).diagnoses.map(\.subject) == ["deep"])
    }
}
