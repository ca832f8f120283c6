import ArgumentParser
import KontainersConfiguration
import Management

/// `kontainers containers`: those of the engines.
struct Containers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "containers", abstract: "Lists, runs and removes containers.",
        discussion: "EXAMPLE: kontainers containers logs shop-1 --tail 20",
        subcommands: [
            ListContainers.self, ShowContainer.self, StartContainer.self, StopContainer.self, RestartContainer.self,
            DeleteContainer.self, ContainerLogs.self, ContainerStats.self,
        ])

    static func target(_ name: String) -> String { "/api/containers/\(PercentText.encoded(name))" }
}

struct ListContainers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the containers of all engines.",
        discussion: "EXAMPLE: kontainers containers list --running")

    @OptionGroup var asking: AskingOptions
    @Flag(help: "Only those that run.") var running = false

    func run() async throws {
        let answer = try await asking.client().ask(.GET, "/api/containers" + (running ? "?running=true" : ""))
        guard !asking.json else { return Output.json(answer) }
        let rows = (answer.list ?? []).map { container in
            let ports = (container["ports"]?.list ?? []).map { port in
                let own = "\(Output.text(port["privatePort"]))/\(Output.text(port["type"]))"
                return port["publicPort"].map { "\(Output.text($0))->\(own)" } ?? own
            }
            return [
                Output.text(container["name"]), Output.text(container["image"]), Output.text(container["state"]),
                Output.text(container["status"]), ports.isEmpty ? "-" : ports.joined(separator: ", "),
                Output.text(container["networks"]),
            ]
        }
        print(
            TextTable.text([["NAME", "IMAGE", "STATE", "STATUS", "PORTS", "NETWORKS"]] + rows), terminator: "")
    }
}

struct ShowContainer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Prints one container as JSON.",
        discussion: "EXAMPLE: kontainers containers show shop-1")

    @OptionGroup var appliance: ApplianceOptions
    @Argument(help: "Its name or id.") var container: String

    func run() async throws {
        Output.json(try await ControlClient(appliance).ask(.GET, Containers.target(container)))
    }
}

/// What start, stop and restart have in common.
private func carryOut(_ act: String, _ done: String, _ container: String, _ asking: AskingOptions) async throws {
    let answer = try await asking.client().ask(.POST, "\(Containers.target(container))/\(act)")
    if asking.json { Output.json(answer) } else { print("\(done) \(Output.text(answer["name"]))") }
}

struct StartContainer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Starts a container.", discussion: "EXAMPLE: kontainers containers start shop-1"
    )

    @OptionGroup var asking: AskingOptions
    @Argument(help: "Its name or id.") var container: String

    func run() async throws { try await carryOut("start", "started", container, asking) }
}

struct StopContainer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stops a container, and waits until it has.",
        discussion: "EXAMPLE: kontainers containers stop shop-1")

    @OptionGroup var asking: AskingOptions
    @Argument(help: "Its name or id.") var container: String

    func run() async throws { try await carryOut("stop", "stopped", container, asking) }
}

struct RestartContainer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stops and starts a container.",
        discussion: "EXAMPLE: kontainers containers restart shop-1")

    @OptionGroup var asking: AskingOptions
    @Argument(help: "Its name or id.") var container: String

    func run() async throws { try await carryOut("restart", "restarted", container, asking) }
}

struct DeleteContainer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Removes a container.",
        discussion: "EXAMPLE: kontainers containers delete shop-1 --force")

    @OptionGroup var asking: AskingOptions
    @Flag(help: "Even while it runs.") var force = false
    @Argument(help: "Its name or id.") var container: String

    func run() async throws {
        _ = try await asking.client().ask(.DELETE, Containers.target(container) + (force ? "?force=true" : ""))
        print("deleted \(TextTable.plain(container))")
    }
}

struct ContainerLogs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Prints the last lines that a container wrote.",
        discussion: "EXAMPLE: kontainers containers logs shop-1 --tail 20")

    @OptionGroup var asking: AskingOptions
    @Option(help: "How many at most.") var tail = 100
    @Argument(help: "Its name or id.") var container: String

    func run() async throws {
        let answer = try await asking.client().ask(.GET, "\(Containers.target(container))/logs?tail=\(tail)")
        guard !asking.json else { return Output.json(answer) }
        for entry in answer.list ?? [] {
            print("\(Output.time(entry["timestamp"]?.integer ?? 0)) \(TextTable.plain(entry["message"]?.text ?? ""))")
        }
    }
}

struct ContainerStats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Prints what a container uses.",
        discussion: "EXAMPLE: kontainers containers stats shop-1 --json")

    @OptionGroup var asking: AskingOptions
    @Argument(help: "Its name or id.") var container: String

    func run() async throws {
        let answer = try await asking.client().ask(.GET, "\(Containers.target(container))/stats")
        guard !asking.json else { return Output.json(answer) }
        let rows = (answer.object ?? [:]).sorted { $0.key < $1.key }.map { [$0.key, Output.text($0.value, $0.key)] }
        print(TextTable.text(rows), terminator: "")
    }
}
