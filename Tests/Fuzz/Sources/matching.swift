import Contract
import Routing

/// A host and a path, in two lines, are answered as they are explained; and the same place written in another way is
/// the same place.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMatching(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe input(start, count)
    let end = bytes.firstIndex(of: 10) ?? bytes.count
    let host = Array(bytes[..<end])
    let path = Array(bytes[min(bytes.count, end + 1)...])
    var cuts = Cuts(for: bytes)
    let listener = ["web", "secure", "other"][cuts.number(below: 3)]
    let secure = cuts.number(below: 2) == 0
    func ask(_ host: [UInt8], _ path: [UInt8]) -> RouteMatch {
        expectAgreement(table, host: host, path: path, listener: listener, secure: secure)
    }
    let match = ask(host, path)

    // Case, and the dot at the end of a name, make no other host.
    expect(ask(host.map(upper), path) == match, "upper case is another host")
    if match != .badHost, match != .badPath, let last = host.last, isLetter(last), host.count < 200, !host.contains(58)
    {
        expect(ask(host + [46], path) == match, "a dot at the end makes another host")
        expect(ask(host + Array(":8080".utf8), path) == match, "a port makes another host")
    }

    guard path.first == UInt8(ascii: "/"), match != .badPath else { return 0 }
    for _ in 0..<4 {
        let other = disguised(path, &cuts)
        expect(ask(host, other) == match, "\(path) is \(match), written as \(other) it is not")
    }
    // Nothing climbs out of the root.
    expect(ask(host, Array("/..".utf8) + path) == .badPath, "climbed above the root")
    return 0
}

private func upper(_ byte: UInt8) -> UInt8 { (97...122).contains(byte) ? byte - 32 : byte }
private func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte) || (65...90).contains(byte) }

/// Slashes doubled, segments that go nowhere, letters encoded: the path means the same.
private func disguised(_ path: [UInt8], _ cuts: inout Cuts) -> [UInt8] {
    let detours = ["//", "/./", "/zz/../", "/%2e/", "/z/%2E%2e/", "/.//", "/q/r/../../"]
    var text: [UInt8] = []
    var index = 0
    while index < path.count {
        let byte = path[index]
        if byte == UInt8(ascii: "%"), index + 2 < path.count {
            text += path[index...index + 2]
            index += 3
            continue
        }
        index += 1
        if byte == UInt8(ascii: "/"), cuts.number(below: 3) == 0 {
            text += Array(detours[cuts.number(below: detours.count)].utf8)
        } else if byte != UInt8(ascii: "/"), byte != UInt8(ascii: "\\"), byte != UInt8(ascii: "%"), byte != 0,
            cuts.number(below: 3) == 0
        {
            let digits = Array("0123456789abcdef".utf8)
            text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        } else {
            text.append(byte)
        }
    }
    return text
}

private let table: RouteTable = {
    let compiler = RouteCompiler(seed: 7)
    for name in ["web", "secure", "other"] { _ = compiler.listenerIndex(of: name) }
    let hosts = [
        ["a.test"], ["b.test", "*.b.test"], ["*.www.b.test"], ["*"], ["xn--caf-dma.test"], ["127.0.0.1"],
        ["a.b.c.d.test"],
    ]
    let paths = ["/", "/admin", "/admin/users", "/a/b/c", "/%2F", "/caf%C3%A9", "/..."]
    var rules: [Rule] = []
    for (number, host) in hosts.enumerated() {
        for (place, path) in paths.enumerated() where (number + place) % 3 != 1 {
            rules.append(
                Rule(
                    name: "\(number)-\(place)", listeners: (number + place) % 4 == 0 ? ["web"] : [], hosts: host,
                    path: path, tls: [.any, .off, .required][(number * 2 + place) % 3]))
        }
    }
    compiler.replaceAll(rules: rules)
    let (table, diagnoses) = compiler.build(revision: 1, epoch: "")
    expect(diagnoses.isEmpty, "\(diagnoses)")
    return table
}()
