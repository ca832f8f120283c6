import Accounts
import HTTPTypes
import KontainersConfiguration
import Store

/// The interface as OpenAPI 3.1 describes one: made of the operations themselves, so that it cannot say anything else
/// than what they do.
enum OpenAPIDocument {
    /// Problems that every operation can have, and those of its access, body and parameters.
    static func problems(of operation: Operation) -> [HTTPResponse.Status] {
        var statuses: [HTTPResponse.Status] = [.badRequest, .internalServerError, .serviceUnavailable]
        switch operation.access {
        case .open: break
        case .session, .role: statuses += [.unauthorized, .forbidden]
        }
        if operation.body != nil {
            statuses += [.unprocessableContent, .unsupportedMediaType, .contentTooLarge, .requestTimeout]
        }
        if operation.method != .get { statuses += [.tooManyRequests, .unprocessableContent] }
        if !operation.names.isEmpty { statuses.append(.notFound) }
        return Set(statuses + operation.problems).sorted { $0.code < $1.code }
    }

    static func make(_ operations: [Operation], version: String) -> JSONValue {
        var components: [String: JSONValue] = [:]
        var paths: [String: JSONValue] = [:]
        for operation in operations {
            var place = paths[operation.path]?.object ?? [:]
            place[operation.method.rawValue.lowercased()] = entry(operation, &components)
            paths[operation.path] = .object(place)
        }
        _ = schema(Problem.schema, &components)
        return .object([
            "openapi": .text("3.1.0"),
            "info": .object([
                "title": .text("Kontainers"), "version": .text(version),
                "description": .text(
                    "Everything that the appliance does can be asked for here. Changes are served at once; problems "
                        + "are documents of RFC 9457 with the field that is wrong."),
                "license": .object(["name": .text("MIT"), "identifier": .text("MIT")]),
            ]),
            "servers": .list([.object(["url": .text("/")])]),
            "security": .list([.object(["bearer": .list([])])]),
            "paths": .object(paths),
            "components": .object([
                "schemas": .object(components),
                "securitySchemes": .object([
                    "bearer": .object(["type": .text("http"), "scheme": .text("bearer")])
                ]),
            ]),
        ])
    }

    private static func entry(_ operation: Operation, _ components: inout [String: JSONValue]) -> JSONValue {
        var entry: [String: JSONValue] = [
            "operationId": .text(operation.id), "summary": .text(operation.summary),
            "tags": .list([.text(operation.tag)]),
        ]
        switch operation.access {
        case .open: entry["security"] = .list([])
        case .session: entry["description"] = .text("For whoever signed in with a password.")
        case .role(let role, let scope):
            entry["description"] = .text("Role \(role.rawValue); scope \(scope.rawValue) of a token.")
        }
        var parameters: [JSONValue] = operation.names.map { name in
            .object([
                "name": .text(name), "in": .text("path"), "required": .boolean(true),
                "schema": .object(["type": .text("string"), "minLength": .integer(1)]),
            ])
        }
        for parameter in operation.parameters {
            parameters.append(
                .object([
                    "name": .text(parameter.name), "in": .text("query"), "description": .text(parameter.says),
                    "schema": schema(parameter.schema, &components),
                ]))
        }
        if operation.problems.contains(.preconditionFailed) {
            parameters.append(field("If-Match", "The ETag of the version that is changed."))
        }
        if operation.method != .get {
            parameters.append(field("Idempotency-Key", "The same key gets the same answer."))
        }
        if !parameters.isEmpty { entry["parameters"] = .list(parameters) }
        if let body = operation.body {
            entry["requestBody"] = .object([
                "required": .boolean(!operation.isBodyOptional),
                "content": .object(["application/json": .object(["schema": schema(body, &components)])]),
            ])
        }
        entry["responses"] = .object(responses(operation, &components))
        return .object(entry)
    }

    private static func field(_ name: String, _ says: String) -> JSONValue {
        .object([
            "name": .text(name), "in": .text("header"), "description": .text(says),
            "schema": .object(["type": .text("string"), "minLength": .integer(1), "maxLength": .integer(200)]),
        ])
    }

    private static func responses(
        _ operation: Operation, _ components: inout [String: JSONValue]
    ) -> [String: JSONValue] {
        var responses: [String: JSONValue] = [:]
        for outcome in operation.outcomes {
            let code = String(outcome.status.code)
            guard outcome.status != .noContent else {
                responses[code] = .object(["description": .text(outcome.says)])
                continue
            }
            let media: JSONValue = outcome.schema.map { .object(["schema": schema($0, &components)]) } ?? .object([:])
            // Two outcomes of one status: either of both.
            if let known = responses[code], let other = known["content"]?["application/json"]?["schema"],
                let schema = media["schema"]
            {
                responses[code] = response(
                    outcome.says, .object(["schema": .object(["anyOf": .list([other, schema])])]), outcome.contentType)
            } else {
                responses[code] = response(outcome.says, media, outcome.contentType)
            }
        }
        let problem = JSONValue.object(["$ref": .text("#/components/schemas/Problem")])
        for status in problems(of: operation) {
            responses[String(status.code)] = response(
                status.reasonPhrase, .object(["schema": problem]), "application/problem+json")
        }
        return responses
    }

    private static func response(_ says: String, _ media: JSONValue, _ contentType: String) -> JSONValue {
        .object(["description": .text(says), "content": .object([contentType: media])])
    }

    // MARK: - Schemas

    static func schema(_ schema: JSONSchema, _ components: inout [String: JSONValue]) -> JSONValue {
        switch schema {
        case .text(let range, let form):
            var fields: [String: JSONValue] = [
                "type": .text("string"), "minLength": .integer(range.lowerBound),
                "maxLength": .integer(range.upperBound),
            ]
            switch form {
            case .any: break
            case .line: fields["pattern"] = .text("^(?! )[^\\x00-\\x1f\\x7f-\\x9f]*(?<! )$")
            case .email: fields["pattern"] = .text("^[!-?A-~]+@[!-?A-~]+$")
            }
            return .object(fields)
        case .choice(let words): return .object(["type": .text("string"), "enum": .list(words.map(JSONValue.text))])
        case .boolean: return .object(["type": .text("boolean")])
        case .integer(let range):
            return .object([
                "type": .text("integer"), "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
            ])
        case .number: return .object(["type": .text("number")])
        case .list(let item, let limit):
            return .object([
                "type": .text("array"), "items": self.schema(item, &components), "maxItems": .integer(limit),
            ])
        case .map(let value, let limit):
            return .object([
                "type": .text("object"), "additionalProperties": self.schema(value, &components),
                "maxProperties": .integer(limit),
            ])
        case .any(let says): return .object(["description": .text(says)])
        case .nullable(let inner):
            return .object(["anyOf": .list([self.schema(inner, &components), .object(["type": .text("null")])])])
        case .named(let name, let inner):
            if components[name] == nil {
                // Before its parts, which may name it.
                components[name] = .null
                components[name] = self.schema(inner, &components)
            }
            return .object(["$ref": .text("#/components/schemas/\(name)")])
        case .object(let shape): return object(shape, &components)
        }
    }

    private static func object(_ shape: JSONSchema.Shape, _ components: inout [String: JSONValue]) -> JSONValue {
        var properties: [String: JSONValue] = [:]
        for field in shape.fields {
            var value = schema(field.schema, &components)
            if case .object(var parts) = value {
                if !field.says.isEmpty { parts["description"] = .text(field.says) }
                if field.isReadOnly { parts["readOnly"] = .boolean(true) }
                value = .object(parts)
            }
            properties[field.name] = value
        }
        var fields: [String: JSONValue] = [
            "type": .text("object"), "properties": .object(properties), "additionalProperties": .boolean(shape.isOpen),
        ]
        let required = shape.fields.filter(\.isRequired).map(\.name)
        if !required.isEmpty { fields["required"] = .list(required.map(JSONValue.text)) }
        return .object(fields)
    }
}
