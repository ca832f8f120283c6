import Engine
import Bytes
import HTTP
import Routing

// Fields by which browsers protect their users, where the upstream did not decide for itself.

/// Which of these fields a response has already.
struct SecurityFields: OptionSet, BitwiseCopyable {
    let rawValue: UInt8

    static let transport = SecurityFields(rawValue: 1)
    static let contentType = SecurityFields(rawValue: 2)
    /// Who may show it in a frame: `X-Frame-Options` or any content security policy. A second policy beside the
    /// upstream's would narrow it.
    static let framing = SecurityFields(rawValue: 4)
    static let referrer = SecurityFields(rawValue: 8)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The field of this name, or none.
    init(naming name: Span<UInt8>) {
        func named(_ text: StaticString) -> Bool {
            name.count == text.utf8CodeUnitCount && name.equalsIgnoringCase(text, at: 0)
        }
        switch name.count {
        case 15 where named("x-frame-options"): rawValue = Self.framing.rawValue
        case 15 where named("referrer-policy"): rawValue = Self.referrer.rawValue
        case 22 where named("x-content-type-options"): rawValue = Self.contentType.rawValue
        case 23 where named("content-security-policy"): rawValue = Self.framing.rawValue
        case 25 where named("strict-transport-security"): rawValue = Self.transport.rawValue
        case _: rawValue = 0
        }
    }
}

extension Worker {
    /// Bytes that the fields take at most.
    static let securityBytes = 320

    /// Writes those that are not `present`. What the rule itself sets counts as present.
    func writeSecurityFields(_ index: UInt32, present: SecurityFields, _ output: Buffer) {
        var present = present
        if exchanges[index].rules.contains(.responseFields) {
            let view = tables[Int(exchanges[index].table)].view
            let list = options(index).responseFields
            for place in 0..<list.count {
                let change = view.change(place, of: list)
                if change.kind != .remove { present.formUnion(SecurityFields(naming: view.name(of: change))) }
            }
        }
        // RFC 6797 §7.2: never without TLS.
        if !present.contains(.transport), exchanges[index].cameByTLS {
            output.append("Strict-Transport-Security: max-age=31536000\r\n")
        }
        if !present.contains(.contentType) { output.append("X-Content-Type-Options: nosniff\r\n") }
        if !present.contains(.framing) {
            output.append("X-Frame-Options: SAMEORIGIN\r\nContent-Security-Policy: frame-ancestors 'self'\r\n")
        }
        if !present.contains(.referrer) { output.append("Referrer-Policy: strict-origin-when-cross-origin\r\n") }
    }
}
