import Contract
import Engine
import Kernel
import Proxy
import Telemetry

/// Puts the data plane together: options, workers, and the conductor that keeps them supplied.
@main
enum EdgeMain {
    static func main() {
        switch Options.parse(Array(CommandLine.arguments.dropFirst())) {
        case .print(let text): say(text, to: 1)
        case .refuse(let message):
            say("kontainers-edge: \(message)\n", to: 2)
            exitProcess(64)
        case .run(let options): run(options)
        }
    }

    private static func run(_ options: Options) {
        do {
            let conductor = try Conductor(options)
            try conductor.run()
        } catch let failure as StartFailure {
            say("kontainers-edge: \(failure.message)\n", to: 2)
            exitProcess(1)
        } catch {
            say("kontainers-edge: \(error)\n", to: 2)
            exitProcess(1)
        }
    }

    private static func say(_ text: String, to descriptor: CInt) {
        let bytes = Array(text.utf8)
        // Nobody is left to tell when this fails.
        try? System.writeAll(descriptor, bytes.span)
    }

    private static func exitProcess(_ status: CInt) -> Never { System.exit(status) }
}

/// What keeps the edge from starting, in a sentence.
struct StartFailure: Error {
    var message: String
}
