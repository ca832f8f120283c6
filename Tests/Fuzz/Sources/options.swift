import Contract

@testable import Routing

/// Values of options: templates say what they say when written again, networks hold what their bits say, and lists of
/// them decide as asking every network does.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOptions(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = unsafe String(decoding: input(start, count), as: UTF8.self)
    readTemplate(text)
    _ = try? Redirect(to: text).template()
    try? HeaderField.check(name: text, of: .request)
    if let template = try? HeaderField.template(of: text, in: .response) {
        for case .text(let part) in template.pieces {
            expect(!part.utf8.contains { $0 < 32 && $0 != 9 || $0 == 127 }, "a header's value with a control: \(text)")
        }
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: true).prefix(24).map(String.init)
    readList(lines)
    return 0
}

private func readTemplate(_ text: String) {
    guard let template = try? Template(text, allowing: Template.Variable.allCases) else { return }
    var written = ""
    var wasText = false
    for piece in template.pieces {
        switch piece {
        case .text(let part):
            expect(!part.isEmpty && !wasText, "empty or neighbouring texts: \(template)")
            written += escaped(part)
            wasText = true
        case .variable(let variable):
            written += "${\(variable.rawValue)}"
            wasText = false
        }
    }
    let again = try? Template(written, allowing: Template.Variable.allCases)
    expect(again == template || written.utf8.count > Template.sizeLimit, "\(text) is \(template), written \(written)")
}

/// "${" as a text is "$${". By bytes: with a combining mark behind it, "{" is another character.
private func escaped(_ part: String) -> String {
    let text = Array(part.utf8)
    var bytes: [UInt8] = []
    for (place, byte) in text.enumerated() {
        if text[place...].starts(with: Array("${".utf8)) { bytes.append(UInt8(ascii: "$")) }
        bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
}

private func readList(_ lines: [String]) {
    // A line with "!" in front is denied.
    let allow = lines.filter { !$0.hasPrefix("!") && (try? Network($0)) != nil }
    let deny = lines.filter { $0.hasPrefix("!") }.map { String($0.dropFirst()) }.filter { (try? Network($0)) != nil }
    var verdicts: [Network: Bool] = [:]
    for (texts, isAllowed) in [(allow, true), (deny, false)] {
        for text in texts {
            guard let network = try? Network(text) else { continue }
            expect((0...128).contains(network.length) && network.start <= network.last, "\(text): \(network)")
            expect(
                network.length == 0
                    || network.start >> UInt128(128 - network.length) == network.last >> UInt128(128 - network.length),
                "\(text): \(network)")
            if isAllowed == false, verdicts[network] == true { return }
            verdicts[network] = isAllowed
        }
    }
    guard let list = try? AccessList(allow: allow, deny: deny) else {
        expect(false, "good networks are refused: \(allow), \(deny)")
        return
    }
    if verdicts.isEmpty { return expect(list.boundaries.isEmpty, "a list out of nothing") }
    expect(list.boundaries.first?.start == 0, "no beginning: \(list)")
    let standard = allow.isEmpty
    var places: [UInt128] = [0, .max, 0xffff_0000_0000, 0xffff_ffff_ffff]
    for network in verdicts.keys {
        places += [network.start, network.last, network.start &- 1, network.last &+ 1]
    }
    for place in places {
        // `::/0` and its like speak of IPv6 alone.
        let isIPv4 = place >> 32 == 0xffff
        let holders = verdicts.filter {
            $0.key.start <= place && place <= $0.key.last && (!isIPv4 || $0.key.length >= 96)
        }
        let wanted = holders.max { $0.key.length < $1.key.length }?.value ?? standard
        let found = list.boundaries.last { $0.start <= place }?.isAllowed
        expect(found == wanted, "\(allow) \(deny): \(String(place, radix: 16)) is \(found as Any), wanted \(wanted)")
    }
}
