import Contract
import FoundationEssentials
import Testing

@Suite("Expected statuses")
struct StatusRangesTests {
    @Test(
        "are read as they are meant, and written as short as they can be",
        arguments: [
            ("200", "200"), ("200-299,304", "200-299,304"), (" 304 , 200 - 299 ", "200-299,304"),
            ("100-599", "100-599"),
            ("200,201,202", "200-202"), ("200-250,240-260,261", "200-261"), ("204-204", "204"),
            ("500,200,500", "200,500"),
        ])
    func good(_ written: String, _ short: String) throws {
        let ranges = try StatusRanges(written)
        #expect(ranges.written == short)
        #expect(try StatusRanges(ranges.written) == ranges)
        for status in 0...700 { #expect(ranges.contains(status) == ranges.ranges.contains { $0 ~= status }) }
    }

    @Test(
        "refuse what could be meant in two ways",
        arguments: [
            "", ",", "200,", ",200", "20", "2000", "200-", "-200", "200--299", "200-210-220", "2xx", "2X X", "099",
            "600",
            "299-200", "+200", "200;201", "２００", "200 201", "200\t", "\u{0}200", "0xc8",
        ])
    func bad(_ written: String) {
        #expect(throws: OptionFault.self, "\(written)") { try StatusRanges(written) }
    }

    @Test("say what is wanted")
    func faults() {
        func message(_ written: String) -> String {
            do throws(OptionFault) { return try StatusRanges(written).written } catch { return error.message }
        }
        #expect(message("2xx").hasSuffix("\"2xx\" is written \"200-299\""))
        #expect(message("299-200") == "found \"299-200\", which ends before it begins, wanted \"200-299\"")
        #expect(message("700") == "found the status 700, wanted 100 to 599")
    }

    @Test("have limits")
    func limits() throws {
        func list(_ count: Int) -> String { (0..<count).map { "\(100 + 2 * $0)" }.joined(separator: ",") }
        #expect(try StatusRanges(list(StatusRanges.countLimit)).ranges.count == StatusRanges.countLimit)
        #expect(throws: OptionFault.self) { try StatusRanges(list(StatusRanges.countLimit + 1)) }
        let spaces = String(repeating: " ", count: StatusRanges.sizeLimit - 3)
        #expect(try StatusRanges(spaces + "200").written == "200")
        #expect(throws: OptionFault.self) { try StatusRanges(spaces + " 200") }
    }
}

@Suite("Options of pools")
struct PoolOptionsTests {
    @Test("pass through JSON, and what is left out has its default")
    func json() throws {
        var options = PoolOptions()
        options.policy = .hash
        options.hashBy = .cookie("sid")
        options.bound = 125
        options.sticky = "route"
        var check = HealthCheck()
        check.expect = try StatusRanges("204")
        check.port = 8_081
        options.healthCheck = check
        options.ejection = Ejection()
        options.breaker = Breaker()
        options.queue = Queue()
        #expect(try JSONDecoder().decode(PoolOptions.self, from: JSONEncoder().encode(options)) == options)
        try options.check()
        #expect(try decode("{}") == PoolOptions())
        let short = try decode(#"{"healthCheck":{"path":"/up","expect":"200-204"},"breaker":{"inFlight":9}}"#)
        #expect(short.healthCheck?.path == "/up" && short.healthCheck?.interval == 5_000)
        #expect(short.breaker?.inFlight == 9 && short.breaker?.trials == 3)
        #expect(short.ejection == nil && short.queue == nil)
    }

    @Test(
        "refuse what does not exist",
        arguments: [
            #"{"policy":"fastest"}"#, #"{"hashBy":"header"}"#, #"{"hashBy":"cookie:a b"}"#, #"{"hashBy":""}"#,
            #"{"healthCheck":{"expect":"2xx"}}"#, #"{"healthCheck":{"kind":"icmp"}}"#,
        ])
    func unknown(_ text: String) {
        #expect(throws: DecodingError.self) { try decode(text) }
    }

    @Test("a check by datagram says what is sent, and may say what must come back; no other does")
    func probes() throws {
        let probed = try decode(#"{"healthCheck":{"kind":"udp","send":"a\\x00\\n","answer":"hex:00 Ff"}}"#)
        #expect(probed.healthCheck?.send?.bytes == [0x61, 0, 10] && probed.healthCheck?.answer?.bytes == [0, 0xff])
        try probed.check()
        #expect(try JSONDecoder().decode(PoolOptions.self, from: JSONEncoder().encode(probed)) == probed)
        for text in [
            #"{"healthCheck":{"kind":"udp"}}"#, #"{"healthCheck":{"send":"a"}}"#,
            #"{"healthCheck":{"kind":"tcp","answer":"a"}}"#, #"{"healthCheck":{"kind":"udp","send":""}}"#,
            #"{"healthCheck":{"kind":"udp","send":"a","answer":"hex:"}}"#,
        ] {
            let options = try decode(text)
            #expect(throws: OptionFault.self, "\(text)") { try options.check() }
        }
        for text in ["\\", "\\q", "\\x1", "\\xg0", "hex:1", "hex:1g"] {
            #expect(throws: OptionFault.self, "\(text)") { try ProbeBytes(text) }
        }
        #expect(try ProbeBytes("\\t\\r\\\\ä").bytes == [9, 13, 0x5c, 0xc3, 0xa4])
    }

    @Test("are checked at, under and over each limit")
    func limits() throws {
        try expect(within: 101...10_000) { $0.bound = $1 }
        try expect(within: 0...100) { $0.panic = $1 }
        try expect(within: 0...3_600_000) { $0.slowStart = $1 }
        try expect(within: 100...86_400_000) { $0.healthCheck?.interval = $1 }
        try expect(within: 1...60_000) { $0.healthCheck?.timeout = $1 }
        try expect(within: 1...100) { $0.healthCheck?.rise = $1 }
        try expect(within: 1...100) { $0.healthCheck?.fall = $1 }
        try expect(within: 1...65_535) { $0.healthCheck?.port = $1 }
        try expect(within: 0...1_000) { $0.ejection?.consecutive = $1 }
        try expect(within: 10_000...86_400_000) { $0.ejection?.longest = $1 }
        try expect(within: 150...10_000) { $0.ejection?.latency = $1 }
        try expect(within: 0...1_000_000) { $0.breaker?.inFlight = $1 }
        try expect(within: 0...1_000_000) { $0.breaker?.poolInFlight = $1 }
        try expect(within: 0...1_000_000) { $0.breaker?.poolConnections = $1 }
        try expect(within: 0...1_000_000) { $0.breaker?.poolPending = $1 }
        try expect(within: 0...100) { $0.breaker?.poolRatio = $1 }
        try expect(within: 1...100) { $0.breaker?.trials = $1 }
        try expect(within: 1...100_000) { $0.queue?.size = $1 }
        try expect(within: 1...600_000) { $0.queue?.timeout = $1 }
    }

    @Test("a check's texts become part of no other line", arguments: ["", "a", "/a b", "/a\r\nb", "/ä"])
    func texts(_ text: String) {
        var options = whole
        options.healthCheck?.path = text
        #expect(throws: OptionFault.self) { try options.check() }
        options = whole
        options.healthCheck?.host = text == "a" ? "a/b" : text
        #expect(throws: OptionFault.self) { try options.check() }
    }

    private var whole: PoolOptions {
        var options = PoolOptions()
        options.healthCheck = HealthCheck()
        options.ejection = Ejection()
        options.breaker = Breaker()
        options.queue = Queue()
        return options
    }

    private func decode(_ text: String) throws -> PoolOptions {
        try JSONDecoder().decode(PoolOptions.self, from: Data(text.utf8))
    }

    private func expect(within range: ClosedRange<Int>, _ set: (inout PoolOptions, Int) -> Void) throws {
        for value in [range.lowerBound, range.upperBound] {
            var options = whole
            set(&options, value)
            try options.check()
        }
        // No bound is written as 0, below its range.
        for value in [range.lowerBound - 1, range.upperBound + 1] {
            var options = whole
            set(&options, value)
            #expect(throws: OptionFault.self, "\(value) of \(range)") { try options.check() }
        }
    }
}

@Suite("Holding requests")
struct HoldingTests {
    @Test("passes through JSON, and what is left out has its default")
    func json() throws {
        var holding = Holding()
        (holding.time, holding.limit, holding.wake, holding.page) = (1, 2, 3, 4)
        #expect(try JSONDecoder().decode(Holding.self, from: JSONEncoder().encode(holding)) == holding)
        #expect(try JSONDecoder().decode(Holding.self, from: Data("{}".utf8)) == Holding())
    }

    @Test("is checked at, under and over each limit")
    func limits() throws {
        try expect(within: 0...600_000) { $0.time = $1 }
        try expect(within: 1...100_000) { $0.limit = $1 }
        try expect(within: 0...600_000) { $0.wake = $1 }
        try expect(within: 0...600_000) { $0.page = $1 }
    }

    private func expect(within range: ClosedRange<Int>, _ set: (inout Holding, Int) -> Void) throws {
        for value in [range.lowerBound, range.upperBound] {
            var holding = Holding()
            set(&holding, value)
            try holding.check()
        }
        for value in [range.lowerBound - 1, range.upperBound + 1] {
            var holding = Holding()
            set(&holding, value)
            #expect(throws: OptionFault.self, "\(value) of \(range)") { try holding.check() }
        }
    }
}
