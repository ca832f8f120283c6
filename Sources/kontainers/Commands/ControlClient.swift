import ArgumentParser
import AsyncHTTPClient
import FoundationEssentials
import Kernel
import KontainersConfiguration
import Management
import NIOCore
import NIOHTTP1
import Store

/// What went wrong, for one line on standard error.
struct CommandFailure: Error, Equatable, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Where the appliance is that a command speaks to: this machine's, or another by its address.
struct ApplianceOptions: ParsableArguments {
    @Option(help: "The appliance's folder for state. (default: the `data` of --config, else ./data)")
    var data: String?

    @Option(help: "The appliance's configuration file, which names the folder.")
    var config: String?

    @Option(help: "The control socket itself. (default: control/control.sock in the folder for state)")
    var socket: String?

    @Option(
        help: """
            The management address of another machine, https://HOST:PORT; with an API token in KONTAINERS_TOKEN or \
            --token-file. (default: KONTAINERS_URL, else this machine's socket)
            """)
    var url: String?

    @Option(help: "A file whose first line is an API token: an argument would be seen by everybody.")
    var tokenFile: String?

    func door() throws -> ControlClient.Door {
        let environment = ProcessInfo.processInfo.environment
        guard socket == nil, data == nil, config == nil, let url = url ?? environment["KONTAINERS_URL"] else {
            return .socket(path: try path())
        }
        guard url.hasPrefix("https://") || url.hasPrefix("http://") else {
            throw CommandFailure("found --url \(url); wanted https://HOST:PORT")
        }
        var token = environment["KONTAINERS_TOKEN"]
        if let tokenFile {
            guard let text = try? String(contentsOfFile: tokenFile, encoding: .utf8) else {
                throw CommandFailure("\(tokenFile) cannot be read; wanted a file whose first line is an API token")
            }
            token = text.split(separator: "\n").first.map(String.init)
        }
        guard let token, !token.isEmpty else {
            throw CommandFailure("found no token for \(url); wanted KONTAINERS_TOKEN or --token-file")
        }
        return .address(url: String(url.reversed().drop { $0 == "/" }.reversed()), token: token)
    }

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

/// Speaks to the interface: one connection for each call.
struct ControlClient: Sendable {
    enum Door: Sendable {
        case socket(path: String)
        case address(url: String, token: String)
    }

    enum Method: String { case GET, POST, PUT, PATCH, DELETE }

    let door: Door

    /// Bytes of an answer that are read: more than a hundred thousand endpoints.
    private static let answerLimit = 128 << 20
    private static let patience = TimeAmount.seconds(25)

    init(_ options: ApplianceOptions) throws {
        door = try options.door()
        guard case .socket(let path) = door, path.utf8.count > ControlSocket.pathLimit else { return }
        throw CommandFailure(
            "the path of the control socket has \(path.utf8.count) bytes (\(path)); wanted at most "
                + "\(ControlSocket.pathLimit): a shorter folder for state")
    }

    func list(rule: String? = nil) async throws -> EndpointList {
        let query = rule.map { "?rule=\(PercentText.encoded($0))" } ?? ""
        return try await call(.GET, "/api/endpoints\(query)")
    }

    func change(_ rule: String, _ endpoint: String, _ patch: EndpointPatch) async throws -> EndpointChanged {
        let target = "/api/endpoints/\(PercentText.encoded(rule))/\(PercentText.encoded(endpoint))"
        return try await call(.PATCH, target, body: JSONValue(encoding: patch))
    }

    /// The answer as what it is wanted for.
    func call<Answer: Decodable>(_ method: Method, _ target: String, body: JSONValue? = nil) async throws -> Answer {
        let data = try await bytes(method, target, body: body)
        do {
            return try JSONDecoder().decode(Answer.self, from: data)
        } catch {
            throw CommandFailure("control's answer is not understood; wanted a control of the same release")
        }
    }

    /// The answer's document; `.null` where there is none.
    func ask(_ method: Method, _ target: String, body: JSONValue? = nil) async throws -> JSONValue {
        let data = try await bytes(method, target, body: body)
        if data.isEmpty { return .null }
        return (try? JSONDecoder().decode(JSONValue.self, from: data)) ?? .text(String(decoding: data, as: UTF8.self))
    }

    /// The answer as it came.
    func text(_ method: Method, _ target: String) async throws -> String {
        String(decoding: try await bytes(method, target, body: nil), as: UTF8.self)
    }

    // MARK: - Calls

    private struct Problem: Decodable {
        struct Fault: Decodable {
            var pointer: String
            var found: String
            var wanted: String
        }

        var detail: String
        var errors: [Fault]?

        /// One line, and one more for each field that is wrong.
        var text: String {
            let faults = errors ?? []
            guard faults.count > 1 else { return TextTable.plain(detail) }
            return "\(faults.count) fields are not what is wanted"
                + faults.map { "\n  \($0.pointer): " + TextTable.plain("\($0.found); \($0.wanted)") }.joined()
        }
    }

    private func bytes(_ method: Method, _ target: String, body: JSONValue?) async throws -> Data {
        try knock()
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let answer: Result<Data, any Error>
        do {
            answer = .success(try await bytes(method, target, body, over: http))
        } catch {
            answer = .failure(error)
        }
        try? await http.shutdown()
        return try answer.get()
    }

    private func bytes(
        _ method: Method, _ target: String, _ body: JSONValue?, over http: HTTPClient
    ) async throws -> Data {
        var request: HTTPClientRequest
        switch door {
        case .socket(let path):
            request = HTTPClientRequest(url: "http+unix://\(PercentText.encoded(path))\(target)")
            // RFC 9112 §3.2 wants one, and the library sends none over a Unix socket.
            request.headers.add(name: "host", value: "control")
        case .address(let url, let token):
            request = HTTPClientRequest(url: url + target)
            request.headers.add(name: "authorization", value: "Bearer \(token)")
        }
        request.method = .RAW(value: method.rawValue)
        request.headers.add(name: "connection", value: "close")
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
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
            let problem = try? JSONDecoder().decode(Problem.self, from: data)
            throw CommandFailure(problem?.text ?? "control answered \(response.status.code), and not why")
        }
        return data
    }

    /// Says why nobody can be spoken to, which the HTTP library does not.
    private func knock() throws {
        guard case .socket(let path) = door else { return }
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
