/// What the `Accept-Encoding` fields of a request say of gzip (RFC 9110 §12.5.3).
public struct AcceptedCodings: Equatable, Sendable, BitwiseCopyable {
    /// Weights in thousandths; below zero where nothing was said.
    private var gzip: Int16 = -1
    private var identity: Int16 = -1
    private var any: Int16 = -1

    public init() {}

    /// Reads one field line; several are one list. What is malformed is passed over.
    public mutating func read(_ value: Span<UInt8>) {
        var start = 0
        while start < value.count {
            var end = start
            while end < value.count, value[end] != UInt8(ascii: ",") { end &+= 1 }
            readElement(value.extracting(start..<end))
            start = end &+ 1
        }
    }

    /// The client takes gzip, and does not like it less than what is not coded.
    public var prefersGzip: Bool {
        let weight = gzip >= 0 ? gzip : any
        return weight > 0 && weight >= identity
    }

    private mutating func readElement(_ element: Span<UInt8>) {
        let start = passingBlanks(element, from: 0)
        var end = start
        while end < element.count, element[end] != UInt8(ascii: ";"), !isBlank(element[end]) { end &+= 1 }
        guard let weight = weight(element, from: passingBlanks(element, from: end)) else { return }
        let name = element.extracting(start..<end)
        switch name.count {
        case 1 where name[0] == UInt8(ascii: "*"): any = weight
        case 4 where name.equalsIgnoringCase("gzip", at: 0): gzip = weight
        // RFC 9110 §8.4.1.3: the same.
        case 6 where name.equalsIgnoringCase("x-gzip", at: 0): gzip = max(gzip, weight)
        case 8 where name.equalsIgnoringCase("identity", at: 0): identity = weight
        case _: break
        }
    }

    /// RFC 9110 §12.4.2: `;q=0.8`, or nothing for 1. `nil` for anything else.
    private func weight(_ element: Span<UInt8>, from start: Int) -> Int16? {
        guard start < element.count else { return 1_000 }
        guard element[start] == UInt8(ascii: ";") else { return nil }
        var place = passingBlanks(element, from: start &+ 1)
        guard place &+ 2 < element.count, element[place] | 0x20 == UInt8(ascii: "q"),
            element[place &+ 1] == UInt8(ascii: "=")
        else { return nil }
        place &+= 2
        let whole = element[place] &- UInt8(ascii: "0")
        guard whole <= 1 else { return nil }
        place &+= 1
        var weight = Int16(whole) &* 1_000
        if place < element.count, element[place] == UInt8(ascii: ".") {
            place &+= 1
            var unit: Int16 = 100
            while place < element.count, element[place] &- UInt8(ascii: "0") < 10 {
                guard unit > 0 else { return nil }
                weight &+= Int16(element[place] &- UInt8(ascii: "0")) &* unit
                unit /= 10
                place &+= 1
            }
        }
        guard weight <= 1_000, passingBlanks(element, from: place) == element.count else { return nil }
        return weight
    }

    private func passingBlanks(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var place = start
        while place < bytes.count, isBlank(bytes[place]) { place &+= 1 }
        return place
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
