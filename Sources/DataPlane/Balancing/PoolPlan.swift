/// Which endpoint of a pool gets an exchange. Weights count in each of them: twice the weight, twice the exchanges, or
/// twice as many in flight.
public enum PoolPolicy: UInt32, Sendable, CaseIterable {
    /// Each in turn.
    case roundRobin
    case random
    /// The fewest in flight: of all in a tier of up to ``Pool/scanLimit`` endpoints, of four drawn in a larger one.
    case leastConnections
    /// The one of two drawn at random that has fewer in flight.
    case twoChoices
    /// The one of two drawn at random that is likely to answer sooner, see ``PeakLatency``.
    case leastTime
    /// The same for the same key, see ``HashRing``.
    case hash
}

/// A pool as it was asked for, in the form that choosing reads: one row of words without pointers, which a table can
/// copy into its own memory. Made when a table is compiled, never changed.
public struct PoolPlan: Equatable, Sendable {
    /// One endpoint of a pool.
    public struct Member: Equatable, Sendable {
        /// Where its ``EndpointLoad`` lies.
        public var number: UInt32
        /// The same in every process and revision, a hash of its address for instance: keys and cookies follow it.
        public var identity: UInt64
        /// 0 to ``PoolPlan/weightLimit``. With 0 no policy chooses it, and only those pinned to it still come.
        public var weight: UInt32
        /// 0 is served first; a higher tier when no endpoint of those below is usable. 0 to 7.
        public var tier: UInt8

        public init(number: UInt32, identity: UInt64, weight: UInt32 = 1, tier: UInt8 = 0) {
            self.number = number
            self.identity = identity
            self.weight = weight
            self.tier = tier
        }
    }

    public struct Options: Equatable, Sendable {
        public var policy: PoolPolicy
        /// Whether an exchange may come pinned to an endpoint.
        public var isSticky: Bool
        /// With ``PoolPolicy/hash``: an endpoint takes no more than so many percent of its share of what is in
        /// flight, and keys beyond that go to the next. 101 to 10,000; 0 means no bound.
        public var bound: UInt32
        /// Where less than so many percent of a tier's weight are usable, the tier is as good as gone; where every
        /// tier is, opinions about health are set aside. 0 to 100; with 0 that is when nobody is left.
        public var panic: UInt32

        public init(_ policy: PoolPolicy, isSticky: Bool = false, bound: UInt32 = 0, panic: UInt32 = 0) {
            self.policy = policy
            self.isSticky = isSticky
            self.bound = bound
            self.panic = panic
        }
    }

    public static let memberLimit = 4_096
    public static let weightLimit: UInt32 = 1_000
    public static let tierLimit: UInt8 = 8

    /// What ``Pool`` reads.
    public let words: [UInt32]

    /// Numbers and identities must not repeat, and counts, weights and tiers must be within their limits: whoever
    /// compiles a table has refused what is not.
    public init(_ members: [Member], _ options: Options) {
        precondition(members.count <= Self.memberLimit, "a pool of more endpoints than there can be")
        precondition(members.allSatisfy { $0.weight <= Self.weightLimit && $0.tier < Self.tierLimit })
        // What no policy chooses lies behind what it does, so that a tier is one row.
        let tiers = Set(members.filter { $0.weight > 0 }.map(\.tier)).sorted()
        let rows = tiers.map { tier in members.filter { $0.weight > 0 && $0.tier == tier } }
        let ordered = rows.flatMap { $0 } + members.filter { $0.weight == 0 }
        var words = [UInt32](repeating: 0, count: PlanLayout.members)
        words[PlanLayout.policy] = options.policy.rawValue
        words[PlanLayout.tierCount] = UInt32(tiers.count)
        words[PlanLayout.bound] = options.bound
        words[PlanLayout.panic] = options.panic
        for row in rows {
            var start: UInt32 = 0
            for member in row {
                let weight = member.weight * UInt32(EndpointLoad.wholeShare)
                words += [member.number, start, weight, 0]
                start += weight
            }
        }
        for member in ordered where member.weight == 0 { words += [member.number, 0, 0, 0] }
        words[PlanLayout.tiers] = UInt32(words.count)
        words += [UInt32](repeating: 0, count: tiers.count * PlanLayout.Tier.stride)
        var first = 0
        for (tier, row) in rows.enumerated() {
            let record = Int(words[PlanLayout.tiers]) + tier * PlanLayout.Tier.stride
            let total = row.reduce(0) { $0 + $1.weight } * UInt32(EndpointLoad.wholeShare)
            words[record + PlanLayout.Tier.first] = UInt32(first)
            words[record + PlanLayout.Tier.count] = UInt32(row.count)
            words[record + PlanLayout.Tier.total] = total
            if row.contains(where: { $0.weight != row[0].weight }) {
                let guide = Self.guide(of: row, first: first, total: total)
                words[record + PlanLayout.Tier.guide] = UInt32(words.count)
                words[record + PlanLayout.Tier.guideShift] = UInt32(64 - guide.count.trailingZeroBitCount)
                words += guide
            }
            if options.policy == .hash {
                let ring = HashRing(row)
                words[record + PlanLayout.Tier.ring] = UInt32(words.count)
                words[record + PlanLayout.Tier.ringCount] = UInt32(ring.positions.count)
                words[record + PlanLayout.Tier.ringGuideShift] = UInt32(32 - ring.guide.count.trailingZeroBitCount)
                words += ring.positions + ring.owners.map { $0 + UInt32(first) } + ring.guide
            }
            first += row.count
        }
        if options.isSticky, !ordered.isEmpty {
            let index = Self.index(of: ordered)
            words[PlanLayout.index] = UInt32(words.count)
            words[PlanLayout.indexMask] = UInt32(index.count / PlanLayout.indexStride - 1)
            words += index
        }
        let stamp = words.reduce(0) { mixed($0 ^ UInt64($1)) &+ 1 }
        words[PlanLayout.stamp] = UInt32(truncatingIfNeeded: stamp)
        self.words = words
    }

    /// For each of equal parts of the whole weight the member that has its beginning: as many parts as members at
    /// least, so that from there it is one step on average to the member of any point.
    private static func guide(of row: [Member], first: Int, total: UInt32) -> [UInt32] {
        let parts = nextPowerOfTwo(row.count)
        var member = 0
        var end = UInt64(row[0].weight) * UInt64(EndpointLoad.wholeShare)
        return (0..<parts).map { part in
            let point = UInt64(part) * UInt64(total) / UInt64(parts)
            while point >= end {
                member += 1
                end += UInt64(row[member].weight) * UInt64(EndpointLoad.wholeShare)
            }
            return UInt32(first + member)
        }
    }

    /// An open-addressed table from identities to members, half full at most.
    private static func index(of ordered: [Member]) -> [UInt32] {
        let places = nextPowerOfTwo(ordered.count * 2)
        var index = [UInt32](repeating: PlanLayout.nobody, count: places * PlanLayout.indexStride)
        for (place, member) in ordered.enumerated() {
            var slot = Int(truncatingIfNeeded: mixed(member.identity)) & (places - 1)
            while index[slot * PlanLayout.indexStride + 2] != PlanLayout.nobody { slot = (slot + 1) & (places - 1) }
            index[slot * PlanLayout.indexStride] = UInt32(truncatingIfNeeded: member.identity)
            index[slot * PlanLayout.indexStride + 1] = UInt32(truncatingIfNeeded: member.identity >> 32)
            index[slot * PlanLayout.indexStride + 2] = UInt32(place)
        }
        return index
    }
}

/// Where things lie among the words of a plan.
enum PlanLayout {
    /// Tells plans apart.
    static let stamp = 0
    static let policy = 1
    static let tierCount = 2
    static let bound = 3
    static let panic = 4
    /// Where the table of identities starts, or 0.
    static let index = 5
    static let indexMask = 6
    /// Where the tiers start.
    static let tiers = 7
    /// Where the members start.
    static let members = 8

    /// Of one tier.
    enum Tier {
        /// Its first member, and how many there are.
        static let first = 0
        static let count = 1
        /// The sum of weights, in 256ths.
        static let total = 2
        /// Where the guide starts; 0 when all weights are equal, and no guide is needed.
        static let guide = 3
        static let guideShift = 4
        /// Positions, then as many owners, then the guide of positions.
        static let ring = 5
        static let ringCount = 6
        static let ringGuideShift = 7
        static let stride = 8
    }

    /// Of one member: its number, the sum of weights before it in its tier, its weight; both in 256ths.
    static let memberStride = 4
    /// Of one place of the table of identities: low half, high half, member.
    static let indexStride = 3
    static let nobody = UInt32.max
}

func nextPowerOfTwo(_ count: Int) -> Int {
    var power = 1
    while power < count { power *= 2 }
    return power
}
