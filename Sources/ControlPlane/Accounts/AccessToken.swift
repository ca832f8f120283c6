import Foundation
import JWTKit

/// Short-lived proofs of a session (RFC 7519), signed with a key that only this appliance has.
struct AccessTokens: Sendable {
    struct Claims: JWTPayload {
        var sub: SubjectClaim
        var sid: String
        var iat: IssuedAtClaim
        var exp: ExpirationClaim

        func verify(using algorithm: some JWTAlgorithm) throws { try exp.verifyNotExpired() }
    }

    /// Seconds.
    static let lifetime: Int64 = 600
    static let keyFile = "access.key"
    static let keyBytes = 32

    private let keys = JWTKeyCollection()

    init(key: Data) async {
        await keys.add(hmac: HMACKey(from: key), digestAlgorithm: .sha256)
    }

    /// - Parameter seconds: since 1970.
    func make(user: String, session: String, at seconds: Int64) async throws -> String {
        let now = Date(timeIntervalSince1970: TimeInterval(seconds))
        return try await keys.sign(
            Claims(
                sub: .init(value: user), sid: session, iat: .init(value: now),
                exp: .init(value: now.addingTimeInterval(TimeInterval(Self.lifetime)))))
    }

    /// `nil`: it is not one of ours, or its time is over.
    func claims(_ token: String) async -> (user: String, session: String)? {
        guard let claims = try? await keys.verify(token, as: Claims.self) else { return nil }
        return (claims.sub.value, claims.sid)
    }

    /// The key in the folder, made when there is none; without a folder one for this life alone.
    static func key(in folder: String?) throws -> Data {
        let made = Data(Secret.make().utf8)
        guard let folder else { return made }
        let path = folder + "/" + keyFile
        if let data = FileManager.default.contents(atPath: path), data.count >= keyBytes { return data }
        guard
            FileManager.default.createFile(atPath: path, contents: made, attributes: [.posixPermissions: 0o600])
        else { throw KeyFault(path: path) }
        return made
    }

    struct KeyFault: Error, CustomStringConvertible {
        var path: String
        var description: String { "the key of sessions cannot be written to \(path)" }
    }
}
