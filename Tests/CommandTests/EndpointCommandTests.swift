import ArgumentParser
import Contract
import Docker
import Management
import TestKit
import Testing

@testable import Reconciliation
@testable import kontainers

@Suite("kontainers endpoints, as it is written")
struct EndpointCommandTests {
    private static func parsed<Command: ParsableCommand>(_ line: String, as: Command.Type) throws -> Command {
        try #require(
            try Kontainers.parseAsRoot(["endpoints"] + line.split(separator: " ").map(String.init)) as? Command)
    }

    @Test("the forms of drain")
    func drain() throws {
        let plain = try Self.parsed("drain docker:site web-1", as: DrainEndpoint.self)
        #expect(plain.target.rule == "docker:site" && plain.target.endpoint == "web-1" && plain.wait == nil)
        #expect(try Self.parsed("drain site web-1 --wait", as: DrainEndpoint.self).wait?.seconds == 60)
        #expect(try Self.parsed("drain --wait site web-1", as: DrainEndpoint.self).wait?.seconds == 60)
        #expect(try Self.parsed("drain site web-1 --wait 5m", as: DrainEndpoint.self).wait?.seconds == 300)
        #expect(try Self.parsed("drain site web-1 --wait=5", as: DrainEndpoint.self).wait?.seconds == 5)
        #expect(throws: (any Error).self) { try DrainEndpoint.check(["drain", "--wait=soon"]) }
        #expect(throws: Never.self) { try DrainEndpoint.check(["drain", "--wait=5m", "--wait"]) }
        #expect(try Self.parsed("drain --data d site 10.0.0.1:80", as: DrainEndpoint.self).appliance.data == "d")
    }

    @Test("the forms of weight")
    func weight() throws {
        #expect(try Self.parsed("weight site web-1 0", as: WeighEndpoint.self).weight.value == .fixed(0))
        #expect(try Self.parsed("weight site web-1 1000", as: WeighEndpoint.self).weight.value == .fixed(1_000))
        #expect(try Self.parsed("weight site web-1 auto", as: WeighEndpoint.self).weight.value == .own)
    }

    @Test("the forms of list and undrain")
    func others() throws {
        let list = try Self.parsed("list --rule site --json --socket s", as: ListEndpoints.self)
        #expect(list.rule == "site" && list.json && list.appliance.socket == "s")
        #expect(try Self.parsed("undrain site web-1", as: UndrainEndpoint.self).target.endpoint == "web-1")
    }

    @Test(
        "what is no command",
        arguments: [
            "drain", "drain site", "drain site web-1 more", "drain site web-1 --wait=0", "drain site web-1 --wait=25h",
            "drain site web-1 --wait=86401", "weight site web-1", "weight site web-1 1001", "weight site web-1 -1",
            "weight site web-1 1.5", "weight site web-1 none", "undrain site", "list x",
        ])
    func refused(_ line: String) {
        #expect(throws: (any Error).self) {
            try Kontainers.parseAsRoot(["endpoints"] + line.split(separator: " ").map(String.init))
        }
    }

    @Test("the socket is where the options say, or in the folder ./data")
    func socket() throws {
        func path(_ options: String...) throws -> String { try ApplianceOptions.parse(options).path() }
        #expect(try path("--socket", "x.sock") == "x.sock")
        #expect(try path("--data", "/srv/k") == "/srv/k/control/control.sock")
        #expect(try path().hasSuffix("/data/control/control.sock") && path().hasPrefix("/"))
        #expect(throws: CommandFailure.self) { try path("--config", "/nowhere.yaml") }
        let folder = try TemporaryFolder("command")
        let file = try folder.write("kontainers.yaml", "data: ./state\n")
        #expect(try path("--config", file) == folder("state/control/control.sock"))
    }

    @Test("nobody at the socket, and a path that is too long, are told in one line with what to do")
    func nobody() async throws {
        let folder = try TemporaryFolder("command")
        func failure(_ socket: String) async -> String {
            do {
                _ = try await ControlClient(ApplianceOptions.parse(["--socket", socket])).list()
                return "none"
            } catch { return "\(error)" }
        }
        let absent = await failure(folder("none.sock"))
        #expect(absent.contains("there is no control socket at") && absent.contains("--data"))
        try folder.write("file.sock", "x")
        #expect(await failure(folder("file.sock")).contains("control is not running"))
        #expect(await failure(folder(String(repeating: "x", count: 120))).contains("wanted at most 107"))
    }

    // MARK: - What is told

    private static func entry(drained: Bool, address: String? = "198.18.1.2:80") -> Roster.Entry {
        Roster.Entry(
            rule: "docker:site", endpoint: "web-1", container: "0123", address: address, weight: 1, ownWeight: nil,
            tier: 0, readiness: address == nil ? .down("has stopped") : .ready,
            note: address == nil ? "web-1 has stopped" : "", isDrained: drained)
    }

    @Test("one is drained when nothing is in flight and that is known; until then it is draining")
    func states() {
        var standing = LinkServer.Standing(edges: [], isUp: false, rules: [], listeners: [], revision: 1)
        func state(_ entry: Roster.Entry) -> EndpointReading {
            EndpointReadings.reading(entry, standing, 1, "e")
        }
        #expect(state(Self.entry(drained: false)).state == .ready)
        #expect(state(Self.entry(drained: false)).inFlight == nil)
        #expect(state(Self.entry(drained: true)).state == .draining)
        #expect(state(Self.entry(drained: true)).reason == "no edge is connected")
        #expect(state(Self.entry(drained: true, address: nil)).state == .drained)
        #expect(state(Self.entry(drained: false, address: nil)).state == .down)
        standing.isUp = true
        #expect(state(Self.entry(drained: true)).state == .drained, "nobody is left who could have it in flight")
        #expect(state(Self.entry(drained: false)).inFlight == 0)
    }
}
