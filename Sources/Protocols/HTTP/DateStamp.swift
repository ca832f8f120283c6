/// The time of day as the `Date` field spells it (RFC 9110 §5.6.7, IMF-fixdate), written anew only when the second
/// changes.
///
/// A trivial value, one a worker. It has no clock: the caller says what time it is.
public struct DateStamp: Sendable {
    private var second: Int64
    private var text: [29 of UInt8]

    /// The last second that fits four digits of a year: 31 December 9999, 23:59:59.
    private static let latestSecond: Int64 = 253_402_300_799

    /// Makes a stamp of the first second of 1970.
    public init() {
        second = 0
        text = Self.spelled(0)
    }

    /// The 29 bytes for `unixSeconds`, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    ///
    /// Times before 1970 and after 9999 are moved to the nearest second between.
    public mutating func at(_ unixSeconds: Int64) -> [29 of UInt8] {
        let wanted = min(max(unixSeconds, 0), Self.latestSecond)
        if wanted != second {
            text = Self.spelled(wanted)
            second = wanted
        }
        return text
    }

    private static func spelled(_ second: Int64) -> [29 of UInt8] {
        let days = second / 86400
        let ofDay = second % 86400

        // Days to a civil date by way of years that begin on 1 March, so that the leap day is their last.
        // 719,468 days lie between 1 March of year 0 and 1970; an era of 400 years has 146,097.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let ofEra = shifted % 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * ofYear + 2) / 153
        let day = ofYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)

        var text: [29 of UInt8] = .init(repeating: UInt8(ascii: " "))
        // 1 January 1970 was a Thursday.
        write(threeLetters: "SunMonTueWedThuFriSat", number: Int((days + 4) % 7), at: 0, into: &text)
        text[3] = UInt8(ascii: ",")
        write(day, digits: 2, at: 5, into: &text)
        write(threeLetters: "JanFebMarAprMayJunJulAugSepOctNovDec", number: Int(month - 1), at: 8, into: &text)
        write(year, digits: 4, at: 12, into: &text)
        write(ofDay / 3600, digits: 2, at: 17, into: &text)
        text[19] = UInt8(ascii: ":")
        write(ofDay / 60 % 60, digits: 2, at: 20, into: &text)
        text[22] = UInt8(ascii: ":")
        write(ofDay % 60, digits: 2, at: 23, into: &text)
        write(threeLetters: "GMT", number: 0, at: 26, into: &text)
        return text
    }

    private static func write(_ number: Int64, digits: Int, at position: Int, into text: inout [29 of UInt8]) {
        var rest = number
        for place in stride(from: position + digits - 1, through: position, by: -1) {
            text[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    private static func write(
        threeLetters names: StaticString, number: Int, at position: Int, into text: inout [29 of UInt8]
    ) {
        for letter in 0..<3 { text[position + letter] = names.byte(at: number * 3 + letter) }
    }
}
