import HTTPTypes
import Hummingbird
import NIOCore

/// What went wrong with a request to the management plane, as a document (RFC 9457).
struct Problem: Error {
    var status: HTTPResponse.Status
    var detail: String
    /// For 405: what the place does answer (RFC 9110 §15.5.6).
    var allowed: [HTTPRequest.Method] = []

    var response: Response {
        var fields: HTTPFields = [.contentType: "application/problem+json", .cacheControl: "no-store"]
        if !allowed.isEmpty { fields[.allow] = allowed.map(\.rawValue).joined(separator: ", ") }
        let title = Self.quoted(status.reasonPhrase)
        let text =
            "{\"type\":\"about:blank\",\"title\":\(title),\"status\":\(status.code),"
            + "\"detail\":\(Self.quoted(detail))}\n"
        return Response(status: status, headers: fields, body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    /// As a JSON string (RFC 8259 §7).
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            case _: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// Turns what the router says of a request that it has no answer for into a ``Problem``.
struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    /// What there is.
    let places: [String: [HTTPRequest.Method]]

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            let path = request.uri.path
            if let methods = places.first(where: { Self.matches(path, $0.key) })?.value {
                let names = methods.map(\.rawValue).joined(separator: ", ")
                return Problem(
                    status: .methodNotAllowed, detail: "found \(request.method.rawValue); wanted one of: \(names)",
                    allowed: methods
                ).response
            }
            return Problem(
                status: .notFound,
                detail: "nothing is at this path; wanted one of: \(places.keys.sorted().joined(separator: ", "))"
            ).response
        } catch let error as HTTPError {
            return Problem(status: error.status, detail: error.body ?? error.status.reasonPhrase).response
        }
    }

    /// Whether a path is at a place, whose parts in braces stand for any.
    private static func matches(_ path: String, _ place: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let wanted = place.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == wanted.count && zip(parts, wanted).allSatisfy { $0 == $1 || $1.hasPrefix("{") }
    }
}
