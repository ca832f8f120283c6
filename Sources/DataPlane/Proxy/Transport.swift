import Engine
import Bytes
import Kernel
import TLS

// Bytes in and out of a connection, with TLS or without: the rest of the proxy does not know which.

extension Worker {
    /// Receives into a buffer with room. Clears `isReadable` when nothing more is there for now.
    @inline(__always)
    func receive(_ index: UInt32, into buffer: Buffer) -> Transfer {
        guard let session = connections[index].session else {
            let room = buffer.room
            let transfer = Socket.receive(connections[index].socket, into: buffer)
            switch transfer {
            case .bytes(let count):
                // Edge-triggered: fewer bytes than there was room for means drained. Not once the peer has finished,
                // or its end would never be seen.
                bytesMoved &+= UInt64(count)
                if count < room, !connections[index].peerFinished { connections[index].isReadable = false }
            case .wouldBlock: connections[index].isReadable = false
            case .endOfStream, .failed: break
            }
            return transfer
        }
        return receive(index, into: buffer, session)
    }

    private func receive(_ index: UInt32, into buffer: Buffer, _ session: TLSSession) -> Transfer {
        switch session.read(into: buffer) {
        case .bytes(let count):
            bytesMoved &+= UInt64(count)
            if session.isDrained, !connections[index].peerFinished { connections[index].isReadable = false }
            return .bytes(count)
        case .wantsRead, .wantsWrite:
            connections[index].isReadable = false
            return .wouldBlock
        case .closed: return .endOfStream
        case .failed: return .failed(0)
        }
    }

    /// Sends what it can of `bytes`, which must not be empty. Clears `isWritable` when the kernel takes no more.
    @inline(__always)
    func transmit(_ index: UInt32, _ bytes: Span<UInt8>) -> Transfer {
        guard let session = connections[index].session else {
            let transfer = Socket.send(connections[index].socket, bytes)
            switch transfer {
            case .bytes(let count):
                bytesMoved &+= UInt64(count)
                if count < bytes.count { connections[index].isWritable = false }
            case .wouldBlock: connections[index].isWritable = false
            case .endOfStream, .failed: break
            }
            return transfer
        }
        switch session.write(bytes) {
        case .bytes(let count):
            bytesMoved &+= UInt64(count)
            return .bytes(count)
        case .wantsRead, .wantsWrite:
            connections[index].isWritable = false
            return .wouldBlock
        case .closed: return .endOfStream
        case .failed: return .failed(0)
        }
    }

    /// The connection's input buffer, taken from the pool when it has none.
    @inline(__always)
    func inputBuffer(_ index: UInt32, expecting size: BufferSize = .normal) -> Buffer {
        if let buffer = connections[index].input { return buffer }
        let buffer = buffers.take(size)
        connections[index].input = buffer
        return buffer
    }

    /// Gives the input buffer back if nothing is in it: idle costs nothing.
    @inline(__always)
    func releaseInputIfEmpty(_ index: UInt32) {
        guard let buffer = connections[index].input, buffer.isEmpty else { return }
        connections[index].input = nil
        buffers.give(buffer)
    }

    @inline(__always)
    func releaseOutput(_ index: UInt32) {
        guard let buffer = connections[index].output else { return }
        connections[index].output = nil
        buffers.give(buffer)
    }

    /// Makes room in a full input buffer: moves what waits to the front, or into a larger buffer. `false` when it
    /// cannot grow any more.
    func growInput(_ index: UInt32) -> Bool {
        guard let old = connections[index].input else { return true }
        if old.start > 0 {
            old.compact()
            return true
        }
        guard old.capacity < Int(BufferSize.large.rawValue) else { return false }
        let new = buffers.take(.large)
        new.append(old.readable)
        connections[index].input = new
        buffers.give(old)
        return true
    }

    /// The one way out of a connection's slot: frees everything the connection holds and makes its token stale.
    /// Whatever exchange it carried has been ended or handed on by the caller.
    func release(_ index: UInt32) {
        let connection = connections[index]
        if let session = connection.session { session.free() }
        if let input = connection.input { buffers.give(input) }
        if let output = connection.output { buffers.give(output) }
        Socket.close(connection.socket)
        loop.timers.remove(index)
        connections.retire(index)
    }
}
