public import Accounts
public import HTTPTypes
public import KontainersConfiguration
import Foundation
public import NIOCore
public import Store

/// One thing that the interface does: its place, who may, what it takes and answers. Routing, authorization, the check
/// of what comes in, the audit and the OpenAPI document are all made of this.
public struct Operation: Sendable {
    public enum Access: Equatable, Sendable {
        /// Anybody who gets to the address.
        case open
        /// Whoever has at least the role; a token also needs the scope.
        case role(Role, Scope)
        /// Whoever signed in, for what is its own; no token.
        case session
    }

    public struct Parameter: Sendable {
        var name: String
        var schema: JSONSchema
        var says: String

        public init(_ name: String, _ schema: JSONSchema, says: String) {
            self.name = name
            self.schema = schema
            self.says = says
        }
    }

    /// One way in which it can end well.
    public struct Outcome: Sendable {
        var status: HTTPResponse.Status
        var says: String
        var schema: JSONSchema?
        var contentType: String

        public init(
            _ status: HTTPResponse.Status, _ says: String, _ schema: JSONSchema? = nil,
            contentType: String = "application/json"
        ) {
            self.status = status
            self.says = says
            self.schema = schema
            self.contentType = contentType
        }
    }

    public typealias Run = @Sendable (Call) async throws -> Answer

    /// `listRules`: the name of the function in generated clients.
    public var id: String
    public var method: HTTPRequest.Method
    /// With names in braces: `/api/users/{id}`.
    public var path: String
    public var access: Access
    public var summary: String
    /// Of the query.
    public var parameters: [Parameter] = []
    public var body: JSONSchema?
    /// Bytes.
    public var bodyLimit = 1 << 20
    public var isBodyOptional = false
    public var outcomes: [Outcome]
    /// Statuses of problems beside those that every operation can have.
    public var problems: [HTTPResponse.Status] = []
    /// The action's name in the audit; `nil`: it changes nothing.
    public var audit: String?
    /// Answers with a stream, or as something else than JSON.
    public var run: Run

    public init(
        _ id: String, _ method: HTTPRequest.Method, _ path: String, _ access: Access, _ summary: String,
        parameters: [Parameter] = [], body: JSONSchema? = nil, outcomes: [Outcome],
        problems: [HTTPResponse.Status] = [], audit: String? = nil, run: @escaping Run
    ) {
        self.id = id
        self.method = method
        self.path = path
        self.access = access
        self.summary = summary
        self.parameters = parameters
        self.body = body
        self.outcomes = outcomes
        self.problems = problems
        self.audit = audit
        self.run = run
    }

    /// The first part behind `/api`: what the document groups by.
    var tag: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "system" }

    var names: [String] {
        path.split(separator: "/").compactMap { $0.hasPrefix("{") ? String($0.dropFirst().dropLast()) : nil }
    }
}

/// One request, as an operation sees it.
public struct Call: Sendable {
    public var operation: String
    /// The action's name in the audit.
    public var audit: String?
    /// Of the path, decoded.
    public var names: [String: String] = [:]
    public var query: [String: String] = [:]
    /// `.null` where none was sent.
    public var body = JSONValue.null
    public var fields = HTTPFields()
    /// `nil` where anybody may ask.
    public var principal: Principal?
    /// The client's address, or `socket`.
    public var address: String

    /// Whoever asks; anybody has no name.
    public var author: Author { principal?.author ?? Author(id: "nobody", name: "nobody") }

    /// What the audit says of a change that this call makes.
    var auditNote: AuditNote? {
        audit.map { AuditNote(.init(at: .now, actor: author, address: address, action: $0), mask: Mask.masked) }
    }

    public var isDryRun: Bool { query["dry-run"] == "true" }

    func name(_ name: String) -> String { names[name] ?? "" }

    func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        try body.decoded(as: type)
    }

    /// The version that a client changes (RFC 9110 §13.1.1).
    var expected: Milliseconds? {
        get throws {
            guard let field = fields[.ifMatch], field != "*" else { return nil }
            guard field.hasPrefix("\""), field.hasSuffix("\""), let version = Milliseconds(field.dropFirst().dropLast())
            else {
                throw Problem(
                    .preconditionFailed,
                    "found If-Match \(JSONSchema.shown(field)); wanted the ETag of what is changed",
                    code: "stale")
            }
            return version
        }
    }
}

/// What an operation answers.
public struct Answer: Sendable {
    public var status: HTTPResponse.Status
    public var fields: HTTPFields
    public var body: ByteBuffer?
    /// For the audit: what it was done to, and what was before and after.
    public var note = Note()

    public struct Note: Sendable {
        public var object = ""
        public var before: JSONValue?
        public var after: JSONValue?
        public var revision: Int64?
        /// It stands in the audit already, written with the change itself.
        public var isWritten = false

        public init() {}
    }

    public init(
        _ status: HTTPResponse.Status = .ok, bytes: ByteBuffer? = nil, contentType: String = "application/json",
        fields: HTTPFields = HTTPFields()
    ) {
        self.status = status
        self.fields = fields
        body = bytes
        if bytes != nil { self.fields[.contentType] = contentType }
    }

    /// As JSON.
    public init(
        _ status: HTTPResponse.Status = .ok, _ value: some Encodable, fields: HTTPFields = HTTPFields()
    ) {
        self.init(status, bytes: Self.bytes(value), fields: fields)
    }

    static let nothing = Answer(.noContent)

    static func bytes(_ value: some Encodable) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // What is encoded here is ours, with neither numbers that JSON lacks nor faults of its own.
        let data = (try? encoder.encode(value)) ?? Data("null".utf8)
        return ByteBuffer(bytes: data + [0x0a])
    }
}
