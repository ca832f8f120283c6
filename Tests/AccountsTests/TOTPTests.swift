import Testing

@testable import Accounts

@Suite struct TOTPTests {
    /// RFC 6238, appendix B, its last six digits.
    @Test(
        arguments: [
            (59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"),
            (2_000_000_000, "279037"), (20_000_000_000, "353130"),
        ] as [(Int64, String)])
    func theStandardsVectors(seconds: Int64, code: String) {
        #expect(TOTP.code(Array("12345678901234567890".utf8), seconds / 30) == code)
    }

    @Test func base32IsReversible() {
        for count in 0..<40 {
            let bytes = Secret.bytes(count)
            #expect(TOTP.bytes(TOTP.base32(bytes)) == bytes)
        }
        #expect(TOTP.bytes("not base32!") == nil)
    }

    @Test func aCodeIsTakenOnceAndOnlyNearItsTime() throws {
        let secret = TOTP.makeSecret()
        let key = try #require(TOTP.bytes(secret))
        let now: Int64 = 1_700_000_010
        let code = TOTP.code(key, now / 30)
        let step = try #require(TOTP.step(of: code, secret: secret, after: 0, seconds: now))
        #expect(TOTP.step(of: code, secret: secret, after: step, seconds: now) == nil)
        #expect(TOTP.step(of: code, secret: secret, after: 0, seconds: now + 30) == step)
        #expect(TOTP.step(of: code, secret: secret, after: 0, seconds: now + 90) == nil)
        #expect(TOTP.step(of: "12345", secret: secret, after: 0, seconds: now) == nil)
    }
}
