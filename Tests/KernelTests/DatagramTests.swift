import Bytes
import Testing

@testable import Kernel

@Suite("Datagrams through slots")
struct DatagramTests {
    /// A socket, bound to loopback or connected to an address.
    private final class End {
        let raw: CInt
        let address: SocketAddress
        private var isOpen = true

        init(to peer: SocketAddress? = nil) throws {
            if let peer {
                guard case .connected(let socket) = Socket.connectDatagrams(to: peer) else {
                    throw SystemError(code: 1, call: "connect")
                }
                raw = socket
            } else {
                raw = try Socket.bindDatagrams(to: SocketAddress(ipv4: 0x7f00_0001, port: 0)).release()
            }
            address = try #require(Socket.localAddress(raw))
        }

        deinit { close() }

        func close() {
            if isOpen { Socket.close(raw) }
            isOpen = false
        }
    }

    @Test("what is loaded is sent as it is, and received with its sender")
    func oneByOne() throws {
        let server = try End()
        Socket.prepareDatagrams(server.raw, tellsDestination: true)
        let client = try End(to: server.address)
        var box = Mailbox()
        var segmenting = true
        #expect(box.receive(from: server.raw, first: 0, limit: 8, peers: true) == .wouldBlock)
        let texts: [[UInt8]] = [[1], [], [2, 3], [UInt8](repeating: 9, count: 65_507)]
        for text in texts {
            box.load(text.span, in: 0)
            let sent = box.send(on: client.raw, header: nil, segmenting: &segmenting)
            box.unload()
            #expect(sent == Dispatch(sent: 1, bytes: text.count, lost: 0, calls: 1, joined: 0, error: 0))
        }
        #expect(box.receive(from: server.raw, first: 3, limit: 60, peers: true) == .parcels(4))
        for (slot, text) in texts.enumerated() {
            let parcel = box[slot + 3]
            #expect([UInt8](copying: box.bytes(parcel)) == text)
            #expect(parcel.peer == client.address)
            #expect(parcel.local == SocketAddress(ipv4: 0x7f00_0001, port: 0))
            #expect(parcel.datagramCount == 1 && !parcel.isCut)
        }
        // Back to where they came from, from where they were sent to.
        for slot in 3..<7 { box.load(box[slot]) }
        #expect(box.send(on: server.raw, header: nil, segmenting: &segmenting).sent == 4)
        box.unload()
        #expect(box.receive(from: client.raw, first: 0, limit: 64, peers: false) == .parcels(4))
        for (slot, text) in texts.enumerated() { #expect([UInt8](copying: box.bytes(box[slot])) == text) }
    }

    @Test("datagrams of one size go as one message, which one call may also bring; each is whole")
    func together() throws {
        let server = try End()
        Socket.prepareDatagrams(server.raw, tellsDestination: false)
        let client = try End(to: server.address)
        var box = Mailbox()
        var segmenting = true
        let sizes = Array(repeating: 1_000, count: 40) + [999, 1_000, 1_000, 0, 0, 5]
        for (slot, size) in sizes.enumerated() {
            box.load([UInt8](repeating: UInt8(slot), count: size).span, in: slot)
        }
        let sent = box.send(on: client.raw, header: nil, segmenting: &segmenting)
        box.unload()
        #expect(sent.sent == sizes.count && sent.lost == 0 && sent.error == 0)
        #expect(sent.bytes == sizes.reduce(0, +))
        if segmenting { #expect(sent.joined == 2 && sent.calls == 1) }
        var found: [[UInt8]] = []
        while case .parcels(let count) = box.receive(from: server.raw, first: 0, limit: 64, peers: true) {
            for slot in 0..<count {
                for number in 0..<box[slot].datagramCount {
                    found.append([UInt8](copying: box.bytes(box[slot].datagram(number))))
                }
            }
        }
        #expect(found == sizes.enumerated().map { [UInt8](repeating: UInt8($0), count: $1) })
    }

    @Test("a parcel is taken apart where its datagrams begin")
    func parts() throws {
        let server = try End()
        let client = try End(to: server.address)
        Socket.prepareDatagrams(server.raw, tellsDestination: false)
        var box = Mailbox()
        var segmenting = true
        for slot in 0..<5 { box.load([UInt8](repeating: UInt8(slot), count: slot == 4 ? 3 : 10).span, in: slot) }
        _ = box.send(on: client.raw, header: nil, segmenting: &segmenting)
        box.unload()
        guard case .parcels(let count) = box.receive(from: server.raw, first: 0, limit: 64, peers: true) else {
            Issue.record("nothing came")
            return
        }
        // A kernel that does not join them leaves nothing to take apart.
        guard count == 1 else { return }
        let parcel = box[0]
        #expect(parcel.datagramCount == 5 && parcel.count == 43 && parcel.segment == 10)
        #expect(parcel.first(2).count == 20 && parcel.first(9).count == 43)
        #expect([UInt8](copying: box.bytes(parcel.datagram(4))) == [4, 4, 4])
        #expect([UInt8](copying: box.bytes(parcel.datagram(3, without: 8))) == [3, 3])
        #expect(parcel.datagram(4, without: 3).count == 0)
    }

    @Test("a socket whose peer is gone says so, and what was not tried is told")
    func refused() throws {
        let server = try End()
        let client = try End(to: server.address)
        server.close()
        var box = Mailbox()
        var segmenting = true
        box.load([1].span, in: 0)
        #expect(box.send(on: client.raw, header: nil, segmenting: &segmenting).sent == 1)
        let second = box.send(on: client.raw, header: nil, segmenting: &segmenting)
        #expect(second.wasRefused && second.sent == 0 && second.lost == 1)
        #expect(Socket.takeError(client.raw) == 0)
    }
}
