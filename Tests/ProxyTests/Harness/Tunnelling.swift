import Contract
import Kernel

@testable import Proxy

/// A rule that passes on what comes to the raw listener; what is said of it otherwise is set by `change`.
func tunnel(
    _ name: String = "tunnel", to upstreams: ScriptedUpstream..., hosts: [String] = [],
    on listeners: [String] = ["raw"], _ change: (inout Rule, inout TransportOptions) -> Void = { _, _ in }
) -> Rule {
    var rule = Rule(
        name: name, kind: .tcp, listeners: listeners, hosts: hosts, endpoints: upstreams.map(\.endpoint))
    var options = TransportOptions()
    change(&rule, &options)
    rule.transport = options
    return rule
}

extension TestProxy {
    func rawClient() throws -> Peer { try Peer(to: raw) }
}

extension ScriptedUpstream {
    /// Sends back what comes, with a word before it, and ends when its client does.
    static func parroting(_ word: String = "") throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            if !word.isEmpty { try peer.send(word) }
            while true {
                let bytes = try peer.readSome()
                guard !bytes.isEmpty else { break }
                try peer.send(bytes)
            }
            peer.finish()
        }
    }
}

/// A ClientHello with a name and protocols, as short as one can be.
func clientHello(_ name: String, _ protocols: [String] = []) -> [UInt8] {
    func sized(_ bytes: [UInt8], _ size: Int) -> [UInt8] {
        (0..<size).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
    }
    var extensions: [UInt8] = []
    if !name.isEmpty { extensions += [0, 0] + sized(sized([0] + sized(Array(name.utf8), 2), 2), 2) }
    if !protocols.isEmpty {
        extensions += [0, 16] + sized(sized(protocols.flatMap { sized(Array($0.utf8), 1) }, 2), 2)
    }
    let body: [UInt8] =
        [3, 3] + [UInt8](repeating: 7, count: 32) + [0] + [0, 2, 0x13, 0x01] + [1, 0] + sized(extensions, 2)
    return [22, 3, 1] + sized([1] + sized(body, 3), 2)
}
