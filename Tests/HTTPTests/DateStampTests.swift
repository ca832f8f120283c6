import HTTP
import Testing

@Suite("Date field")
struct DateStampTests {
    @Test(
        "spells seconds since 1970 as RFC 9110 §5.6.7 has it",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),  // the RFC's own example
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (253_402_300_800, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (Int64.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (Int64.min, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ])
    func spelling(_ second: Int64, _ text: String) {
        var stamp = DateStamp()
        #expect(spelled(stamp.at(second)) == text)
    }

    @Test("a stamp that is kept goes forward and back")
    func kept() {
        var stamp = DateStamp()
        #expect(spelled(stamp.at(784_111_777)).hasSuffix("08:49:37 GMT"))
        #expect(spelled(stamp.at(784_111_778)).hasSuffix("08:49:38 GMT"))
        #expect(spelled(stamp.at(784_111_778)).hasSuffix("08:49:38 GMT"))
        #expect(spelled(stamp.at(784_111_777)).hasSuffix("08:49:37 GMT"))
    }

    @Test("reason phrases are there for what the proxy answers itself")
    func reasons() {
        #expect("\(statusText(200))" == "OK")
        #expect("\(statusText(431))" == "Request Header Fields Too Large")
        for code in [400, 404, 408, 413, 414, 417, 421, 429, 431, 500, 501, 502, 503, 504, 505] {
            #expect(!"\(statusText(code))".isEmpty)
        }
        #expect("\(statusText(299))".isEmpty)
        #expect("\(statusText(-1))".isEmpty)
    }

    private func spelled(_ text: [29 of UInt8]) -> String {
        String(decoding: text.indices.map { text[$0] }, as: UTF8.self)
    }
}
