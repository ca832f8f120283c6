import Accounts
import Docker
import Foundation
import GRDB
import HTTPTypes
import Hummingbird
import Logging
import Store

/// The one table from what failed to what is answered.
enum ProblemTable {
    static func problem(of error: any Error, _ logger: Logger) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let fault as ChangeFault: return problem(of: fault)
        case let fault as AccountFault: return problem(of: fault)
        case let refusal as AccountDesk.Refusal: return problem(of: refusal)
        case let refusal as EndpointDesk.Refusal: return problem(of: refusal)
        case let error as EngineError: return problem(of: error)
        case let error as HTTPError: return Problem(error.status, error.body ?? error.status.reasonPhrase)
        case is CancellationError: return Problem(.serviceUnavailable, "control is about to end; try again")
        case let error as DatabaseError:
            logger.error("the store cannot be used", metadata: ["reason": "\(error)"])
            return Problem(
                .serviceUnavailable, "the store cannot be used, and nothing was changed; control's log says why",
                code: "store")
        default:
            logger.error("a request failed", metadata: ["reason": "\(error)"])
            return Problem(.internalServerError, "control made a mistake, which its log tells of")
        }
    }

    private static func problem(of fault: ChangeFault) -> Problem {
        switch fault {
        case .nameTaken(let name):
            Problem(
                .conflict, "found another rule named \(JSONSchema.shown(name)); wanted a name of its own",
                errors: [.init("/name", found: "found a name that another rule has", wanted: "wanted its own")],
                code: "name-taken")
        case .missing(let what): .missing(what.hasPrefix("revision") ? what : "rule \(JSONSchema.shown(what))")
        case .stale(let found):
            Problem(
                .preconditionFailed, "somebody changed it since; wanted If-Match with its newest ETag, \"\(found)\"",
                code: "stale", fields: [.eTag: "\"\(found)\""])
        case .awaitsConfirmation(let revision):
            Problem(
                .conflict,
                "revision \(revision) waits to be confirmed; wanted it confirmed or taken back before another change",
                code: "awaits-confirmation")
        }
    }

    private static func problem(of fault: AccountFault) -> Problem {
        switch fault {
        case .usernameTaken: Problem(.conflict, "found another user of that name", code: "username-taken")
        case .emailTaken: Problem(.conflict, "found another user with that e-mail address", code: "email-taken")
        case .tokenNameTaken: Problem(.conflict, "found another token of that name", code: "name-taken")
        case .lastAdministrator:
            Problem(.conflict, "it is the last administrator; wanted another one first", code: "last-administrator")
        case .missing: .missing("such user")
        case .isSetUp: Problem(.conflict, "it is set up already; sign in", code: "set-up")
        }
    }

    private static func problem(of refusal: AccountDesk.Refusal) -> Problem {
        switch refusal {
        case .wrong: Problem(.unauthorized, "name, password or code are wrong", code: "wrong")
        case .codeWanted:
            Problem(.unauthorized, "wanted \"code\" too: the six digits of the second factor", code: "code-wanted")
        case .tooMany(let wait):
            Problem(
                .tooManyRequests, "too many attempts; try again in \((wait + 999) / 1_000) seconds", code: "too-many",
                fields: [.retryAfter: String((wait + 999) / 1_000)])
        case .busy:
            Problem(
                .serviceUnavailable, "too many passwords are being looked at; try again", code: "busy",
                fields: [.retryAfter: "1"])
        case .sessionEnded: Problem(.unauthorized, "the session has ended; sign in again", code: "session-ended")
        case .noSetup:
            Problem(
                .forbidden,
                "the setup link is not known, was used, or its hour is over; `kontainers setup` prints a new one",
                code: "no-setup")
        case .weakPassword(let why):
            Problem(
                .unprocessableContent, why,
                errors: [.init("/password", found: String(why.prefix { $0 != ";" }), wanted: "wanted another one")],
                code: "weak-password")
        }
    }

    /// The engine's own words stand in it.
    private static func problem(of error: EngineError) -> Problem {
        switch error {
        case .refused(_, 404, let message): Problem(.notFound, "the engine says: \(message)", code: "engine")
        case .refused(_, 409, let message): Problem(.conflict, "the engine says: \(message)", code: "engine")
        case .refused(_, 400, let message):
            Problem(.unprocessableContent, "the engine says: \(message)", code: "engine")
        case .refused, .notUnderstood, .tooLarge, .streamEnded, .unreachable, .timedOut:
            Problem(.serviceUnavailable, "the Docker engine \(error.description)", code: "engine")
        }
    }

    private static func problem(of refusal: EndpointDesk.Refusal) -> Problem {
        let status: HTTPResponse.Status =
            switch refusal.kind {
            case .unknown: .notFound
            case .conflict: .conflict
            case .invalid: .unprocessableContent
            case .unavailable: .serviceUnavailable
            }
        return Problem(status, refusal.detail)
    }
}
