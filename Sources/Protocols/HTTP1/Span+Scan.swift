import HTTP

// The scans that look at every byte of a head, sixteen at a time.

extension Span where Element == UInt8 {
    /// The first byte at or behind `start` that `stops` marks, or the end of the span. `stopsAt` is the same property
    /// of one byte, for spans shorter than a block.
    @inline(__always)
    private func scan(
        from start: Int, stops: (Block) -> BlockMask, stopsAt: (UInt8) -> Bool
    ) -> Int {
        var at = start
        guard count >= 16 else {
            while at < count, !stopsAt(self[at]) { at &+= 1 }
            return at
        }
        let base = count &- 16
        while UInt(bitPattern: at) <= UInt(bitPattern: base) {
            let lane = stops(block(at: at)).firstLane()
            if lane < 16 { return at &+ lane }
            at &+= 16
        }
        if at >= count { return count }
        // The last block of the span overlaps what has been scanned; those lanes are left out.
        return base &+ stops(block(at: base)).firstLane(from: at &- base)
    }

    /// The first byte at or behind `start` that may not stand in a field value: a control other than HTAB. The end of
    /// the span when there is none.
    @inline(__always)
    func textEnd(from start: Int) -> Int {
        var at = start
        while true {
            at = scan(
                from: at,
                stops: { $0 .< Block(repeating: .space) .| ($0 .== Block(repeating: .delete)) },
                stopsAt: { $0 < .space || $0 == .delete })
            // A HTAB is rare enough to be looked at apart.
            guard at < count, self[at] == .tab else { return at }
            at &+= 1
        }
    }

    /// The first byte at or behind `start` that may not stand in a request target: anything but VCHAR, and `#`, since
    /// a fragment is not sent (RFC 9110 §7.1). The end of the span when there is none.
    @inline(__always)
    func targetEnd(from start: Int) -> Int {
        scan(
            from: start,
            stops: {
                ($0 &- Block(repeating: 0x21)) .> Block(repeating: 0x7E - 0x21)
                    .| ($0 .== Block(repeating: UInt8(ascii: "#")))
            },
            stopsAt: { $0 <= .space || $0 >= .delete || $0 == UInt8(ascii: "#") })
    }

    /// The first byte at or behind `start` that is no letter, digit, `-`, `.` or `_`, which nearly all field names and
    /// host names are made of. The end of the span when there is none.
    @inline(__always)
    func plainEnd(from start: Int) -> Int {
        scan(
            from: start,
            stops: {
                let letters = (($0 | Block(repeating: 0x20)) &- Block(repeating: 0x61)) .< Block(repeating: 26)
                let digits = ($0 &- Block(repeating: 0x30)) .< Block(repeating: 10)
                let hyphenDot = ($0 &- Block(repeating: 0x2D)) .< Block(repeating: 2)
                return .!(letters .| digits .| hyphenDot .| ($0 .== Block(repeating: 0x5F)))
            },
            stopsAt: {
                !(($0 | 0x20) &- 0x61 < 26 || $0.isDigit || $0 &- 0x2D < 2 || $0 == 0x5F)
            })
    }

    /// The first place of `wanted` in `start..<end`, or `end`.
    @inline(__always)
    func first(_ wanted: UInt8, from start: Int, to end: Int) -> Int {
        var at = start
        while count >= 16, at < end, UInt(bitPattern: at) <= UInt(bitPattern: count &- 16) {
            let lane = (block(at: at) .== Block(repeating: wanted)).firstLane()
            // The block may reach behind `end`, but not out of the span.
            if lane < 16 { return Swift.min(at &+ lane, end) }
            at &+= 16
        }
        while at < end {
            if self[at] == wanted { return at }
            at &+= 1
        }
        return end
    }

    /// The first byte in `start..<end` that is no token byte, or `end`.
    @inline(__always)
    func tokenEnd(from start: Int, to end: Int) -> Int {
        var at = start
        while at < end, ByteSet.token.contains(self[at]) { at &+= 1 }
        return at
    }

    /// Whether two runs of `length` bytes are equal, ASCII letters in either case.
    func equalsIgnoringCase(_ first: Int, _ second: Int, length: Int) -> Bool {
        for offset in 0..<length where self[first &+ offset].lowercased != self[second &+ offset].lowercased {
            return false
        }
        return true
    }
}

extension UInt8 {
    fileprivate var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
}
