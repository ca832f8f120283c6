import Contract

/// Reads what a rule does beside passing requests on. What is wrong is reported; the rule is not served then.
extension SectionReader {
    /// - Parameter path: the rule's.
    /// - Returns: `nil` when nothing was asked for.
    mutating func ruleOptions(of fields: Fields, path: String, kind: Rule.Kind) -> RuleOptions? {
        var options = RuleOptions()
        readNetworks(fields, into: &options)
        readPath(fields, of: path, into: &options)
        let before = errorCount
        options.requestHeaders = headerChanges("requestHeaders", of: fields, .request)
        if errorCount == before, !fields.has("basicAuth") { checkUser(options, fields) }
        options.responseHeaders = headerChanges("responseHeaders", of: fields, .response)
        options.redirect = redirect(fields)
        options.rateLimit = rateLimit(fields)
        options.retries = retries(fields, of: kind)
        options.timeouts = timeouts(fields)
        options.bufferRequest = number("bufferRequest", of: fields)
        options.maxPending = number("maxPending", of: fields)
        options.basicAuth = basicAuth(fields)
        options.gzip = gzip(fields)
        options.errorPages = errorPages(fields)
        options.maxBody = number("maxBody", of: fields)
        options.maintenance = number("maintenance", of: fields) == 1
        options.securityHeaders = number("securityHeaders", of: fields) == 1
        return options == RuleOptions() ? nil : options
    }

    private mutating func readNetworks(_ fields: Fields, into options: inout RuleOptions) {
        options.allow = texts("allow", of: fields).map(\.text)
        let allowed = Set(options.allow)
        for (network, position) in texts("deny", of: fields) {
            options.deny.append(network)
            guard allowed.contains(network) else { continue }
            report(
                "said-twice", at: position, subject: fields.subject,
                found: "found \"\(network)\" in \"deny\", and in \"allow\" too", wanted: "wanted it in one of them")
        }
    }

    private mutating func readPath(_ fields: Fields, of path: String, into options: inout RuleOptions) {
        if let text = text("stripPrefix", of: fields) {
            do {
                switch text.lowercased() {
                case "true", "yes", "on": options.stripPrefix = path
                case "false", "no", "off": break
                default: options.stripPrefix = try Hosts.path(text)
                }
            } catch {
                report(error.diagnosis(at: place(fields.position("stripPrefix")), subject: fields.subject))
            }
        }
        options.addPrefix = text("addPrefix", of: fields)
        guard let prefix = text("replacePrefix", of: fields) else { return }
        for other in ["stripPrefix", "addPrefix"] where fields.has(other) {
            report(
                "said-twice", at: fields.position("replacePrefix"), subject: fields.subject,
                found: "found \"replacePrefix\", and \"\(other)\" too",
                wanted: "wanted \"replacePrefix\" alone, or the others")
        }
        options.stripPrefix = path
        options.addPrefix = prefix
    }

    mutating func section(_ name: String, of fields: Fields) -> Fields? {
        guard let (field, pair) = fields.written(name), case .section(let section) = field.type else { return nil }
        return self.fields(pair.value, as: section, subject: fields.subject)
    }

    private mutating func redirect(_ fields: Fields) -> Redirect? {
        guard let section = section("redirect", of: fields), let to = text("to", of: section) else { return nil }
        let status = text("status", of: section).flatMap { Int($0) }
        let redirect = Redirect(to: to, status: status ?? Redirect(to: to).status)
        do {
            _ = try redirect.template()
        } catch {
            report(error, "bad-redirect", at: section.position("to"), fields)
        }
        return redirect
    }

    private mutating func rateLimit(_ fields: Fields) -> RateLimit? {
        guard let section = section("rateLimit", of: fields), let requests = number("requests", of: section) else {
            return nil
        }
        return RateLimit(
            requests: requests, per: number("per", of: section) ?? 1_000, burst: number("burst", of: section))
    }

    private mutating func retries(_ fields: Fields, of kind: Rule.Kind) -> Retries? {
        guard let section = section("retries", of: fields) else { return nil }
        var retries = Retries()
        if kind != .http { retries.on = [.connect] }
        if let attempts = number("attempts", of: section) { retries.attempts = attempts }
        if section.has("on") { retries.on = texts("on", of: section).compactMap { Retries.Cause(rawValue: $0.text) } }
        if let budget = number("budget", of: section) { retries.budget = budget }
        return retries
    }

    private mutating func timeouts(_ fields: Fields) -> RuleTimeouts? {
        guard let section = section("timeouts", of: fields) else { return nil }
        var timeouts = RuleTimeouts()
        for field in RuleTimeouts.fields { timeouts[keyPath: field.path] = number(field.name, of: section) }
        return timeouts == RuleTimeouts() ? nil : timeouts
    }

    private mutating func headerChanges(
        _ name: String, of fields: Fields, _ direction: HeaderChanges.Direction
    ) -> HeaderChanges {
        guard let section = section(name, of: fields) else { return HeaderChanges() }
        var changes = HeaderChanges()
        for (name, position) in texts("remove", of: section) {
            check(name, direction, at: position, fields)
            changes.remove.append(name)
        }
        changes.set = headers("set", of: section, direction)
        changes.add = headers("add", of: section, direction)
        do {
            try changes.check()
        } catch {
            report(error, "bad-header", at: fields.position(name), fields)
        }
        return changes
    }

    private mutating func headers(
        _ name: String, of section: Fields, _ direction: HeaderChanges.Direction
    ) -> [HeaderField] {
        guard let (field, pair) = section.written(name) else { return [] }
        guard case .mapping(let pairs) = pair.value.content else {
            report(
                "wrong-type", at: pair.value.position, subject: section.subject,
                found: "\(pair.value.found) in \"\(name)\"", wanted: "wanted \(field.type.wanted)")
            return []
        }
        var headers: [HeaderField] = []
        for pair in pairs {
            check(pair.key, direction, at: pair.keyPosition, section)
            guard case .text(let value, _) = pair.value.content else {
                report(
                    "wrong-type", at: pair.value.position, subject: section.subject,
                    found: "\(pair.value.found) in \"\(Shown.plain(pair.key))\"", wanted: "wanted a text")
                continue
            }
            do {
                _ = try HeaderField.template(of: value, in: direction)
            } catch {
                report(error, "bad-header", at: pair.value.position, section)
            }
            headers.append(HeaderField(pair.key, value))
        }
        return headers
    }

    private mutating func check(
        _ name: String, _ direction: HeaderChanges.Direction, at position: Position, _ fields: Fields
    ) {
        do {
            try HeaderField.check(name: name, of: direction)
        } catch {
            report(error, "bad-header", at: position, fields)
        }
    }

    mutating func report(_ fault: OptionFault, _ code: String, at position: Position, _ fields: Fields) {
        report(code, at: position, subject: fields.subject, found: fault.found, wanted: fault.wanted)
    }
}
