import Bytes
import Engine
import HTTP
import HTTP1
import Kernel
import Passwords
import Routing
import Telemetry

// Who may ask, by name and password (RFC 7617). bcrypt takes a thousand times as long as a request, so it is computed
// on threads of its own: the exchange waits without an upstream, its request's head at the front of the client's input,
// and the answer comes through the inbox under the exchange's token. A client that is gone by then has taken its
// exchange along, and the answer finds nobody.

extension Worker {
    private enum Credentials {
        case absent
        /// More than one field, another scheme, no base 64, too long: never right.
        case malformed
        case given(user: UserPlace, nameCount: Int)
    }

    /// Whether the client may ask. If not, it was answered, or its password is being verified.
    func isSignedIn(_ index: UInt32, _ options: RouteOptions) -> Bool {
        let text = buffers.take(.small)
        defer { buffers.give(text) }
        switch readCredentials(index, options, into: text) {
        case .absent: answer(index, .unauthorized)
        case .malformed: refuseSignIn(index)
        case .given(let user, let nameCount):
            if user.isKnown, provenSecrets.contains(digest(index, user, text), now: loop.now) {
                tally.signInsRemembered.add()
                return true
            }
            verify(index, options, user, text.readable.extracting((nameCount &+ 1)..<text.count))
        }
        return false
    }

    /// An answer of the verifier's. The exchange may be gone.
    func verified(_ exchange: Token, _ isRight: Bool) {
        guard exchanges.holds(exchange), exchanges[exchange.index].requestPhase == .verifying else { return }
        let index = exchange.index
        exchanges[index].requestPhase = .streaming
        let options = options(index)
        guard isRight else { return refuseSignIn(index) }
        let address = clientAddress(index)
        tables[Int(exchanges[index].table)].revision?.table.rates?
            .giveTryBack(options, high: address.high, low: address.low, now: loop.now)
        tally.signInsVerified.add()
        // The scratch has held other heads since.
        guard let input = connections[exchanges[index].client].input,
            case .complete = parseRequestHead(
                input.readable, resumingAt: 0, limits: headLimits, into: &requestHead)
        else { return answer(index, .headTooLarge) }
        requestIDs.recall(exchanges[index].requestNumber)
        let text = buffers.take(.small)
        if case .given(let user, _) = readCredentials(index, options, into: text), user.isKnown {
            provenSecrets.insert(digest(index, user, text), now: loop.now)
        }
        buffers.give(text)
        applyRulesBehindSignIn(index, options)
        let view = tables[Int(exchanges[index].table)].view
        pass(index, view.route(RouteID(number: exchanges[index].route)))
    }

    /// Hands a password to the verifier's threads, when the client has a try left and they have time.
    private func verify(_ index: UInt32, _ options: RouteOptions, _ user: UserPlace, _ password: Span<UInt8>) {
        let address = clientAddress(index)
        let rates = tables[Int(exchanges[index].table)].revision?.table.rates
        if let wait = rates?.takeTry(options, high: address.high, low: address.low, now: loop.now), wait > 0 {
            return answer(index, .signInLimited, retryIn: wait)
        }
        let token = exchanges.token(index)
        let inbox = inbox
        let view = tables[Int(exchanges[index].table)].view
        let hash = [UInt8](copying: view.hash(of: user))
        let question = PasswordVerifier.Question(password: [UInt8](copying: password), hash: hash) {
            inbox.post(.verified(exchange: token, isRight: $0 && user.isKnown))
        }
        guard verifier.submit(question) else {
            rates?.giveTryBack(options, high: address.high, low: address.low, now: loop.now)
            tally.signInsShed.add()
            return answer(index, .overloaded)
        }
        exchanges[index].requestPhase = .verifying
        exchanges[index].requestNumber = requestIDs.number
    }

    private func refuseSignIn(_ index: UInt32) {
        tally.signInsFailed.add()
        answer(index, .unauthorized)
    }

    /// - Parameter text: an empty buffer; holds `name:password` when they are given.
    private func readCredentials(_ index: UInt32, _ options: RouteOptions, into text: Buffer) -> Credentials {
        guard let input = connections[exchanges[index].client].input else {
            preconditionFailure("a head without bytes")
        }
        var given: Int?
        for number in 0..<requestHead.fieldCount where requestHead[number].known == .authorization {
            // RFC 9110 §5.3: a field that is no list comes once. Of two, the upstream might believe the other.
            guard given == nil else { return .malformed }
            given = number
        }
        guard let given else { return .absent }
        let value = input.readable.extracting(requestHead[given].value)
        guard let credentials = BasicCredentials(value, decodedInto: text) else { return .malformed }
        let view = tables[Int(exchanges[index].table)].view
        let name = text.readable.extracting(0..<credentials.nameCount)
        return .given(user: view.user(named: name, of: options), nameCount: credentials.nameCount)
    }

    /// Of name, password and hash: none of them has a control character, and the hash has one length.
    private func digest(_ index: UInt32, _ user: UserPlace, _ text: Buffer) -> KeyedDigest.Value {
        let count = text.count
        let view = tables[Int(exchanges[index].table)].view
        text.append(view.hash(of: user))
        defer { text.drop(last: text.count - count) }
        return signInDigest(text.readable)
    }

    /// RFC 7617 §2, §2.1.
    func appendChallenge(_ index: UInt32, to output: Buffer) {
        output.append("WWW-Authenticate: Basic realm=\"")
        let view = tables[Int(exchanges[index].table)].view
        output.append(view.realm(of: options(index)))
        output.append("\", charset=\"UTF-8\"\r\n")
    }

    /// The name of who signed in.
    func appendUser(_ index: UInt32, to output: Buffer) {
        let text = buffers.take(.small)
        defer { buffers.give(text) }
        guard case .given(_, let nameCount) = readCredentials(index, options(index), into: text) else { return }
        output.append(text.readable.extracting(0..<nameCount))
    }
}
