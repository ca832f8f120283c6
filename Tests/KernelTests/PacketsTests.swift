import Glibc
import Kernel
import Testing

@Suite("Packets")
struct PacketsTests {
    @Test("keep their boundaries and their order")
    func boundaries() throws {
        let (one, other) = try PacketSocket.pair()
        #expect(one.send([1, 2, 3]) == .sent)
        #expect(one.send([4]) == .sent)
        #expect(other.receive() == .packet(.init(bytes: [1, 2, 3])))
        #expect(other.receive() == .packet(.init(bytes: [4])))
        #expect(other.receive() == .wouldBlock)
    }

    @Test("carry descriptors that are the same open files, closed on exec", arguments: [1, 2, 3, 249, 250])
    func descriptors(count: Int) throws {
        let (one, other) = try PacketSocket.pair()
        let (near, far) = try PacketSocket.pair()
        #expect(one.send([7], descriptors: Array(repeating: far.raw, count: count)) == .sent)
        guard case .packet(let packet) = other.receive(descriptorsLimit: 250) else {
            Issue.record("no packet came")
            return
        }
        #expect(packet.descriptors.count == count && !packet.isCut)
        #expect(Set(packet.descriptors).count == count)
        let last = PacketSocket(owning: Descriptor(owning: packet.descriptors[count - 1]))
        #expect(fcntl(last.raw, F_GETFD) == FD_CLOEXEC)
        #expect(near.send([42]) == .sent)
        #expect(last.receive() == .packet(.init(bytes: [42])))
        for descriptor in packet.descriptors.dropLast() { #expect(close(descriptor) == 0) }
    }

    @Test("with more descriptors than there is room for are cut, and none leaks", arguments: [0, 1, 2, 3])
    func fewer(room: Int) throws {
        let (one, other) = try PacketSocket.pair()
        let pipe = try PacketSocket.pair()
        #expect(one.send([7], descriptors: Array(repeating: pipe.1.raw, count: 5)) == .sent)
        guard case .packet(let packet) = other.receive(descriptorsLimit: room) else {
            Issue.record("no packet came")
            return
        }
        #expect(packet.isCut)
        #expect(packet.descriptors.count <= room)
        for descriptor in packet.descriptors { #expect(close(descriptor) == 0) }
        // Were one left open, the other end would not see the end of the stream once ours is gone.
        let near = pipe.0
        withExtendedLifetime(pipe.1) {}
        #expect(near.receive() == .wouldBlock)
    }

    @Test("are refused at once beyond the limits")
    func limits() throws {
        let (one, other) = try PacketSocket.pair()
        let most = [UInt8](repeating: 9, count: PacketSocket.payloadLimit)
        #expect(one.send(most) == .sent)
        #expect(other.receive() == .packet(.init(bytes: most)))
        #expect(one.send(most + [9]) == .failed(EMSGSIZE))
        #expect(one.send([]) == .failed(EMSGSIZE))
        #expect(one.send([1], descriptors: Array(repeating: other.raw, count: 251)) == .failed(EMSGSIZE))
        #expect(other.receive() == .wouldBlock)
    }

    @Test("larger than a receiver takes are cut, not run together")
    func truncation() throws {
        let (one, other) = try PacketSocket.pair()
        let size = PacketSocket.payloadLimit + 100
        let bytes = [UInt8](repeating: 1, count: size)
        // Past our own limit, as a foreign program would.
        #expect(unsafe send(one.raw, bytes, size, CInt(MSG_DONTWAIT)) == size)
        #expect(one.send([2]) == .sent)
        guard case .packet(let packet) = other.receive() else {
            Issue.record("no packet came")
            return
        }
        #expect(packet.isCut && packet.bytes.count == PacketSocket.payloadLimit)
        #expect(other.receive() == .packet(.init(bytes: [2])))
    }

    @Test("are not waited for when the other side does not keep up")
    func backPressure() throws {
        let (one, other) = try PacketSocket.pair()
        let bytes = [UInt8](repeating: 3, count: 60_000)
        var sent = 0
        while one.send(bytes) == .sent {
            sent += 1
            try #require(sent < 1_000)
        }
        #expect(one.send(bytes) == .wouldBlock)
        for _ in 0..<sent { #expect(other.receive() == .packet(.init(bytes: bytes))) }
        #expect(one.send(bytes) == .sent)
    }

    @Test("end when the other side is gone")
    func end() throws {
        let (one, other): (PacketSocket, PacketSocket?) = try PacketSocket.pair()
        withExtendedLifetime(other) {}
        _ = consume other
        #expect(one.receive() == .endOfStream)
        #expect(one.send([1]) == .failed(EPIPE))
    }
}
