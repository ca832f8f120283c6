// Choices that go by weight and load.

/// Multiples of 2⁶⁴ divided by the golden ratio, modulo 2⁶⁴: they fall as evenly as any can, and an endpoint's turns
/// come at three distances at most (Sós, 1958).
struct GoldenSteps: RandomNumberGenerator {
    var cursor: UInt64

    @inline(__always)
    mutating func next() -> UInt64 {
        cursor &+= 0x9e37_79b9_7f4a_7c15
        return cursor
    }
}

/// A member that a number fell on, and where within its weight: a member that has only a share of its weight is passed
/// over where the number fell beyond it.
struct Draw {
    var member: Int
    private var position: UInt64
    private var weight: UInt64

    /// Of a fraction of 2⁶⁴ the member with that part of the tier's weight.
    @inline(__always)
    init(_ tier: Int, _ fraction: UInt64, _ pool: borrowing Pool) {
        let guide = pool.word(PlanLayout.Tier.guide, of: tier)
        guard guide != 0 else {
            let product = fraction.multipliedFullWidth(
                by: UInt64(pool.word(PlanLayout.Tier.count, of: tier)))
            member = pool.word(PlanLayout.Tier.first, of: tier) &+ Int(truncatingIfNeeded: product.high)
            position = product.low &>> 56
            weight = UInt64(EndpointLoad.wholeShare)
            return
        }
        let point = fraction.multipliedFullWidth(by: UInt64(pool.word(PlanLayout.Tier.total, of: tier)))
            .high
        let shift = UInt64(pool.word(PlanLayout.Tier.guideShift, of: tier))
        member = pool.word(guide &+ Int(truncatingIfNeeded: fraction &>> shift))
        while true {
            position = point &- pool.start(member)
            weight = pool.weight(member)
            guard position >= weight else { return }
            member &+= 1
        }
    }

    @inline(__always)
    func isWithin(_ share: UInt16) -> Bool {
        share >= EndpointLoad.wholeShare
            || position &* UInt64(EndpointLoad.wholeShare) < weight &* UInt64(share)
    }
}

/// What an endpoint has to carry, to be weighed against another's: compared as fractions, without dividing.
struct Burden {
    /// Below 2⁴⁶, so that it can be multiplied with any weight.
    private var amount: UInt64
    /// 0 to 256,000.
    private var weight: UInt64

    @inline(__always)
    init(_ amount: UInt64, _ weight: UInt64, _ share: UInt16) {
        self.amount = amount
        self.weight = (weight &* UInt64(share)) &>> 8
    }

    @inline(__always)
    static func < (one: Burden, other: Burden) -> Bool {
        one.amount &* other.weight < other.amount &* one.weight
    }
}

extension Pool {
    // MARK: In turn

    /// Each in turn where weights are equal; else by golden steps through the weights, which mixes heavy and light as
    /// smoothly as keeping a balance of each would, without keeping one.
    @inline(__always)
    func inTurn(
        _ tier: Int, _ turn: inout Turn, _ state: inout PoolState, _ random: inout WeakRandom
    ) -> Int? {
        guard word(PlanLayout.Tier.guide, of: tier) == 0 else {
            var steps = GoldenSteps(cursor: state.cursor)
            defer { state.cursor = steps.cursor }
            return drawn(tier, &turn, state.mask, &steps)
        }
        let first = word(PlanLayout.Tier.first, of: tier)
        let count = word(PlanLayout.Tier.count, of: tier)
        // Nearly always the cursor is in range, and a division is the dearest instruction here.
        var index = Int(
            truncatingIfNeeded: state.cursor < count ? state.cursor : state.cursor % UInt64(count))
        var spare: Int?
        for _ in 0..<count {
            let member = first &+ index
            index = index &+ 1 < count ? index &+ 1 : 0
            guard accepts(member, state.mask, &turn) else { continue }
            let share = load(member).share
            if share < EndpointLoad.wholeShare, random.next() &>> 56 >= UInt64(share) {
                if spare == nil { spare = member }
                continue
            }
            // Behind the one that is taken, or the one behind a sick endpoint would get the sick one's share.
            state.cursor = UInt64(index)
            return member
        }
        return spare
    }

    // MARK: Drawn by weight

    /// Draws until an endpoint is usable; then, after so many misses that few can be left, searches.
    @inline(__always)
    func drawn<Numbers: RandomNumberGenerator>(
        _ tier: Int, _ turn: inout Turn, _ mask: EndpointLoad.Bars, _ numbers: inout Numbers
    ) -> Int? {
        let draw = Draw(tier, numbers.next(), self)
        if accepts(draw.member, mask, &turn), draw.isWithin(load(draw.member).share) {
            return draw.member
        }
        return drawnAgain(tier, &turn, mask, &numbers)
    }

    private func drawnAgain<Numbers: RandomNumberGenerator>(
        _ tier: Int, _ turn: inout Turn, _ mask: EndpointLoad.Bars, _ numbers: inout Numbers
    ) -> Int? {
        var spare: Int?
        var last = word(PlanLayout.Tier.first, of: tier)
        for _ in 1..<Self.drawLimit {
            let draw = Draw(tier, numbers.next(), self)
            last = draw.member
            guard accepts(last, mask, &turn) else { continue }
            if draw.isWithin(load(last).share) { return last }
            spare = last
        }
        return spare ?? searched(tier, &turn, mask, from: last)
    }

    /// The first usable one from a place on, around the tier.
    func searched(_ tier: Int, _ turn: inout Turn, _ mask: EndpointLoad.Bars, from start: Int) -> Int? {
        let first = word(PlanLayout.Tier.first, of: tier)
        let count = word(PlanLayout.Tier.count, of: tier)
        var member = start
        for _ in 0..<count {
            if accepts(member, mask, &turn) { return member }
            member = member &+ 1 < first &+ count ? member &+ 1 : first
        }
        return nil
    }

    // MARK: By load

    /// The one whose turn it is, unless another has fewer in flight for its weight. So equals take turns, and an
    /// endpoint with little weight has its turn also where nothing is ever in flight.
    @inline(__always)
    func least(
        _ tier: Int, _ turn: inout Turn, _ state: inout PoolState, _ random: inout WeakRandom
    ) -> Int? {
        guard let its = inTurn(tier, &turn, &state, &random) else { return nil }
        // Nobody has fewer than none.
        var fewest = load(its).inFlight
        guard fewest > 0 else { return its }
        let count = word(PlanLayout.Tier.count, of: tier)
        guard count <= Self.scanLimit, word(PlanLayout.Tier.guide, of: tier) == 0 else {
            return leastByWeight(its, tier, &turn, &state, &random)
        }
        // Nearly always weights are equal, nobody is new, and who has the fewest is usable: then numbers are compared
        // as they are, and of one member only is asked whether it may be chosen.
        var member = word(PlanLayout.Tier.first, of: tier)
        let end = member &+ count
        var best = its
        while member < end {
            let load = load(member)
            guard load.hasWholeShare else { return leastByWeight(its, tier, &turn, &state, &random) }
            if load.inFlight < fewest { (best, fewest) = (member, load.inFlight) }
            member &+= 1
        }
        guard best == its || accepts(best, state.mask, &turn) else {
            return leastByWeight(its, tier, &turn, &state, &random)
        }
        return best
    }

    @inline(never)
    private func leastByWeight(
        _ found: Int, _ tier: Int, _ turn: inout Turn, _ state: inout PoolState, _ random: inout WeakRandom
    ) -> Int? {
        var best = found
        var least = burden(best)
        let count = word(PlanLayout.Tier.count, of: tier)
        if count <= Self.scanLimit {
            let first = word(PlanLayout.Tier.first, of: tier)
            for member in first..<first &+ count where member != best {
                let burden = burden(member)
                if burden < least, accepts(member, state.mask, &turn) { (best, least) = (member, burden) }
            }
            return best
        }
        for _ in 1..<Self.sampleCount {
            let member = Draw(tier, random.next(), self).member
            let burden = burden(member)
            if burden < least, accepts(member, state.mask, &turn) { (best, least) = (member, burden) }
        }
        return best
    }

    /// Of two drawn by weight the one with fewer in flight for its weight.
    @inline(never)
    func better(
        _ tier: Int, _ turn: inout Turn, _ mask: EndpointLoad.Bars, _ random: inout WeakRandom
    ) -> Int? {
        let pair = pair(tier, &turn, mask, &random)
        guard let one = pair.one, let other = pair.other else { return pair.one }
        return burden(other) < burden(one) ? other : one
    }

    /// Of two drawn by weight the one that would have to wait less for its weight.
    @inline(never)
    func sooner(
        _ tier: Int, _ turn: inout Turn, _ mask: EndpointLoad.Bars, _ now: UInt64, _ random: inout WeakRandom
    ) -> Int? {
        let pair = pair(tier, &turn, mask, &random)
        guard let one = pair.one, let other = pair.other else { return pair.one }
        return delay(other, now) < delay(one, now) ? other : one
    }

    /// Two different ones that are usable, or as many as are found.
    @inline(__always)
    private func pair(
        _ tier: Int, _ turn: inout Turn, _ mask: EndpointLoad.Bars, _ random: inout WeakRandom
    ) -> (one: Int?, other: Int?) {
        let count = word(PlanLayout.Tier.count, of: tier)
        if word(PlanLayout.Tier.guide, of: tier) == 0, count > 1 {
            // Nearly always these two are usable and have their whole share; one number is enough for both.
            let number = random.next()
            let first = word(PlanLayout.Tier.first, of: tier)
            let one = first &+ Int(truncatingIfNeeded: ((number &>> 32) &* UInt64(count)) &>> 32)
            var other = first &+ Int(truncatingIfNeeded: ((number & 0xffff_ffff) &* UInt64(count &- 1)) &>> 32)
            if other >= one { other &+= 1 }
            if load(one).share >= EndpointLoad.wholeShare, accepts(one, mask, &turn), accepts(other, mask, &turn) {
                return (one, other)
            }
        }
        return pairSearched(tier, &turn, mask, &random)
    }

    @inline(never)
    private func pairSearched(
        _ tier: Int, _ turn: inout Turn, _ mask: EndpointLoad.Bars, _ random: inout WeakRandom
    ) -> (one: Int?, other: Int?) {
        guard let one = drawn(tier, &turn, mask, &random) else { return (nil, nil) }
        // Unless a few draws find another, few others are there or usable.
        for _ in 0..<4 {
            let member = Draw(tier, random.next(), self).member
            if member != one, accepts(member, mask, &turn) { return (one, member) }
        }
        return (one, nil)
    }

    @inline(__always)
    private func burden(_ member: Int) -> Burden {
        let load = load(member)
        return Burden(UInt64(load.inFlight), weight(member), load.share)
    }

    @inline(__always)
    private func delay(_ member: Int, _ now: UInt64) -> Burden {
        let load = load(member)
        return Burden(
            min(load.latency.cost(inFlight: load.inFlight, at: now), 1 &<< 45), weight(member), load.share
        )
    }
}
