/// What travels over the Link, the Unix socket between control and the edge. Each message is one frame (``LinkFrame``).
public enum Downward: Equatable, Sendable, Codable {
    /// The first message of control.
    case welcome(version: Int)
    case snapshot(Snapshot)
    case delta(Delta)
}

/// What the edge says.
public enum Upward: Equatable, Sendable, Codable {
    /// The first message of the edge: who it is and what it serves already.
    case hello(version: Int, pid: Int32, workers: Int, epoch: String, revision: UInt64)
    /// Every worker serves this revision. `diagnoses` tells what of it could not be served as asked.
    case acknowledged(epoch: String, revision: UInt64, diagnoses: [EdgeDiagnosis])
    /// A delta did not start from what the edge has; a full snapshot is wanted.
    case gap(epoch: String, revision: UInt64)
    case telemetry(EdgeTelemetry)
    /// What was counted by rule, endpoint and listener and has changed since it was last said.
    case tallies(EdgeTallies)
    /// A request waits for containers of these rules, which may be started for it.
    case wake(rules: [String])
    /// What the edge thinks of endpoints, by address: of all of them behind `hello`, then of those that it has changed
    /// its mind about.
    case opinions([EndpointOpinion])
}

/// What the edge thinks of an endpoint.
public struct EndpointOpinion: Equatable, Sendable, Codable {
    public enum Bar: String, Sendable, Codable, CaseIterable {
        /// Active checks find it down.
        case unhealthy
        /// A worker has taken it out for a while for how it answered.
        case ejected
        /// A worker's circuit breaker for it is open.
        case broken
    }

    /// `IPv4:port` or `[IPv6]:port`.
    public var address: String
    /// Why it gets nothing, or is chosen last. None: nothing speaks against it.
    public var bars: [Bar]
    /// What the last check found that changed the verdict: "connection refused". Empty where nobody checks.
    public var reason: String

    public init(address: String, bars: [Bar], reason: String = "") {
        self.address = address
        self.bars = bars
        self.reason = reason
    }
}

/// What the edge could not do as asked. The last good version of the thing named stays in service, if there was one.
public struct EdgeDiagnosis: Equatable, Sendable, Codable {
    public enum Subject: String, Sendable, Codable { case listener, certificate, rule, settings }

    public var subject: Subject
    public var name: String
    public var message: String

    public init(subject: Subject, name: String, message: String) {
        self.subject = subject
        self.name = name
        self.message = message
    }
}

public enum LinkVersion {
    /// The version of the messages above. Both sides close with a log line when the other's differs.
    public static let current = 4
}
