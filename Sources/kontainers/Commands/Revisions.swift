import ArgumentParser
import KontainersConfiguration
import Management

/// `kontainers revisions`: what was changed when by whom, and going back.
struct Revisions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revisions", abstract: "Shows, compares and restores changes of rules and settings.",
        discussion: "EXAMPLE: kontainers revisions restore 41",
        subcommands: [
            ListRevisions.self, ShowRevision.self, CompareRevisions.self, RestoreRevision.self, ConfirmRevision.self,
            RevertRevision.self,
        ])

    static let path = "/api/revisions"

    /// The one that waits for its confirmation.
    static func waiting(_ client: ControlClient) async throws -> Int {
        let newest = try await client.ask(.GET, path + "?limit=5").list ?? []
        guard let id = newest.first(where: { $0["confirmUntil"] != nil })?["id"]?.integer else {
            throw CommandFailure("no change waits for its confirmation")
        }
        return id
    }
}

struct ListRevisions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists changes, the newest first.",
        discussion: "EXAMPLE: kontainers revisions list --limit 5")

    @OptionGroup var asking: AskingOptions
    @Option(help: "How many at most.") var limit = 20

    func run() async throws {
        let answer = try await asking.client().ask(.GET, Revisions.path + "?limit=\(limit)")
        guard !asking.json else { return Output.json(answer) }
        let rows = (answer.list ?? []).map { revision in
            [
                Output.text(revision["id"]), Output.text(revision["at"], "at"),
                Output.text(revision["author"]?["name"]), Output.text(revision["source"]),
                Output.text(revision["summary"]) + (revision["confirmUntil"] == nil ? "" : " (waits to be confirmed)"),
            ]
        }
        print(TextTable.text([["REVISION", "WHEN", "WHO", "BY", "WHAT"]] + rows, numbers: [0]), terminator: "")
    }
}

struct ShowRevision: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Prints what a change changed.",
        discussion: "EXAMPLE: kontainers revisions show 42")

    @OptionGroup var asking: AskingOptions
    @Argument(help: "Its number.") var revision: Int

    func run() async throws {
        let answer = try await asking.client().ask(.GET, "\(Revisions.path)/\(revision)")
        guard !asking.json else { return Output.json(answer) }
        print(Output.differences(answer["changes"]), terminator: "")
    }
}

struct CompareRevisions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Prints what differs between what two changes left.",
        discussion: "EXAMPLE: kontainers revisions compare 40 42")

    @OptionGroup var asking: AskingOptions
    @Argument(help: "A number; 0 is before the first.") var from: Int
    @Argument(help: "Another.") var to: Int

    func run() async throws {
        let answer = try await asking.client().ask(.GET, "\(Revisions.path)/\(from)/compare/\(to)")
        guard !asking.json else { return Output.json(answer) }
        print(Output.differences(answer), terminator: "")
    }
}

struct RestoreRevision: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Makes rules and settings as a change left them, as a new change.",
        discussion: "EXAMPLE: kontainers revisions restore 40 --dry-run")

    @OptionGroup var asking: AskingOptions
    @Flag(help: "Change nothing; print what would differ.") var dryRun = false
    @Argument(help: "Its number.") var revision: Int

    func run() async throws {
        let answer = try await asking.client().ask(
            .POST, "\(Revisions.path)/\(revision)/restore" + (dryRun ? "?dry-run=true" : ""))
        guard !asking.json else { return Output.json(answer) }
        guard answer != .null else { return print("nothing had to change") }
        print(Output.differences(answer["changes"]), terminator: "")
        if !dryRun { print("restored as revision \(Output.text(answer["id"]))") }
    }
}

struct ConfirmRevision: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm", abstract: "Keeps the change that waits for its confirmation.",
        discussion: "EXAMPLE: kontainers revisions confirm")

    @OptionGroup var asking: AskingOptions

    func run() async throws {
        let client = try asking.client()
        let id = try await Revisions.waiting(client)
        _ = try await client.ask(.POST, "\(Revisions.path)/\(id)/confirm")
        print("revision \(id) stays")
    }
}

struct RevertRevision: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revert", abstract: "Takes the change that waits for its confirmation back at once.",
        discussion: "EXAMPLE: kontainers revisions revert")

    @OptionGroup var asking: AskingOptions

    func run() async throws {
        let client = try asking.client()
        let id = try await Revisions.waiting(client)
        _ = try await client.ask(.POST, "\(Revisions.path)/\(id)/revert")
        print("revision \(id) was taken back")
    }
}
