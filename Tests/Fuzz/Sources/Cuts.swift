/// Where an input is cut, decided by the input itself, so that a finding can be run again from its file alone.
struct Cuts {
    private var state: UInt64

    init(for bytes: [UInt8]) {
        // FNV-1a.
        state = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// A number below `bound`, which is positive (SplitMix64).
    mutating func number(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }

    /// Up to `limit` rising positions in `0...count`.
    mutating func positions(in count: Int, limit: Int = 6) -> [Int] {
        (0..<number(below: limit + 1)).map { _ in number(below: count + 1) }.sorted()
    }
}

/// The input as an array. libFuzzer lends it for the time of the call.
func input(_ start: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
    unsafe Array(UnsafeBufferPointer(start: start, count: count))
}

/// Stops the process, which libFuzzer takes for a finding.
func expect(_ condition: Bool, _ what: @autoclosure () -> String) {
    if !condition { fatalError(what()) }
}

/// A head ends with an empty line, and no byte in it is a control that its grammar does not have.
func expectWellFormed(_ bytes: ArraySlice<UInt8>) {
    expect(bytes.suffix(4).elementsEqual([13, 10, 13, 10]), "the head does not end with an empty line")
    var previous: UInt8 = 0
    for (index, byte) in zip(bytes.indices, bytes) {
        if byte == 10 { expect(previous == 13, "bare LF at \(index)") }
        if previous == 13 { expect(byte == 10, "bare CR before \(index)") }
        expect(byte >= 32 && byte != 127 || [9, 10, 13].contains(byte), "control \(byte) at \(index)")
        previous = byte
    }
}
