import Accounts
import Foundation
import HTTPTypes
import KontainersConfiguration
import Store

/// The rules' endpoints: how they are, and taking one out, or giving it more or less.
public struct EndpointOperations: Sendable {
    let desk: EndpointDesk

    public init(_ desk: EndpointDesk) { self.desk = desk }

    private static let opinion = JSONSchema.object(
        .init([
            .init("bars", .list(.line(1...64), limit: 10), isRequired: true, says: "unhealthy, ejected, broken."),
            .init("reason", .text(0...2_000), isRequired: true),
        ]))
    private static let reading = JSONSchema.named(
        "EndpointReading",
        .object(
            .init([
                .init("rule", .line(1...255), isRequired: true), .init("endpoint", .text(0...255), isRequired: true),
                .init("address", .nullable(.line(1...64))), .init("container", .nullable(.identifier)),
                .init("state", .choice(EndpointReading.State.allCases.map(\.rawValue)), isRequired: true),
                .init("reason", .text(0...2_000), isRequired: true, says: "Why it is not ready."),
                .init("drained", .boolean, isRequired: true),
                .init("weight", .nullable(.integer(0...1_000)), says: "In force."),
                .init("ownWeight", .nullable(.integer(0...1_000)), says: "Its own, where a command gave another."),
                .init("tier", .integer(0...7), isRequired: true),
                .init("inFlight", .nullable(.count)), .init("requests", .nullable(.count)),
                .init("opinions", .list(opinion, limit: 64), isRequired: true),
            ])))
    private static let list = JSONSchema.named(
        "EndpointList",
        .object(
            .init([
                .init("revision", .count, isRequired: true), .init("edges", .count, isRequired: true),
                .init("endpoints", .list(reading, limit: 1_000_000), isRequired: true),
            ])))
    private static let changed = JSONSchema.named(
        "EndpointChanged",
        .object(
            .init([
                .init("revision", .count, isRequired: true), .init("edges", .count, isRequired: true),
                .init("serving", .count, isRequired: true),
                .init("endpoints", .list(reading, limit: 1_000_000), isRequired: true),
            ])))

    public var all: [Operation] {
        var change = Operation(
            "changeEndpoint", .patch, "/api/endpoints/{rule}/{endpoint}", .role(.user, .endpointsWrite),
            "Drains an endpoint or gives it another weight; kept over restarts.",
            body: .any("an object with drained (true or false), weight (0 to 1000, or null for its own), or both"),
            outcomes: [
                .init(.ok, "Kept, and served.", Self.changed),
                .init(.accepted, "Kept; an edge has yet to say that it is served.", Self.changed),
            ], problems: [.notFound, .conflict], audit: "endpoint.change", run: self.change)
        change.bodyLimit = 4 << 10
        return [
            Operation(
                "listEndpoints", .get, "/api/endpoints", .role(.viewer, .rulesRead), "Endpoints of the rules.",
                parameters: [.init("rule", .text(0...255), says: "Only those of this rule.")],
                outcomes: [.init(.ok, "By rule.", Self.list)], problems: [.notFound]
            ) { call in Answer(.ok, try await desk.list(call.query["rule"]).get()) },
            change,
        ]
    }

    private func change(_ call: Call) async throws -> Answer {
        let patch: EndpointPatch
        do {
            patch = try call.decoded()
        } catch let fault as EndpointPatch.Fault {
            throw Problem(.unprocessableContent, fault.sentence)
        }
        let changed = try await desk.change(call.name("rule"), call.name("endpoint"), patch).get()
        // Accepted: kept, and somebody has yet to say that it is served (RFC 9110 §15.3.3).
        var answer = Answer(changed.edges > 0 && changed.serving == changed.edges ? .ok : .accepted, changed)
        answer.note.object = "\(call.name("rule")) \(call.name("endpoint"))"
        answer.note.after = call.body
        return answer
    }
}
