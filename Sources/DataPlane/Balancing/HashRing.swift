/// Keys to endpoints so that the fewest keys move when an endpoint comes or goes: exactly those that it gets or had.
///
/// Each endpoint has points on a ring of 2³² positions, found from its identity alone, 64 for each unit of weight. A
/// key is put on the ring in four places; of the four points that follow them the nearest has the key
/// (Appleton and O'Reilly, "Multi-probe consistent hashing", 2015). Four places make shares as even as a dozen times
/// the points would. A table in the manner of Maglev would be evener still, but must grow with the pool, and then
/// loses nearly every key at once.
struct HashRing {
    static let pointsPerWeight = 64
    static let probes = 4
    /// Beyond it every member's points are halved until they fit, one at least.
    static let pointLimit = 1 << 18

    /// Ascending.
    let positions: [UInt32]
    /// Whose point each is, by its place in the row.
    let owners: [UInt32]
    /// For each of equal parts of the ring the first point in it or behind; the number of points where there is none.
    let guide: [UInt32]

    init(_ row: [PoolPlan.Member]) {
        var shift = 0
        let whole = row.reduce(0) { $0 + Int($1.weight) * Self.pointsPerWeight }
        while whole >> shift > Self.pointLimit { shift += 1 }
        var points: [(position: UInt32, owner: Int)] = []
        points.reserveCapacity(whole >> shift + row.count)
        for (owner, member) in row.enumerated() {
            let count = max(1, Int(member.weight) * Self.pointsPerWeight >> shift)
            let seed = mixed(member.identity)
            // The first half of twice the points are the points of before: halving moves as little as it can.
            for point in 0..<count {
                let word = mixed(seed &+ UInt64(point) &* 0x9e37_79b9_7f4a_7c15)
                points.append((UInt32(truncatingIfNeeded: word &>> 32), owner))
            }
        }
        // Two points in one place: the order of identities decides, not that of the rule.
        points.sort { ($0.position, row[$0.owner].identity) < ($1.position, row[$1.owner].identity) }
        positions = points.map(\.position)
        owners = points.map { UInt32($0.owner) }
        let parts = nextPowerOfTwo(points.count)
        let width = (UInt64(1) << 32) / UInt64(parts)
        var next = 0
        guide = (0..<parts).map { part in
            while next < points.count, UInt64(points[next].position) < UInt64(part) * width { next += 1 }
            return UInt32(next)
        }
    }
}
