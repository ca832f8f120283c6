extension Pool {
    /// Finds the tier to serve, and what keeps an endpoint from being chosen. Looks at every endpoint, once for each
    /// change of any.
    func survey(_ state: inout PoolState) {
        let tiers = word(PlanLayout.tiers)
        let tierCount = word(PlanLayout.tierCount)
        let panic = UInt64(plan[PlanLayout.panic])
        for index in 0..<tierCount {
            let tier = tiers &+ index &* PlanLayout.Tier.stride
            let usable = usableWeight(tier, .all)
            guard usable > 0, usable &* 100 >= UInt64(word(PlanLayout.Tier.total, of: tier)) &* panic else { continue }
            state.condition = .serving
            state.tier = UInt8(truncatingIfNeeded: index)
            state.place = UInt32(tier)
            state.mask = .all
            return
        }
        // Opinions go; an open circuit and an endpoint about to leave stay what they are.
        let mask = EndpointLoad.Bars.all.subtracting(.soft)
        state.mask = mask
        for index in 0..<tierCount where usableWeight(tiers &+ index &* PlanLayout.Tier.stride, mask) > 0 {
            state.condition = .panicking
            state.tier = UInt8(truncatingIfNeeded: index)
            state.place = UInt32(tiers &+ index &* PlanLayout.Tier.stride)
            return
        }
        state.condition = .deserted
        state.tier = 0
    }

    /// Why ``next(_:_:epoch:now:random:)`` found nobody, when it did not. Looks at every endpoint.
    public func shortage(_ turn: Turn, _ state: PoolState) -> Shortage {
        var isBroken = false
        let first = PlanLayout.members
        for start in stride(from: first, to: word(PlanLayout.tiers), by: PlanLayout.memberStride) {
            let member = (start &- first) / PlanLayout.memberStride
            let load = load(member)
            guard weight(member) > 0, load.share > 0, !turn.has(member) else { continue }
            if load.bars.isDisjoint(with: state.mask), load.inFlight >= load.inFlightLimit { return .full }
            if load.bars.contains(.broken), !load.bars.contains(.draining) { isBroken = true }
        }
        if turn.metFull { return .full }
        if turn.count > 0 { return .tried }
        return isBroken ? .broken : .deserted
    }

    /// In 256ths. An endpoint that is full for the moment is usable nevertheless.
    private func usableWeight(_ tier: Int, _ mask: EndpointLoad.Bars) -> UInt64 {
        var usable: UInt64 = 0
        let first = word(PlanLayout.Tier.first, of: tier)
        for member in first..<first &+ word(PlanLayout.Tier.count, of: tier) {
            let load = load(member)
            if load.bars.isDisjoint(with: mask), load.share > 0 { usable &+= weight(member) }
        }
        return usable
    }
}
