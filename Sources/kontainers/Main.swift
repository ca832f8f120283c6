import ArgumentParser
import Dispatch

@main
struct Kontainers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kontainers",
        abstract: "A reverse-proxy appliance for hosts that run containers.",
        version: Version.current,
        subcommands: [
            Serve.self, Control.self, Check.self, Setup.self, Status.self, Rules.self, Endpoints.self, Explain.self,
            Lint.self, Containers.self, Revisions.self, Users.self, Tokens.self, Audit.self,
        ])

    /// Not asynchronous: the supervisor wants the process' first thread to itself, with no other beside it. Signals are
    /// blocked in that thread for good, and children learn of the supervisor's death by that thread's.
    static func main() {
        do {
            var command = try parseAsRoot()
            guard command is any AsyncParsableCommand else {
                try command.run()
                exit()
            }
        } catch {
            exit(withError: error)
        }
        // Read once more over there: a command may not cross from one thread to another.
        Task {
            do {
                guard var command = try parseAsRoot() as? any AsyncParsableCommand else { exit() }
                try await command.run()
                exit()
            } catch {
                exit(withError: error)
            }
        }
        dispatchMain()
    }
}
