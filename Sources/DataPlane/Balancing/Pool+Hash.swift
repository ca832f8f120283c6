extension Pool {
    /// Points that are looked at behind each place of a key before it gives up.
    static let walkLimit = 64

    /// The endpoint that has the key, as if those that cannot be chosen were not in the pool: when one goes, only its
    /// own keys move, and they move to where they stay if it is taken out.
    @inline(__always)
    func hashed(_ tier: Int, _ turn: inout Turn, _ state: inout PoolState) -> Int? {
        let ring = Ring(plan, tier)
        let start = mixed(turn.key)
        let step = mixed(start) | 1
        var word = start
        var best = (distance: UInt32.max, point: 0)
        for _ in 0..<HashRing.probes {
            let place = UInt32(truncatingIfNeeded: word &>> 32)
            let index = ring.successor(of: place, plan)
            let distance = plan[ring.start &+ index] &- place
            if distance < best.distance { best = (distance, index) }
            word &+= step
        }
        let owner = self.word(ring.owners &+ best.point)
        let bound = Bound(plan, tier, inFlight: state.inFlight)
        if takes(owner, &turn, state.mask, bound, start) { return owner }
        return sought(tier, ring, &turn, state.mask, bound)
            ?? (bound.percent > 0 ? sought(tier, ring, &turn, state.mask, Bound.none) : nil)
            ?? searched(tier, &turn, state.mask, from: owner)
    }

    /// The nearest of those that can be chosen.
    @inline(never)
    private func sought(
        _ tier: Int, _ ring: Ring, _ turn: inout Turn, _ mask: EndpointLoad.Bars, _ bound: Bound
    ) -> Int? {
        let start = mixed(turn.key)
        let step = mixed(start) | 1
        var word = start
        var best: (distance: UInt32, owner: Int)?
        for _ in 0..<HashRing.probes {
            let place = UInt32(truncatingIfNeeded: word &>> 32)
            word &+= step
            var index = ring.successor(of: place, plan)
            for _ in 0..<Self.walkLimit {
                let distance = plan[ring.start &+ index] &- place
                if let best, distance >= best.distance { break }
                let owner = self.word(ring.owners &+ index)
                if takes(owner, &turn, mask, bound, start) {
                    best = (distance, owner)
                    break
                }
                index = index &+ 1 < ring.count ? index &+ 1 : 0
            }
        }
        return best?.owner
    }

    @inline(__always)
    private func takes(
        _ member: Int, _ turn: inout Turn, _ mask: EndpointLoad.Bars, _ bound: Bound, _ key: UInt64
    ) -> Bool {
        guard accepts(member, mask, &turn) else { return false }
        let load = load(member)
        if load.share < EndpointLoad.wholeShare {
            // The same keys come first each time, and none that has come goes again while the share grows.
            let level = (key &* (UInt64(number(member)) &<< 1 | 1)) &>> 56
            guard level < UInt64(load.share) else { return false }
        }
        guard bound.percent > 0 else { return true }
        return bound.allows(load.inFlight, weight: self.weight(member))
    }
}

/// How much of what is in flight one endpoint may have (Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with
/// bounded loads", 2018).
private struct Bound {
    static let none = Bound()

    private(set) var percent: UInt64 = 0
    /// What would be in flight with one more.
    private var inFlight: UInt64 = 0
    private var total: UInt64 = 0

    private init() {}

    @inline(__always)
    init(_ plan: Span<UInt32>, _ tier: Int, inFlight others: UInt32) {
        percent = UInt64(plan[PlanLayout.bound])
        inFlight = UInt64(others) &+ 1
        total = UInt64(plan[tier &+ PlanLayout.Tier.total])
    }

    /// Whether one more is not above the share, rounded up. Of 2³² in flight, 10,000 % and a weight of 2¹⁸ nothing
    /// overflows.
    func allows(_ own: UInt32, weight: UInt64) -> Bool {
        guard own > 0 else { return true }
        let (high, low) = (UInt64(own) &* 100).multipliedFullWidth(by: total)
        let (mostHigh, mostLow) = (inFlight &* percent).multipliedFullWidth(by: weight)
        return high < mostHigh || high == mostHigh && low < mostLow
    }
}

/// Where a tier's ring lies in the plan.
private struct Ring {
    let start: Int
    let count: Int
    let owners: Int
    private let guide: Int
    private let shift: UInt32

    @inline(__always)
    init(_ plan: Span<UInt32>, _ tier: Int) {
        start = Int(plan[tier &+ PlanLayout.Tier.ring])
        count = Int(plan[tier &+ PlanLayout.Tier.ringCount])
        owners = start &+ count
        guide = owners &+ count
        shift = plan[tier &+ PlanLayout.Tier.ringGuideShift]
    }

    /// The first point at or behind a place of the ring.
    @inline(__always)
    func successor(of place: UInt32, _ plan: Span<UInt32>) -> Int {
        var index = Int(plan[guide &+ Int(place &>> shift)])
        while index < count, plan[start &+ index] < place { index &+= 1 }
        return index < count ? index : 0
    }
}
