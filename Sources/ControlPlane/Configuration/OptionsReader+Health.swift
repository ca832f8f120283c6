import Contract

/// Reads how a rule's endpoints are asked whether they are well.
extension SectionReader {
    /// - Returns: `nil` when nobody is to ask.
    mutating func healthCheck(_ fields: Fields, of kind: Rule.Kind) -> HealthCheck? {
        guard let (field, pair) = fields.written("health"), case .switchable(let section) = field.type else {
            return nil
        }
        if case .text(let text, _) = pair.value.content {
            do {
                return try Quantities.boolean(text) ? Self.standardCheck(of: kind) : nil
            } catch {
                report(
                    error.code, at: pair.value.position, subject: fields.subject,
                    found: "\(error.found) in \"health\"", wanted: "wanted \(field.type.wanted)")
                return nil
            }
        }
        guard let inner = self.fields(pair.value, as: section, subject: fields.subject) else { return nil }
        var check = Self.standardCheck(of: kind)
        if let kind = text("kind", of: inner) { check.kind = HealthCheck.Kind(rawValue: kind) ?? check.kind }
        if let method = text("method", of: inner) {
            check.method = HealthCheck.Method(rawValue: method) ?? check.method
        }
        check.path = text("path", of: inner) ?? check.path
        check.host = text("host", of: inner)
        check.body = text("body", of: inner)
        if let written = text("expect", of: inner) {
            do {
                check.expect = try StatusRanges(written)
            } catch {
                report(error, "bad-status", at: inner.position("expect"), fields)
            }
        }
        check.port = number("port", of: inner)
        for (name, field) in [
            ("interval", \HealthCheck.interval), ("timeout", \.timeout), ("rise", \.rise), ("fall", \.fall),
            ("jitter", \.jitter),
        ] {
            if let value = number(name, of: inner) { check[keyPath: field] = value }
        }
        if check.kind == .tcp {
            for field in ["path", "host", "method", "expect", "body"] where inner.has(field) {
                report(
                    "without-http", at: inner.position(field), subject: fields.subject,
                    found: "found \"\(field)\" and kind \"tcp\"",
                    wanted: "wanted \"kind\" to be \"http\" or \"https\", which it is for")
            }
        }
        do {
            try check.check()
        } catch {
            report(error, "bad-health", at: fields.position("health"), fields)
        }
        return check
    }

    /// Requests are asked for in the way of requests; of other endpoints nobody knows more than that they are there.
    private static func standardCheck(of kind: Rule.Kind) -> HealthCheck {
        var check = HealthCheck()
        switch kind {
        case .http: break
        case .tcp, .udp: check.kind = .tcp
        }
        return check
    }
}
