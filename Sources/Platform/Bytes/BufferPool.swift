/// Vacant buffers of one worker. Not for other threads.
///
/// Blocks are made when none is vacant and kept up to a bound, so idle costs nothing and a burst leaves no lasting
/// mark.
public struct BufferPool: ~Copyable {
    /// Bytes kept vacant of each size; what comes back beyond it is freed.
    public static let vacantBytesLimit = 2 << 20
    /// Huge blocks lent at one time, 16 MiB: peers that do not take what they asked for may hold these, and no more.
    public static let hugeLimit = 64

    private var small = FreeList()
    private var normal = FreeList()
    private var large = FreeList()
    private var huge = FreeList()
    private var hugeCount = 0
    /// Blocks lent and not given back.
    public private(set) var lentCount = 0

    public init() {}

    /// An empty buffer.
    public mutating func take(_ size: BufferSize) -> Buffer {
        lentCount += 1
        switch size {
        case .small: return small.pop() ?? FreeList.make(size)
        case .normal: return normal.pop() ?? FreeList.make(size)
        case .large: return large.pop() ?? FreeList.make(size)
        case .huge:
            hugeCount += 1
            return huge.pop() ?? FreeList.make(size)
        }
    }

    /// An empty huge buffer, or a large one when as many are lent as may be.
    public mutating func takeHuge() -> Buffer { take(hugeCount < Self.hugeLimit ? .huge : .large) }

    /// Gives a buffer back. It must not be touched again.
    public mutating func give(_ buffer: Buffer) {
        lentCount -= 1
        switch unsafe buffer.header.pointee.size {
        case .small: small.push(buffer)
        case .normal: normal.push(buffer)
        case .large: large.push(buffer)
        case .huge:
            hugeCount -= 1
            huge.push(buffer)
        }
    }

    deinit {
        small.free()
        normal.free()
        large.free()
        huge.free()
    }
}

@safe
private struct FreeList {
    private var first: UnsafeMutablePointer<Buffer.Header>?
    private var byteCount = 0

    init() { unsafe first = nil }

    static func make(_ size: BufferSize) -> Buffer {
        let stride = MemoryLayout<Buffer.Header>.stride
        let block = UnsafeMutableRawPointer.allocate(byteCount: stride + Int(size.rawValue), alignment: 16)
        let header = unsafe block.bindMemory(to: Buffer.Header.self, capacity: 1)
        unsafe header.initialize(to: Buffer.Header(size: size))
        return unsafe Buffer(header: header)
    }

    mutating func pop() -> Buffer? {
        guard let header = unsafe first else { return nil }
        unsafe first = header.pointee.next
        unsafe byteCount -= Int(header.pointee.capacity)
        let buffer = unsafe Buffer(header: header)
        buffer.clear()
        return buffer
    }

    mutating func push(_ buffer: Buffer) {
        guard byteCount < BufferPool.vacantBytesLimit else { return unsafe buffer.header.deallocate() }
        unsafe buffer.header.pointee.next = first
        unsafe first = buffer.header
        byteCount += buffer.capacity
    }

    func free() {
        var next = unsafe first
        while let header = unsafe next {
            unsafe next = header.pointee.next
            unsafe header.deallocate()
        }
    }
}
