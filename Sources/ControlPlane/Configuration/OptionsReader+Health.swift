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
                guard try Quantities.boolean(text) else { return nil }
                let standard = Self.standardCheck(of: kind)
                lint(standard, fields)
                return standard
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
        check.send = probe("send", of: inner)
        check.answer = probe("answer", of: inner)
        check.port = number("port", of: inner)
        for (name, field) in [
            ("interval", \HealthCheck.interval), ("timeout", \.timeout), ("rise", \.rise), ("fall", \.fall),
            ("jitter", \.jitter),
        ] {
            if let value = number(name, of: inner) { check[keyPath: field] = value }
        }
        if check.kind == .tcp || check.kind == .udp {
            for field in ["path", "host", "method", "expect", "body"] where inner.has(field) {
                report(
                    "without-http", at: inner.position(field), subject: fields.subject,
                    found: "found \"\(field)\" and kind \"\(check.kind.rawValue)\"",
                    wanted: "wanted \"kind\" to be \"http\" or \"https\", which it is for")
            }
        }
        // A probe that cannot be read was reported.
        if check.send != nil || !inner.has("send") { lint(check, fields) }
        return check
    }

    private mutating func lint(_ check: HealthCheck, _ fields: Fields) {
        do {
            try check.check()
        } catch {
            report(error, "bad-health", at: fields.position("health"), fields)
        }
    }

    private mutating func probe(_ name: String, of fields: Fields) -> ProbeBytes? {
        guard let written = text(name, of: fields) else { return nil }
        do {
            return try ProbeBytes(written)
        } catch {
            report(error, "bad-probe", at: fields.position(name), fields)
            return nil
        }
    }

    /// Requests are asked for in the way of requests. Of connections nobody knows more than that they come about, and
    /// of datagrams nothing.
    private static func standardCheck(of kind: Rule.Kind) -> HealthCheck {
        var check = HealthCheck()
        switch kind {
        case .http: break
        case .tcp: check.kind = .tcp
        case .udp: check.kind = .udp
        }
        return check
    }
}
