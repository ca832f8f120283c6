/// Numbers with and without units, and the few words that stand for values.
enum Quantities {
    private static let durationUnits = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)]
    private static let sizeUnits = [
        ("b", 1), ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("kib", 1 << 10), ("mib", 1 << 20),
        ("gib", 1 << 30),
    ]

    static func integer(_ text: String, in range: ClosedRange<Int>) throws(Fault) -> Int {
        let wanted = "wanted \(FieldType.integer(range).wanted)"
        let digits = text.filter { $0 != "_" }
        guard !digits.isEmpty, digits.utf8.count <= 19, let value = Int(digits), digits.first != "+" else {
            throw Fault("bad-number", text: text, wanted: wanted)
        }
        guard range.contains(value) else { throw Fault("out-of-range", text: text, wanted: wanted) }
        return value
    }

    /// Milliseconds.
    static func duration(_ text: String, in range: ClosedRange<Int>) throws(Fault) -> Int {
        let value = try number(
            text, units: durationUnits, bareWanted: { "a unit: did you mean \"\($0)s\" or \"\($0)ms\"?" },
            code: "bad-duration", wanted: "wanted \(FieldType.duration(range).wanted)")
        guard range.contains(value) else {
            throw Fault(
                "out-of-range", text: text,
                wanted: "wanted a time from \(spelled(range.lowerBound)) to \(spelled(range.upperBound))")
        }
        return value
    }

    /// Bytes. A number without a unit counts bytes.
    static func size(_ text: String, in range: ClosedRange<Int>) throws(Fault) -> Int {
        let value = try number(
            text, units: sizeUnits, bareWanted: nil, code: "bad-size", wanted: "wanted \(FieldType.size(range).wanted)")
        guard range.contains(value) else {
            throw Fault(
                "out-of-range", text: text,
                wanted: range.upperBound == .max
                    ? "wanted at least \(range.lowerBound) bytes"
                    : "wanted from \(range.lowerBound) to \(range.upperBound) bytes")
        }
        return value
    }

    static func boolean(_ text: String) throws(Fault) -> Bool {
        switch text.lowercased() {
        case "true", "1", "yes", "on": return true
        case "false", "0", "no", "off": return false
        default:
            throw Fault("bad-boolean", text: text, wanted: "wanted \(FieldType.boolean.wanted)")
        }
    }

    static func name(_ text: String) throws(Fault) -> String {
        guard (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            })
        else { throw Fault("bad-name", text: text, wanted: "wanted \(FieldType.name.wanted)") }
        return text
    }

    private static func number(
        _ text: String, units: [(String, Int)], bareWanted: ((Int) -> String)?, code: String, wanted: String
    ) throws(Fault) -> Int {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        guard !digits.isEmpty else { throw Fault(code, text: text, wanted: wanted) }
        guard digits.utf8.count <= 18, let count = Int(digits) else {
            throw Fault("out-of-range", text: text, wanted: wanted)
        }
        if unit.isEmpty {
            guard count != 0, let bareWanted else { return count }
            throw Fault(
                code, found: "found \(Shown.quoted(text)), a bare number", wanted: "wanted \(bareWanted(count))")
        }
        guard let factor = units.first(where: { $0.0 == unit })?.1 else {
            throw Fault(code, text: text, wanted: wanted)
        }
        let (value, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw Fault("out-of-range", text: text, wanted: wanted) }
        return value
    }

    private static func spelled(_ milliseconds: Int) -> String {
        for (unit, factor) in durationUnits.reversed() where milliseconds != 0 && milliseconds % factor == 0 {
            return "\(milliseconds / factor)\(unit)"
        }
        return "\(milliseconds)ms"
    }
}
