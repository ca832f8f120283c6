import Balancing
import Bytes
import Engine
import HTTP
import HTTP1
import Kernel
import Passwords
import Routing
import Telemetry

// What binds a client to an endpoint: the key of a hash, and the sticky cookie.
//
// The cookie holds the identity of an endpoint and a signature of it, of the rule and of the cookie's name: 16 and 32
// hexadecimal digits. Whoever was not given it by this appliance cannot choose an endpoint. One that is not signed so,
// forged, of another rule, cut or from before the key was changed, is as good as none.

extension Worker {
    /// Bytes that a cookie adds to a head at most: its name, its value and its attributes.
    static let stickyBytes = 384

    /// Of the client, the path, a header or a cookie. What has no such header or cookie goes by its client.
    func key(_ index: UInt32, _ route: Route, _ view: RouteView) -> UInt64 {
        guard let input = connections[exchanges[index].client].input else {
            preconditionFailure("a head without bytes")
        }
        let bytes = input.readable
        switch view.pool(of: route).key {
        case .none: return 0
        case .path: return keyed(bytes.extracting(requestHead.pathStart..<requestHead.pathEnd))
        case .header:
            let name = view.keyName(of: view.pool(of: route))
            for number in 0..<requestHead.fieldCount where equalNames(bytes.extracting(requestHead[number].name), name)
            {
                return keyed(bytes.extracting(requestHead[number].value))
            }
        case .cookie:
            let name = view.keyName(of: view.pool(of: route))
            for number in 0..<requestHead.fieldCount where requestHead[number].known == .cookie {
                let value = bytes.extracting(requestHead[number].value)
                if let place = cookiePlace(name, in: value) { return keyed(value.extracting(place)) }
            }
        case .client: break
        }
        if !route.hasOptions { noteAsker(index) }
        let address = clientAddress(index)
        return folded(folded(0, address.high), address.low)
    }

    /// The identity that the client's cookie names, or 0.
    func pinned(_ index: UInt32, _ route: Route, _ view: RouteView) -> UInt64 {
        guard let input = connections[exchanges[index].client].input else {
            preconditionFailure("a head without bytes")
        }
        let bytes = input.readable
        let pool = view.pool(of: route)
        let name = view.stickyCookie(of: pool)
        for number in 0..<requestHead.fieldCount where requestHead[number].known == .cookie {
            let value = bytes.extracting(requestHead[number].value)
            guard let place = cookiePlace(name, in: value) else { continue }
            guard let cookie = StickyCookie(value.extracting(place)),
                stickyDigest(pool.stickyTag, cookie.identity).matches(cookie.signature)
            else {
                tally.breakers.forgedCookies.add()
                return 0
            }
            return cookie.identity
        }
        return 0
    }

    /// Tells the client which endpoint it has from now on, when its cookie names another or none.
    func writeStickyCookie(_ index: UInt32, _ output: Buffer) {
        let view = tables[Int(exchanges[index].poolTable)].view
        let route = view.route(RouteID(number: exchanges[index].route))
        let pool = view.pool(of: route)
        guard pool.isSticky else { return }
        let identity = watches[Int(exchanges[index].endpoint)].identity
        guard identity != exchanges[index].turn.pinned else { return }
        if exchanges[index].turn.pinned != 0 { tally.breakers.movedCookies.add() }
        let signature = stickyDigest(pool.stickyTag, identity)
        output.append("Set-Cookie: ")
        output.append(view.stickyCookie(of: pool))
        output.append("=")
        output.append(hexadecimal: identity, width: 16)
        output.append(hexadecimal: signature.low, width: 16)
        output.append(hexadecimal: signature.high, width: 16)
        output.append("; Path=/; HttpOnly; SameSite=Lax")
        if exchanges[index].cameByTLS { output.append("; Secure") }
        output.append("\r\n")
    }
}

/// FNV-1a: the same in every process.
func keyed(_ bytes: Span<UInt8>) -> UInt64 {
    var state: UInt64 = 0xcbf2_9ce4_8422_2325
    for place in 0..<bytes.count { state = (state ^ UInt64(bytes[place])) &* 0x100_0000_01b3 }
    return state
}

func folded(_ state: UInt64, _ word: UInt64) -> UInt64 {
    let product = (state ^ word ^ 0x9e37_79b9_7f4a_7c15) &* 0xbf58_476d_1ce4_e5b9
    return product ^ product >> 31
}

/// What a sticky cookie holds: exactly 48 hexadecimal digits, in lower case as they were given out.
struct StickyCookie: Equatable {
    static let count = 48

    var identity: UInt64
    var signature: KeyedDigest.Value

    init?(_ text: Span<UInt8>) {
        guard text.count == Self.count, let identity = number(text, 0), let low = number(text, 16),
            let high = number(text, 32)
        else { return nil }
        self.identity = identity
        signature = KeyedDigest.Value(low: low, high: high)
    }
}

/// 16 hexadecimal digits.
private func number(_ text: Span<UInt8>, _ start: Int) -> UInt64? {
    var number: UInt64 = 0
    for place in start..<start &+ 16 {
        let byte = text[place]
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(byte &- UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(byte &- UInt8(ascii: "a") &+ 10)
        case _: return nil
        }
    }
    return number
}

/// Where the value of the first cookie of that name lies in the value of a `Cookie` field (RFC 6265 §4.2.1), without
/// quotes around it.
func cookiePlace(_ name: Span<UInt8>, in field: Span<UInt8>) -> Range<Int>? {
    var start = 0
    while start < field.count {
        while start < field.count, field[start] == UInt8(ascii: " ") || field[start] == 0x09 { start &+= 1 }
        var end = start
        while end < field.count, field[end] != UInt8(ascii: ";") { end &+= 1 }
        if end &- start > name.count, field[start &+ name.count] == UInt8(ascii: "=") {
            var place = 0
            while place < name.count, field[start &+ place] == name[place] { place &+= 1 }
            if place == name.count {
                var (first, last) = (start &+ name.count &+ 1, end)
                while last > first, field[last &- 1] == UInt8(ascii: " ") || field[last &- 1] == 0x09 { last &-= 1 }
                if last &- first >= 2, field[first] == UInt8(ascii: "\""), field[last &- 1] == UInt8(ascii: "\"") {
                    (first, last) = (first &+ 1, last &- 1)
                }
                return first..<last
            }
        }
        start = end &+ 1
    }
    return nil
}
