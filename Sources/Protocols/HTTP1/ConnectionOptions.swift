import HTTP

/// The options that the `Connection` lines of a head name (RFC 9110 §7.6.1).
struct ConnectionOptions {
    var close = false
    var keepAlive = false
    var upgrade = false

    /// Options that name field lines to be dropped, and all options that were read.
    private(set) var hasOthers = false
    private(set) var count = 0

    /// Each option that is no keyword is compared with all field lines, so their number bounds the work.
    static let countLimit = 64

    /// Reads one line; says whether the limit was kept.
    mutating func note(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
        // Most heads say one of two things.
        switch end &- start {
        case 10 where bytes.equalsIgnoringCase("keep-alive", at: start):
            keepAlive = true
            count &+= 1
            return count <= Self.countLimit
        case 5 where bytes.equalsIgnoringCase("close", at: start):
            close = true
            count &+= 1
            return count <= Self.countLimit
        default: break
        }

        var at = start
        while at < end {
            let comma = bytes.first(.comma, from: at, to: end)
            let option = bytes.trimmed(from: at, to: comma)
            if !option.isEmpty {
                count &+= 1
                if count > Self.countLimit { return false }
                switch option.count {
                case 10 where bytes.equalsIgnoringCase("keep-alive", at: option.lowerBound): keepAlive = true
                case 5 where bytes.equalsIgnoringCase("close", at: option.lowerBound): close = true
                case 7 where bytes.equalsIgnoringCase("upgrade", at: option.lowerBound): upgrade = true
                default: hasOthers = true
                }
            }
            at = comma &+ 1
        }
        return true
    }

    /// Marks the field lines that the options name as dropped, except those that no option may name.
    ///
    /// An option that is no token is no field's name, so it needs no check.
    func markNamedLines(in fields: inout FieldTable, of bytes: Span<UInt8>) {
        guard hasOthers else { return }
        for index in 0..<fields.count where fields[index].known == .connection {
            var at = Int(fields[index].valueStart)
            let end = Int(fields[index].valueEnd)
            while at < end {
                let comma = bytes.first(.comma, from: at, to: end)
                let option = bytes.trimmed(from: at, to: comma)
                if !option.isEmpty { mark(option, in: &fields, of: bytes) }
                at = comma &+ 1
            }
        }
    }

    private func mark(_ option: Range<Int>, in fields: inout FieldTable, of bytes: Span<UInt8>) {
        let known = KnownField(naming: bytes, from: option.lowerBound, to: option.upperBound)
        guard known.mayBeDroppedByName else { return }
        for index in 0..<fields.count where fields[index].known == known {
            let name = fields[index].name
            if known != .other
                || name.count == option.count
                    && bytes.equalsIgnoringCase(name.lowerBound, option.lowerBound, length: option.count)
            {
                fields[index].dropped = true
            }
        }
    }
}
