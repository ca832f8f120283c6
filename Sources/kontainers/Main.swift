import ArgumentParser

@main
struct Kontainers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kontainers",
        abstract: "A reverse-proxy appliance for hosts that run containers.",
        subcommands: [Control.self, Check.self])
}
