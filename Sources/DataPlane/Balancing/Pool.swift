/// Chooses among the endpoints of a pool: a plan, read beside what the worker knows of the endpoints.
///
/// Nothing is allocated and nothing but `state`, `turn` and `random` is changed, so a choice can be made again with
/// the same values. What a choice costs does not depend on the number of endpoints as long as a fair share of them is
/// usable; only a pool that is nearly gone is searched through.
///
/// ```swift
/// let pool = Pool(plan: view.plan(of: route), loads: loads.span)
/// var turn = Turn(key: key)
/// guard let endpoint = pool.next(&turn, &state, epoch: epoch, now: now, random: &random) else { … }
/// ```
public struct Pool: ~Escapable {
    /// Up to here the fewest in flight are found by looking at all.
    public static let scanLimit = 8
    /// Beyond it, among so many drawn.
    static let sampleCount = 4
    /// Draws that may fall on endpoints that are not usable before the rest of the tier is searched one by one.
    static let drawLimit = 16

    let plan: Span<UInt32>
    let loads: Span<EndpointLoad>

    /// - Parameters:
    ///   - plan: ``PoolPlan/words``.
    ///   - loads: by endpoint number; must have those of the plan.
    @_lifetime(copy plan, copy loads)
    public init(plan: Span<UInt32>, loads: Span<EndpointLoad>) {
        self.plan = plan
        self.loads = loads
    }

    /// Why there is nobody to try.
    public enum Shortage: UInt8, Sendable, BitwiseCopyable {
        /// Somebody could be chosen, had they not as much under way as they may: it is worth waiting for them.
        case full
        /// Whoever there is was tried.
        case tried
        /// The circuits of whoever there is are open.
        case broken
        /// There is nobody.
        case deserted
    }

    /// The endpoint to try next, by its number: never one that the turn has had.
    ///
    /// - Parameters:
    ///   - epoch: another one whenever the bars of any endpoint have changed, or a share from or to 0.
    ///   - now: nanoseconds of the monotonic clock.
    /// - Returns: `nil` when nobody is left. `state.condition` tells whether there are endpoints that were tried or
    ///   are full, or none.
    public func next(
        _ turn: inout Turn, _ state: inout PoolState, epoch: UInt32, now: UInt64, random: inout WeakRandom
    ) -> UInt32? {
        let asked = UInt64(epoch) &<< 32 | UInt64(plan[PlanLayout.stamp])
        if state.surveyed != asked {
            survey(&state)
            state.surveyed = asked
        }
        guard turn.count < Turn.limit else { return nil }
        if turn.count == 0, turn.pinned != 0, let member = self.member(identity: turn.pinned) {
            // Also without weight: an endpoint that gets nobody new keeps those that it has.
            if accepts(member, .all, &turn) {
                turn.followedPin = true
                return take(member, &turn)
            }
        }
        guard state.condition != .deserted else { return nil }
        if let member = choose(Int(state.place), &turn, &state, now: now, &random) { return take(member, &turn) }
        return inOtherTiers(&turn, &state, now: now, &random)
    }

    /// Where the tier that is served has nobody left, those above it help out, then those below.
    @inline(never)
    private func inOtherTiers(
        _ turn: inout Turn, _ state: inout PoolState, now: UInt64, _ random: inout WeakRandom
    ) -> UInt32? {
        let tierCount = word(PlanLayout.tierCount)
        var index = Int(state.tier)
        for _ in 1..<max(1, tierCount) {
            index = index &+ 1 < tierCount ? index &+ 1 : 0
            let tier = word(PlanLayout.tiers) &+ index &* PlanLayout.Tier.stride
            if let member = choose(tier, &turn, &state, now: now, &random) { return take(member, &turn) }
        }
        return nil
    }

    @inline(__always)
    private func take(_ member: Int, _ turn: inout Turn) -> UInt32 {
        turn.note(member)
        return number(member)
    }

    /// Of the tier that starts at a place of the plan.
    @inline(__always)
    private func choose(
        _ tier: Int, _ turn: inout Turn, _ state: inout PoolState, now: UInt64, _ random: inout WeakRandom
    ) -> Int? {
        switch plan[PlanLayout.policy] {
        case PoolPolicy.roundRobin.rawValue: inTurn(tier, &turn, &state, &random)
        case PoolPolicy.random.rawValue: drawn(tier, &turn, state.mask, &random)
        case PoolPolicy.leastConnections.rawValue: least(tier, &turn, &state, &random)
        case PoolPolicy.twoChoices.rawValue: better(tier, &turn, state.mask, &random)
        case PoolPolicy.leastTime.rawValue: sooner(tier, &turn, state.mask, now, &random)
        case PoolPolicy.hash.rawValue: hashed(tier, &turn, &state)
        case let other: preconditionFailure("a plan with policy \(other)")
        }
    }

    // MARK: What is read

    @inline(__always)
    func word(_ index: Int) -> Int { Int(plan[index]) }

    /// A word of a tier, by where the tier starts.
    @inline(__always)
    func word(_ word: Int, of tier: Int) -> Int { Int(plan[tier &+ word]) }

    @inline(__always)
    func number(_ member: Int) -> UInt32 { plan[PlanLayout.members &+ member &* PlanLayout.memberStride] }

    /// The sum of weights before the member's own, in 256ths.
    @inline(__always)
    func start(_ member: Int) -> UInt64 { UInt64(plan[PlanLayout.members &+ member &* PlanLayout.memberStride &+ 1]) }

    /// In 256ths.
    @inline(__always)
    func weight(_ member: Int) -> UInt64 { UInt64(plan[PlanLayout.members &+ member &* PlanLayout.memberStride &+ 2]) }

    @inline(__always)
    func load(_ member: Int) -> EndpointLoad { loads[Int(number(member))] }

    @inline(__always)
    func accepts(_ member: Int, _ mask: EndpointLoad.Bars, _ turn: inout Turn) -> Bool {
        load(member).admits(mask) && !turn.has(member)
    }

    private func member(identity: UInt64) -> Int? {
        let index = word(PlanLayout.index)
        guard index != 0 else { return nil }
        let mask = word(PlanLayout.indexMask)
        var slot = Int(truncatingIfNeeded: mixed(identity)) & mask
        while true {
            let place = index &+ slot &* PlanLayout.indexStride
            let member = plan[place &+ 2]
            guard member != PlanLayout.nobody else { return nil }
            if plan[place] == UInt32(truncatingIfNeeded: identity),
                plan[place &+ 1] == UInt32(truncatingIfNeeded: identity &>> 32)
            {
                return Int(member)
            }
            slot = (slot &+ 1) & mask
        }
    }
}
