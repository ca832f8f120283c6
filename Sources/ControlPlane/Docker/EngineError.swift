/// Why a call to an engine brought nothing. Each case prints as one sentence.
public enum EngineError: Error, Equatable, Sendable {
    /// No connection: the socket is absent, may not be opened, or nobody answers.
    case unreachable(String)
    case timedOut(call: String, after: Duration)
    /// The answer grew beyond a limit of ``EngineLimits``.
    case tooLarge(call: String, limit: Int)
    /// The engine answered with an error of its own.
    case refused(call: String, status: Int, message: String)
    /// The answer is not what the engine's API promises.
    case notUnderstood(call: String, found: String)
    /// The stream of events came to its end.
    case streamEnded
}

extension EngineError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreachable(let why): "cannot connect: \(why)"
        case .timedOut(let call, let limit): "\(call) took longer than \(limit)"
        case .tooLarge(let call, let limit): "the answer to \(call) is larger than \(limit) bytes"
        case .refused(let call, let status, let message): "\(call) was refused with status \(status): \(message)"
        case .notUnderstood(let call, let found): "the answer to \(call) is not understood: \(found)"
        case .streamEnded: "the engine ended the stream of events"
        }
    }
}

/// How much of an engine's answers is read, in bytes, and how long is waited. An engine that goes beyond is treated as
/// one that answers nonsense: ``EngineError/tooLarge(call:limit:)``.
public struct EngineLimits: Equatable, Sendable {
    /// `/_ping`, `/version`, and the text of an error.
    public var smallAnswerBytes = 64 << 10
    /// `/containers/{id}/json`.
    public var inspectBytes = 4 << 20
    /// `/networks`.
    public var networksBytes = 16 << 20
    /// `/containers/json?all=1`: 64 MiB hold about 30,000 containers.
    public var listBytes = 64 << 20
    /// One event of `/events`.
    public var eventBytes = 1 << 20
    /// For one call, from the first byte of the request to the last of the answer.
    public var callTime = Duration.seconds(10)
    /// For connecting, and for the head of the answer to `/events`.
    public var connectTime = Duration.seconds(5)
    /// Containers that are inspected side by side.
    public var inspectionsAtOnce = 8
    /// Calls that start and stop containers, side by side; each stop lasts as long as its container takes.
    public var changesAtOnce = 8

    public init() {}
}
