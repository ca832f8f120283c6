/// All certificates of a revision, and which serves which name. Immutable, shared by all workers.
///
/// Sessions keep the contexts they started with, so a change of certificates touches no connection.
public final class TLSContexts: Sendable {
    /// What sessions are made from. It has no certificate.
    let front: ServingContext
    /// They pass from revision to revision, so tickets stay good when certificates come and go.
    let ticketKeys: TicketKeys
    let policy: TLSPolicy
    /// In the order of the input; the first is the fallback for no name and unknown names.
    private let certificates: [ServedCertificate]
    private let names: ServerNames
    /// The one certificate that every client gets, whatever it asks for.
    private let only: ServedCertificate?
    /// What is spoken inside, best first. Where it is anything, a client's offers stay without an answer.
    let protocols: TLSApplicationProtocols

    private init(
        front: ServingContext, ticketKeys: TicketKeys, policy: TLSPolicy, certificates: [ServedCertificate],
        names: ServerNames, only: ServedCertificate? = nil, protocols: TLSApplicationProtocols = .http
    ) {
        self.front = front
        self.ticketKeys = ticketKeys
        self.policy = policy
        self.certificates = certificates
        self.names = names
        self.only = only
        self.protocols = protocols
    }

    /// The same certificates for connections that are no HTTP.
    ///
    /// - Parameters:
    ///   - certificate: what every client gets; `nil`, and one of a name that nothing serves under, leave it to the
    ///     name that the client asks for.
    ///   - protocols: what is agreed on, best first; empty: nothing is, and no client is refused for what it offers.
    public func forConnections(certificate: String?, protocols: [String]) -> TLSContexts {
        TLSContexts(
            front: front, ticketKeys: ticketKeys, policy: policy, certificates: certificates, names: names,
            only: certificate.flatMap { name in certificates.first { $0.input.name == name } },
            protocols: protocols.isEmpty ? .anything : .of(protocols.map { Array($0.utf8) }))
    }

    /// No certificate at all: every handshake will fail.
    public var isEmpty: Bool { certificates.isEmpty }

    /// Names of the certificates in service, in order.
    public var certificateNames: [String] { certificates.map(\.input.name) }

    /// The name of the certificate that a client asking for `host` gets, for people who ask.
    public func certificateName(forHost host: Span<UInt8>) -> String? { certificate(forName: host)?.input.name }

    func certificate(forName name: Span<UInt8>) -> ServedCertificate? {
        if let only { return only }
        return names.certificate(for: name).map { certificates[$0] } ?? certificates.first
    }

    /// Compiles a revision's certificates.
    ///
    /// A certificate that is byte-identical to one in `previous` keeps its context. One that cannot serve is reported,
    /// and the good one of the same name in `previous` stays in service in its place. Each new certificate takes some
    /// tenths of a millisecond and 13 KB: not for a worker's thread.
    ///
    /// - Parameter assignments: a host pattern (a name, `*.suffix`, `*`) and the certificate its rule asks for. The
    ///   names in the certificates serve the rest; the most exact wins.
    public static func build(
        certificates inputs: [CertificateInput], assignments: [(host: String, certificate: String)],
        policy: TLSPolicy, previous: TLSContexts?
    ) -> (TLSContexts, [CertificateFailure]) {
        var failures: [CertificateFailure] = []
        var served: [ServedCertificate] = []
        var places: [String: Int] = [:]
        let before = Dictionary(
            (previous?.certificates ?? []).map { ($0.input.name, $0) }, uniquingKeysWith: { first, _ in first })
        let keptPolicy = previous?.policy == policy

        for input in inputs {
            guard places[input.name] == nil else {
                failures.append(
                    CertificateFailure(
                        name: input.name,
                        message: "a second certificate of this name: the first one serves; give each its own name"))
                continue
            }
            let last = before[input.name]
            let certificate: ServedCertificate
            do throws(CertificateRefusal) {
                certificate =
                    if let last, keptPolicy, last.input == input { last } else {
                        try ServedCertificate(input, policy: policy)
                    }
                failures += certificate.warnings.map {
                    CertificateFailure(name: input.name, message: $0, severity: .warning)
                }
            } catch {
                // It was good once; under another policy it needs a context of that policy.
                let kept = last.flatMap { keptPolicy ? $0 : try? ServedCertificate($0.input, policy: policy) }
                let then = kept == nil ? "; nothing serves under this name" : "; the last good one stays in service"
                failures.append(CertificateFailure(name: input.name, message: error.message + then))
                guard let kept else { continue }
                certificate = kept
            }
            places[input.name] = served.count
            served.append(certificate)
        }

        let given = Set(inputs.map(\.name))
        var names = ServerNames()
        for (host, name) in assignments {
            guard let pattern = NamePattern(host.utf8) else {
                failures.append(
                    CertificateFailure(
                        name: name,
                        message: "“\(host)” is no host: wanted a name like app.example.com, *.example.com, or *",
                        severity: .warning))
                continue
            }
            guard let place = places[name] else {
                // One that failed is reported above.
                if given.contains(name) { continue }
                failures.append(
                    CertificateFailure(
                        name: name,
                        message: "“\(host)” asks for this certificate, and there is none of this name; another that "
                            + "covers the host serves instead, or the fallback"))
                continue
            }
            names.assign(pattern, to: place)
        }
        // Of two certificates for one name, the one that clients accept today.
        let validity = served.map(\.isValid)
        for place in served.indices.filter({ validity[$0] }) + served.indices.filter({ !validity[$0] }) {
            for pattern in served[place].names { names.certify(pattern, by: place) }
        }

        let front = keptPolicy ? previous?.front : nil
        guard let front = front ?? ServingContext(policy) else {
            preconditionFailure("OpenSSL cannot make a context: \(oldestReason())")
        }
        let made = TLSContexts(
            front: front, ticketKeys: previous?.ticketKeys ?? TicketKeys(), policy: policy, certificates: served,
            names: names)
        return (made, failures)
    }
}
