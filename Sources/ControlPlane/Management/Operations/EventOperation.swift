import Accounts
import HTTPTypes
import Store

/// The events, for whoever asks without a handshake: the handshake itself is answered by ``EventChannel``.
enum EventOperation {
    static func make() -> Operation {
        Operation(
            "events", .get, EventChannel.path, .role(.viewer, .rulesRead),
            "What happens, over a WebSocket (RFC 6455): {\"subscribe\":[\"proxy\",\"traffic\"]}.",
            outcomes: [], problems: [.upgradeRequired]
        ) { _ in
            throw Problem(
                .upgradeRequired, "found a plain request; wanted a WebSocket handshake, version 13",
                code: "upgrade-required", fields: [.upgrade: "websocket", .connection: "upgrade"])
        }
    }
}
