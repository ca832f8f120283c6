public import Accounts
import Foundation
import HTTPTypes
import Hummingbird
import KontainersConfiguration
public import Logging
import NIOCore
import Store

/// The management interface: takes a request through its steps, which are the same for all operations. Place, who asks
/// and whether it may, how often it may, the body and whether it is what is wanted, the operation, the audit.
public struct Interface: Sendable {
    /// By which way a request came.
    public enum Door: Sendable {
        /// An address that anybody may get to.
        case network
        /// This machine's socket, whose peer was checked: its administrator.
        case socket
    }

    /// Seconds in which a body must be whole.
    static let bodyPatience = Duration.seconds(30)

    public let operations: [Operation]
    private let places: Places
    private let accounts: AccountDesk?
    private let budget = WriteBudget()
    private let repeats = Repeats()
    private let counts: InterfaceCounts
    private let logger: Logger

    /// - Parameter accounts: `nil` where nothing can be kept: then only the socket is let in.
    public init(
        _ operations: [Operation], accounts: AccountDesk?, counts: InterfaceCounts = InterfaceCounts(),
        logger: Logger
    ) {
        self.operations = operations
        self.accounts = accounts
        self.counts = counts
        self.logger = logger
        places = Places(operations)
    }

    /// Answers in any case.
    func respond(to request: Request, address: String, at door: Door) async -> Response {
        var response: Response
        do {
            response = try await answer(request, address: address, at: door)
        } catch {
            response = ProblemTable.problem(of: error, logger).response
        }
        counts.note(response.status.code)
        SafeFields.add(to: &response.headers)
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ request: Request, address: String, at door: Door) async throws -> Response {
        let (operation, names) = try place(request)
        var call = Call(
            operation: operation.id, audit: operation.audit, names: names, fields: request.headers, address: address)
        call.principal = try await principal(request, at: door)
        try Self.authorize(call.principal, operation.access)
        call.query = try Self.query(request, operation)
        if operation.method != .get, operation.access != .open || operation.audit == nil {
            try budget.take(call.principal?.id ?? address, at: .now)
        }
        call.body = try await body(request, operation)
        let key = try Repeats.key(request, call)
        if let key, let known = try repeats.answer(key, operation.id, call.body) { return known.response }
        let answer = try await run(operation, call)
        if let key { repeats.keep(answer, key, operation.id, call.body) }
        return answer.response
    }

    private func place(_ request: Request) throws -> (Operation, [String: String]) {
        switch places.find(request.method, request.uri.path) {
        case .operation(let operation, let names): return (operation, names)
        case .malformed: throw Problem(.badRequest, "the path's percent signs stand for no UTF-8")
        case .none(let allowed) where allowed.isEmpty:
            throw Problem(.notFound, "nothing is at this path; wanted one that /api/openapi.json tells of, or /metrics")
        case .none(let allowed):
            let names = Set(allowed.map(\.rawValue)).sorted().joined(separator: ", ")
            throw Problem(
                .methodNotAllowed, "found \(request.method.rawValue); wanted one of: \(names)",
                fields: [.allow: names])
        }
    }

    // MARK: - Who, and whether it may

    private func principal(_ request: Request, at door: Door) async throws -> Principal? {
        switch door {
        case .socket: return .local
        case .network: break
        }
        guard let field = request.headers[.authorization] else { return nil }
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Self.unauthorized("found Authorization of another kind; wanted \"Bearer\" and a token")
        }
        guard let principal = await accounts?.principal(bearer: String(parts[1])) else {
            throw Self.unauthorized("the token is not known, or its time is over; sign in again")
        }
        return principal
    }

    static func authorize(_ principal: Principal?, _ access: Operation.Access) throws {
        switch access {
        case .open: return
        case .session:
            guard let principal else { throw unauthorized("nobody is signed in; wanted a bearer token") }
            switch principal.way {
            case .session: return
            case .socket, .token: throw forbidden("this is for whoever signed in with a password")
            }
        case .role(let role, let scope):
            guard let principal else { throw unauthorized("nobody is signed in; wanted a bearer token") }
            guard principal.role >= role else {
                throw forbidden("found the role \(principal.role.rawValue); wanted \(role.rawValue)")
            }
            guard principal.scopes?.contains(scope) ?? true else {
                throw forbidden("found a token without the scope \(scope.rawValue); wanted one that has it")
            }
        }
    }

    private static func unauthorized(_ detail: String) -> Problem {
        Problem(.unauthorized, detail, code: "unauthorized", fields: [.wwwAuthenticate: "Bearer"])
    }

    private static func forbidden(_ detail: String) -> Problem { Problem(.forbidden, detail, code: "forbidden") }

    // MARK: - What comes in

    private static func query(_ request: Request, _ operation: Operation) throws -> [String: String] {
        var query: [String: String] = [:]
        let known = operation.parameters.map(\.name)
        for (name, value) in request.uri.queryParameters {
            let (name, value) = (String(name), String(value))
            guard let parameter = operation.parameters.first(where: { $0.name == name }) else {
                throw Problem(
                    .badRequest,
                    "found the unknown query parameter \(JSONSchema.shown(name)); "
                        + (known.isEmpty ? "wanted none" : Suggestion.question(name, among: known, calling: "one of")))
            }
            guard query.updateValue(value, forKey: name) == nil else {
                throw Problem(.badRequest, "found the query parameter \"\(name)\" twice; wanted it once")
            }
            if let fault = parameter.schema.faults(Self.value(value, of: parameter.schema)).first {
                throw Problem(.badRequest, "\(fault.found) in the query parameter \"\(name)\"; \(fault.wanted)")
            }
        }
        return query
    }

    private static func value(_ text: String, of schema: JSONSchema) -> JSONValue {
        switch schema {
        case .integer: Int(text).map(JSONValue.integer) ?? .text(text)
        case .boolean: text == "true" ? .boolean(true) : text == "false" ? .boolean(false) : .text(text)
        case .text, .choice, .number, .list, .object, .map, .any, .nullable, .named: .text(text)
        }
    }

    private func body(_ request: Request, _ operation: Operation) async throws -> JSONValue {
        guard let schema = operation.body else { return .null }
        let type = request.headers[.contentType]?.prefix { $0 != ";" }.lowercased() ?? "application/json"
        guard ["application/json", "application/merge-patch+json"].contains(type) else {
            throw Problem(.unsupportedMediaType, "found \(JSONSchema.shown(type)); wanted application/json")
        }
        let bytes = try await Self.collected(request, limit: operation.bodyLimit)
        if bytes.isEmpty, operation.isBodyOptional { return .null }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw Problem(.badRequest, "the body is not UTF-8; wanted JSON")
        }
        let value: JSONValue
        do {
            value = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
        } catch {
            throw Problem(
                .badRequest, "the body is no JSON of at most \(JSONValue.depthLimit) levels; \(schema.wanted)")
        }
        let faults = schema.faults(value)
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        return value
    }

    private static func collected(_ request: Request, limit: Int) async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask {
                var bytes: [UInt8] = []
                for try await part in request.body {
                    guard bytes.count + part.readableBytes <= limit else {
                        throw Problem(.contentTooLarge, "wanted a body of at most \(limit) bytes")
                    }
                    bytes += part.readableBytesView
                }
                return bytes
            }
            group.addTask {
                try await Task.sleep(for: bodyPatience)
                throw Problem(
                    .requestTimeout, "the body did not come within \(bodyPatience.components.seconds) seconds")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }

    // MARK: - Doing it

    private func run(_ operation: Operation, _ call: Call) async throws -> Answer {
        do {
            let answer = try await operation.run(call)
            await audit(operation, call, answer.note, outcome: "ok")
            return answer
        } catch {
            let problem = ProblemTable.problem(of: error, logger)
            var note = Answer.Note()
            note.object = call.names.sorted { $0.key < $1.key }.map(\.value).joined(separator: "/")
            await audit(operation, call, note, outcome: "\(problem.status.code): \(problem.detail)")
            throw problem
        }
    }

    private func audit(_ operation: Operation, _ call: Call, _ note: Answer.Note, outcome: String) async {
        guard let action = operation.audit, let accounts, !call.isDryRun, !note.isWritten else { return }
        let entry = AuditEntry(
            at: .now, actor: call.author, address: call.address, action: action, object: note.object,
            outcome: String(outcome.prefix(500)), before: note.before.map(Mask.masked),
            after: note.after.map(Mask.masked), revision: note.revision)
        do {
            try await accounts.store.note(entry)
        } catch {
            logger.error("the audit cannot be written", metadata: ["action": "\(action)", "reason": "\(error)"])
        }
    }
}

extension Answer {
    var response: Response {
        Response(
            status: status, headers: fields,
            body: body.map { ResponseBody(byteBuffer: $0) } ?? ResponseBody())
    }
}
