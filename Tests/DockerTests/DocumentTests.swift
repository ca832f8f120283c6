import FoundationEssentials
import Testing

@testable import Docker

@Suite("What an engine answers")
struct DocumentTests {
    static let listed = """
        [{"Id":"c1","Names":["/shop/alias","/web"],"Image":"local/web:1","Labels":{"kontainers.enable":"true","n":5},
        "State":"running","Status":"Up 3 minutes (health: starting)",
        "Ports":[{"PrivatePort":80,"Type":"tcp"},{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":1,"Type":"tcp"},
        {"PrivatePort":"x"}],"HostConfig":{"NetworkMode":"front"},
        "NetworkSettings":{"Networks":{"front":{"NetworkID":"n1","IPAddress":"198.18.1.2","GlobalIPv6Address":""}}}},
        {"Id":5},null,"x",{"Id":"","Names":[]},{"Id":"c2","Names":null,"State":7,"Labels":null}]
        """

    static let inspected = """
        {"Id":"c1","Name":"/web","Image":"sha256:1","Config":{"Image":"local/web:1","Labels":{"a":"b"},
        "StopTimeout":20,"StopSignal":"SIGQUIT",
        "ExposedPorts":{"80/tcp":{},"53/udp":{},"x/tcp":{},"99999/tcp":{}}},
        "State":{"Status":"running","Health":{"Status":"healthy"}},"HostConfig":{"NetworkMode":"default"},
        "NetworkSettings":{"Ports":{"80/tcp":null,"443/tcp":[]},
        "Networks":{"bridge":{"NetworkID":"n0","IPAddress":"198.18.0.2"}}}}
        """

    static func list(_ text: some Sequence<UInt8>) -> [ContainerRecord]? {
        (try? JSONDecoder().decode([Lenient<ContainerSummary>].self, from: Data(text)))?.compactMap { $0.value?.record }
    }

    static func inspection(_ text: some Sequence<UInt8>) -> ContainerRecord? {
        try? JSONDecoder().decode(ContainerInspection.self, from: Data(text)).record
    }

    @Test("a list gives all that can be read, and passes over the rest")
    func lists() throws {
        let records = try #require(Self.list(Self.listed.utf8))
        #expect(
            records == [
                ContainerRecord(
                    id: "c1", name: "web", image: "local/web:1", health: .starting,
                    labels: ["kontainers.enable": "true"], exposedPorts: [.init(number: 80)],
                    networks: [.init(network: "front", networkID: "n1", address: "198.18.1.2")], networkMode: "front"),
                ContainerRecord(id: "c2", name: "c2", state: .exited),
            ])
        #expect(records[0].isOfInterest)
    }

    @Test("an inspection gives ports of the image and of the container")
    func inspections() throws {
        let record = try #require(Self.inspection(Self.inspected.utf8))
        #expect(record.exposedPorts.map(\.description) == ["53/udp", "80/tcp", "443/tcp"])
        #expect(record.name == "web" && record.state == .running && record.health == .healthy)
        #expect(record.networks.map(\.address) == ["198.18.0.2"])
        #expect(record.stopTimeout == 20 && record.stopSignal == 3)
    }

    @Test(
        "signals have names and numbers",
        arguments: [
            ("15", 15), ("SIGTERM", 15), ("term", 15), ("SIGWINCH", 28), ("SIGRTMIN+3", 37), ("RTMAX-1", 63),
            ("SIGRTMIN", 34), ("0", nil), ("65", nil), ("SIGNAL", nil), ("RTMIN-1", nil), ("RTMIN+99", nil), ("", nil),
        ] as [(String, Int?)])
    func signals(_ text: String, _ number: Int?) {
        #expect(StopSignal.number(text) == number)
    }

    @Test(
        "a state is read from its flags where the word is missing",
        arguments: [
            ("\"Running\":true,\"Paused\":true", ContainerRecord.State.paused), ("\"Running\":true", .running),
            ("\"Restarting\":true,\"Running\":true", .restarting), ("\"Dead\":true", .dead), ("\"X\":1", .exited),
            ("\"Status\":\"configured\"", .created), ("\"Status\":\"stopped\"", .exited),
            ("\"Status\":\"made up\"", .exited), ("\"Status\":[1]", .exited),
        ])
    func states(_ text: String, _ expected: ContainerRecord.State) {
        #expect(Self.inspection("{\"Id\":\"c\",\"State\":{\(text)}}".utf8)?.state == expected)
    }

    @Test("bytes changed anywhere end in a value or an error", arguments: [UInt64(1), 2, 3, 4])
    func garbage(seed: UInt64) {
        var random = Seeded(state: seed)
        var read = 0
        for text in [Self.listed, Self.inspected, #"{"Type":"container","Action":"die","Actor":{"ID":"c"}}"#] {
            for _ in 0..<400 {
                var bytes = Array(text.utf8)
                for _ in 0..<Int.random(in: 1...8, using: &random) where bytes.count > 1 {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[place] = .random(in: 0...255, using: &random)
                    case 1: bytes.remove(at: place)
                    case _: bytes.removeLast(min(bytes.count - 1, Int.random(in: 0...20, using: &random)))
                    }
                }
                if Self.list(bytes) != nil { read += 1 }
                if Self.inspection(bytes) != nil { read += 1 }
                if (try? EventStream.event(bytes)) != nil { read += 1 }
            }
        }
        // Some changes leave the text readable: otherwise only the JSON reader would have been tried.
        #expect(read > 0)
    }

    @Test("deep nesting and huge numbers are refused, not followed")
    func extremes() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(Self.list(deep.utf8) == nil)
        #expect(Self.list("[{\"Id\":\"a\",\"Labels\":\(deep)".utf8) == nil)
        #expect(Self.inspection("{\"Id\":123456789012345678901234567890}".utf8) == nil)
        #expect(
            Self.list("[{\"Id\":\"a\",\"Ports\":[{\"PrivatePort\":99999999999999999999}]}]".utf8)?.first?.exposedPorts
                == [])
    }

    @Test("lines come out the same however the stream is cut", arguments: 1...7)
    func cuts(every size: Int) throws {
        let bytes = Array("{\"a\":1}\n\r\n\n{\"b\":2}\n{\"c".utf8)
        var splitter = LineSplitter(limit: 100)
        var lines: [String] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            let part = bytes[start..<min(start + size, bytes.count)]
            lines += try splitter.lines(adding: part).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(lines == ["{\"a\":1}", "{\"b\":2}"])
    }

    @Test("a line of the limit passes, one byte more does not")
    func lineLimit() throws {
        var splitter = LineSplitter(limit: 4)
        #expect(try splitter.lines(adding: Array("abcd\n".utf8)).count == 1)
        #expect(throws: LineSplitter.TooLong()) { try splitter.lines(adding: Array("abcde".utf8)) }
    }

    @Test(
        "an event means what it does to the traffic",
        arguments: [
            ("container", "die", [:], EngineEvent.Meaning.left(id: "c", .exited)),
            ("container", "stop", [:], .left(id: "c", .exited)), ("container", "pause", [:], .left(id: "c", .paused)),
            ("container", "kill", ["signal": "15"], .signalled(id: "c", 15)),
            ("container", "kill", ["signal": "SIGHUP"], .signalled(id: "c", 1)),
            ("container", "kill", [:], .signalled(id: "c", nil)),
            ("container", "kill", ["signal": "?"], .signalled(id: "c", 0)),
            ("container", "destroy", [:], .gone(id: "c")),
            ("container", "health_status: unhealthy", [:], .health(id: "c", .unhealthy)),
            ("container", "start", [:], .touched(id: "c")), ("container", "exec_die", [:], .nothing),
            ("network", "connect", ["container": "d"], .touched(id: "d")), ("network", "create", [:], .networks),
            ("image", "pull", [:], .nothing), ("container", "what later versions add", [:], .touched(id: "c")),
        ])
    func meanings(
        _ kind: String, _ action: String, _ attributes: [String: String], _ meaning: EngineEvent.Meaning
    ) {
        #expect(EngineEvent(kind: kind, action: action, id: "c", attributes: attributes).meaning == meaning)
    }
}

/// SplitMix64: the same numbers for the same seed.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
