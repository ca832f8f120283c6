import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("Heads and pipelines", .timeLimit(.minutes(5)))
struct PipeliningTests {
    @Test("a request cut in two at any byte is answered as if it were whole")
    func cuts() throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(site(upstream)) { proxy throws in
            let request = Array("POST /a?b HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\n\r\nhello".utf8)
            let client = try proxy.client()
            for place in 1..<request.count {
                try client.send(Array(request[..<place]))
                // The worker has seen the first part before the second is sent.
                try waitUntil("the first part was read") {
                    proxy.hasReadOfClients
                }
                try client.send(Array(request[place...]))
                let answer = try client.response()
                #expect(answer.status == 200 && answer.text == "hello", "cut at \(place)")
            }
        }
    }

    @Test("a response cut in two at any byte reaches the client whole")
    func responseCuts() throws {
        let response = Array(
            ("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "5\r\nhello\r\n0\r\n\r\n").utf8)
        let upstream = try ScriptedUpstream { peer, _ in
            while let request = try peer.request(), let place = Int(request.target.dropFirst()) {
                try peer.send(Array(response[..<place]))
                // The proxy's kernel has the first part alone for a moment.
                _ = try peer.isQuiet(milliseconds: 1)
                try peer.send(Array(response[place...]))
            }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for place in 1..<response.count {
                try client.send("GET /\(place) HTTP/1.1\r\nHost: site.test\r\n\r\n")
                let answer = try client.response()
                #expect(answer.status == 200 && answer.text == "hello", "cut at \(place)")
            }
            #expect(proxy.tally.status1xx.current == UInt64(response.count - 1))
        }
        #expect(upstream.acceptedCount == 1)
    }

    @Test("many requests in one segment are answered in their order, here and by the upstream")
    func order() throws {
        let upstream = try ScriptedUpstream.steady { ok($0.target + $0.text) }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            var requests = ""
            for number in 0..<200 {
                switch number % 4 {
                case 0: requests += "GET /\(number) HTTP/1.1\r\nHost: site.test\r\n\r\n"
                case 1: requests += "GET /\(number) HTTP/1.1\r\nHost: other.test\r\n\r\n"
                case 2: requests += "POST /\(number) HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\nabc"
                case _:
                    requests += "POST /\(number) HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                    requests += "3\r\nabc\r\n0\r\n\r\n"
                }
            }
            try client.send(Array(requests.utf8), reading: true)
            for number in 0..<200 {
                let answer = try client.response()
                switch number % 4 {
                case 0: #expect(answer.text == "/\(number)")
                case 1: #expect(answer.status == 404)
                case _: #expect(answer.text == "/\(number)abc")
                }
            }
        }
    }

    @Test("answers of every kind come in their order, and nothing behind the one that ends the connection is served")
    func errorsInTheMiddle() throws {
        let upstream = try ScriptedUpstream.steady { ok($0.target) }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            func get(_ target: String, _ fields: String = "") -> String {
                "GET \(target) HTTP/1.1\r\nHost: site.test\r\n\(fields)\r\n"
            }
            let good = get("/1") + get("/../2") + "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n" + get("/4")
            let bad = "POST /5 HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
            try client.send(good + bad + get("/6"))
            #expect(try client.response().text == "/1")
            expect(try client.response(), .badTarget)
            expect(try client.response(), .noRoute)
            #expect(try client.response().text == "/4")
            let last = try client.response()
            expect(last, .badRequest)
            #expect(last["connection"] == "close")
            #expect(try client.readToEnd().isEmpty)
            let another = try proxy.client()
            try another.send(get("/7") + get("/8", "Connection: close\r\n") + get("/9"))
            #expect(try another.response().text == "/7")
            #expect(try another.response().text == "/8")
            #expect(try another.readToEnd().isEmpty)
            let third = try proxy.client()
            try third.send(get("/10") + "GET / HTTP/1.1\r\nHost: site.test\r\nX : y\r\n\r\n" + get("/11"))
            #expect(try third.response().text == "/10")
            expect(try third.response(), .badRequest)
            #expect(try third.readToEnd().isEmpty)
        }
        let served = upstream.requests.map(\.target)
        #expect(!served.contains("/6") && !served.contains("/9") && !served.contains("/11"))
    }

    @Test("100,000 answers of our own to one pipeline take neither stack nor memory")
    func longPipeline() throws {
        try proxying([]) { proxy throws in
            let client = try proxy.client()
            let one = Array("GET / HTTP/1.1\r\nHost: x.test\r\n\r\n".utf8)
            let count = 100_000
            let box = PeerBox(client)
            let sent = try Signal()
            try NativeThread.start(named: "sender") {
                let block = Array((0..<1_000).map { _ in one }.joined())
                for _ in 0..<count / 1_000 { _ = try? box.peer.sendFromElsewhere(block) }
                sent.give()
            }
            var answers = 0
            var bytes = 0
            var mostLent = 0
            let size = try client.read(through: "\r\n\r\n").map {
                $0.count + Proxy.Answer.noRoute.problem.utf8.count
            }
            bytes = Int(try client.read(Proxy.Answer.noRoute.problem.utf8.count).count)
            answers = 1
            while answers < count {
                bytes = try client.read(try #require(size), "answer \(answers)").count
                answers += 1
                if answers % 5_000 == 0 {
                    mostLent = max(mostLent, proxy.books.used)
                }
            }
            #expect(bytes == size)
            #expect(mostLent <= 2)
            #expect(proxy.tally.requests.current == UInt64(count))
            #expect(sent.wait(Peer.patience))
        }
    }

    @Test("a client that asks much and reads nothing is held up, and then answered")
    func unread() throws {
        try proxying([]) { proxy throws in
            let client = try proxy.client()
            // Long enough that what the kernel holds of them has answers that it cannot hold.
            let one = Array("GET / HTTP/1.1\r\nHost: x.test\r\nX: \(String(repeating: "x", count: 200))\r\n\r\n".utf8)
            let block = Array((0..<100).map { _ in one }.joined())
            var sent = 0
            try waitUntil("answers are held up") {
                sent += client.offer(Array(block.dropFirst(sent % block.count)))
                return proxy.books.holders.contains("client out")
            }
            let whole = sent / one.count
            let head = try #require(try client.read(through: "\r\n\r\n"))
            let body = Proxy.Answer.noRoute.problem.utf8.count
            let rest = try client.read(body + (whole - 1) * (head.count + body), "answers")
            #expect(rest.suffix(body).text == Proxy.Answer.noRoute.problem)
            #expect(proxy.tally.requests.current == UInt64(whole))
        }
    }
}

extension Peer {
    /// For a second thread that does nothing but send: it touches none of what receiving uses.
    func sendFromElsewhere(_ bytes: [UInt8]) throws {
        var done = 0
        let deadline = Deadline(Peer.patience)
        while done < bytes.count {
            switch Socket.send(socket, bytes.span.extracting(done..<bytes.count)) {
            case .bytes(let count): done += count
            case .wouldBlock:
                guard deadline.left > 0 else { throw PeerFault.late("room") }
                pause()
            case .endOfStream, .failed: throw PeerFault.ended("sending")
            }
        }
    }
}
