import Certificates
import Contract
import Foundation

/// Reads one file's document into a configuration. Rules are read in `FileReader+Rules`, certificates in
/// `FileReader+Certificates`.
struct FileReader {
    let path: String
    let now: Date
    var reader: SectionReader
    var configuration: ApplianceConfiguration

    /// Every listener that is named, also those that have a fault of their own.
    var listenerNames: Set<String> = []
    var listenersByName: [String: Listener] = [:]
    /// Every certificate that is named; `nil` when it cannot be read.
    var certificateFacts: [String: CertificateFacts?] = [:]

    /// What is known of a rule beside what is written in it.
    struct Expectation {
        /// Where its traffic goes is not said elsewhere.
        var needsEndpoints = true
        /// Where it comes from is not said elsewhere.
        var needsListener = true
        /// Which names the certificates have.
        var knowsCertificates = true
    }

    var expectation = Expectation()

    init(path: String, now: Date) {
        self.path = path
        self.now = now
        reader = SectionReader(path: path)
        configuration = ApplianceConfiguration(data: FileText.resolved("data", against: path))
    }

    /// In the order of the file.
    func diagnoses(with syntax: [Diagnosis]) -> [Diagnosis] {
        var all = (syntax + reader.diagnoses).enumerated()
            .sorted { (Self.order($0.element), $0.offset) < (Self.order($1.element), $1.offset) }
            .map(\.element)
        if reader.omitted > 0 {
            all.append(
                Diagnosis(
                    code: "more-diagnoses", severity: reader.omittedError ? .error : .warning,
                    place: .file(path: path, line: 1, column: 1),
                    found: "found \(reader.omitted) more faults than are told here", wanted: "wanted these mended first"
                ))
        }
        return all
    }

    private static func order(_ diagnosis: Diagnosis) -> Int {
        guard case .file(_, let line, let column) = diagnosis.place else { return 0 }
        return line << 32 | column
    }

    mutating func read(_ written: Written) -> ApplianceConfiguration {
        guard let file = reader.fields(written, as: Schema.file) else { return configuration }
        if let data = reader.text("data", of: file) { configuration.data = FileText.resolved(data, against: path) }
        configuration.workers = reader.number("workers", of: file)
        readTrust(file)
        readListeners(file)
        readManagement(file)
        readDocker(file)
        readSettings(file)
        readUsers(file)
        readCertificates(file)
        readRules(file)
        if !file.has("rules"), !file.has("docker"), reader.errorCount == 0 {
            reader.report(
                "serves-nothing", .warning, at: file.position, found: "found neither rules nor a Docker engine",
                wanted: "wanted \"rules\", or \"docker\" whose labelled containers are served")
        }
        return configuration
    }

    /// The fields of a section, or `nil` when it was left out.
    mutating func section(_ name: String, of file: Fields) -> Fields? {
        guard let (field, pair) = file.written(name), case .section(let section) = field.type, !pair.value.isNothing
        else { return nil }
        return reader.fields(pair.value, as: section, subject: name)
    }

    /// The items of a list of mappings; each is named by its own name in diagnoses.
    mutating func items(_ name: String, of file: Fields) -> [(written: Written, subject: String)] {
        guard let (field, pair) = file.written(name), case .sections(let section) = field.type, !pair.value.isNothing
        else { return [] }
        guard case .list(let items) = pair.value.content else {
            reader.report(
                "wrong-type", at: pair.value.position, found: "\(pair.value.found) in \"\(name)\"",
                wanted: "wanted \(field.type.wanted): lines that start with \"- \(section.fields[0].name):\"")
            return []
        }
        return items.map { item in
            guard case .mapping(let pairs) = item.content,
                case .text(let name, _) = pairs.first(where: { $0.key == "name" })?.value.content
            else { return (item, "") }
            return (item, Shown.plain(name))
        }
    }

    private mutating func readListeners(_ file: Fields) {
        var named: [String: Position] = [:]
        var addresses: [String: (name: String, position: Position)] = [:]
        for (written, subject) in items("listeners", of: file) {
            listenerNames.insert(subject)
            let errorsBefore = reader.errorCount
            guard let fields = reader.fields(written, as: Schema.listener, subject: subject) else { continue }
            let name = reader.text("name", of: fields)
            let address = reader.text("address", of: fields)
            let wire = reader.text("protocol", of: fields).flatMap(Listener.WireProtocol.init(rawValue:))
            guard let name, let address, let wire, reader.errorCount == errorsBefore else { continue }
            guard isFirst(name, in: &named, at: fields.position("name"), kind: "listener") else { continue }
            // A datagram socket and a stream socket do not meet; port 0 is another port each time.
            let socket = (wire == .udp ? "udp " : "tcp ") + address
            if let other = addresses[socket], !address.hasSuffix(":0") {
                reader.report(
                    "address-taken", at: fields.position("address"), subject: name,
                    found: "found \(address), which listener \"\(other.name)\" has at line \(other.position.line)",
                    wanted: "wanted an address for each listener")
                continue
            }
            addresses[socket] = (name, fields.position("address"))
            let proxied = reader.text("proxyProtocol", of: fields).flatMap(Listener.ProxyProtocol.init(rawValue:))
            let limits = ["connections", "connectionsPerAddress"].map { reader.number($0, of: fields) }
            guard reader.errorCount == errorsBefore else { continue }
            let listener = Listener(
                name: name, address: address, wireProtocol: wire, proxyProtocol: proxied ?? .off,
                connections: limits[0], connectionsPerAddress: limits[1])
            lintTrust(listener, file, at: fields.position("proxyProtocol"))
            configuration.listeners.append(listener)
            listenersByName[name] = listener
        }
        if file.has("listeners"), listenerNames.isEmpty, reader.errorCount == 0 {
            reader.report(
                "empty-list", at: file.position("listeners"), found: "found no listener",
                wanted: "wanted at least one, such as { name: web, address: \":80\", protocol: http }")
        }
    }

    mutating func isFirst(
        _ name: String, in named: inout [String: Position], at position: Position, kind: String
    ) -> Bool {
        if let first = named[name] {
            reader.report(
                "duplicate-name", at: position, subject: name,
                found: "found a second \(kind) named \"\(name)\"; the first is at line \(first.line)",
                wanted: "wanted a name for each")
            return false
        }
        named[name] = position
        return true
    }

    private mutating func readManagement(_ file: Fields) {
        guard let fields = section("management", of: file), let address = reader.text("address", of: fields) else {
            return
        }
        if let listener = configuration.listeners.first(where: { $0.address == address && $0.wireProtocol != .udp }),
            !address.hasSuffix(":0")
        {
            reader.report(
                "address-taken", at: fields.position("address"), subject: "management",
                found: "found \(address), which listener \"\(listener.name)\" has",
                wanted: "wanted an address of its own")
        }
        configuration.management = address
    }

    private mutating func readUsers(_ file: Fields) {
        guard let fields = section("users", of: file) else { return }
        configuration.users.edge = reader.text("edge", of: fields)
        configuration.users.control = reader.text("control", of: fields)
    }

    private mutating func readAccessLog(_ fields: Fields) {
        if let output = reader.text("output", of: fields) {
            let isWord = ["stdout", "stderr", "off"].contains(output)
            configuration.settings.accessLog.output = isWord ? output : FileText.resolved(output, against: path)
        }
        if let format = reader.text("format", of: fields).flatMap({ AccessLog.Format(rawValue: $0) }) {
            configuration.settings.accessLog.format = format
        }
        if let size = reader.number("rotateAt", of: fields) { configuration.settings.accessLog.rotateAt = size }
        if let count = reader.number("keep", of: fields) { configuration.settings.accessLog.keep = count }
        if let count = reader.number("sample", of: fields) { configuration.settings.accessLog.sample = count }
    }

    private mutating func readSettings(_ file: Fields) {
        if let fields = section("timeouts", of: file) {
            func read(_ name: String, into field: WritableKeyPath<Timeouts, Int>) {
                if let value = reader.number(name, of: fields) {
                    configuration.settings.timeouts[keyPath: field] = value
                }
            }
            read("head", into: \.head)
            read("handshake", into: \.handshake)
            read("preface", into: \.preface)
            read("bodyIdle", into: \.bodyIdle)
            read("connect", into: \.connect)
            read("firstByte", into: \.firstByte)
            read("responseIdle", into: \.responseIdle)
            read("keepAlive", into: \.keepAlive)
            read("upstreamIdle", into: \.upstreamIdle)
            read("tunnelIdle", into: \.tunnelIdle)
            read("total", into: \.total)
            read("drain", into: \.drain)
        }
        if let fields = section("limits", of: file) {
            func read(_ name: String, into field: WritableKeyPath<Limits, Int>) {
                if let value = reader.number(name, of: fields) { configuration.settings.limits[keyPath: field] = value }
            }
            read("headBytes", into: \.headBytes)
            read("fieldCount", into: \.fieldCount)
            read("bodyBytes", into: \.bodyBytes)
            read("connectionsPerWorker", into: \.connectionsPerWorker)
            read("targetBytes", into: \.targetBytes)
            read("connectionsPerListener", into: \.connectionsPerListener)
            read("connectionsPerAddress", into: \.connectionsPerAddress)
            read("requestsPerConnection", into: \.requestsPerConnection)
            read("pendingPerPool", into: \.pendingPerPool)
            read("idlePerEndpoint", into: \.idlePerEndpoint)
            read("bufferedBytesPerWorker", into: \.bufferedBytesPerWorker)
        }
        if let fields = section("headers", of: file), let word = reader.text("underscores", of: fields),
            let underscores = HeaderSettings.Underscores(rawValue: word)
        {
            configuration.settings.headers.underscores = underscores
        }
        if let fields = section("accessLog", of: file) { readAccessLog(fields) }
        if let fields = section("tls", of: file), let policy = reader.text("policy", of: fields) {
            if let policy = Settings.TLSPolicy(rawValue: policy) {
                configuration.settings.tlsPolicy = policy
            } else {
                reader.report(
                    "not-available-yet", at: fields.position("policy"), subject: "tls",
                    found: "found the policy custom, which is not available yet",
                    wanted: "wanted modern or intermediate")
            }
        }
    }
}
