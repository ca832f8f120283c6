import HTTP
import HTTP1
import Testing

/// Heads of all kinds; what each comes to is tested elsewhere.
private let requests = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\n\r\nGET /index.html?x=y HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n"
        + "X-Long-Name-Of-A-Field: \t v \t\r\n\r\nrest",
    "POST http://example.com:80/a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\nabc",
    "OPTIONS * HTTP/1.0\r\nHost: [::1]:80\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\n\r\n",
    "PUT /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n5\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n\r\n",
    "DELETE /a HTTP/1.1\r\nHost: a\r\nA:\r\nB: \r\nC:\t\r\nD: \tü\r\n\r\n",
]

private let responses = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200\r\n\r\n",
    "HTTP/1.0 301 Moved Permanently\r\nLocation: http://a/\r\nConnection: keep-alive\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}",
    "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: c=d\r\n\r\n0\r\n\r\n",
]

@Suite("Heads in pieces")
struct CutTests {
    @Test("a request reads the same whichever way the bytes are cut", arguments: requests)
    func request(_ text: String) {
        let bytes = Array(text.utf8)
        let whole = readRequest(bytes)
        #expect(whole.head != nil)
        for cut in 0...bytes.count {
            #expect(readRequest(bytes, cuts: [cut]) == whole, "cut at \(cut)")
        }
        #expect(readRequest(bytes, cuts: Array(0..<bytes.count)) == whole)
        for step in 2...17 {
            #expect(readRequest(bytes, cuts: Array(stride(from: 0, to: bytes.count, by: step))) == whole)
        }
    }

    @Test(
        "a name with an underscore is kept, dropped or refused, however the bytes are cut; a response keeps it",
        arguments: [UnderscorePolicy.keep, .drop, .refuse])
    func underscores(_ policy: UnderscorePolicy) {
        let fields =
            "X-A: 1\r\nX_A: 2\r\nContent_Length: 3\r\n_: 4\r\nA-Name-Of-More-Than-16_Bytes: 5\r\nX-B: _\r\n\r\n"
        let limits = HeadLimits(underscores: policy)
        let request = Array(("GET / HTTP/1.1\r\nHost: a\r\n" + fields).utf8)
        for cuts in [[]] + request.indices.map({ [$0] }) + [Array(request.indices)] {
            let read = readRequest(request, cuts: cuts, limits: limits)
            guard policy != .refuse else {
                #expect(read == .refused(.underscoreInName))
                continue
            }
            let dropped = read.head?.fields.filter(\.dropped).map(\.value)
            #expect(dropped == (policy == .drop ? ["2", "3", "4", "5"] : []))
            #expect(read.head?.framing == BodyFraming.none && read.head?.fields.count == 7)
        }
        #expect(
            readResponse("HTTP/1.1 200 OK\r\n" + fields, limits: limits).head?.fields.contains(where: \.dropped)
                == false)
    }

    @Test("a response reads the same whichever way the bytes are cut", arguments: responses)
    func response(_ text: String) {
        let bytes = Array(text.utf8)
        let whole = readResponse(bytes)
        #expect(whole.head != nil)
        for cut in 0...bytes.count {
            #expect(readResponse(bytes, cuts: [cut]) == whole, "cut at \(cut)")
        }
        #expect(readResponse(bytes, cuts: Array(0..<bytes.count)) == whole)
    }

    @Test("no part of a good head is refused, and none short of it is complete", arguments: requests)
    func prefixes(_ text: String) {
        let bytes = Array(text.utf8)
        let count = readRequest(bytes).head?.byteCount ?? 0
        for end in 0..<count { #expect(readRequest(Array(bytes.prefix(end))) == .incomplete) }
        #expect(readRequest(Array(bytes.prefix(count))).head?.byteCount == count)
    }

    @Test("no part of a good response head is refused, and none short of it is complete", arguments: responses)
    func responsePrefixes(_ text: String) {
        let bytes = Array(text.utf8)
        let count = readResponse(bytes).head?.byteCount ?? 0
        for end in 0..<count { #expect(readResponse(Array(bytes.prefix(end))) == .incomplete) }
    }

    @Test("a fault in a line is told at the latest when the line ends")
    func earlyFaults() {
        // Nothing behind the faulty line has come, and the line came byte by byte.
        for text in ["GET / HTTP/1.1\n", "G@T / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nX : y\r\n", "\u{16}", "GET /\u{0}"] {
            let bytes = Array(text.utf8)
            #expect(readRequest(bytes, cuts: Array(0..<bytes.count)).error != nil, "\(text.debugDescription)")
        }
    }

    @Test("a hint that no parser gave does no harm", arguments: [-1, 1, 3, 1000, Int.max, Int.min])
    func strangeHint(_ hint: Int) {
        var head = RequestHead()
        let empty: [UInt8] = []
        let progress = parseRequestHead(empty.span, resumingAt: hint, limits: HeadLimits(), into: &head)
        #expect(progress == .incomplete(scanned: 0))
    }

    @Test("random changes of good requests never read differently when cut", arguments: 0..<40 as Range<UInt64>)
    func mutations(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        for text in requests {
            var bytes = Array(text.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = random.byte()
            }
            // An unfinished line at the end would leave open when its fault is told.
            bytes += Array("\r\n\r\n".utf8)
            let whole = readRequest(bytes)
            let cuts = (0..<4).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
            #expect(readRequest(bytes, cuts: cuts) == whole, "seed \(seed), cuts \(cuts), \(bytes)")
            #expect(readRequest(bytes, cuts: Array(0..<bytes.count)) == whole, "seed \(seed), \(bytes)")
        }
    }
}

/// A small generator whose sequence is the same everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A byte that HTTP/1 gives a meaning more often than another.
    mutating func byte() -> UInt8 {
        let marked = Array("\r\n\t :,;=0aZ\u{0}\u{7F}[]/?#".utf8)
        return Bool.random(using: &self)
            ? marked[Int.random(in: marked.indices, using: &self)] : UInt8.random(in: 0...255, using: &self)
    }
}
