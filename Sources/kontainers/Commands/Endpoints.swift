import ArgumentParser
import Foundation
import Management

/// `kontainers endpoints`: what the rules' endpoints do, and taking one out, or giving it more or less.
struct Endpoints: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endpoints",
        abstract: "Lists, drains and weighs the endpoints of the rules.",
        discussion: """
            Speaks to the running appliance over its control socket, as control's user or root. What is ordered is kept
            over restarts until it is taken back, and in force at once.
            """,
        subcommands: [ListEndpoints.self, DrainEndpoint.self, UndrainEndpoint.self, WeighEndpoint.self])
}

/// Which endpoint a command means.
struct EndpointArguments: ParsableArguments {
    @Argument(help: "The rule's name, as the list has it (\"docker:\" may be left out), or one of its hosts.")
    var rule: String

    @Argument(help: "The container's name, or the endpoint's address.")
    var endpoint: String
}

struct ListEndpoints: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the endpoints of the rules.",
        discussion: """
            STATE is ready, starting (its health check has not passed yet), draining (nothing new is sent to it, and
            requests are in flight), drained (none is), down, or absent (it was drained or weighed, and is not there).
            IN FLIGHT and REQUESTS are those of the address, in all rules, as the edge told a second ago at most.
            """)

    @OptionGroup var appliance: ApplianceOptions

    @Option(help: "Only those of this rule.")
    var rule: String?

    @Flag(help: "Print one JSON document.")
    var json = false

    func run() async throws {
        let client = try ControlClient(appliance)
        let list = try await client.list(rule: rule)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(list), as: UTF8.self))
        } else {
            print(EndpointTable.text(list.endpoints), terminator: "")
            if list.edges == 0 { EndpointLines.tell("no edge is connected: nothing is known of what is in flight") }
        }
    }
}

struct DrainEndpoint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Sends nothing new to an endpoint; what is in flight finishes.",
        discussion: """
            Returns when every worker of the edge serves without it. It holds until `undrain`, over restarts too; for a
            container until another one takes its place under its name.
            Exits with 2 when --wait was asked for and requests are still in flight at the end of the time.
            """)

    /// A number of seconds, or with `s`, `m` or `h` behind it.
    struct Wait: ExpressibleByArgument, Equatable {
        static let longest = 86_400

        var seconds: Int

        init(seconds: Int) { self.seconds = seconds }

        init?(argument: String) {
            let units: [Character: Int] = ["s": 1, "m": 60, "h": 3_600]
            let unit = argument.last.flatMap { units[$0] }
            guard let number = Int(unit == nil ? argument[...] : argument.dropLast()) else { return nil }
            let (seconds, isTooLarge) = number.multipliedReportingOverflow(by: unit ?? 1)
            self.seconds = isTooLarge ? .max : seconds
        }
    }

    @OptionGroup var appliance: ApplianceOptions
    @OptionGroup var target: EndpointArguments

    @Option(
        defaultAsFlag: Wait(seconds: 60),
        help: ArgumentHelp(
            "Wait until nothing is in flight, 60 s at most, or as long as is said: 300, 5m.", valueName: "time"))
    var wait: Wait?

    func validate() throws {
        try Self.check(CommandLine.arguments)
        guard let wait, !(1...Wait.longest).contains(wait.seconds) else { return }
        throw ValidationError("found --wait=\(wait.seconds); wanted 1 to \(Wait.longest) seconds")
    }

    /// The library takes a value that it cannot read for none.
    static func check(_ arguments: [String]) throws {
        let option = "--wait="
        for argument in arguments where argument.hasPrefix(option) {
            guard Wait(argument: String(argument.dropFirst(option.count))) == nil else { continue }
            throw ValidationError("found \(argument); wanted a time, such as --wait=300 or --wait=5m")
        }
    }

    func run() async throws {
        let client = try ControlClient(appliance)
        let changed = try await client.change(target.rule, target.endpoint, EndpointPatch(isDrained: true))
        print(EndpointLines.text("drained", changed), terminator: "")
        EndpointLines.tellDelay(changed)
        if let rule = changed.endpoints.first?.rule, let list = try? await client.list(rule: rule),
            !list.endpoints.contains(where: { $0.state == .ready || $0.state == .starting })
        {
            EndpointLines.tell("nobody else serves \(EndpointLines.plain(rule)): it answers 503")
        }
        guard let wait else { return }
        try await EndpointLines.waitForDrain(of: changed.endpoints, client, seconds: wait.seconds)
    }
}

struct UndrainEndpoint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Takes a drain back: the endpoint serves again.")

    @OptionGroup var appliance: ApplianceOptions
    @OptionGroup var target: EndpointArguments

    func run() async throws {
        let changed = try await ControlClient(appliance).change(
            target.rule, target.endpoint, EndpointPatch(isDrained: false))
        print(EndpointLines.text("undrained", changed), terminator: "")
        EndpointLines.tellDelay(changed)
    }
}

struct WeighEndpoint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weight",
        abstract: "Gives an endpoint another weight than its own.",
        discussion: """
            With 0 it gets nobody new; clients bound to it by a sticky cookie still come. It holds until `auto`, over
            restarts and for every container of that name.
            """)

    /// `auto` or a number.
    struct Weight: ExpressibleByArgument, Equatable {
        static let range = 0...1_000

        var value: EndpointPatch.Weight

        init?(argument: String) {
            if argument == "auto" {
                value = .own
            } else if let number = Int(argument), Self.range.contains(number) {
                value = .fixed(number)
            } else {
                return nil
            }
        }
    }

    @OptionGroup var appliance: ApplianceOptions
    @OptionGroup var target: EndpointArguments

    @Argument(help: "0 to 1000, or auto for its own.")
    var weight: Weight

    func run() async throws {
        let changed = try await ControlClient(appliance).change(
            target.rule, target.endpoint, EndpointPatch(weight: weight.value))
        print(EndpointLines.text("weighed", changed), terminator: "")
        EndpointLines.tellDelay(changed)
    }
}
