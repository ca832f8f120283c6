import Accounts
import Contract
import Docker
import Foundation
import HTTPTypes
import Hummingbird
import KontainersConfiguration
import Logging
import NIOCore
import Reconciliation
import Store
import TestKit
import Testing

@testable import Management

/// An interface with all its parts in a folder of its own, without a network: requests are handed to it.
struct InterfaceFixture: Sendable {
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    static let password = "correct horse battery"
    static let listener = Listener(name: "web", address: "127.0.0.1:80", wireProtocol: .http)
    static let secure = Listener(name: "secure", address: "127.0.0.1:443", wireProtocol: .https)

    let folder: TemporaryFolder
    let store: Store
    let accounts: AccountDesk
    let reconciler: Reconciler
    let keeper: StoreKeeper
    let interface: Interface
    let operations: [Management.Operation]

    init(rules: [RuleDeclaration] = []) async throws {
        folder = try TemporaryFolder("interface")
        store = try Store(path: folder(Store.fileName))
        accounts = try await AccountDesk(store: store, folder: folder(""))
        let configuration = ApplianceConfiguration(
            data: folder(""), listeners: [Self.listener, Self.secure], rules: rules)
        let link = LinkServer(edgeUser: nil, logger: Self.quiet)
        reconciler = Reconciler(parser: { _, _ in ([], []) }, localRoutes: { nil }, logger: Self.quiet) { _ in }
        let files = FileSource(
            path: folder("k.yaml"), load: { _ in (nil, []) }, loadCertificate: { _ in .bad }, logger: Self.quiet)
        keeper = StoreKeeper(
            store: store, configuration: configuration, reconciler: reconciler, link: link, files: files,
            logger: Self.quiet)
        try await keeper.load()
        await reconciler.take(configuration, diagnoses: [], certificates: [])
        let desk = EndpointDesk(
            list: { _ in .success(EndpointList(revision: 1, edges: 0, endpoints: [])) },
            change: { _, _, _ in .failure(.init(.unknown, "found no rule")) })
        let facts = SystemOperations.Facts(
            version: "1.2.3", started: 0, hostname: "host", processors: 2, read: { MetricsPageTests.readings })
        operations =
            InterfaceParts(
                facts: facts, reconciler: reconciler, endpoints: desk, reconcile: {}, address: "127.0.0.1:8600",
                keeper: keeper, accounts: accounts, containers: ContainerDesk([])
            ).operations
        interface = Interface(operations, accounts: accounts, logger: Self.quiet)
    }

    struct Reply {
        var status: Int
        var fields: HTTPFields
        var text: String

        var json: JSONValue { (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? .null }
    }

    /// - Parameter token: `nil` over the socket, empty for nobody.
    func ask(
        _ method: HTTPRequest.Method, _ target: String, _ body: String? = nil, token: String? = nil,
        fields: HTTPFields = [:], address: String = "192.0.2.7"
    ) async -> Reply {
        var head = HTTPRequest(method: method, scheme: "http", authority: "control", path: target)
        head.headerFields = fields
        if body != nil, head.headerFields[.contentType] == nil { head.headerFields[.contentType] = "application/json" }
        if let token, !token.isEmpty { head.headerFields[.authorization] = "Bearer \(token)" }
        let bytes = ByteBuffer(string: body ?? "")
        let request = Request(head: head, body: .init(buffer: bytes))
        let response = await interface.respond(
            to: request, address: token == nil ? "socket" : address, at: token == nil ? .socket : .network)
        let writer = Writer()
        try? await response.body.write(writer)
        return Reply(status: response.status.code, fields: response.headers, text: String(buffer: writer.all.value))
    }

    private final class Box: @unchecked Sendable { var value = ByteBuffer() }
    private struct Writer: ResponseBodyWriter {
        let all = Box()
        mutating func write(_ buffer: ByteBuffer) async throws { all.value.writeImmutableBuffer(buffer) }
        consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }

    /// Signed in, as somebody new of that role.
    func signIn(_ role: Role) async throws -> (token: String, user: User) {
        let name = "\(role.rawValue)-\(Identifier.make().prefix(8))"
        let user = try await accounts.addUser(
            username: name, email: "\(name)@site.test", password: Self.password, role: role)
        let grant = try await accounts.logIn(
            username: name, password: Self.password, code: nil, address: "192.0.2.1", agent: "test")
        return (grant.access, user)
    }

    static func rule(_ name: String, host: String? = nil, _ more: String = "") -> String {
        #"{"name":"\#(name)","sourceHost":"\#(host ?? name + ".test")","endpoints":["127.0.0.1:9000"]\#(more)}"#
    }
}
