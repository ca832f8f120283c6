/// A block of memory while a table is written into it. The table it is made for frees it, once.
@safe
struct ArenaBlock {
    private let block: UnsafeMutableRawPointer
    let size: Int

    init(size: Int) {
        self.size = size
        unsafe block = .allocate(byteCount: size, alignment: 64)
    }

    /// The written block as workers read it, valid until it is freed.
    var view: RouteView { unsafe RouteView(base: UnsafeRawPointer(block)) }

    func free() { unsafe block.deallocate() }

    func store<Record: BitwiseCopyable>(_ record: Record, at section: Int, _ index: Int = 0) {
        let place = section + index * MemoryLayout<Record>.stride
        precondition(place >= 0 && place + MemoryLayout<Record>.size <= size)
        unsafe block.storeBytes(of: record, toByteOffset: place, as: Record.self)
    }

    func load<Record: BitwiseCopyable>(_ type: Record.Type, at section: Int, _ index: Int) -> Record {
        let place = section + index * MemoryLayout<Record>.stride
        precondition(place >= 0 && place + MemoryLayout<Record>.size <= size)
        return unsafe block.load(fromByteOffset: place, as: Record.self)
    }

    func copy<Record: BitwiseCopyable>(_ records: Span<Record>, at section: Int, _ index: Int = 0) {
        let place = section + index * MemoryLayout<Record>.stride
        precondition(place >= 0 && place + records.count * MemoryLayout<Record>.stride <= size)
        unsafe records.withUnsafeBufferPointer { records in
            guard let source = records.baseAddress else { return }
            unsafe (block + place).copyMemory(
                from: source, byteCount: records.count * MemoryLayout<Record>.stride)
        }
    }

    /// Sets every byte from `start` up to `end`.
    func fill(_ byte: UInt8, from start: Int, to end: Int) {
        precondition(start >= 0 && start <= end && end <= size)
        unsafe (block + start).initializeMemory(as: UInt8.self, repeating: byte, count: end - start)
    }

    func run(at start: Int, count: Int) -> ByteRun {
        precondition(start >= 0 && count >= 0 && start + count <= size)
        return unsafe ByteRun(start: (UnsafePointer((block + start).assumingMemoryBound(to: UInt8.self))), count: count)
    }
}
