import Testing

@testable import HTTP

@Suite("Codings that a client accepts")
struct AcceptedCodingsTests {
    private func prefers(_ lines: String...) -> Bool {
        var codings = AcceptedCodings()
        for line in lines { codings.read(Array(line.utf8).span) }
        return codings.prefersGzip
    }

    @Test(
        "gzip is taken",
        arguments: [
            "gzip", "GZip", "x-gzip", "deflate, gzip", "gzip, deflate, br, zstd", "gzip;q=1", "gzip;q=0.001", "*",
            "gzip ; q=0.5 , br", "identity;q=0, gzip;q=0.3", "identity;q=0.3, gzip;q=0.3", "br;q=1, *;q=0.1",
            ",, gzip,,", "\tgzip\t", "gzip;Q=1.000", "gzip;q=1.", "*;q=0, gzip",
        ])
    func taken(_ line: String) { #expect(prefers(line)) }

    @Test(
        "gzip is not taken",
        arguments: [
            "", "br", "identity", "gzip;q=0", "gzip;q=0.0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *", "identity, *;q=0.5",
            "identity;q=1, gzip;q=0.5", "gzipp", "gzi", "gzip;q=2", "gzip;q=1.001", "gzip;q=0.0001", "gzip;q=-1",
            "gzip;q=", "gzip;q", "gzip;", "gzip;x=1", "gzip q=1", "gzip;q=0.5x", "not gzip", "\"gzip\"",
        ])
    func notTaken(_ line: String) { #expect(!prefers(line)) }

    @Test("several fields are one list")
    func lines() {
        #expect(prefers("br", "gzip"))
        #expect(!prefers("gzip;q=0.2", "identity"))
        #expect(!prefers())
    }
}
