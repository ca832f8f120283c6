import HTTP
import HTTP1
import Testing

@Suite("Response head")
struct ResponseHeadTests {
    @Test("an ordinary response")
    func whole() throws {
        let text = "HTTP/1.1 404 Not Found\r\nServer: x\r\nContent-Length: 3\r\nConnection: X-A\r\nX-A: 1\r\n\r\n"
        let head = try #require(readResponse(text + "abc").head)
        #expect(head.status == 404 && head.version == .http11 && head.reason == "Not Found")
        #expect(head.framing == .length(3) && head.keepAlive && head.byteCount == text.utf8.count)
        #expect(head.fields.map(\.name) == ["Server", "Content-Length", "Connection", "X-A"])
        #expect(head.fields.filter(\.dropped).map(\.name) == ["Connection", "X-A"])
    }

    @Test("a reason may be missing, with its space or without, and hold bytes above 127 (RFC 9112 §4)")
    func reasons() throws {
        for (line, reason) in [("200", ""), ("200 ", ""), ("200 \tok ü ", "\tok ü "), ("200  x", " x")] {
            let head = try #require(readResponse("HTTP/1.1 \(line)\r\n\r\n").head)
            #expect(head.status == 200 && head.reason == reason)
        }
    }

    @Test(
        "status lines that are refused",
        arguments: [
            ("HTTP/1.1 20\r\n\r\n", HeadError.badStatus), ("HTTP/1.1 2000\r\n\r\n", .badStatus),
            ("HTTP/1.1 099 x\r\n\r\n", .badStatus), ("HTTP/1.1 000 x\r\n\r\n", .badStatus),
            ("HTTP/1.1 +20 x\r\n\r\n", .badStatus), ("HTTP/1.1  200 x\r\n\r\n", .badStatus),
            ("HTTP/1.1 200\tx\r\n\r\n", .badStatus), ("HTTP/1.1\r\n\r\n", .badVersion),
            ("HTTP/1.1\t200 x\r\n\r\n", .badVersion), ("http/1.1 200 x\r\n\r\n", .badVersion),
            ("HTTP/2.0 200 x\r\n\r\n", .unsupportedVersion), ("HTTP/1.1 200 a\u{0}\r\n\r\n", .badReason),
            ("HTTP/1.1 200 a\u{7F}\r\n\r\n", .badReason), ("HTTP/1.1 200 x\n\r\n", .bareLF),
            ("HTTP/1.1 200\n\r\n", .bareLF), ("HTTP/1.1 200 x\rY: z\r\n\r\n", .bareCR),
            ("\r\nHTTP/1.1 200 x\r\n\r\n", .badVersion), ("ICY 200 OK\r\n\r\n", .badVersion),
        ])
    func refusedLines(_ text: String, _ error: HeadError) {
        let bytes = Array(text.utf8)
        for cut in bytes.indices { #expect(readResponse(bytes, cuts: [cut]) == .refused(error), "cut at \(cut)") }
        #expect(readResponse(bytes, cuts: Array(bytes.indices)) == .refused(error))
    }

    @Test(
        "the end of the body, in the order of RFC 9112 §6.3",
        arguments: [
            (Method.get, "200", "", BodyFraming.untilClose, false),
            (.get, "200", "Content-Length: 5\r\n", .length(5), true),
            (.get, "200", "Content-Length: 0\r\n", .length(0), true),
            (.get, "200", "Transfer-Encoding: chunked\r\n", .chunked, true),
            (.get, "200", "Connection: close\r\nTransfer-Encoding: chunked\r\n", .chunked, false),
            (.head, "200", "", .none, true), (.head, "200", "Content-Length: 5\r\n", .none, true),
            (.head, "200", "Transfer-Encoding: chunked\r\n", .none, true),
            (.get, "304", "Content-Length: 5\r\n", .none, true), (.get, "204", "", .none, true),
            (.get, "204", "Content-Length: 0\r\n", .none, true),
            // Forbidden there; a body may follow nevertheless, so the connection is not used again.
            (.get, "204", "Content-Length: 5\r\n", .none, false),
            (.get, "204", "Transfer-Encoding: chunked\r\n", .none, false),
            (.get, "100", "", .none, true), (.post, "103", "Link: </a>\r\n", .none, true),
            (.get, "101", "Connection: upgrade\r\nUpgrade: websocket\r\n", .none, true),
            (.get, "999", "Content-Length: 1\r\n", .length(1), true),
        ])
    func framing(
        _ method: Method, _ status: String, _ lines: String, _ framing: BodyFraming, _ keepAlive: Bool
    ) throws {
        let head = try #require(readResponse("HTTP/1.1 \(status) x\r\n\(lines)\r\n", to: method).head)
        #expect(head.framing == framing && head.keepAlive == keepAlive)
        #expect(head.wantsUpgrade == (status == "101"))
        #expect(head.upgrade == (status == "101" ? "websocket" : ""))
    }

    @Test("HTTP/1.0 keeps the connection only when it says so and tells a length (RFC 9112 §9.3)")
    func oldVersion() throws {
        func keeps(_ lines: String) throws -> Bool {
            try #require(readResponse("HTTP/1.0 200 OK\r\n\(lines)\r\n").head).keepAlive
        }
        #expect(try !keeps("Content-Length: 5\r\n"))
        #expect(try keeps("Content-Length: 5\r\nConnection: keep-alive\r\n"))
        #expect(try !keeps("Connection: keep-alive\r\n"))
    }

    @Test(
        "framing that two recipients could read two ways is refused, also where there is no body",
        arguments: [
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", HeadError.contentLengthWithTransferEncoding),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", .contentLengthRepeated),
            ("Content-Length: 5, 5\r\n", .contentLengthMalformed),
            ("Transfer-Encoding: gzip, chunked\r\n", .transferEncodingUnknown),
            ("Transfer-Encoding: chunked, chunked\r\n", .transferEncodingRepeated),
            ("X: a\r\n b\r\n", .obsoleteFold), ("X : a\r\n", .whitespaceBeforeColon), ("X: a\n", .bareLF),
            ("X: \u{0}\r\n", .badFieldValue),
        ])
    func refusedFields(_ lines: String, _ error: HeadError) {
        for status in ["200", "204", "304"] {
            #expect(readResponse("HTTP/1.1 \(status) x\r\n\(lines)\r\n") == .refused(error))
        }
    }

    @Test("a Host field in a response means nothing")
    func hostInResponse() {
        #expect(readResponse("HTTP/1.1 200 OK\r\nHost: ,\r\nHost: x\r\nContent-Length: 0\r\n\r\n").head != nil)
    }
}
