import Crypto
public import Foundation

/// Random texts that open doors, and what is kept of them.
public enum Secret {
    /// 256 random bits as 43 characters of base64url (RFC 4648 §5).
    public static func make() -> String {
        Base64URL.text(Data(bytes(32)))
    }

    /// From the system's generator (getrandom(2)).
    static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// SHA-256: enough for what has 256 bits of its own, unlike a password.
    public static func digest(_ secret: String) -> Data { Data(SHA256.hash(data: Data(secret.utf8))) }
}

enum Base64URL {
    static func text(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
