import ArgumentParser
import Foundation
import KontainersConfiguration
import TestKit
import Testing

@testable import kontainers

@Suite("Commands that ask the interface, as they are written")
struct InterfaceCommandTests {
    private static func parsed<Command: ParsableCommand>(_ line: String, as: Command.Type) throws -> Command {
        try #require(try Kontainers.parseAsRoot(line.split(separator: " ").map(String.init)) as? Command)
    }

    @Test("the fields of a rule")
    func fields() throws {
        let line = "rules create shop --host a.test --host b.test --container web --port 80 --protocol tcp --tls local"
        let body = try Self.parsed(line, as: CreateRule.self).fields.body()
        #expect(body["sourceHost"] == .text("a.test") && body["hosts"] == .list([.text("b.test")]))
        #expect(body["targetContainer"] == .text("web") && body["targetPort"] == .integer(80))
        #expect(body["protocol"] == .text("TCP") && body["sslCertificate"] == .text("local"))
        let off = try Self.parsed("rules set shop --tls off --endpoint 127.0.0.1:1", as: ChangeRule.self).fields.body()
        #expect(off["sslEnabled"] == .boolean(false) && off["endpoints"] == .list([.text("127.0.0.1:1")]))
        #expect(off["sourceHost"] == nil)
    }

    @Test("a rule comes from a file, and options go before what it says")
    func file() throws {
        let folder = try TemporaryFolder("rule")
        let path = try folder.write("rule.json", #"{"sourceHost":"a.test","advancedConfig":{"maxBody":1}}"#)
        let body = try Self.parsed("rules create x --file \(path) --host b.test", as: CreateRule.self).fields.body()
        #expect(body["sourceHost"] == .text("b.test") && body["advancedConfig"]?["maxBody"] == .integer(1))
        let wrong = try folder.write("wrong.json", "[]")
        for file in [wrong, folder("none")] {
            #expect(throws: CommandFailure.self) {
                _ = try Self.parsed("rules create x --file \(file)", as: CreateRule.self).fields.body()
            }
        }
    }

    @Test("how a change is made")
    func changes() throws {
        let change = try Self.parsed("rules delete x --dry-run --confirm-within 60", as: DeleteRule.self).change
        #expect(change.query == "?dry-run=true&confirm-within=60")
        #expect(try Self.parsed("rules delete x", as: DeleteRule.self).change.query == "")
    }

    @Test(
        "what is no command",
        arguments: [
            "rules", "rules create", "rules set", "rules create x --port many", "revisions show", "revisions show x",
            "revisions compare 1", "users create ann", "tokens delete", "explain", "audit --limit x", "status more",
        ])
    func refused(_ line: String) {
        #expect(throws: (any Error).self) {
            var command = try Kontainers.parseAsRoot(line.split(separator: " ").map(String.init))
            // A group of commands says what there is.
            try command.run()
        }
    }

    @Test("every command has an example")
    func examples() {
        func look(_ command: any ParsableCommand.Type, _ path: String) {
            let configuration = command.configuration
            if configuration.subcommands.isEmpty, !["serve", "control", "check"].contains(path) {
                let isOld = path.hasPrefix("endpoints")
                #expect(isOld || configuration.discussion.contains("EXAMPLE: kontainers "), "\(path)")
            }
            for inner in configuration.subcommands {
                look(inner, (path.isEmpty ? "" : path + " ") + (inner.configuration.commandName ?? "\(inner)"))
            }
        }
        for command in Kontainers.configuration.subcommands {
            look(command, command.configuration.commandName ?? "")
        }
    }

    @Test("another machine is spoken to with a token that is no argument")
    func doors() throws {
        let folder = try TemporaryFolder("token")
        let token = try folder.write("token", "kt_secret\nmore")
        let options = try ApplianceOptions.parse(["--url", "https://host:8600/", "--token-file", token])
        guard case .address(let url, let read) = try options.door() else {
            Issue.record("the socket was taken")
            return
        }
        #expect(url == "https://host:8600" && read == "kt_secret")
        #expect(throws: CommandFailure.self) { _ = try ApplianceOptions.parse(["--url", "https://host"]).door() }
        #expect(throws: CommandFailure.self) {
            _ = try ApplianceOptions.parse(["--url", "host:1", "--token-file", token]).door()
        }
        // What names this machine's goes before what the environment says.
        guard case .socket(let path) = try ApplianceOptions.parse(["--socket", "s", "--url", "https://x"]).door() else {
            Issue.record("the address was taken")
            return
        }
        #expect(path == "s")
    }

    @Test("documents as people read them")
    func output() {
        #expect(Output.text(.list([.text("a"), .integer(1)])) == "a, 1")
        #expect(Output.text(.text("a\u{1b}[31m")) == "a\\u{1b}[31m")
        #expect(Output.text(.integer(0), "created") == "-" && Output.text(nil) == "-")
        let change: JSONValue = .object([
            "kind": .text("rule"), "name": .text("x"),
            "differences": .list([.object(["path": .text("/a"), "before": .integer(1), "after": .integer(2)])]),
        ])
        #expect(Output.differences(.list([change])) == "rule x\n  /a: 1 -> 2\n")
        let table = Output.table([.object(["a": .text("x"), "b": .boolean(true)])], [("A", "a"), ("B", "b")])
        #expect(table == "A  B\nx  yes\n")
    }
}
