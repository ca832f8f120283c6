import Contract
import FoundationEssentials
import Kernel
import TLS

/// Snapshots on disk: the one the edge was started with, and the last good one, in which private keys are sealed.
enum SnapshotFile {
    private static let sealedPrefix = "sealed:"

    static func load(_ path: String, machineKey: [UInt8]?) throws(StartFailure) -> Snapshot {
        let bytes: [UInt8]
        do {
            bytes = try System.readFile(path)
        } catch {
            throw StartFailure(message: "\(path): cannot be read (\(error)); wanted a snapshot")
        }
        do {
            var snapshot = try JSONDecoder().decode(Snapshot.self, from: Data(bytes))
            for place in snapshot.certificates.indices {
                snapshot.certificates[place].key = unseal(snapshot.certificates[place].key, machineKey)
            }
            return snapshot
        } catch {
            throw StartFailure(message: "\(path): \(describe(error)); wanted a snapshot as JSON")
        }
    }

    /// Writes the last good snapshot, whole or not at all, readable by the edge's user alone.
    static func save(_ snapshot: Snapshot, to path: String, machineKey: [UInt8]) throws {
        var sealed = snapshot
        for place in sealed.certificates.indices {
            let key = Sealing.seal(Array(sealed.certificates[place].key.utf8), key: machineKey)
            sealed.certificates[place].key = sealedPrefix + Data(key).base64EncodedString()
        }
        try System.replaceFile(path, with: Array(try JSONEncoder().encode(sealed)))
    }

    /// A key that cannot be opened becomes empty: its certificate is reported, everything else is served.
    private static func unseal(_ key: String, _ machineKey: [UInt8]?) -> String {
        guard key.hasPrefix(sealedPrefix) else { return key }
        guard let machineKey, let sealed = Data(base64Encoded: String(key.dropFirst(sealedPrefix.count))),
            let plain = Sealing.open(Array(sealed), key: machineKey)
        else { return "" }
        return String(decoding: plain, as: UTF8.self)
    }

    /// Where in the JSON, and what was found.
    private static func describe(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "found something that is no JSON" }
        func path(_ keys: [any CodingKey]) -> String {
            keys.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        }
        switch error {
        case .dataCorrupted(let place):
            return place.codingPath.isEmpty
                ? "found something that is no JSON" : "at \(path(place.codingPath)): \(place.debugDescription)"
        case .keyNotFound(let key, let place):
            return "at \(path(place.codingPath)): \"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let place), .valueNotFound(_, let place):
            return "at \(path(place.codingPath)): \(place.debugDescription)"
        @unknown default: return "found something unexpected"
        }
    }
}
