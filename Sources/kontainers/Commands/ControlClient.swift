import ArgumentParser
import AsyncHTTPClient
import FoundationEssentials
import Kernel
import KontainersConfiguration
import Management
import NIOCore
import NIOHTTP1

/// What went wrong, for one line on standard error.
struct CommandFailure: Error, Equatable, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Where the appliance is that a command speaks to.
struct ApplianceOptions: ParsableArguments {
    @Option(help: "The appliance's folder for state. (default: the `data` of --config, else ./data)")
    var data: String?

    @Option(help: "The appliance's configuration file, which names the folder.")
    var config: String?

    @Option(help: "The control socket itself. (default: control/control.sock in the folder for state)")
    var socket: String?

    func path() throws -> String {
        if let socket { return socket }
        if let data { return Self.socket(in: data) }
        guard let config else { return Self.socket(in: "data") }
        guard let folder = ConfigurationFile.load(path: config).0?.data else {
            throw CommandFailure("\(config) cannot be read; see `kontainers check \(config)`, or name --data")
        }
        return Self.socket(in: folder)
    }

    private static func socket(in folder: String) -> String {
        URL(filePath: folder).standardizedFileURL.path + "/control/" + ManagementPlane.socketName
    }
}

/// Speaks to control over its socket: one connection for each call.
struct ControlClient: Sendable {
    let path: String

    /// Bytes of an answer that are read: more than a hundred thousand endpoints.
    private static let answerLimit = 128 << 20
    private static let patience = TimeAmount.seconds(25)

    init(_ options: ApplianceOptions) throws {
        path = try options.path()
        guard path.utf8.count <= ControlSocket.pathLimit else {
            throw CommandFailure(
                "the path of the control socket has \(path.utf8.count) bytes (\(path)); wanted at most "
                    + "\(ControlSocket.pathLimit): a shorter folder for state")
        }
    }

    func list(rule: String? = nil) async throws -> EndpointList {
        let query = rule.map { "?rule=\(PercentText.encoded($0))" } ?? ""
        return try await call(.GET, "/api/endpoints\(query)")
    }

    func change(_ rule: String, _ endpoint: String, _ patch: EndpointPatch) async throws -> EndpointChanged {
        let target = "/api/endpoints/\(PercentText.encoded(rule))/\(PercentText.encoded(endpoint))"
        return try await call(.PATCH, target, body: JSONEncoder().encode(patch))
    }

    // MARK: - Calls

    private enum Method: String { case GET, PATCH }

    private struct Problem: Decodable {
        var detail: String
    }

    private func call<Answer: Decodable>(_ method: Method, _ target: String, body: Data? = nil) async throws -> Answer {
        try knock()
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let answer: Result<Answer, any Error>
        do {
            answer = .success(try await call(method, target, body, over: http))
        } catch {
            answer = .failure(error)
        }
        try? await http.shutdown()
        return try answer.get()
    }

    private func call<Answer: Decodable>(
        _ method: Method, _ target: String, _ body: Data?, over http: HTTPClient
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http+unix://\(PercentText.encoded(path))\(target)")
        request.method = .RAW(value: method.rawValue)
        // RFC 9112 §3.2 wants one, and the library sends none over a Unix socket.
        request.headers.add(name: "host", value: "control")
        request.headers.add(name: "connection", value: "close")
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        let response: HTTPClientResponse
        let bytes: ByteBuffer
        do {
            response = try await http.execute(request, timeout: Self.patience)
            bytes = try await response.body.collect(upTo: Self.answerLimit)
        } catch {
            throw CommandFailure("control did not answer (\(error)); its log may say why, or try again")
        }
        let data = Data(bytes.readableBytesView)
        guard (200...299).contains(response.status.code) else {
            let detail = (try? JSONDecoder().decode(Problem.self, from: data))?.detail
            throw CommandFailure(detail ?? "control answered \(response.status.code), and not why")
        }
        do {
            return try JSONDecoder().decode(Answer.self, from: data)
        } catch {
            throw CommandFailure("control's answer is not understood; wanted a control of the same release")
        }
    }

    /// Says why nobody can be spoken to, which the HTTP library does not.
    private func knock() throws {
        do {
            _ = try System.connectUnix(path)
        } catch  where error.isMissing {
            throw CommandFailure(
                "there is no control socket at \(path); start the appliance (`kontainers serve`), or name its folder "
                    + "with --data or its file with --config")
        } catch  where error.isPermissionDenied {
            throw CommandFailure("\(path) is for control's user and root alone; run the command as one of them")
        } catch {
            throw CommandFailure(
                "control is not running (\(path): \(error)); start the appliance with `kontainers serve`")
        }
    }
}
