import Foundation
public import HTTPTypes
import Hummingbird
import KontainersConfiguration
import NIOCore

/// What went wrong with a request, as a document (RFC 9457).
public struct Problem: Error, Equatable {
    public var status: HTTPResponse.Status
    /// One sentence or two: what was found, what is wanted.
    public var detail: String
    /// The values of a body that are wrong.
    public var errors: [FieldFault] = []
    /// Stable, for programs that tell causes apart.
    public var code: String?
    /// Header fields beside the usual ones: `Allow`, `Retry-After`.
    public var fields = HTTPFields()

    public init(
        _ status: HTTPResponse.Status, _ detail: String, errors: [FieldFault] = [], code: String? = nil,
        fields: HTTPFields = HTTPFields()
    ) {
        self.status = status
        self.detail = detail
        self.errors = errors
        self.code = code
        self.fields = fields
    }

    /// Found something else than a resource wants: 422 with each fault.
    static func invalid(_ errors: [FieldFault]) -> Problem {
        let first = errors.first.map {
            ": \($0.found) in \($0.pointer.isEmpty ? "the body" : $0.pointer); \($0.wanted)"
        }
        return Problem(
            .unprocessableContent, "the body is not what is wanted" + (first ?? ""), errors: errors, code: "invalid")
    }

    static func missing(_ what: String) -> Problem {
        Problem(.notFound, "found no \(what); wanted one that is there: see the list", code: "missing")
    }

    /// The fields of the document, for the OpenAPI page too.
    static let schema = JSONSchema.named(
        "Problem",
        .object(
            .init([
                .init("type", .line(1...200), isRequired: true, says: "A URI; about:blank: the status says it all."),
                .init("title", .line(1...200), isRequired: true),
                .init("status", .integer(400...599), isRequired: true),
                .init("detail", .text(0...4_000), isRequired: true, says: "What was found, and what is wanted."),
                .init("code", .line(1...64), says: "Stable, for programs."),
                .init(
                    "errors",
                    .list(
                        .object(
                            .init([
                                .init("pointer", .text(0...1_000), isRequired: true, says: "RFC 6901, into the body."),
                                .init("found", .text(0...2_000), isRequired: true),
                                .init("wanted", .text(0...2_000), isRequired: true),
                                .init("code", .line(1...64)),
                            ])), limit: JSONSchema.faultLimit)),
            ])))

    private struct Document: Encodable {
        var type = "about:blank"
        var title: String
        var status: Int
        var detail: String
        var code: String?
        var errors: [FieldFault]?
    }

    var response: Response {
        var head = fields
        head[.contentType] = "application/problem+json"
        let document = Document(
            title: status.reasonPhrase, status: status.code, detail: detail, code: code,
            errors: errors.isEmpty ? nil : errors)
        return Response(status: status, headers: head, body: .init(byteBuffer: Answer.bytes(document)))
    }
}
