import Crypto
import Foundation

/// Codes that change every half minute, as authenticator programs make them (RFC 6238 with RFC 4226 §5.3, SHA-1, six
/// digits).
public enum TOTP {
    static let period: Int64 = 30
    /// Steps before and after now whose codes are taken, for clocks that are off.
    static let tolerance: Int64 = 1
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")

    /// 160 random bits in base32 (RFC 4648 §6).
    public static func makeSecret() -> String {
        base32(Secret.bytes(20))
    }

    /// What an authenticator program reads as a picture.
    public static func address(secret: String, user: String) -> String {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._~@")
        let name = user.addingPercentEncoding(withAllowedCharacters: allowed) ?? "user"
        return "otpauth://totp/Kontainers:\(name)?secret=\(secret)&issuer=Kontainers"
    }

    /// - Returns: the step that the code belongs to, when it is later than `last`: no code is taken twice.
    public static func step(of code: String, secret: String, after last: Int64, seconds: Int64) -> Int64? {
        guard code.utf8.count == 6, let key = bytes(secret) else { return nil }
        let now = seconds / period
        for step in (now - tolerance)...(now + tolerance) where step > last {
            if self.code(key, step) == code { return step }
        }
        return nil
    }

    static func code(_ key: [UInt8], _ step: Int64) -> String {
        let counter = (0..<8).map { UInt8(truncatingIfNeeded: step >> (56 - 8 * Int64($0))) }
        let mac = Array(HMAC<Insecure.SHA1>.authenticationCode(for: counter, using: SymmetricKey(data: key)))
        let offset = Int(mac[mac.count - 1] & 0x0f)
        let number = mac[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7fff_ffff
        let digits = String(number % 1_000_000)
        return String(repeating: "0", count: 6 - digits.count) + digits
    }

    static func base32(_ bytes: [UInt8]) -> String {
        var text = ""
        var (bits, count) = (UInt32(0), 0)
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 5 {
                count -= 5
                text.append(alphabet[Int(bits >> UInt32(count) & 31)])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << UInt32(5 - count) & 31)]) }
        return text
    }

    static func bytes(_ base32: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (bits, count) = (UInt32(0), 0)
        for character in base32 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            bits = bits << 5 | UInt32(value)
            count += 5
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }
}
