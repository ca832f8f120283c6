import Contract
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("The waiting page", .timeLimit(.minutes(5)))
struct WaitingPageTests {
    private let page = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

    private func request(_ method: String, _ accept: String, _ body: String = "") -> String {
        "\(method) / HTTP/1.1\r\nHost: site.test\r\nAccept: \(accept)\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            + body
    }

    @Test("a browser gets it after a while and asks again on the same connection; a program waits on")
    func browser() throws {
        let upstream = try ScriptedUpstream.saying("x")
        let rules = holding([]) { ($0.wake, $0.page) = (20_000, 150) }
        try proxying(rules) { proxy throws in
            let (browser, program, poster) = (try proxy.client(), try proxy.client(), try proxy.client())
            try program.send(request("GET", "*/*"))
            try poster.send(request("POST", page, "abc"))
            for method in ["GET", "HEAD"] {
                try browser.send(request(method, page))
                let answer = try browser.response(toHead: method == "HEAD")
                #expect(answer.status == 503)
                #expect(answer["retry-after"] == "1")
                #expect(answer["content-type"] == "text/html; charset=utf-8")
                let refreshes = answer.text.contains("http-equiv=\"refresh\" content=\"1\"")
                #expect(refreshes == (method == "GET"))
            }
            #expect(proxy.tally.count(of: .waiting) == 2)
            #expect(try program.isQuiet(milliseconds: 10))
            #expect(try poster.isQuiet(milliseconds: 10))
            proxy.adopt(holding([upstream.endpoint]) { ($0.wake, $0.page) = (20_000, 150) })
            try browser.send(request("GET", page))
            for client in [browser, program, poster] {
                #expect(try client.response().text == "x")
                client.close()
            }
        }
    }

    @Test("without a time for the page a browser waits as others do")
    func off() throws {
        let rules = holding([]) { ($0.wake, $0.page) = (300, 0) }
        try proxying(rules) { proxy throws in
            #expect(try proxy.ask(request("GET", page)).text.contains("\(Proxy.Answer.noEndpoint.detail)"))
        }
    }
}
