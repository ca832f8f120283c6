import HTTP
import HTTP1

/// One field line as text, for comparison.
struct ReadField: Equatable {
    var name: String
    var value: String
    var known: KnownField
    var dropped: Bool
}

/// A request head as values that can be compared and outlive its bytes.
struct ReadRequest: Equatable {
    var method: Method
    var methodName: String
    var version: HTTPVersion
    var target: String
    var path: String
    var query: String
    var host: String
    var isAsterisk: Bool
    var isAbsolute: Bool
    var isAbsoluteHTTPS: Bool
    var framing: BodyFraming
    var keepAlive: Bool
    var expectsContinue: Bool
    var takesPages: Bool
    var wantsUpgrade: Bool
    var upgrade: String
    var byteCount: Int
    var fields: [ReadField]

    init(_ head: borrowing RequestHead, in bytes: [UInt8]) {
        method = head.method
        methodName = text(bytes, head.methodStart, head.methodEnd)
        version = head.version
        target = text(bytes, head.targetStart, head.targetEnd)
        path = text(bytes, head.pathStart, head.pathEnd)
        query = text(bytes, head.queryStart, head.queryEnd)
        host = text(bytes, head.hostStart, head.hostEnd)
        isAsterisk = head.isAsterisk
        isAbsolute = head.isAbsolute
        isAbsoluteHTTPS = head.isAbsoluteHTTPS
        framing = head.framing
        keepAlive = head.keepAlive
        expectsContinue = head.expectsContinue
        takesPages = head.takesPages
        wantsUpgrade = head.wantsUpgrade
        upgrade = text(bytes, head.upgradeStart, head.upgradeEnd)
        byteCount = head.byteCount
        fields = (0..<head.fieldCount).map { field(head[$0], in: bytes) }
    }
}

/// A response head as values that can be compared and outlive its bytes.
struct ReadResponse: Equatable {
    var status: Int
    var version: HTTPVersion
    var reason: String
    var framing: BodyFraming
    var keepAlive: Bool
    var wantsUpgrade: Bool
    var upgrade: String
    var byteCount: Int
    var fields: [ReadField]

    init(_ head: borrowing ResponseHead, in bytes: [UInt8]) {
        status = head.status
        version = head.version
        reason = text(bytes, head.reasonStart, head.reasonEnd)
        framing = head.framing
        keepAlive = head.keepAlive
        wantsUpgrade = head.wantsUpgrade
        upgrade = text(bytes, head.upgradeStart, head.upgradeEnd)
        byteCount = head.byteCount
        fields = (0..<head.fieldCount).map { field(head[$0], in: bytes) }
    }
}

enum Verdict<Head: Equatable>: Equatable {
    case complete(Head)
    case incomplete
    case refused(HeadError)

    var head: Head? { if case .complete(let head) = self { head } else { nil } }
    var error: HeadError? { if case .refused(let error) = self { error } else { nil } }
}

/// Feeds `bytes` up to each of `cuts`, which rise, then all of them, until the parser has decided.
func readRequest(_ bytes: [UInt8], cuts: [Int] = [], limits: HeadLimits = HeadLimits()) -> Verdict<ReadRequest> {
    var head = RequestHead()
    var scanned = 0
    for end in cuts + [bytes.count] {
        let part = bytes.span.extracting(first: end)
        switch parseRequestHead(part, resumingAt: scanned, limits: limits, into: &head) {
        case .complete: return .complete(ReadRequest(head, in: bytes))
        case .incomplete(let hint): scanned = hint
        case .refused(let error): return .refused(error)
        }
    }
    return .incomplete
}

func readRequest(_ text: String, limits: HeadLimits = HeadLimits()) -> Verdict<ReadRequest> {
    readRequest(Array(text.utf8), limits: limits)
}

/// As `readRequest`, for the response to a request with `method`.
func readResponse(
    _ bytes: [UInt8], to method: Method = .get, cuts: [Int] = [], limits: HeadLimits = HeadLimits()
) -> Verdict<ReadResponse> {
    var head = ResponseHead()
    var scanned = 0
    for end in cuts + [bytes.count] {
        let part = bytes.span.extracting(first: end)
        switch parseResponseHead(part, resumingAt: scanned, limits: limits, to: method, into: &head) {
        case .complete: return .complete(ReadResponse(head, in: bytes))
        case .incomplete(let hint): scanned = hint
        case .refused(let error): return .refused(error)
        }
    }
    return .incomplete
}

func readResponse(
    _ text: String, to method: Method = .get, limits: HeadLimits = HeadLimits()
) -> Verdict<ReadResponse> {
    readResponse(Array(text.utf8), to: method, limits: limits)
}

/// What a decoder made of a body.
struct ReadBody: Equatable {
    enum Outcome: Equatable {
        case ended, wantsMore
        case refused(BodyError)
    }

    var data: [UInt8] = []
    var trailers: [UInt8] = []
    var consumed = 0
    var outcome: Outcome = .wantsMore
}

/// Feeds `bytes` up to each of `cuts`, which rise, then all of them; what is not consumed is passed again.
func readBody(_ bytes: [UInt8], _ framing: BodyFraming, cuts: [Int] = []) -> ReadBody {
    var decoder = BodyDecoder(framing)
    var body = ReadBody()
    for end in cuts + [bytes.count] {
        var wantsMore = false
        while !wantsMore {
            switch decoder.next(bytes.span.extracting(body.consumed..<end)) {
            case .data(let offset, let count, let consumed):
                precondition(count > 0 && offset >= 0 && offset + count <= consumed)
                body.data += bytes[(body.consumed + offset)..<(body.consumed + offset + count)]
                body.consumed += consumed
            case .trailer(let offset, let count, let consumed):
                precondition(count > 0 && offset >= 0 && offset + count <= consumed)
                body.trailers += bytes[(body.consumed + offset)..<(body.consumed + offset + count)]
                body.consumed += consumed
            case .needMore(let consumed):
                body.consumed += consumed
                wantsMore = true
            case .end(let consumed):
                body.consumed += consumed
                body.outcome = .ended
                precondition(decoder.isFinished)
                return body
            case .refused(let error):
                body.outcome = .refused(error)
                // Where the fault was met depends on the cuts; that it was does not.
                body.consumed = 0
                body.trailers = []
                return body
            }
        }
    }
    return body
}

func readBody(_ text: String, _ framing: BodyFraming = .chunked) -> ReadBody {
    readBody(Array(text.utf8), framing)
}

private func text(_ bytes: [UInt8], _ start: Int, _ end: Int) -> String {
    String(decoding: bytes[start..<end], as: UTF8.self)
}

private func field(_ line: FieldLine, in bytes: [UInt8]) -> ReadField {
    ReadField(
        name: text(bytes, line.name.lowerBound, line.name.upperBound),
        value: text(bytes, line.value.lowerBound, line.value.upperBound),
        known: line.known, dropped: line.dropped)
}
