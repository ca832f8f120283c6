import Contract

/// Reads how a rule's endpoints share what comes.
extension SectionReader {
    /// - Returns: `nil` when nothing was said.
    mutating func pool(_ fields: Fields, of kind: Rule.Kind) -> PoolOptions? {
        let check = healthCheck(fields, of: kind)
        guard let section = section("pool", of: fields) else {
            guard let check else { return nil }
            var pool = PoolOptions()
            pool.healthCheck = check
            return pool
        }
        var pool = PoolOptions()
        pool.healthCheck = check
        if let policy = text("policy", of: section) {
            pool.policy = PoolOptions.Policy(rawValue: policy) ?? pool.policy
        }
        if let written = text("hashBy", of: section) {
            do {
                pool.hashBy = try HashKey(written)
            } catch {
                report(error, "bad-hash-key", at: section.position("hashBy"), fields)
            }
        }
        for field in ["hashBy", "bound"] where section.has(field) && pool.policy != .hash {
            report(
                "without-hash", at: section.position(field), subject: fields.subject,
                found: "found \"\(field)\" and no policy \"hash\"",
                wanted: "wanted \"policy\" to be \"hash\", which it is for")
        }
        pool.bound = number("bound", of: section) ?? pool.bound
        pool.panic = number("panic", of: section) ?? pool.panic
        pool.sticky = text("sticky", of: section)
        pool.slowStart = number("slowStart", of: section) ?? pool.slowStart
        pool.ejection = ejection(section)
        pool.breaker = breaker(section)
        do {
            try pool.check()
        } catch {
            report(error, "bad-pool", at: fields.position("pool"), fields)
        }
        return pool
    }

    /// - Returns: `nil` for the standard one.
    private mutating func ejection(_ pool: Fields) -> Ejection? {
        guard let (field, pair) = pool.written("ejection"), case .switchable(let section) = field.type else {
            return nil
        }
        if case .text(let text, _) = pair.value.content {
            do {
                return try Quantities.boolean(text) ? nil : .off
            } catch {
                report(
                    error.code, at: pair.value.position, subject: pool.subject, found: "\(error.found) in \"ejection\"",
                    wanted: "wanted \(field.type.wanted)")
                return nil
            }
        }
        guard let inner = fields(pair.value, as: section, subject: pool.subject) else { return nil }
        var ejection = Ejection()
        for (name, field) in [
            ("consecutive", \Ejection.consecutive), ("ratio", \.ratio), ("minimum", \.minimum), ("window", \.window),
            ("base", \.base), ("longest", \.longest), ("cap", \.cap),
            ("latency", \.latency),
        ] {
            if let value = number(name, of: inner) { ejection[keyPath: field] = value }
        }
        ejection.serverErrors = number("serverErrors", of: inner) == 1
        return ejection
    }

    private mutating func breaker(_ pool: Fields) -> Breaker? {
        guard let section = section("breaker", of: pool) else { return nil }
        var breaker = Breaker()
        for (name, field) in [
            ("connections", \Breaker.connections), ("pending", \.pending), ("inFlight", \.inFlight),
            ("ratio", \.ratio), ("minimum", \.minimum), ("window", \.window), ("base", \.base),
            ("longest", \.longest), ("trials", \.trials), ("poolConnections", \.poolConnections),
            ("poolPending", \.poolPending), ("poolInFlight", \.poolInFlight), ("poolRatio", \.poolRatio),
        ] {
            if let value = number(name, of: section) { breaker[keyPath: field] = value }
        }
        breaker.serverErrors = number("serverErrors", of: section) == 1
        return breaker
    }

    /// The endpoints of a rule, each an address or a mapping that says more of it.
    mutating func endpoints(of fields: Fields) -> [(text: String, position: Position, share: EndpointShare)] {
        guard let (_, pair) = fields.written("endpoints") else { return [] }
        var items = [pair.value]
        if case .list(let list) = pair.value.content { items = list }
        guard items.contains(where: { if case .mapping = $0.content { true } else { false } }) else {
            return texts("endpoints", of: fields).map { ($0.text, $0.position, EndpointShare()) }
        }
        guard items.count <= Schema.listLimit else {
            report(
                "too-many", at: pair.value.position, subject: fields.subject,
                found: "found \(items.count) values in \"\(pair.key)\"", wanted: "wanted at most \(Schema.listLimit)")
            return []
        }
        var endpoints: [(text: String, position: Position, share: EndpointShare)] = []
        for item in items {
            guard case .mapping = item.content else {
                if case .text(let text) = scalar(item, as: .endpoint, name: pair.key, subject: fields.subject) {
                    endpoints.append((text, item.position, EndpointShare()))
                }
                continue
            }
            guard let inner = self.fields(item, as: Schema.weighedEndpoint, subject: fields.subject) else { continue }
            let share = EndpointShare(weight: number("weight", of: inner) ?? 1, tier: number("tier", of: inner) ?? 0)
            if let text = text("address", of: inner) { endpoints.append((text, item.position, share)) }
        }
        return endpoints
    }
}
