import Contract

/// A rule's options in the form that building a table copies from. Places count from the start of what it holds
/// itself.
struct CompiledOptions: Sendable {
    private(set) var record = RouteOptions()
    private(set) var boundaries: [AddressBoundary] = []
    private(set) var changes: [FieldChange] = []
    private(set) var text: [UInt8] = []

    init(_ options: RuleOptions, name: String, hashing: Hashing) throws(RuleFault) {
        try addAccessList(options)
        do {
            record.requestFields = try add(options.requestHeaders, .request, .requestFields, name: name)
            record.responseFields = try add(options.responseHeaders, .response, .responseFields, name: name)
            if let redirect = options.redirect { try add(redirect) }
            if let timeouts = options.timeouts {
                record.timeouts = try RouteTimeouts(timeouts)
                record.flags.insert(.timeouts)
            }
            if let limit = options.rateLimit { try add(limit, name: name, hashing: hashing) }
            if let retries = options.retries { try add(retries) }
            if let auth = options.basicAuth { try add(auth, name: name, hashing: hashing) }
            if let gzip = options.gzip { try add(gzip) }
            if let pages = options.errorPages, !pages.pages.isEmpty { try add(pages) }
            try options.check()
        } catch {
            throw RuleFault(message: error.message)
        }
        try addPath(options)
        if let limit = options.maxBody {
            guard limit >= 0 else { throw RuleFault(message: "found maxBody \(limit), wanted 0 or more bytes") }
            record.flags.insert(.bodyLimit)
            record.bodyLimit = UInt64(limit)
        }
        if let limit = options.bufferRequest {
            guard RuleOptions.bufferRange.contains(limit) else {
                throw RuleFault(message: "found bufferRequest \(limit), wanted 1 to 16777216 bytes")
            }
            record.flags.insert(.bufferRequest)
            record.requestBuffer = UInt64(limit)
        }
        if let limit = options.maxPending {
            guard Limits.countRange.contains(limit) else {
                throw RuleFault(message: "found maxPending \(limit), wanted 0 to \(Limits.countRange.upperBound)")
            }
            record.flags.insert(.pendingLimit)
            record.pendingLimit = UInt64(limit)
        }
        if options.maintenance { record.flags.insert(.maintenance) }
        if options.securityHeaders { record.flags.insert(.securityFields) }
    }

    private mutating func addAccessList(_ options: RuleOptions) throws(RuleFault) {
        let count = options.allow.count + options.deny.count
        guard count <= RuleOptions.networkLimit else {
            throw RuleFault(message: "found \(count) networks, wanted at most \(RuleOptions.networkLimit)")
        }
        boundaries = try AccessList(allow: options.allow, deny: options.deny).boundaries
        guard !boundaries.isEmpty else { return }
        record.flags.insert(.accessList)
        record.boundariesCount = UInt32(boundaries.count)
    }

    private mutating func add(
        _ fields: HeaderChanges, _ direction: HeaderChanges.Direction, _ flag: RouteOptions.Flags, name: String
    ) throws(OptionFault) -> FieldChangeList {
        var list = FieldChangeList()
        guard !fields.isEmpty else { return list }
        try fields.check()
        record.flags.insert(flag)
        list.start = UInt32(changes.count)
        for name in fields.remove {
            try HeaderField.check(name: name, of: direction)
            changes.append(FieldChange(kind: .remove, name: place(Array(name.utf8))))
        }
        for (kind, fields) in [(FieldChange.Kind.set, fields.set), (.add, fields.add)] {
            for field in fields {
                try HeaderField.check(name: field.name, of: direction)
                let template = try HeaderField.template(of: field.value, in: direction)
                let value = try compile(template, name: name)
                changes.append(FieldChange(kind: kind, name: place(Array(field.name.utf8)), value: place(value)))
                // Name, colon, space and line end; the value; what stands for its variables.
                list.room += UInt32(field.name.utf8.count + 4 + value.count)
                for case .variable(let variable) in template.pieces {
                    switch variable {
                    case .client: list.room += 45
                    case .scheme: list.room += 5
                    case .requestID: list.room += 32
                    case .host: list.hosts += 1
                    case .user:
                        list.room += UInt32(BasicAuth.nameLimit)
                        record.flags.insert(.namesUser)
                    case .rule, .path, .query: break
                    }
                    guard direction == .response, variable == .host || variable == .requestID else { continue }
                    record.flags.insert(.remembersRequest)
                }
            }
        }
        list.count = UInt32(changes.count) - list.start
        return list
    }

    private func compile(_ template: Template, name: String) throws(OptionFault) -> [UInt8] {
        var bytes: [UInt8] = []
        for piece in template.pieces {
            switch piece {
            case .text(let text): bytes += text.utf8
            case .variable(.rule):
                guard name.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                    throw OptionFault(
                        found: "found \"${rule}\" in a rule whose name is more than letters, digits and signs",
                        wanted: "wanted another name")
                }
                bytes += name.utf8
            case .variable(.client): bytes.append(TemplateMark.client.rawValue)
            case .variable(.host): bytes.append(TemplateMark.host.rawValue)
            case .variable(.scheme): bytes.append(TemplateMark.scheme.rawValue)
            case .variable(.requestID): bytes.append(TemplateMark.requestID.rawValue)
            case .variable(.user): bytes.append(TemplateMark.user.rawValue)
            case .variable(.path): bytes.append(TemplateMark.path.rawValue)
            case .variable(.query): bytes.append(TemplateMark.query.rawValue)
            }
        }
        return bytes
    }

    private mutating func add(_ redirect: Redirect) throws(OptionFault) {
        record.redirect = place(try compile(try redirect.template(), name: ""))
        record.redirectStatus = UInt16(redirect.status)
        record.flags.insert(.redirect)
    }

    private mutating func add(_ limit: RateLimit, name: String, hashing: Hashing) throws(OptionFault) {
        try limit.check()
        record.tokenTime = max(1, UInt64(limit.per) * 1_000_000 / UInt64(limit.requests))
        // A day's nanoseconds times a million would not fit: a bucket beyond 30 days is as good as one of 30 days.
        let (time, isTooLong) = record.tokenTime.multipliedReportingOverflow(by: UInt64(limit.burst))
        record.bucketTime = max(record.tokenTime, isTooLong ? Self.longestBucket : min(time, Self.longestBucket))
        record.rateKey = key(of: name, hashing: hashing)
        record.flags.insert(.rateLimit)
    }

    private mutating func add(_ retries: Retries) throws(OptionFault) {
        try retries.check()
        record.retries = RetryPolicy(
            attempts: UInt8(retries.attempts), causes: RetryPolicy.Causes(retries.on), budget: UInt8(retries.budget))
        record.flags.insert(.retries)
    }

    /// The same for every rule of this name in the life of a process.
    private func key(of name: String, hashing: Hashing) -> UInt64 {
        hashing.finish(Array(name.utf8).packedWords.reduce(hashing.path, hashing.fold), count: name.utf8.count)
    }

    private mutating func add(_ gzip: Gzip) throws(OptionFault) {
        try gzip.check()
        // Each type: its length in one byte, and the type without the "*" at its end.
        var bytes: [UInt8] = []
        for type in gzip.types {
            let letters = Array((type.hasSuffix("*") ? String(type.dropLast()) : type).lowercased().utf8)
            bytes += [UInt8(letters.count)] + letters
        }
        record.gzipTypes = place(bytes)
        record.gzipMinimum = UInt32(gzip.minimum)
        record.gzipLevel = UInt8(gzip.level)
        record.flags.insert(.gzip)
    }

    private mutating func add(_ pages: ErrorPages) throws(OptionFault) {
        try pages.check()
        // Each page: its status, or 4 or 5 for a class, and its length in two bytes each, high byte first. Statuses
        // come before classes, so that the first one that fits is the right one.
        var exact: [UInt8] = []
        var kinds: [UInt8] = []
        for (written, page) in pages.pages.sorted(by: { $0.key < $1.key }) {
            func entry(_ number: Int) -> [UInt8] {
                [number, page.utf8.count].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] } + Array(page.utf8)
            }
            switch try ErrorPages.Scope(written) {
            case .status(let status): exact += entry(status)
            case .kind(let kind): kinds += entry(kind)
            }
        }
        record.errorPages = place(exact + kinds)
        record.flags.insert(.errorPages)
    }

    private mutating func add(_ auth: BasicAuth, name: String, hashing: Hashing) throws(OptionFault) {
        try auth.check()
        record.realm = place(Array(auth.realm.utf8))
        // Each user: the name's length in one byte, the name, the hash.
        var bytes: [UInt8] = []
        for user in auth.users {
            bytes += [UInt8(user.name.utf8.count)] + Array(user.name.utf8) + Array(user.hash.utf8)
        }
        record.users = place(bytes)
        // Other buckets than those of a rate limit.
        record.signInKey = hashing.fold(key(of: name, hashing: hashing), hashing.suffix)
        record.flags.insert(.basicAuth)
        if !auth.forward { record.flags.insert(.hidesCredentials) }
    }

    /// Nanoseconds.
    private static let longestBucket: UInt64 = 30 * 86_400 * 1_000_000_000

    private mutating func addPath(_ options: RuleOptions) throws(RuleFault) {
        if let prefix = options.stripPrefix { record.stripPrefix = place(try CompiledRule.path(from: prefix)) }
        if let prefix = options.addPrefix {
            _ = try CompiledRule.path(from: prefix)
            guard prefix.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                throw RuleFault(message: "addPrefix \"\(prefix)\": wanted printable ASCII, other bytes as %XX")
            }
            var bytes = Array(prefix.utf8)
            while bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
            record.addPrefix = place(bytes)
        }
        if options.stripPrefix != nil || options.addPrefix != nil { record.flags.insert(.path) }
    }

    private mutating func place(_ bytes: [UInt8]) -> TextPlace {
        defer { text += bytes }
        return TextPlace(start: UInt32(text.count), count: UInt32(bytes.count))
    }
}

extension TableWriter {
    /// Writes a rule's options, and answers where they are.
    mutating func add(_ options: CompiledOptions?) -> UInt32 {
        guard let options else { return nobody }
        let text = append(bytes: options.text)
        var record = options.record
        for place in [\RouteOptions.redirect, \.stripPrefix, \.addPrefix, \.realm, \.users, \.gzipTypes, \.errorPages] {
            record[keyPath: place].start += text
        }
        record.boundariesStart += UInt32(boundaryCount)
        record.requestFields.start += UInt32(changeCount)
        record.responseFields.start += UInt32(changeCount)
        arena.copy(options.boundaries.span, at: header.boundaries, boundaryCount)
        boundaryCount += options.boundaries.count
        for var change in options.changes {
            change.name.start += text
            change.value.start += text
            arena.store(change, at: header.changes, changeCount)
            changeCount += 1
        }
        arena.store(record, at: header.options, optionsCount)
        optionsCount += 1
        return UInt32(optionsCount - 1)
    }
}

extension RetryPolicy.Causes {
    init(_ causes: [Retries.Cause]) {
        self = []
        for cause in causes {
            switch cause {
            case .connect: insert(.connect)
            case .closed: insert(.closed)
            case .timeout: insert(.timeout)
            case .status502: insert(.status502)
            case .status503: insert(.status503)
            case .status504: insert(.status504)
            }
        }
    }
}
