import ArgumentParser

@main
struct Kontainers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kontainers",
        abstract: "A reverse-proxy appliance for hosts that run containers.",
        subcommands: [Check.self])
}
