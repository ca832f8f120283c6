import HTTPTypes
import KontainersConfiguration
import NIOCore

/// The interface's own description.
public enum DocumentOperations {
    /// The operations with those that describe them all.
    public static func described(_ operations: [Operation], version: String) -> [Operation] {
        let places: [Operation] = [
            Operation(
                "getOpenAPI", .get, "/api/openapi.json", .open, "This document.",
                outcomes: [.init(.ok, "OpenAPI 3.1.", .any("an OpenAPI document"))], run: { _ in .nothing }),
            Operation(
                "getDocumentation", .get, "/api/docs", .open, "The same for people.",
                outcomes: [.init(.ok, "A page.", contentType: "text/html; charset=utf-8")], run: { _ in .nothing }),
        ]
        let all = operations + places
        let document = Answer(.ok, OpenAPIDocument.make(all, version: version))
        let page = Answer(
            .ok, bytes: ByteBuffer(string: DocumentationPage.make(all, version: version)),
            contentType: "text/html; charset=utf-8",
            fields: [
                .contentSecurityPolicy:
                    "default-src 'none'; style-src 'sha256-\(DocumentationPage.styleDigest)'; frame-ancestors 'none'"
            ])
        return operations
            + zip(places, [document, page]).map { place, answer in
                var place = place
                place.run = { _ in answer }
                return place
            }
    }
}
