import Bytes
import Contract
import Kernel

/// One end of UDP whose every datagram the test decides. Every wait has a deadline; nothing sleeps.
final class DatagramPeer {
    let socket: CInt
    let address: SocketAddress
    /// Of a client: whom it is connected to.
    let peerAddress: SocketAddress
    /// Datagrams one by one, as an ordinary program gets them.
    private var mailbox = Mailbox()
    private var isClosed = false
    /// Came together with others.
    private var waiting: [Datagram] = []

    struct Datagram: Equatable {
        var bytes: [UInt8]
        var from: SocketAddress?
    }

    /// A client: connected to the address.
    init(to address: SocketAddress) throws {
        guard case .connected(let socket) = Socket.connectDatagrams(to: address) else {
            throw PeerFault.ended("connecting to \(address)")
        }
        self.socket = socket
        peerAddress = address
        self.address = Socket.localAddress(socket) ?? address
    }

    /// An endpoint, or a client that is not connected: bound to an address.
    init(on address: String = "127.0.0.1:0") throws {
        let wanted = SocketAddress(text: address) ?? SocketAddress(ipv4: 0x7f00_0001, port: 0)
        socket = try Socket.bindDatagrams(to: wanted).release()
        self.address = Socket.localAddress(socket) ?? wanted
        peerAddress = self.address
    }

    deinit { close() }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        Socket.close(socket)
    }

    /// Sends one datagram; without an address to the peer that the socket is connected to.
    func send(_ bytes: [UInt8], to peer: SocketAddress? = nil) throws {
        mailbox.load(bytes.span, in: 0, to: peer)
        var segmenting = false
        let sent = mailbox.send(on: socket, header: nil, segmenting: &segmenting)
        mailbox.unload()
        // What a refusal tells of was sent before.
        if sent.wasRefused { return try send(bytes, to: peer) }
        guard sent.sent == 1 else { throw PeerFault.failed(sent.error) }
    }

    func send(_ text: String, to peer: SocketAddress? = nil) throws { try send(Array(text.utf8), to: peer) }

    /// The next datagram, or `nil` when none came in time.
    func receive(within milliseconds: CInt = Peer.patience) -> Datagram? {
        let deadline = Deadline(milliseconds)
        while waiting.isEmpty {
            switch mailbox.receive(from: socket, first: 0, limit: 1, peers: true) {
            case .parcels:
                let parcel = mailbox[0]
                for number in 0..<parcel.datagramCount {
                    let bytes = [UInt8](copying: mailbox.bytes(parcel.datagram(number)))
                    waiting.append(Datagram(bytes: bytes, from: parcel.peer))
                }
            case .wouldBlock, .failed:
                guard deadline.left > 0 else { return nil }
                _ = System.waitReadable(socket, milliseconds: deadline.left)
            }
        }
        return waiting.removeFirst()
    }

    func text(within milliseconds: CInt = Peer.patience) throws -> String {
        guard let datagram = receive(within: milliseconds) else { throw PeerFault.late("a datagram") }
        return String(decoding: datagram.bytes, as: UTF8.self)
    }

    /// Sends and waits for the answer.
    func ask(_ text: String) throws -> String {
        try send(text)
        return try self.text()
    }

    /// As an endpoint: takes one datagram and answers it. Answers who sent it.
    @discardableResult
    func answer(_ text: String? = nil) throws -> SocketAddress {
        guard let datagram = receive(), let from = datagram.from else { throw PeerFault.late("a datagram") }
        try send(text.map { Array($0.utf8) } ?? datagram.bytes, to: from)
        return from
    }

    var endpoint: Contract.Endpoint { Contract.Endpoint(address: "\(address)") }
}
