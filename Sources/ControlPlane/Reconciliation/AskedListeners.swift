import Contract
import KontainersConfiguration

/// The listeners that labels ask for by their ports, as far as the file allows.
struct AskedListeners {
    private struct Port: Hashable {
        var kind: Rule.Kind
        var number: Int
    }

    /// Why a port is not opened.
    struct Refusal: Error {
        var found: String
        var wanted: String
    }

    private let file: ApplianceConfiguration
    private let management: Int?
    /// The file's listeners by what carries them and their port; the first of several.
    private var listeners: [Port: Listener] = [:]
    private var opened: [Port: Listener] = [:]

    init(_ file: ApplianceConfiguration) {
        self.file = file
        management = Self.port(of: file.management)
        for listener in file.listeners {
            guard let number = Self.port(of: listener.address), number != 0 else { continue }
            let port = Port(kind: listener.wireProtocol == .udp ? .udp : .tcp, number: number)
            // Of several on one port that one is meant which could serve the rule.
            if let other = listeners[port], other.wireProtocol == .tcp || listener.wireProtocol != .tcp { continue }
            listeners[port] = listener
        }
    }

    /// Those that are to be open beside the file's.
    var all: [Listener] { opened.values.sorted { $0.name < $1.name } }

    /// The name of the listener for the port that a rule asks for; `nil` when it asks for none.
    mutating func listener(for rule: RuleDeclaration) throws(Refusal) -> String? {
        guard let number = rule.listenPort else { return nil }
        let port = Port(kind: rule.kind, number: number)
        if let listener = listeners[port] {
            guard (listener.wireProtocol == .udp) == (rule.kind == .udp), listener.wireProtocol != .http,
                listener.wireProtocol != .https
            else {
                throw Refusal(
                    found: "found port \(number), which listener \"\(listener.name)\" has for "
                        + listener.wireProtocol.rawValue,
                    wanted: "wanted another port, or \"listener\" \(listener.name) with \"sni\", \"alpn\" or "
                        + "\"preface\"")
            }
            return listener.name
        }
        if rule.kind == .tcp, number == management {
            throw Refusal(
                found: "found port \(number), which the management plane has", wanted: "wanted another port")
        }
        guard file.listenPolicy.allows(number) else {
            let allowed = file.listenPolicy.ports.map {
                $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
            }
            let instead = (allowed + ["\(number)"]).map { "\"\($0)\"" }.joined(separator: ", ")
            throw Refusal(
                found: "found port \(number); labels may have "
                    + (allowed.isEmpty ? "none" : allowed.joined(separator: ", ")) + " opened",
                wanted: "wanted one of those, or docker: { listen: [\(instead)] } in the file, or a listener of the "
                    + "file that \"listener\" names")
        }
        let address = file.listenPolicy.address
        let listener = Listener(
            name: "\(Listener.labelPrefix)\(rule.kind.rawValue):\(number)",
            address: address.contains(":") ? "[\(address)]:\(number)" : "\(address):\(number)",
            wireProtocol: rule.kind == .udp ? .udp : .tcp)
        opened[port] = listener
        return listener.name
    }

    private static func port(of address: String) -> Int? {
        address.lastIndex(of: ":").flatMap { Int(address[address.index(after: $0)...]) }
    }
}

extension DesiredState {
    /// The listeners of rules whose labels ask for a port, by the rules' names.
    struct PortGrants {
        var names: [String: String] = [:]
        var listeners: [Listener] = []
    }

    /// - Parameter lingering: those that are served without a word.
    func grants(
        _ candidates: [Candidate], lingering: [Candidate], _ file: ApplianceConfiguration,
        _ diagnoses: inout [Diagnosis]
    ) -> PortGrants {
        var asked = AskedListeners(file)
        var grants = PortGrants()
        for (candidate, isHere) in candidates.map({ ($0, true) }) + lingering.map({ ($0, false) }) {
            do throws(AskedListeners.Refusal) {
                grants.names[candidate.name] = try asked.listener(for: candidate.declaration)
            } catch {
                guard isHere else { continue }
                diagnoses.append(
                    Diagnosis(
                        code: "port-not-allowed", place: candidate.declaration.place,
                        subject: candidate.declaration.name, found: error.found, wanted: error.wanted))
            }
        }
        grants.listeners = asked.all
        return grants
    }

    /// What the supervisor could not open, said of the rules that asked for it.
    static func failures(
        _ told: [Diagnosis], _ candidates: [Candidate], _ grants: PortGrants
    ) -> [Diagnosis] {
        let failed = told.filter { $0.code == "listener-failed" }
        guard !failed.isEmpty, !grants.names.isEmpty else { return [] }
        let byListener = Dictionary(failed.map { ($0.subject, $0) }, uniquingKeysWith: { first, _ in first })
        return candidates.compactMap { candidate in
            guard var diagnosis = grants.names[candidate.name].flatMap({ byListener[$0] }) else { return nil }
            diagnosis.place = candidate.declaration.place
            diagnosis.subject = candidate.declaration.name
            return diagnosis
        }
    }
}
