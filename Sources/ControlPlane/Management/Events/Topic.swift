import Accounts
import Store

/// What a client of the events can hear of.
enum Topic: Hashable, Sendable {
    case containers, proxy, revisions, endpoints, traffic, stats
    /// What one container writes; by its name or id.
    case logs(String)

    /// Without what has a name.
    static let plain: [Topic] = [.containers, .proxy, .revisions, .endpoints, .traffic, .stats]
    private static let logsPrefix = "logs:"

    init?(_ text: String) {
        if let topic = Self.plain.first(where: { $0.text == text }) {
            self = topic
        } else if text.hasPrefix(Self.logsPrefix), (1...128).contains(text.utf8.count - Self.logsPrefix.utf8.count) {
            self = .logs(String(text.dropFirst(Self.logsPrefix.count)))
        } else {
            return nil
        }
    }

    var text: String {
        switch self {
        case .containers: "containers"
        case .proxy: "proxy"
        case .revisions: "revisions"
        case .endpoints: "endpoints"
        case .traffic: "traffic"
        case .stats: "stats"
        case .logs(let container): Self.logsPrefix + container
        }
    }

    /// What it takes to hear of it: the same as to ask for it.
    var access: Operation.Access {
        switch self {
        case .proxy, .revisions, .endpoints, .traffic: .role(.viewer, .rulesRead)
        case .containers, .stats, .logs: .role(.viewer, .containersRead)
        }
    }

    /// Whether a client that comes back gets what it missed: states that are told anew every second need no memory.
    var isRemembered: Bool {
        switch self {
        case .containers, .proxy, .revisions, .endpoints: true
        case .traffic, .stats, .logs: false
        }
    }
}
