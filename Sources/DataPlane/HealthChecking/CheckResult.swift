import Contract
import HTTP1
import Kernel

/// What one check came to.
enum CheckResult: Equatable, Sendable {
    case passed
    /// No connection came about, or it broke: `errno`.
    case unreachable(CInt)
    /// Nothing decisive came within the timeout.
    case late
    case wrongStatus(Int)
    case textMissing
    /// A datagram came back, and the wanted bytes are not in it.
    case wrongAnswer
    case malformedHead(HeadError)
    case malformedBody(BodyError)
    /// More interim heads than anybody needs.
    case endlessInterims
    /// The endpoint closed before it had said enough.
    case closedEarly
    case handshakeFailed(StaticString)
    /// The check could not be made for want of something of ours, `errno`: that says nothing of the endpoint.
    case undecided(CInt)

    static func == (one: CheckResult, other: CheckResult) -> Bool {
        switch (one, other) {
        case (.passed, .passed), (.late, .late), (.textMissing, .textMissing), (.wrongAnswer, .wrongAnswer),
            (.closedEarly, .closedEarly),
            (.endlessInterims, .endlessInterims):
            true
        case (.unreachable(let one), .unreachable(let other)), (.undecided(let one), .undecided(let other)):
            one == other
        case (.wrongStatus(let one), .wrongStatus(let other)): one == other
        case (.malformedHead(let one), .malformedHead(let other)): one == other
        case (.malformedBody(let one), .malformedBody(let other)): one == other
        case (.handshakeFailed(let one), .handshakeFailed(let other)): one.description == other.description
        case (.passed, _), (.late, _), (.textMissing, _), (.closedEarly, _), (.endlessInterims, _), (.unreachable, _),
            (.undecided, _), (.wrongStatus, _), (.wrongAnswer, _), (.malformedHead, _), (.malformedBody, _),
            (.handshakeFailed, _):
            false
        }
    }

    /// In words for people.
    func reason(_ plan: CheckPlan) -> String {
        switch self {
        case .passed: ""
        case .unreachable(let code): SystemError.words(for: code)
        case .late: "no answer within \(plan.check.timeout) ms"
        case .wrongStatus(let status): "status \(status), wanted \(plan.check.expect.written)"
        case .textMissing: "the body's first 64 KiB do not have the text"
        case .wrongAnswer: "its answer does not have the wanted bytes"
        case .malformedHead(let error): "what it answered is no HTTP response (\(error))"
        case .malformedBody(let error): "the body is malformed (\(error.name))"
        case .endlessInterims: "more than \(CheckResponse.interimLimit) interim responses"
        case .closedEarly: "it closed before its answer was whole"
        case .handshakeFailed(let name): "no TLS session came about (\(name))"
        case .undecided(let code): "the check could not be made: \(SystemError.words(for: code))"
        }
    }
}
