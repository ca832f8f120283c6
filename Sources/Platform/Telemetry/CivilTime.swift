public import Bytes

/// A moment in UTC as people write it.
public struct CivilTime: Equatable, Sendable {
    public var year: Int
    public var month: Int
    public var day: Int
    public var hour: Int
    public var minute: Int
    public var second: Int

    /// - Parameter seconds: since 1970-01-01 UTC.
    public init(unixSeconds seconds: UInt64) {
        let days = Int(seconds / 86_400)
        let rest = Int(seconds % 86_400)
        hour = rest / 3_600
        minute = rest / 60 % 60
        second = rest % 60
        // Days since 0000-03-01, in eras of 400 years, so that the leap day is the last of a year.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// `2026-11-23T07:10:43`, 19 bytes for the years to come, into a buffer with room for 32.
    public func append(to buffer: Buffer) {
        buffer.append(decimal: UInt64(year))
        for (separator, value) in [("-", month), ("-", day), ("T", hour), (":", minute), (":", second)]
            as [(StaticString, Int)]
        {
            buffer.append(separator)
            appendTwo(value, to: buffer)
        }
    }

    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `23/Nov/2026:07:10:43 +0000`, as in Apache's logs, into a buffer with room for 40.
    public func append(commonTo buffer: Buffer) {
        appendTwo(day, to: buffer)
        buffer.append("/")
        buffer.append(Self.months[month - 1])
        buffer.append("/")
        buffer.append(decimal: UInt64(year))
        for value in [hour, minute, second] {
            buffer.append(":")
            appendTwo(value, to: buffer)
        }
        buffer.append(" +0000")
    }

    private func appendTwo(_ value: Int, to buffer: Buffer) {
        buffer.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10))
        buffer.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }
}

extension CivilTime: CustomStringConvertible {
    public var description: String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(year)-\(two(month))-\(two(day))T\(two(hour)):\(two(minute)):\(two(second))"
    }
}
