import HTTP1
import Testing

@Suite("What a client accepts")
struct AcceptTests {
    @Test(
        "browsers ask for pages",
        arguments: [
            "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "TEXT/HTML",
            " text/html ; charset=utf-8 ; q=0.5", "image/png, text/html", "text/html;q=0.001", ",,text/html",
            "text/html, application/json", "text/html;q=0x",
        ])
    func pages(_ value: String) {
        #expect(takesPages("Accept: \(value)\r\n") == true)
    }

    @Test(
        "programs do not",
        arguments: [
            "*/*", "", "application/json", "application/json, text/html", "application/problem+json,text/html",
            "text/htm", "text/html2", "text/html/x", "text/*", "text/html;q=0", "text/html; q=0.000", "text/plain",
            "json,text/html", ",",
        ])
    func programs(_ value: String) {
        #expect(takesPages("Accept: \(value)\r\n") == (value.hasPrefix("json,")))
    }

    @Test("several lines are one list, and other fields say nothing")
    func lines() {
        #expect(takesPages("Accept: image/png\r\nAccept: text/html\r\n") == true)
        #expect(takesPages("X-Accept: text/html\r\nContent-Type: text/html\r\n") == false)
        #expect(takesPages("") == false)
    }

    private func takesPages(_ fields: String) -> Bool? {
        readRequest(Array("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)).head?.takesPages
    }
}
