import Bytes
import Foundation
import Testing

@testable import Telemetry

@Suite("Moments as people write them")
struct CivilTimeTests {
    @Test(
        "known moments",
        arguments: [
            (0, "1970-01-01T00:00:00"), (951_782_400, "2000-02-29T00:00:00"), (951_868_799, "2000-02-29T23:59:59"),
            (951_868_800, "2000-03-01T00:00:00"), (1_078_012_800, "2004-02-29T00:00:00"),
            (1_709_164_800, "2024-02-29T00:00:00"), (1_735_689_599, "2024-12-31T23:59:59"),
            (1_735_689_600, "2025-01-01T00:00:00"), (2_147_483_648, "2038-01-19T03:14:08"),
            (4_107_542_399, "2100-02-28T23:59:59"), (4_107_542_400, "2100-03-01T00:00:00"),
            (253_402_300_799, "9999-12-31T23:59:59"),
        ] as [(UInt64, String)])
    func known(_ seconds: UInt64, _ text: String) {
        #expect(CivilTime(unixSeconds: seconds).description == text)
        var pool = BufferPool()
        let buffer = pool.take(.small)
        CivilTime(unixSeconds: seconds).append(to: buffer)
        #expect(String(decoding: [UInt8](copying: buffer.readable), as: UTF8.self) == text)
        pool.give(buffer)
    }

    @Test(
        "moments as Apache's logs write them",
        arguments: [
            (0, "01/Jan/1970:00:00:00 +0000"), (951_782_401, "29/Feb/2000:00:00:01 +0000"),
            (1_735_689_599, "31/Dec/2024:23:59:59 +0000"),
        ] as [(UInt64, String)])
    func common(_ seconds: UInt64, _ text: String) {
        var pool = BufferPool()
        let buffer = pool.take(.small)
        CivilTime(unixSeconds: seconds).append(commonTo: buffer)
        #expect(String(decoding: [UInt8](copying: buffer.readable), as: UTF8.self) == text)
        pool.give(buffer)
    }

    @Test("every day of four centuries agrees with another calendar")
    func days() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        for day in stride(from: 0, to: 146_097, by: 13) {
            let seconds = UInt64(day) * 86_400 + UInt64(day % 86_400)
            let wanted = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: Double(seconds)))
            let time = CivilTime(unixSeconds: seconds)
            #expect(time.year == wanted.year && time.month == wanted.month && time.day == wanted.day)
            #expect(time.hour == wanted.hour && time.minute == wanted.minute && time.second == wanted.second)
        }
    }
}

@Suite("Lines of the log")
struct LogTests {
    @Test(
        "plain values stay plain, others are quoted so that a line stays a line",
        arguments: [
            ("plain", "plain"), ("/a/b-c_d.e:80", "/a/b-c_d.e:80"), ("", "\"\""), ("two words", "\"two words\""),
            ("a=b", "\"a=b\""), ("say \"x\"", "\"say \\\"x\\\"\""), ("back\\slash", "back\\slash"),
            ("back\\slash and space", "\"back\\\\slash and space\""), ("new\nline", "\"new\\nline\""),
            ("\u{1b}[31m", "\"\\u{1b}[31m\""), ("\u{7f}", "\"\\u{7f}\""), ("é", "\"é\""),
            ("cr\r\nlf", "\"cr\\u{d}\\nlf\""),
        ])
    func quoting(_ value: String, _ text: String) {
        #expect(Log.quoted(value) == text)
        #expect(!Log.quoted(value).utf8.contains(10))
    }
}

@Suite("The stamp of a log line")
struct LogStampTests {
    @Test(
        "has three digits of the second",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (7_999_999, "1970-01-01T00:00:00.007Z"),
            (1_000_000_000, "1970-01-01T00:00:01.000Z"), (1_999_999_999, "1970-01-01T00:00:01.999Z"),
        ])
    func stamp(wall: UInt64, text: String) {
        #expect(Log.stamp(wall) == text)
    }
}

@Suite("Counters")
struct CounterTests {
    @Test("grow and shrink")
    func counting() {
        let counter = Counter()
        counter.add()
        counter.add(41)
        #expect(counter.current == 42)
        counter.subtract(40)
        counter.subtract()
        #expect(counter.current == 1)
    }
}
