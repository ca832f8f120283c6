import ArgumentParser
import Foundation
import KontainersConfiguration
import Management

/// `kontainers rules`: what is served, and making and changing rules of the store.
struct Rules: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Lists, makes and changes rules.",
        discussion: """
            Rules of the file and of labels are listed too, and changed where they were made. What is changed is served
            at once, and is a revision that can be taken back (`kontainers revisions`).

            EXAMPLE: kontainers rules create shop --host shop.test --container shop-1 --port 8080
            """,
        subcommands: [
            ListRules.self, ShowRule.self, CreateRule.self, ChangeRule.self, EnableRule.self, DisableRule.self,
            DeleteRule.self,
        ])

    static let path = "/api/proxy/rules"

    /// The rule that a name or id means.
    static func find(_ text: String, _ client: ControlClient) async throws -> JSONValue {
        let all = try await client.ask(.GET, path).list ?? []
        for field in ["id", "name"] {
            let found = all.filter { $0[field]?.text == text }
            if found.count == 1 { return found[0] }
            if found.count > 1 {
                let ids = found.compactMap { $0["id"]?.text }.joined(separator: ", ")
                throw CommandFailure("found \(found.count) rules named \(text); wanted one by its id: \(ids)")
            }
        }
        let names = all.compactMap { $0["name"]?.text }
        let near = Suggestion.nearest(to: text, among: names).map { "did you mean \"\($0)\"?" }
        throw CommandFailure("found no rule \(text); \(near ?? "see `kontainers rules list`")")
    }

    static func target(_ rule: JSONValue) -> String { "\(path)/\(PercentText.encoded(rule["id"]?.text ?? ""))" }
}

struct ListRules: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the rules of all sources.",
        discussion: "EXAMPLE: kontainers rules list --source store --search shop")

    @OptionGroup var asking: AskingOptions
    @Option(help: "Only those of one source: store, file or docker.") var source: String?
    @Option(help: "Only those whose name, host or target has this in it.") var search: String?

    func run() async throws {
        var query: [String] = []
        if let source { query.append("source=\(PercentText.encoded(source))") }
        if let search { query.append("q=\(PercentText.encoded(search))") }
        let answer = try await asking.client().ask(
            .GET, Rules.path + (query.isEmpty ? "" : "?" + query.joined(separator: "&")))
        guard !asking.json else { return Output.json(answer) }
        let rows = (answer.list ?? []).map { rule in
            let hosts =
                [rule["sourceHost"]?.text ?? "", rule["domain"]?.text ?? ""]
                .filter { !$0.isEmpty } + (rule["hosts"]?.list ?? []).compactMap(\.text)
            let container = rule["targetContainer"]?.text ?? ""
            let port = rule["targetPort"]?.integer ?? 0
            let target =
                container.isEmpty
                ? Output.text(rule["endpoints"]) : TextTable.plain(container) + (port > 0 ? ":\(port)" : "")
            return [
                Output.text(rule["name"]), Output.text(rule["source"]), Output.text(rule["protocol"]),
                TextTable.plain(hosts.joined(separator: ", ")), Output.text(rule["sourcePath"]), target,
                Output.text(rule["enabled"]),
            ]
        }
        print(
            TextTable.text([["NAME", "SOURCE", "PROTOCOL", "HOSTS", "PATH", "TARGET", "ENABLED"]] + rows),
            terminator: "")
    }
}

struct ShowRule: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Prints one rule as JSON.", discussion: "EXAMPLE: kontainers rules show shop")

    @OptionGroup var appliance: ApplianceOptions
    @Argument(help: "Its name or id.") var rule: String

    func run() async throws { Output.json(try await Rules.find(rule, ControlClient(appliance))) }
}

/// How a change is made.
struct ChangeOptions: ParsableArguments {
    @Flag(help: "Change nothing; print what would differ.") var dryRun = false
    @Option(help: ArgumentHelp("Take it back after so many seconds unless it is confirmed.", valueName: "seconds"))
    var confirmWithin: Int?

    var query: String {
        var parts: [String] = []
        if dryRun { parts.append("dry-run=true") }
        if let confirmWithin { parts.append("confirm-within=\(confirmWithin)") }
        return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
    }

    func tell(_ answer: JSONValue, _ done: String, json: Bool) {
        if json { return Output.json(answer) }
        if dryRun {
            print(Output.differences(answer["changes"]), terminator: "")
            for diagnosis in answer["diagnoses"]?.list ?? [] {
                print("warning: \(Output.text(diagnosis["found"])); \(Output.text(diagnosis["wanted"]))")
            }
            return
        }
        print(done)
        if let confirmWithin {
            print("it is taken back in \(confirmWithin) seconds unless: kontainers revisions confirm")
        }
    }
}

/// The fields that a person is likely to want; a file has all of them.
struct RuleFields: ParsableArguments {
    @Option(help: "A host; may be said several times.") var host: [String] = []
    @Option(help: "The path prefix.") var path: String?
    @Option(help: "A container's name or id.") var container: String?
    @Option(help: "The container's port.") var port: Int?
    @Option(help: "An address in place of a container; may be said several times.") var endpoint: [String] = []
    @Option(help: "HTTP, TCP or UDP.") var `protocol`: String?
    @Option(help: "A listener; may be said several times.") var listener: [String] = []
    @Option(help: "auto, off, or a certificate's name.") var tls: String?
    @Option(help: "The rule as JSON, from a file or - for standard input; options go before it.") var file: String?

    func body() throws -> [String: JSONValue] {
        var body: [String: JSONValue] = [:]
        if let file {
            let data =
                file == "-"
                ? FileHandle.standardInput.readDataToEndOfFile()
                : try (FileManager.default.contents(atPath: file)).orFail("\(file) cannot be read")
            guard let value = try? JSONDecoder().decode(JSONValue.self, from: data), let fields = value.object else {
                throw CommandFailure("found no JSON object in \(file); wanted a rule, as `rules show` prints one")
            }
            body = fields
        }
        if let first = host.first {
            body["sourceHost"] = .text(first)
            if host.count > 1 { body["hosts"] = .list(host.dropFirst().map(JSONValue.text)) }
        }
        if let path { body["sourcePath"] = .text(path) }
        if let container { body["targetContainer"] = .text(container) }
        if let port { body["targetPort"] = .integer(port) }
        if !endpoint.isEmpty { body["endpoints"] = .list(endpoint.map(JSONValue.text)) }
        if let proxyProtocol = self.protocol { body["protocol"] = .text(proxyProtocol.uppercased()) }
        if !listener.isEmpty { body["listeners"] = .list(listener.map(JSONValue.text)) }
        switch tls {
        case nil: break
        case "auto"?: body["sslEnabled"] = .boolean(true)
        case "off"?:
            body["sslEnabled"] = .boolean(false)
            body["sslCertificate"] = .null
        case let name?:
            body["sslEnabled"] = .boolean(true)
            body["sslCertificate"] = .text(name)
        }
        return body
    }
}

extension Optional {
    func orFail(_ sentence: String) throws -> Wrapped {
        guard let self else { throw CommandFailure(sentence) }
        return self
    }
}

struct CreateRule: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes a rule; it is served at once.",
        discussion: "EXAMPLE: kontainers rules create api --host api.test --endpoint 10.0.0.2:80 --endpoint 10.0.0.3:80"
    )

    @OptionGroup var asking: AskingOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var fields: RuleFields
    @Argument(help: "Its name.") var name: String

    func run() async throws {
        var body = try fields.body()
        body["name"] = .text(name)
        let answer = try await asking.client().ask(.POST, Rules.path + change.query, body: .object(body))
        change.tell(answer, "created \(TextTable.plain(name))", json: asking.json)
    }
}

struct ChangeRule: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Changes fields of a rule; what is not said stays.",
        discussion: "EXAMPLE: kontainers rules set shop --path /v2 --confirm-within 60")

    @OptionGroup var asking: AskingOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var fields: RuleFields
    @Argument(help: "Its name or id.") var rule: String

    func run() async throws {
        let client = try asking.client()
        let found = try await Rules.find(rule, client)
        let answer = try await client.ask(
            .PATCH, Rules.target(found) + change.query, body: .object(try fields.body()))
        change.tell(answer, "changed \(Output.text(found["name"]))", json: asking.json)
    }
}

struct EnableRule: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Serves a rule.", discussion: "EXAMPLE: kontainers rules enable shop")

    @OptionGroup var asking: AskingOptions
    @OptionGroup var change: ChangeOptions
    @Argument(help: "Its name or id.") var rule: String

    func run() async throws { try await Self.set(rule, true, asking, change) }

    static func set(_ rule: String, _ isOn: Bool, _ asking: AskingOptions, _ change: ChangeOptions) async throws {
        let client = try asking.client()
        let found = try await Rules.find(rule, client)
        let answer = try await client.ask(
            .PATCH, Rules.target(found) + change.query, body: .object(["enabled": .boolean(isOn)]))
        change.tell(answer, "\(isOn ? "enabled" : "disabled") \(Output.text(found["name"]))", json: asking.json)
    }
}

struct DisableRule: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Keeps a rule and serves it not.",
        discussion: "EXAMPLE: kontainers rules disable shop --dry-run")

    @OptionGroup var asking: AskingOptions
    @OptionGroup var change: ChangeOptions
    @Argument(help: "Its name or id.") var rule: String

    func run() async throws { try await EnableRule.set(rule, false, asking, change) }
}

struct DeleteRule: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Takes a rule away.", discussion: "EXAMPLE: kontainers rules delete shop")

    @OptionGroup var asking: AskingOptions
    @OptionGroup var change: ChangeOptions
    @Argument(help: "Its name or id.") var rule: String

    func run() async throws {
        let client = try asking.client()
        let found = try await Rules.find(rule, client)
        let answer = try await client.ask(.DELETE, Rules.target(found) + change.query)
        change.tell(answer, "deleted \(Output.text(found["name"]))", json: asking.json && change.dryRun)
    }
}
