import ArgumentParser
import Foundation
import KontainersConfiguration
import Management

/// `kontainers status`: whether all is well.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Says whether all is well.",
        discussion: """
            Exits with 1 when the edge is away or something is wrong.

            EXAMPLE: kontainers status
            """)

    @OptionGroup var asking: AskingOptions

    func run() async throws {
        let client = try asking.client()
        let info = try await client.ask(.GET, "/api/system/info")
        if asking.json {
            Output.json(info)
        } else {
            print(
                "Kontainers \(Output.text(info["version"])) on \(Output.text(info["hostname"])), since "
                    + Output.text(info["started"], "started"))
            print(
                "edge \(info["edgeUp"] == .boolean(true) ? "up" : "away"), revision \(Output.text(info["revision"])), "
                    + "\(Output.text(info["rules"])) rules, \(Output.text(info["listeners"])) listeners")
            for engine in info["engines"]?.list ?? [] {
                let state = engine["reachable"] == .boolean(true) ? "answers" : "does not answer"
                print("Docker \(Output.text(engine["name"])) \(state), \(Output.text(engine["containers"])) containers")
            }
            print("\(Output.text(info["errors"])) errors, \(Output.text(info["warnings"])) warnings")
            if info["errors"] != .integer(0) || info["warnings"] != .integer(0) { print("see `kontainers lint`") }
        }
        guard info["edgeUp"] == .boolean(true), info["errors"] == .integer(0) else { throw ExitCode(1) }
    }
}

/// `kontainers lint`: what is wrong with what was asked for.
struct Lint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint", abstract: "Tells what is wrong with what files, labels and people asked for.",
        discussion: """
            Exits with 1 when there is an error.

            EXAMPLE: kontainers lint
            """)

    @OptionGroup var asking: AskingOptions

    func run() async throws {
        let answer = try await asking.client().ask(.GET, "/api/lint")
        let all = answer.list ?? []
        if asking.json {
            Output.json(answer)
        } else {
            for one in all {
                print(
                    "\(Output.text(one["place"])): \(Output.text(one["severity"])): \(Output.text(one["found"])); "
                        + "\(Output.text(one["wanted"])) [\(Output.text(one["code"]))]")
            }
            if all.isEmpty { print("nothing is wrong") }
        }
        if all.contains(where: { $0["severity"]?.text == "error" }) { throw ExitCode(1) }
    }
}

/// `kontainers setup`: the link for the first administrator.
struct Setup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setup", abstract: "Prints a new link for making the first administrator.",
        discussion: """
            It is good once, for an hour; the one before it is void. `kontainers users create NAME --role admin` does
            without a browser.

            EXAMPLE: kontainers setup
            """)

    @OptionGroup var asking: AskingOptions

    func run() async throws {
        let answer = try await asking.client().ask(.POST, "/api/system/setup-link")
        if asking.json { Output.json(answer) } else { print(Output.text(answer["link"])) }
    }
}

/// `kontainers audit`: who did what.
struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Tells who did what, the newest first.",
        discussion: "EXAMPLE: kontainers audit --limit 100 --action rule.update")

    @OptionGroup var asking: AskingOptions
    @Option(help: "How many at most.") var limit = 20
    @Option(help: "Only this action.") var action: String?
    @Flag(help: "One JSON document a line.") var lines = false

    func run() async throws {
        var query = "?limit=\(limit)"
        if let action { query += "&action=\(PercentText.encoded(action))" }
        let client = try asking.client()
        if lines { return print(try await client.text(.GET, "/api/audit/export" + query), terminator: "") }
        let answer = try await client.ask(.GET, "/api/audit" + query)
        guard !asking.json else { return Output.json(answer) }
        let rows = (answer.list ?? []).map { entry in
            [
                Output.text(entry["at"], "at"), Output.text(entry["actor"]?["name"]), Output.text(entry["address"]),
                Output.text(entry["action"]), Output.text(entry["object"]), Output.text(entry["outcome"]),
            ]
        }
        print(TextTable.text([["WHEN", "WHO", "FROM", "ACTION", "OF", "OUTCOME"]] + rows), terminator: "")
    }
}

/// `kontainers explain`: why a request goes where it goes.
struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Tells why a request goes where it goes. Nothing is sent.",
        discussion: "EXAMPLE: kontainers explain https://shop.test/cart --client 192.0.2.7")

    @OptionGroup var asking: AskingOptions
    @Option(help: "The request's method.") var method = "GET"
    @Option(help: "A header, NAME: VALUE; may be said several times.") var header: [String] = []
    @Option(help: "The client's IP address.") var client: String?
    @Option(help: "A listener's name. (default: the one that has the URL's port)") var listener: String?
    @Argument(help: "http:// or https:// with a host.") var url: String

    func run() async throws {
        var body: [String: JSONValue] = ["url": .text(url), "method": .text(method)]
        var headers: [String: JSONValue] = [:]
        for text in header {
            guard let colon = text.firstIndex(of: ":") else {
                throw CommandFailure("found --header \(text); wanted NAME: VALUE")
            }
            let value = text[text.index(after: colon)...].drop { $0 == " " }
            headers[String(text[..<colon])] = .text(String(value))
        }
        if !headers.isEmpty { body["headers"] = .object(headers) }
        if let client { body["client"] = .text(client) }
        if let listener { body["listener"] = .text(listener) }
        let answer = try await asking.client().ask(.POST, "/api/explain", body: .object(body))
        if asking.json { Output.json(answer) } else { print(Self.text(answer), terminator: "") }
    }

    static func text(_ answer: JSONValue) -> String {
        var text = ""
        let listener = answer["listener"].map { "\(Output.text($0["name"])) at \(Output.text($0["address"])), " } ?? ""
        text += "listener: \(listener)\(Output.text(answer["listenerNote"]))\n"
        if let certificate = answer["certificate"] {
            text += "certificate: \(Output.text(certificate["name"])), \(Output.text(certificate["note"]))\n"
        }
        for one in answer["considered"]?.list ?? [] {
            text +=
                "rule \(Output.text(one["rule"])) (host \(Output.text(one["host"])), path "
                + "\(Output.text(one["path"]))): \(Output.text(one["reason"]))\n"
        }
        for stage in answer["stages"]?.list ?? [] {
            text += "\(Output.text(stage["name"])): \(Output.text(stage["text"]))\n"
        }
        for endpoint in answer["endpoints"]?.list ?? [] {
            let reason = Output.text(endpoint["reason"])
            let mark = endpoint["eligible"] == .boolean(true) ? "can get it" : "is out"
            text +=
                "endpoint \(Output.text(endpoint["endpoint"])) \(mark), \(Output.text(endpoint["state"]))"
                + (reason == "-" ? "\n" : ": \(reason)\n")
        }
        return text + "answer: \(Output.text(answer["answer"]))\n"
    }
}
