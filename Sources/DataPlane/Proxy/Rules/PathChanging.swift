import Engine
import Bytes
import HTTP1
import Routing

// The path that the upstream is asked for. Changed only after matching, and only in its normal form: the upstream gets
// no dot segments to climb out of the prefix with.

extension Worker {
    /// The path the upstream gets, in a buffer of its own. `nil` when it is too long.
    func changedPath(_ index: UInt32, _ bytes: Span<UInt8>) -> Buffer? {
        let view = tables[Int(exchanges[index].table)].view
        let options = options(index)
        let path = bytes.extracting(requestHead.pathStart..<requestHead.pathEnd)
        let (strip, add) = (view.stripPrefix(of: options), view.addPrefix(of: options))
        let room = roomForForwarded(path: path)
        guard let size = BufferSize.holding(room), let changedSize = BufferSize.holding(room + add.count + 1) else {
            return nil
        }
        let normal = buffers.take(size)
        defer { buffers.give(normal) }
        guard appendForwarded(path: path, to: normal) else { return nil }
        if strip.count > 0, let stripped = byteCount(of: strip, inFrontOf: normal.readable) { normal.consume(stripped) }
        let changed = buffers.take(changedSize)
        changed.append(add)
        changed.append(from: normal, limit: normal.count)
        if changed.isEmpty { changed.append(UInt8(ascii: "/")) }
        return changed
    }
}
