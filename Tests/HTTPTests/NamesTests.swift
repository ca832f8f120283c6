import HTTP
import Testing

@Suite("Methods and fields by name")
struct NamesTests {
    @Test("every method is recognised by its own name and by no other spelling")
    func methods() {
        let all: [Method] = [.get, .head, .post, .put, .delete, .options, .patch, .connect, .trace]
        for method in all {
            let name = "\(method.name)"
            #expect(read(method: name) == method)
            #expect(read(method: name.lowercased()) == .other)
            #expect(read(method: name + "X") == .other)
            #expect(read(method: String(name.dropLast())) == .other)
        }
        #expect(read(method: "") == .other)
        #expect(read(method: "PROPFIND") == .other)
    }

    @Test("safe methods are idempotent, and PUT and DELETE are idempotent besides")
    func idempotence() {
        let all: [Method] = [.get, .head, .post, .put, .delete, .options, .patch, .connect, .trace, .other]
        for method in all where method.isSafe { #expect(method.isIdempotent) }
        #expect(all.filter { $0.isIdempotent && !$0.isSafe } == [.put, .delete])
    }

    @Test("every known field is recognised in any case", arguments: KnownField.allCases)
    func knownField(_ field: KnownField) {
        let name = "\(field.name)"
        guard field != .other else {
            #expect(name.isEmpty)
            return
        }
        #expect(name == name.lowercased())
        #expect(read(field: name) == field)
        #expect(read(field: name.uppercased()) == field)
        let alternating = String(name.enumerated().map { $0 % 2 == 0 ? Character($1.uppercased()) : $1 })
        #expect(read(field: alternating) == field)
        #expect(read(field: name + "x") != field)
        #expect(read(field: String(name.dropLast())) != field)
    }

    @Test("a name with one byte changed is another name", arguments: KnownField.allCases)
    func changedByte(_ field: KnownField) {
        let name = Array("\(field.name)".utf8)
        for position in name.indices {
            for byte in UInt8.min...UInt8.max where lowercased(byte) != name[position] {
                var changed = name
                changed[position] = byte
                // The byte may make the name of another field, but then it is spelled like that field.
                let found = KnownField(naming: changed.span, from: 0, to: changed.count)
                #expect(found == .other || "\(found.name)" == String(decoding: changed, as: UTF8.self).lowercased())
            }
        }
    }

    @Test("hop-by-hop fields are those of one connection")
    func hopByHop() {
        let names = KnownField.allCases.filter(\.isHopByHop).map { "\($0.name)" }
        #expect(
            Set(names) == [
                "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
                "http2-settings", "proxy-authenticate", "proxy-authorization",
            ])
    }

    private func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    private func read(method name: String) -> Method {
        let bytes = Array(name.utf8)
        return Method(spelledBy: bytes.span, from: 0, to: bytes.count)
    }

    private func read(field name: String) -> KnownField {
        // Bytes on both sides, so that a comparison that reaches too far would be seen.
        let bytes = Array(("-" + name + ":").utf8)
        return KnownField(naming: bytes.span, from: 1, to: bytes.count - 1)
    }
}
