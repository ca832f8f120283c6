/// Which statuses a check takes for good, as they are written: `200-299,304`.
public struct StatusRanges: Hashable, Sendable {
    /// Bytes of the text.
    public static let sizeLimit = 256
    /// Ranges in it.
    public static let countLimit = 16

    /// Ascending; none overlaps or adjoins another.
    public let ranges: [ClosedRange<Int>]

    /// 200 to 399: what a browser would not call an error.
    public static let usual = StatusRanges(ranges: [200...399])

    private init(ranges: [ClosedRange<Int>]) { self.ranges = ranges }

    /// Reads statuses (100 to 599) and ranges of them, with commas between; spaces around either do not matter.
    public init(_ written: String) throws(OptionFault) {
        let wanted = "wanted statuses and ranges of them, for instance \"200-299,304\""
        guard written.utf8.count <= Self.sizeLimit else {
            throw OptionFault(
                found: "found \(written.utf8.count) bytes of statuses", wanted: "wanted at most \(Self.sizeLimit)")
        }
        var ranges: [ClosedRange<Int>] = []
        for part in written.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard ranges.count < Self.countLimit else {
                throw OptionFault(
                    found: "found more than \(Self.countLimit) ranges of statuses",
                    wanted: "wanted at most \(Self.countLimit); neighbours can be one range")
            }
            let text = String(decoding: part, as: UTF8.self)
            let ends = part.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            guard (1...2).contains(ends.count) else { throw OptionFault(found: "found \"\(text)\"", wanted: wanted) }
            let first = try Self.status(Array(ends[0]), in: text, wanted)
            let last = try Self.status(Array(ends[ends.count - 1]), in: text, wanted)
            guard first <= last else {
                throw OptionFault(
                    found: "found \"\(text)\", which ends before it begins", wanted: "wanted \"\(last)-\(first)\"")
            }
            ranges.append(first...last)
        }
        self.ranges = Self.joined(ranges)
    }

    public func contains(_ status: Int) -> Bool { ranges.contains { $0.contains(status) } }

    /// The shortest text for the same statuses.
    public var written: String {
        ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
    }

    private static func status(_ text: [UInt8], in part: String, _ wanted: String) throws(OptionFault) -> Int {
        let isSpace = { (byte: UInt8) in byte == UInt8(ascii: " ") }
        let digits = text.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
        guard digits.count == 3, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            // The mistake that others' files teach.
            let hint = digits.count == 3 && digits.last.map { $0 | 0x20 } == UInt8(ascii: "x")
            throw OptionFault(
                found: "found \"\(part)\"",
                wanted: hint ? "\(wanted); \"2xx\" is written \"200-299\"" : wanted)
        }
        let status = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        guard (100...599).contains(status) else {
            throw OptionFault(found: "found the status \(status)", wanted: "wanted 100 to 599")
        }
        return status
    }

    private static func joined(_ ranges: [ClosedRange<Int>]) -> [ClosedRange<Int>] {
        var joined: [ClosedRange<Int>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = joined.last, range.lowerBound <= last.upperBound + 1 {
                joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        return joined
    }
}

extension StatusRanges: Codable {
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        let written = try value.decode(String.self)
        do throws(OptionFault) {
            try self.init(written)
        } catch {
            throw DecodingError.dataCorruptedError(in: value, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(written)
    }
}
