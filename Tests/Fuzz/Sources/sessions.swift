import Balancing
import Engine
import Kernel
import Routing

/// Connections are numbered as sessions' neighbours are: this is all that a session wants of them.
enum Connection { static let nobody = UInt32.max }

/// What a worker does with its sessions, in any order that the input says: the book agrees with a plain dictionary, and
/// no client that was not seen to answer gets more than its rule allows.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSessions(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe input(start, count)
    guard bytes.count > 4 else { return 0 }
    var book = SessionBook(capacity: 64, secret: (UInt64(bytes[0]), UInt64(bytes[1])))
    var terms = SessionTerms.standard
    (terms.replies, terms.amplification) = (UInt32(bytes[2] & 3), UInt32(bytes[3] & 15))
    var model: [UInt32: UInt32] = [:]
    var now: UInt64 = 0
    var place = 4
    while place + 1 < bytes.count {
        let (step, number) = (bytes[place], UInt32(bytes[place + 1]))
        place += 2
        now += UInt64(step >> 4)
        let peer = SocketAddress(ipv4: number / 2, port: UInt16(number % 2))
        let key = SessionKey(peer: peer, client: peer, local: nil, listener: 0)
        let tag = book.tag(of: key)
        let found = book.find(key, tag: tag)
        expect(found == model[number] ?? Session.nobody, "found \(found), wanted \(String(describing: model[number]))")
        switch step & 7 {
        case 0, 1:
            guard found == Session.nobody else { continue }
            let session = Session(
                key: key, tag: tag, destination: peer, route: number % 3, terms: terms, now: now)
            let admitted = book.admit(session)
            expect((admitted == nil) == (model.count == 64), "\(model.count) sessions")
            model[number] = admitted
        case 2:
            guard found != Session.nobody else { continue }
            book.retire(found)
            book.reclaim()
            model[number] = nil
        case 3 where found != Session.nobody: book.trust(found)
        case 4 where found != Session.nobody: book.move(found, to: UInt32(step >> 5) % 3)
        case 5:
            if let oldest = book.oldestStranger(of: number % 3, silentSince: now) {
                expect(book.sessions[oldest].route == number % 3, "a session of another route")
                expect(book.sessions[oldest].isInLine, "a session that was seen to answer")
            }
        case 6 where found != Session.nobody:
            book.sessions[found].moved = now
            _ = book.sessions[found].credit.receive(1, bytes: Int(step))
        case _ where found != Session.nobody: answer(&book.sessions[found].credit, number, terms)
        case _: break
        }
        expect(book.count == model.count, "\(book.count) sessions, wanted \(model.count)")
        expect((0..<3).reduce(0) { $0 + book.count(of: $1) } == model.count, "routes that count otherwise")
    }
    return 0
}

private func answer(_ credit: inout SessionCredit, _ number: UInt32, _ terms: SessionTerms) {
    let (datagrams, segment) = (Int(number % 5) + 1, Int(number) * 7 + 1)
    let before = credit
    let admitted = credit.admit(datagrams, bytes: datagrams * segment, segment: segment, terms)
    expect((0...datagrams).contains(admitted), "\(admitted) of \(datagrams)")
    guard !before.isValidated, terms.amplification > 0 else { return }
    let own = credit.receivedBytes + credit.receivedCount * SessionCredit.headerBytes
    let sent = credit.sentBytes + credit.sentCount * SessionCredit.headerBytes
    expect(sent <= own * UInt64(terms.amplification), "\(sent) bytes for \(own)")
}
