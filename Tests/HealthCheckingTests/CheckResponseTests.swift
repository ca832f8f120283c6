import Contract
import HTTP1
import Testing

@testable import HealthChecking

private struct Reading: Equatable {
    var result: CheckResult?
    var ending: CheckResponse.Ending
}

/// What comes of an answer that arrives in these pieces.
private func read(_ pieces: [[UInt8]], _ plan: CheckPlan, ends: Bool) -> Reading {
    var head = ResponseHead()
    var response = CheckResponse()
    var waiting: [UInt8] = []
    for piece in pieces where response.ending == .open {
        waiting += piece
        let taken = response.read(waiting.span, plan, into: &head)
        waiting.removeFirst(taken)
    }
    if ends, response.ending == .open { response.finish() }
    return Reading(result: response.result, ending: response.ending)
}

private func plan(_ text: String? = nil, _ method: HealthCheck.Method = .get) -> CheckPlan {
    CheckPlan(
        check {
            $0.body = text
            $0.method = method
        })
}

private func chunked(_ texts: String...) -> String {
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + texts.map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }.joined() + "0\r\nX-T: 1\r\n\r\n"
}

@Suite("The answer to a check")
struct CheckResponseTests {
    private static let cases: [(String, String?, Bool, CheckResult, CheckResponse.Ending)] = [
        (content, nil, false, .passed, .reusable),
        ("HTTP/1.1 100 Continue\r\n\r\n" + content, nil, false, .passed, .reusable),
        ("HTTP/1.0 200 OK\r\n\r\nfine", nil, true, .passed, .mustClose),
        ("HTTP/1.0 200 OK\r\n\r\nall is fine", "is fi", true, .passed, .mustClose),
        ("HTTP/1.0 200 OK\r\n\r\nall is bad", "is fi", true, .textMissing, .mustClose),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\naababaabc", "abaabc", false, .passed, .reusable),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\naababaabd", "abaabc", false, .textMissing, .reusable),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\naaba", "abaabc", true, .closedEarly, .mustClose),
        (chunked("I am he", "althy", "!"), "healthy", false, .passed, .reusable),
        (chunked("I am", "sick"), "healthy", false, .textMissing, .reusable),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", "a", false,
            .malformedBody(.chunkSizeMalformed), .mustClose
        ),
        ("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nok", "ok", false, .wrongStatus(500), .reusable),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", nil, false, .passed, .mustClose),
        (content + "more", nil, false, .passed, .mustClose),
        ("HTTP/1.1 101 Up\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", nil, false, .wrongStatus(101), .mustClose),
    ]

    @Test("is the same however it is cut", arguments: cases.indices)
    func cuts(_ index: Int) {
        let (answer, text, ends, result, ending) = Self.cases[index]
        let bytes = Array(answer.utf8)
        let wanted = Reading(result: result, ending: ending)
        let plan = plan(text)
        #expect(read([bytes], plan, ends: ends) == wanted)
        // What comes behind the end is seen only if it is there when the end is.
        let isLong = answer.hasSuffix("okmore")
        if !isLong { #expect(read(bytes.map { [$0] }, plan, ends: ends) == wanted, "byte by byte") }
        for cut in bytes.indices where !isLong {
            #expect(
                read([Array(bytes[..<cut]), Array(bytes[cut...])], plan, ends: ends) == wanted, "cut at \(cut)")
        }
    }

    @Test("HEAD has no body, so no text either")
    func head() {
        let bytes = Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".utf8)
        #expect(read([bytes], plan(nil, .head), ends: false) == Reading(result: .passed, ending: .reusable))
        #expect(read([bytes], plan("a", .head), ends: false) == Reading(result: .textMissing, ending: .reusable))
    }

    @Test("the text counts within the first 64 KiB", arguments: [-1, 0, 1])
    func bodyLimit(_ beyond: Int) {
        let size = CheckResponse.bodyLimit + beyond
        let bytes = Array("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n".utf8)
        let body = [UInt8](repeating: 0x2e, count: size - 3) + Array("end".utf8)
        let reading = read([bytes, body], plan("end"), ends: false)
        #expect(reading.result == (beyond > 0 ? .textMissing : .passed))
        #expect(reading.ending == (beyond > 0 ? .mustClose : .reusable))
    }

    @Test("a head is as long as it may be, and not longer", arguments: [0, 1])
    func headLimit(_ beyond: Int) {
        let start = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "
        let filling = CheckResponse.headBytes + beyond - start.utf8.count - 4
        let bytes = Array((start + String(repeating: "a", count: filling) + "\r\n\r\n").utf8)
        let reading = read([bytes], plan(), ends: false)
        #expect(reading.result == (beyond > 0 ? .malformedHead(.headTooLarge) : .passed))
    }

    @Test("interim heads are counted", arguments: [0, 1])
    func interims(_ beyond: Int) {
        let interim = "HTTP/1.1 103 Early Hints\r\n\r\n"
        let answer = String(repeating: interim, count: CheckResponse.interimLimit + beyond) + content
        let reading = read([Array(answer.utf8)], plan(), ends: false)
        #expect(reading.result == (beyond > 0 ? .endlessInterims : .passed))
    }

    @Test("the text is found across any cuts, as a plain search finds it", arguments: 1...50)
    func search(_ seed: UInt64) {
        var state = seed
        func draw(_ limit: UInt64) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % limit)
        }
        let text = (0..<(1 + draw(6))).map { _ in UInt8(97 + draw(2)) }
        let bytes = (0..<60).map { _ in UInt8(97 + draw(2)) }
        let isThere = (0...(bytes.count - text.count)).contains { Array(bytes[$0..<($0 + text.count)]) == text }
        let search = TextSearch(text)
        var (matched, found, place): (UInt16, Bool, Int) = (0, false, 0)
        while place < bytes.count, !found {
            let end = min(bytes.count, place + 1 + draw(5))
            found = search.found(in: Array(bytes[place..<end]).span, matched: &matched)
            place = end
        }
        #expect(found == isThere)
    }
}
