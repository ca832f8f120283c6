import Engine
import Kernel
import TestKit
import Testing

@testable import Proxy
@testable import Routing

private func terms(limit: UInt32 = 1_000, replies: UInt32 = 0, amplification: UInt32 = 0) -> SessionTerms {
    var terms = SessionTerms()
    (terms.idle, terms.limit, terms.replies, terms.amplification) = (1_000, limit, replies, amplification)
    return terms
}

private func key(_ number: UInt32, port: UInt16 = 1_000, listener: UInt16 = 0) -> SessionKey {
    let peer = SocketAddress(ipv4: number, port: port)
    return SessionKey(peer: peer, client: peer, local: nil, listener: listener)
}

/// A book that may be asked within an expectation, which wants copies of what it is told.
private final class Shelf {
    private var book: SessionBook

    init(capacity: Int = 100, secret: (UInt64, UInt64) = (1, 2)) {
        book = SessionBook(capacity: capacity, secret: secret)
    }

    var count: Int { book.count }
    var tableBytes: Int { book.tableBytes }
    func count(of route: UInt32) -> Int { book.count(of: route) }
    func tag(of key: SessionKey) -> UInt32 { book.tag(of: key) }
    func find(_ key: SessionKey) -> UInt32 { book.find(key, tag: book.tag(of: key)) }

    func admit(_ key: SessionKey, route: UInt32 = 0, now: UInt64 = 0, _ terms: SessionTerms = terms()) -> UInt32? {
        book.admit(
            Session(key: key, tag: book.tag(of: key), destination: key.peer, route: route, terms: terms, now: now))
    }

    func retire(_ place: UInt32) { book.retire(place) }
    func reclaim() { book.reclaim() }
    func trust(_ place: UInt32) { book.trust(place) }
    func move(_ place: UInt32, to route: UInt32) { book.move(place, to: route) }
    func oldest(of route: UInt32, since time: UInt64) -> UInt32? { book.oldestStranger(of: route, silentSince: time) }

    subscript(place: UInt32) -> Session {
        get { book.sessions[place] }
        set { book.sessions[place] = newValue }
    }

    var taken: [UInt32] { (0..<book.sessions.extent).filter { book.sessions.isTaken($0) } }
}

@Suite("The book of sessions")
struct SessionBookTests {
    @Test("finds what was put in and nothing else, whatever comes and goes", arguments: [1, 2, 3, 4] as [UInt64])
    func model(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let book = Shelf(capacity: 5_000, secret: (seed, 7))
        var model: [UInt32: UInt32] = [:]
        // Grows, then shrinks, then both.
        for step in 0..<30_000 {
            let grows = step < 10_000 ? 80 : step < 20_000 ? 20 : 50
            let number = UInt32.random(in: 0..<6_000, using: &random)
            let key = key(number / 4, port: UInt16(number % 4))
            let found = book.find(key)
            #expect(found == model[number] ?? Session.nobody, "seed \(seed), step \(step)")
            if Int.random(in: 0..<100, using: &random) < grows {
                guard found == Session.nobody else { continue }
                let place = book.admit(key, route: number % 3)
                #expect((place == nil) == (model.count == 5_000))
                if let place { model[number] = place }
            } else if let place = model.removeValue(forKey: number) {
                book.retire(place)
                book.reclaim()
            }
            #expect(book.count == model.count)
        }
        #expect(book.count(of: 0) + book.count(of: 1) + book.count(of: 2) == model.count)
        for place in model.values { book.retire(place) }
        #expect(book.count == 0 && book.tableBytes == SessionBook.leastPlaces * 8)
    }

    @Test("each part of a key counts")
    func keys() throws {
        let book = Shelf()
        let one = key(1)
        var others = [one, one, one, one, one, one, one]
        others[0].peer.port = 9
        others[1].client.port = 9
        others[2].client = SocketAddress(ipv4: 9, port: 1_000)
        others[3].local = SocketAddress(ipv4: 9, port: 0)
        others[4].listener = 9
        others[5].peer = SocketAddress(ipv6High: 0, low: 1, port: 1_000)
        others[6].local = SocketAddress(ipv6High: 0, low: 9, port: 0)
        let first = try #require(book.admit(one))
        for other in others { #expect(book.find(other) == Session.nobody) }
        for other in others { _ = try #require(book.admit(other)) }
        #expect(book.find(one) == first)
        #expect(Set(others.map { book.tag(of: $0) } + [book.tag(of: one)]).count == 8)
    }

    @Test("without the secret nobody can tell where a key stands")
    func secret() {
        let (one, other) = (SessionHash(secret: (1, 2)), SessionHash(secret: (1, 3)))
        let keys = (0..<1_000).map { key(UInt32($0)) }
        #expect(keys.count { one.tag(of: $0) & 255 == other.tag(of: $0) & 255 } < 30)
        // And it spreads them: of 256 homes few stay empty.
        #expect(Set(keys.map { one.tag(of: $0) & 255 }).count > 240)
    }

    @Test("strangers go in the order they came, those still spoken to later, those who answered never")
    func line() throws {
        let book = Shelf()
        let places = try (0..<5).map { number in
            try #require(book.admit(key(UInt32(number)), now: UInt64(number)))
        }
        book.trust(places[0])
        book.trust(places[0])
        book[places[1]].moved = 50
        #expect(book.oldest(of: 0, since: 10) == places[2])
        book.retire(places[2])
        #expect(book.oldest(of: 0, since: 10) == places[3])
        #expect(book.oldest(of: 0, since: 2) == nil)
        book.move(places[3], to: 7)
        #expect(book.oldest(of: 7, since: 10) == places[3])
        #expect(book.oldest(of: 0, since: 10) == places[4])
        book.move(places[0], to: 7)
        #expect(book.count(of: 0) == 2 && book.count(of: 7) == 2)
        book.retire(places[3])
        #expect(book.oldest(of: 7, since: 99) == nil)
        book.move(places[4], to: Session.nobody)
        #expect(book.count(of: 0) == 1)
        for place in [places[0], places[1], places[4]] { book.retire(place) }
        #expect(book.count(of: 0) == 0 && book.count(of: 7) == 0)
        #expect(book.oldest(of: 99, since: 99) == nil)
    }
}

@Suite("What a client may be sent")
struct SessionCreditTests {
    @Test("no more than the multiple of its bytes until it answers, and then all", arguments: [5, 6, 7] as [UInt64])
    func multiple(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            var credit = SessionCredit()
            let terms = terms(amplification: UInt32.random(in: 1...20, using: &random))
            var (received, sent, hasAnswered) = (0, 0, false)
            for _ in 0..<20 {
                let (datagrams, segment) = (
                    Int.random(in: 1...64, using: &random), Int.random(in: 0...900, using: &random)
                )
                let last = segment == 0 ? 0 : Int.random(in: 1...segment, using: &random)
                let bytes = segment * (datagrams - 1) + last
                if Bool.random(using: &random) {
                    let isNews = credit.receive(datagrams, bytes: bytes)
                    #expect(isNews == (sent > 0 && !hasAnswered))
                    hasAnswered = hasAnswered || sent > 0
                    received += bytes + 28 * datagrams
                } else {
                    let allowed = credit.admit(datagrams, bytes: bytes, segment: segment, terms)
                    #expect((0...datagrams).contains(allowed))
                    sent += (allowed == datagrams ? bytes : allowed * segment) + 28 * allowed
                    if hasAnswered {
                        #expect(allowed == datagrams)
                    } else {
                        #expect(sent <= received * Int(terms.amplification), "seed \(seed)")
                        // Nor less than it may have.
                        let next = allowed + 1 == datagrams ? last : segment
                        if allowed < datagrams {
                            #expect(sent + next + 28 > received * Int(terms.amplification), "seed \(seed)")
                        }
                    }
                }
                #expect(credit.isValidated == hasAnswered)
            }
        }
    }

    @Test("as many replies as its datagrams are worth")
    func replies() {
        var credit = SessionCredit()
        let terms = terms(replies: 2)
        var isNews = credit.receive(3, bytes: 30)
        #expect(!isNews && !credit.isComplete(terms))
        var allowed = credit.admit(4, bytes: 40, segment: 10, terms)
        #expect(allowed == 4 && !credit.isComplete(terms))
        allowed = credit.admit(5, bytes: 41, segment: 10, terms)
        #expect(allowed == 2 && credit.isComplete(terms) && credit.sentCount == 6 && credit.sentBytes == 60)
        isNews = credit.receive(1, bytes: 0)
        #expect(isNews && !credit.isComplete(terms))
    }

    @Test("numbers at the end of their range stay there")
    func extremes() {
        var credit = SessionCredit()
        var terms = terms(replies: .max, amplification: .max)
        for _ in 0..<10 {
            _ = credit.receive(Int.max / 4, bytes: Int.max / 4)
            _ = credit.admit(Int.max / 4, bytes: Int.max / 4, segment: 1, terms)
        }
        terms.replies = 0
        #expect(!credit.isComplete(terms))
    }
}

/// A listener's clients, its limit and its time, without sockets: what the worker does with book and credit, turn by
/// turn, against a model of who is in.
@Suite("Sessions over a simulated day")
struct SessionDayTests {
    @Test(
        "limits hold, nobody who answered is put out, and all of it comes again",
        arguments: 1...12 as ClosedRange<UInt64>)
    func day(_ seed: UInt64) throws {
        #expect(try run(seed) == run(seed))
    }

    private struct Outcome: Equatable {
        var begun = 0, evicted = 0, refused = 0, idle = 0, withheld = 0, delivered = 0
    }

    private func run(_ seed: UInt64) throws -> Outcome {
        var random = SeededGenerator(seed: seed)
        let terms = terms(
            limit: UInt32.random(in: 3...40, using: &random), replies: seed % 3 == 0 ? 1 : 0, amplification: 4)
        let book = Shelf(secret: (seed, 1))
        var outcome = Outcome()
        var now: UInt64 = 10_000
        var answered: Set<UInt32> = []
        for step in 0..<4_000 {
            now += UInt64.random(in: 0...40, using: &random)
            // A few clients that hold conversations, and a flood of strangers.
            let number = Bool.random(using: &random) ? UInt32.random(in: 0..<5, using: &random) : UInt32(step + 100)
            let key = key(number)
            var index = book.find(key)
            if index == Session.nobody {
                if book.count(of: 0) >= Int(terms.limit) {
                    guard let stranger = book.oldest(of: 0, since: now - 200) else {
                        outcome.refused += 1
                        continue
                    }
                    #expect(!answered.contains(stranger), "seed \(seed), step \(step)")
                    book.retire(stranger)
                    outcome.evicted += 1
                }
                index = try #require(book.admit(key, now: now, terms))
                outcome.begun += 1
                answered.remove(index)
            }
            book[index].moved = now
            if book[index].credit.receive(1, bytes: 20) {
                book.trust(index)
                answered.insert(index)
            }
            if Bool.random(using: &random) {
                let size = Int.random(in: 0...400, using: &random)
                let allowed = book[index].credit.admit(1, bytes: size, segment: size, terms)
                outcome.delivered += allowed
                outcome.withheld += 1 - allowed
            }
            if book[index].credit.isComplete(terms) {
                book.retire(index)
                answered.remove(index)
            }
            for place in book.taken {
                guard now - book[place].moved > terms.idle else { continue }
                book.retire(place)
                answered.remove(place)
                outcome.idle += 1
            }
            book.reclaim()
            #expect(book.count <= Int(terms.limit), "seed \(seed), step \(step)")
        }
        return outcome
    }
}
