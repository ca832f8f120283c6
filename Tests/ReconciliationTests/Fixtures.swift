import Contract
import Docker
import KontainersConfiguration
import Logging

@testable import Reconciliation

/// `rule.<name>` = `hosts path listeners tls`, each of the last three may be `-`. Enough to say what a test means.
let testGrammar: LabelParser = { labels, container in
    var rules: [RuleDeclaration] = []
    var diagnoses: [Diagnosis] = []
    for (key, value) in labels.sorted(by: { $0.key < $1.key }) where key.hasPrefix("kontainers.") {
        let name = String(key.dropFirst("kontainers.".count))
        let place = Place.label(container: container.name, key: key)
        let parts = value.split(separator: " ").map(String.init)
        guard parts.count == 4 else {
            diagnoses.append(Diagnosis(code: "bad", place: place, found: "found \(value)", wanted: "wanted four words"))
            continue
        }
        let tls: RuleDeclaration.TLS =
            switch parts[3] {
            case "-": .unspecified
            case "auto": .auto
            case "off": .off
            case let name: .certificate(name)
            }
        rules.append(
            RuleDeclaration(
                name: name, listeners: parts[2] == "-" ? [] : parts[2].split(separator: ",").map(String.init),
                hosts: parts[0].split(separator: ",").map(String.init), path: parts[1] == "-" ? "/" : parts[1],
                tls: tls, target: .container(id: container.id, port: nil, network: nil), place: place))
    }
    return (rules, diagnoses)
}

let quiet: Logger = {
    var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    logger.logLevel = .critical
    return logger
}()

func container(
    _ name: String, _ number: Int, _ rules: [String: String] = ["site": "a.test - - -"],
    state: ContainerRecord.State = .running, health: ContainerRecord.Health = .none, stopping: Bool = false
) -> ContainerRecord {
    ContainerRecord(
        id: "id-\(name)", name: name, state: state, health: health, isStopping: stopping,
        labels: Dictionary(uniqueKeysWithValues: rules.map { ("kontainers.\($0.key)", $0.value) }),
        exposedPorts: [.init(number: 80)],
        networks: state == .running
            ? [.init(network: "bridge", driver: "bridge", address: "198.18.\(number / 250).\(number % 250 + 2)")] : [])
}

func engine(_ containers: [ContainerRecord], reachable: Bool = true) -> EngineState {
    EngineState(endpoint: "unix:///engine.sock", reachable: reachable, containers: containers)
}

func fileRule(
    _ name: String, hosts: [String], path: String = "/", endpoints: [String] = ["127.0.0.1:9000"],
    tls: RuleDeclaration.TLS = .unspecified, listeners: [String] = [], kind: RuleDeclaration.Kind = .http
) -> RuleDeclaration {
    RuleDeclaration(
        name: name, kind: kind, listeners: listeners, hosts: hosts, path: path, tls: tls, target: .addresses(endpoints),
        place: .file(path: "kontainers.yaml", line: 7, column: 3))
}

func file(_ rules: [RuleDeclaration] = [], docker: Bool = true) -> ApplianceConfiguration {
    ApplianceConfiguration(
        data: "/nowhere",
        listeners: [
            Listener(name: "web", address: "127.0.0.1:0", wireProtocol: .http),
            Listener(name: "secure", address: "127.0.0.1:0", wireProtocol: .https),
        ],
        dockerEndpoints: docker ? [.init(address: .unix(path: "/engine.sock"), text: "unix:///engine.sock")] : [],
        rules: rules)
}

func certificate(_ name: String, _ names: [String]) -> LoadedCertificate {
    LoadedCertificate(certificate: Certificate(name: name, chain: "chain \(name)", key: "key"), names: names)
}
