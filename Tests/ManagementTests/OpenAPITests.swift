import Foundation
import HTTPTypes
import KontainersConfiguration
import Store
import TestKit
import Testing

@testable import Management

@Suite("The OpenAPI document")
struct OpenAPITests {
    @Test("has every operation, and every reference leads somewhere")
    func complete() async throws {
        let fixture = try await InterfaceFixture()
        let reply = await fixture.ask(.get, "/api/openapi.json", token: "")
        #expect(reply.status == 200 && reply.json["openapi"]?.text == "3.1.0")
        var operations = 0
        for (_, place) in reply.json["paths"]?.object ?? [:] { operations += place.object?.count ?? 0 }
        #expect(operations == fixture.operations.count)
        let schemas = try #require(reply.json["components"]?["schemas"]?.object)
        var references: Set<String> = []
        func walk(_ value: JSONValue) {
            if let name = value["$ref"]?.text { references.insert(name) }
            for part in value.object?.values.map(\.self) ?? value.list ?? [] { walk(part) }
        }
        walk(reply.json)
        for reference in references {
            let name = reference.replacing("#/components/schemas/", with: "")
            #expect(schemas[name] != nil && schemas[name] != .null, "\(reference)")
        }
        #expect(await fixture.ask(.get, "/api/docs", token: "").text.contains("/api/proxy/rules/{id}"))
    }

    @Test("answers are what their schemas say")
    func answers() async throws {
        let fixture = try await InterfaceFixture()
        _ = try await fixture.signIn(.admin)
        _ = await fixture.ask(.post, "/api/proxy/rules", InterfaceFixture.rule("a"))
        for operation in fixture.operations where operation.method == .get && operation.names.isEmpty {
            // Without an outcome: what an upgrade leads to is no answer.
            if operation.access == .session || operation.outcomes.isEmpty { continue }
            let reply = await fixture.ask(.get, operation.path)
            guard let outcome = operation.outcomes.first(where: { $0.status.code == reply.status }) else {
                Issue.record("\(operation.id): \(reply.status) is not told of")
                continue
            }
            guard let schema = outcome.schema else { continue }
            #expect(schema.faults(reply.json).isEmpty, "\(operation.id): \(schema.faults(reply.json))")
        }
    }
}
