import Hummingbird
import Logging
import NIOCore

/// Where the HTTP server and the ``Interface`` meet.
struct InterfaceResponder: HTTPResponder {
    /// What the interface wants to know of a connection.
    struct Exchange: RequestContext {
        var coreContext: CoreRequestContextStorage
        let address: String

        init(source: ApplicationRequestContextSource) {
            coreContext = .init(source: source)
            address = source.channel.remoteAddress?.ipAddress ?? "socket"
        }
    }

    let interface: Interface
    let door: Interface.Door

    func respond(to request: Request, context: Exchange) async throws -> Response {
        await interface.respond(to: request, address: context.address, at: door)
    }
}
