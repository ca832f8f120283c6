import Foundation
import KontainersConfiguration
import Testing

@testable import Docker

@Suite("What containers write and use")
struct ContainerDeskTests {
    private func frame(_ stream: UInt8, _ text: String) -> [UInt8] {
        let count = text.utf8.count
        return [
            stream, 0, 0, 0, UInt8(count >> 24), UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255),
        ]
            + Array(text.utf8)
    }

    @Test("lines of both streams, the same however the bytes are cut")
    func demultiplexed() {
        let bytes =
            frame(1, "2026-12-01T00:00:00.123456789Z hello\n") + frame(2, "2026-12-01T00:00:01Z ERROR: b")
            + frame(1, "2026-12-01T00:00:02Z warning ahead\r\nplain") + frame(2, "oom\n") + frame(1, "")
            + frame(1, " end")
        var whole = LogReader("c", isTerminal: false)
        let wanted = whole.read(bytes) + whole.finish()
        #expect(wanted.map(\.message) == ["hello", "warning ahead", "ERROR: boom", "plain end"])
        #expect(wanted.map(\.level) == [.info, .warn, .error, .info])
        #expect(wanted[0].timestamp == 1_796_083_200_123)
        for cut in bytes.indices {
            var reader = LogReader("c", isTerminal: false)
            let entries = reader.read(bytes[..<cut]) + reader.read(bytes[cut...]) + reader.finish()
            #expect(entries == wanted, "cut at \(cut)")
        }
        var terminal = LogReader("c", isTerminal: true)
        #expect(terminal.read(Array("a\r\nb\n".utf8)).map(\.message) == ["a", "b"])
    }

    @Test("a line without an end takes no more than a piece at a time")
    func endless() {
        var reader = LogReader("c", isTerminal: true)
        let entries = reader.read(Array(repeating: UInt8(ascii: "x"), count: 5 * LogReader.lineLimit))
        #expect(entries.count == 4 && entries.allSatisfy { $0.message.utf8.count == LogReader.lineLimit })
        var broken = LogReader("c", isTerminal: false)
        #expect(broken.read([1, 0, 0, 0, 255, 255, 255, 255, 65]).isEmpty)
    }

    @Test("percentages as docker stats counts them, and memory without what would be given back")
    func readings() throws {
        func sample(_ total: Int, _ system: Int, _ received: Int) throws -> JSONValue {
            let text = """
                {"read":"2026-12-01T00:00:0\(system / 1_000_000_000).000000000Z",
                "cpu_stats":{"cpu_usage":{"total_usage":\(total),
                "usage_in_kernelmode":\(total / 4),"usage_in_usermode":\(total / 4 * 3)},"system_cpu_usage":\(system),
                "online_cpus":2},"memory_stats":{"usage":1000,"limit":4000,"stats":{"inactive_file":200,"file":300}},
                "networks":{"eth0":{"rx_bytes":\(received),"tx_bytes":5,"rx_packets":3},"eth1":{"rx_bytes":1}},
                "blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":7},{"op":"write","value":9}]},
                "pids_stats":{"current":4}}
                """
            return try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        }
        let first = ContainerReadings.Sample(try sample(0, 1_000_000_000, 10), at: 1_796_083_201_000)
        let readings = ContainerReadings(
            "c", try sample(500_000_000, 3_000_000_000, 2_010), since: first, at: 0)
        #expect(readings.cpuUsage == 50 && readings.cpuKernelUsage == 12.5 && readings.cpuUserUsage == 37.5)
        #expect(readings.memoryUsage == 800 && readings.memoryUsagePercentage == 20 && readings.memoryCache == 300)
        #expect(readings.networkRx == 2_011 && readings.networkThroughput == 1_000 && readings.networkPacketsRx == 3)
        #expect(readings.blockRead == 7 && readings.blockWrite == 9 && readings.pids == 4)
        #expect(ContainerReadings("c", .null, since: first, at: 9).cpuUsage == 0)
    }

    @Test(
        "what may be mounted",
        arguments: [
            ("data", [], true), ("/srv/a", [], false), ("/srv/a", ["/srv"], true), ("/srv", ["/srv"], true),
            ("/srv/../etc", ["/srv"], false), ("/srvx", ["/srv"], false), ("/srv/./b//c", ["/srv/b"], true),
            ("/var/run/docker.sock", ["/"], false), ("/anything", ["/"], true),
        ] as [(String, [String], Bool)])
    func policy(source: String, paths: [String], isAllowed: Bool) throws {
        let text = #"{"image":"x","volumes":[{"source":"\#(source)","destination":"/d","mode":"rw"}]}"#
        let request = try JSONDecoder().decode(ContainerRequest.self, from: Data(text.utf8))
        #expect(request.faults(allowing: paths).isEmpty == isAllowed)
    }

    @Test("a network of the host or of another container is none of its own")
    func networks() throws {
        for network in ["host", "container:other"] {
            let text = #"{"image":"x","network":"\#(network)"}"#
            let request = try JSONDecoder().decode(ContainerRequest.self, from: Data(text.utf8))
            #expect(request.faults(allowing: ["/"]).map(\.pointer) == ["/network"])
        }
    }

    @Test("times of engines")
    func times() {
        #expect(EngineTime.milliseconds("1970-01-01T00:00:00Z") == 0)
        #expect(EngineTime.milliseconds("2000-02-29T12:34:56.789Z") == 951_827_696_789)
        #expect(EngineTime.milliseconds("2026-12-01T00:00:00.5+01:00") == 1_796_083_200_500)
        for text in ["", "now", "2026-13-01T00:00:00Z", "--", "2026-12-01"] {
            #expect(EngineTime.milliseconds(text) == nil, "\(text)")
        }
    }
}
