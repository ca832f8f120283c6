import Engine
import Bytes
import HTTP1
import Kernel
import Routing

// Header fields that a rule takes away, sets and adds. What is set or removed is left out where the fields of the
// other side are copied, and what is set or added is written behind them.

extension Worker {
    /// The length of a request ID.
    private static let givenIDBytes = 32

    /// Whether a field of the other side is removed or replaced.
    func isReplaced(_ name: Span<UInt8>, _ list: FieldChangeList, in view: RouteView) -> Bool {
        for place in 0..<list.count {
            let change = view.change(place, of: list)
            switch change.kind {
            case .remove, .set: if equalNames(view.name(of: change), name) { return true }
            case .add: return false
            }
        }
        return false
    }

    /// Bytes that the rule's fields take in a request.
    func roomForRequestFields(_ index: UInt32) -> Int {
        let list = options(index).requestFields
        return Int(list.room) + Int(list.hosts) * (requestHead.hostEnd - requestHead.hostStart)
    }

    /// Bytes that the rule's fields take in a response.
    func roomForResponseFields(_ index: UInt32) -> Int {
        let list = options(index).responseFields
        return Int(list.room) + Int(list.hosts) * (exchanges[index].remembered?.count ?? 0)
    }

    func writeRequestFields(_ index: UInt32, _ bytes: Span<UInt8>, _ output: Buffer) {
        let host = nameOfHost(bytes.extracting(requestHead.hostStart..<requestHead.hostEnd))
        write(options(index).requestFields, index, host: host, id: requestIDs.current, output)
    }

    func writeResponseFields(_ index: UInt32, _ output: Buffer) {
        let list = options(index).responseFields
        guard let remembered = exchanges[index].remembered else {
            let none = Span<UInt8>()
            return write(list, index, host: none, id: none, output)
        }
        let bytes = remembered.readable
        write(
            list, index, host: bytes.extracting(Self.givenIDBytes..<bytes.count),
            id: bytes.extracting(0..<Self.givenIDBytes), output)
    }

    /// Keeps what fields of the response need of the request, whose bytes are gone by then.
    func rememberRequest(_ index: UInt32) {
        guard let input = connections[exchanges[index].client].input else {
            preconditionFailure("a head without bytes")
        }
        let host = nameOfHost(input.readable.extracting(requestHead.hostStart..<requestHead.hostEnd))
        // A head fits into a large buffer, so its host does.
        guard let size = BufferSize.holding(Self.givenIDBytes + host.count) else { return }
        let remembered = buffers.take(size)
        remembered.append(requestIDs.current)
        remembered.append(host)
        exchanges[index].remembered = remembered
    }

    private func write(
        _ list: FieldChangeList, _ index: UInt32, host: Span<UInt8>, id: Span<UInt8>, _ output: Buffer
    ) {
        let view = tables[Int(exchanges[index].table)].view
        for place in 0..<list.count {
            let change = view.change(place, of: list)
            if change.kind == .remove { continue }
            output.append(view.name(of: change))
            output.append(": ")
            fill(view.value(of: change), index, host: host, id: id, output)
            output.append("\r\n")
        }
    }

    /// Writes a value with what stands for its variables.
    private func fill(
        _ value: Span<UInt8>, _ index: UInt32, host: Span<UInt8>, id: Span<UInt8>, _ output: Buffer
    ) {
        var start = 0
        for place in 0..<value.count {
            guard let mark = TemplateMark(rawValue: value[place]) else { continue }
            output.append(value.extracting(start..<place))
            start = place &+ 1
            switch mark {
            case .client: append(exchanges[index].asker, to: output)
            case .host: output.append(host)
            case .scheme: output.append(exchanges[index].cameByTLS ? "https" : "http")
            case .requestID: output.append(id)
            case .user: appendUser(index, to: output)
            case .path, .query: preconditionFailure("a variable that no header has")
            }
        }
        output.append(value.extracting(start..<value.count))
    }

    /// RFC 9110 §5.1: in any case.
    func equalNames(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
        guard one.count == other.count else { return false }
        for place in 0..<one.count where one[place] != other[place] {
            let letter = one[place] | 0x20
            guard letter == other[place] | 0x20, letter &- UInt8(ascii: "a") < 26 else { return false }
        }
        return true
    }
}
