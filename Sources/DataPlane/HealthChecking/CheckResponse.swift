import Contract
import HTTP
import HTTP1

/// Reads the answer to one check: bytes in, a result and what becomes of the connection out. A value; it keeps no
/// bytes.
///
///     head ──final head──► body ──end, fault or enough of it──► done
///
/// The result may be there before the end: with a head whose status is wrong, or once the text was found. What follows
/// is read on a while, so that the connection can serve the next check.
struct CheckResponse: Sendable {
    /// Bytes of the body that are read at most: the text must be among them, and a connection behind a longer body is
    /// not kept.
    static let bodyLimit = 65_536
    /// Interim heads (1xx) before the final one.
    static let interimLimit = 8
    /// What a head may cost; as much as one buffer holds.
    static let headBytes = 16_384
    static let limits = HeadLimits(headBytes: headBytes, fieldCount: 200, targetBytes: 8_192)

    private enum Phase: Sendable { case head, body, done }

    /// What becomes of the connection.
    enum Ending: Sendable {
        /// More is to come.
        case open
        /// The next request may follow.
        case reusable
        case mustClose
    }

    private var phase = Phase.head
    private(set) var result: CheckResult?
    private(set) var ending = Ending.open
    /// Whether anything at all has come.
    private(set) var hasBegun = false
    private var scanned = 0
    private var interims = 0
    private var keepsAlive = false
    private var decoder = BodyDecoder(.none)
    private var bodyBytes = 0
    private var matched: UInt16 = 0

    /// Takes what it can make sense of, and answers how many bytes that was; the rest is passed again with more behind
    /// it. To be called with all bytes that have come and were not taken.
    /// - Parameter head: scratch.
    mutating func read(_ bytes: Span<UInt8>, _ plan: CheckPlan, into head: inout ResponseHead) -> Int {
        if !bytes.isEmpty { hasBegun = true }
        var taken = 0
        while true {
            let rest = bytes.extracting(taken..<bytes.count)
            switch phase {
            case .head:
                guard let count = readHead(rest, plan, &head) else { return taken }
                taken &+= count
            case .body:
                guard let count = readBody(rest, plan) else { return taken }
                taken &+= count
            case .done:
                // Nobody asked for what comes behind the end.
                if !rest.isEmpty { ending = .mustClose }
                return bytes.count
            }
        }
    }

    /// Nothing more comes.
    mutating func finish() {
        switch phase {
        case .head: end(.closedEarly, .mustClose)
        case .body: end(decoder.endOfStream() ? .textMissing : .closedEarly, .mustClose)
        case .done: ending = .mustClose
        }
    }

    /// `nil`: more bytes are wanted.
    private mutating func readHead(_ bytes: Span<UInt8>, _ plan: CheckPlan, _ head: inout ResponseHead) -> Int? {
        switch parseResponseHead(bytes, resumingAt: scanned, limits: Self.limits, to: plan.method, into: &head) {
        case .incomplete(let count):
            scanned = count
            return nil
        case .refused(let error):
            end(.malformedHead(error), .mustClose)
            return bytes.count
        case .complete: break
        }
        scanned = 0
        if head.status < 200, head.status != 101 {
            interims &+= 1
            if interims > Self.interimLimit { end(.endlessInterims, .mustClose) }
            return head.byteCount
        }
        keepsAlive = head.keepAlive && head.status != 101
        decoder = BodyDecoder(head.framing)
        phase = .body
        if !plan.check.expect.contains(head.status) {
            result = .wrongStatus(head.status)
        } else if plan.text == nil {
            result = .passed
        }
        return head.byteCount
    }

    private mutating func readBody(_ bytes: Span<UInt8>, _ plan: CheckPlan) -> Int? {
        switch decoder.next(bytes) {
        case .data(let offset, let count, let consumed):
            let wanted = min(count, Self.bodyLimit &- bodyBytes)
            if result == nil, let text = plan.text,
                text.found(in: bytes.extracting(offset..<(offset &+ wanted)), matched: &matched)
            {
                result = .passed
            }
            bodyBytes &+= wanted
            if wanted < count {
                end(.textMissing, .mustClose)
            } else if bodyBytes == Self.bodyLimit, result == nil {
                result = .textMissing
            }
            return consumed
        case .trailer(_, _, let consumed): return consumed
        case .needMore(let consumed): return consumed == 0 ? nil : consumed
        case .end(let consumed):
            end(.textMissing, keepsAlive ? .reusable : .mustClose)
            return consumed
        case .refused(let error):
            end(.malformedBody(error), .mustClose)
            return bytes.count
        }
    }

    /// - Parameter result: what it is, unless that is known already.
    private mutating func end(_ result: CheckResult, _ ending: Ending) {
        if self.result == nil { self.result = result }
        self.ending = ending
        phase = .done
    }
}
