import Contract

/// Reads who may use a rule. Nothing that was written as a hash is ever told again: it may be a password.
extension SectionReader {
    mutating func basicAuth(_ fields: Fields) -> BasicAuth? {
        guard let section = section("basicAuth", of: fields) else { return nil }
        let before = errorCount
        let realm = text("realm", of: section) ?? BasicAuth.standardRealm
        do {
            try BasicAuth.check(realm: realm)
        } catch {
            report(error, "bad-realm", at: section.position("realm"), fields)
        }
        let forward = number("forward", of: section) == 1
        guard let (_, pair) = section.written("users") else { return nil }
        let users = users(pair.value, name: pair.key, fields)
        let auth = BasicAuth(realm: realm, users: users, forward: forward)
        // What is wrong with one of them was told with its place.
        if errorCount == before {
            do {
                try auth.check()
            } catch {
                report(error, "bad-user", at: pair.value.position, fields)
            }
        }
        return auth
    }

    private mutating func users(_ written: Written, name: String, _ fields: Fields) -> [BasicAuth.User] {
        var users: [BasicAuth.User] = []
        let before = errorCount
        switch written.content {
        case .mapping(let pairs):
            for pair in pairs {
                guard case .text(let hash, _) = pair.value.content else {
                    reportKind(pair.value, "the hash of \(Shown.quoted(pair.key))", fields)
                    continue
                }
                add(BasicAuth.User(pair.key, hash), at: pair.value.position, to: &users, fields)
            }
        case .list(let items):
            for item in items {
                guard case .text(let text, _) = item.content else {
                    reportKind(item, "\"\(name)\"", fields)
                    continue
                }
                addUser(text, at: item.position, to: &users, fields)
            }
        case .text(let text, _):
            for part in text.split(separator: ",") { addUser(String(part), at: written.position, to: &users, fields) }
        case .unreadable: refuseSilently()
        }
        if users.isEmpty, errorCount == before {
            report(
                "empty-list", at: written.position, subject: fields.subject, found: "found no user in \"\(name)\"",
                wanted: "wanted \(FieldType.users.wanted)")
        }
        return users
    }

    private mutating func addUser(
        _ text: String, at position: Position, to users: inout [BasicAuth.User], _ fields: Fields
    ) {
        guard let colon = text.firstIndex(of: ":") else {
            return report(
                "bad-user", at: position, subject: fields.subject, found: "found a user without \":\" and a hash",
                wanted: "wanted name:hash, such as \"htpasswd -nB NAME\" prints")
        }
        let name = text[..<colon].drop(while: \.isWhitespace)
        add(
            BasicAuth.User(String(name), String(text[text.index(after: colon)...].filter { !$0.isWhitespace })),
            at: position, to: &users, fields)
    }

    private mutating func add(
        _ user: BasicAuth.User, at position: Position, to users: inout [BasicAuth.User], _ fields: Fields
    ) {
        do {
            try user.check()
        } catch {
            report(error, "bad-user", at: position, fields)
        }
        users.append(user)
    }

    private mutating func reportKind(_ written: Written, _ where: String, _ fields: Fields) {
        let kind =
            switch written.content {
            case .text: "a text"
            case .list: "a list"
            case .mapping: "a mapping"
            case .unreadable: "nothing that can be read"
            }
        report(
            "wrong-type", at: written.position, subject: fields.subject, found: "found \(kind) for \(`where`)",
            wanted: "wanted \(FieldType.users.wanted)")
    }

    /// A variable that only a rule with users has.
    mutating func checkUser(_ options: RuleOptions, _ fields: Fields) {
        do {
            try options.check()
        } catch {
            report(error, "bad-header", at: fields.position("requestHeaders"), fields)
        }
    }
}
