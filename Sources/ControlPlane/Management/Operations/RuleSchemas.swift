import Store

/// What rules look like in the interface.
enum RuleSchemas {
    private static let names = JSONSchema.list(.line(1...255), limit: 1_000)
    private static let headers = JSONSchema.map(.text(0...8_192), limit: 128)

    static let healthCheck = JSONSchema.named(
        "HealthCheck",
        .object(
            .init([
                .init("path", .text(0...2_048), isRequired: true),
                .init("interval", .integer(1...86_400), isRequired: true, says: "Seconds between two checks."),
                .init("timeout", .integer(1...60), isRequired: true, says: "Seconds that one may take."),
                .init("retries", .integer(1...100), isRequired: true, says: "Failures in a row until it is down."),
                .init("successCodes", .text(0...200), isRequired: true, says: "200, 200-399 or 200,204."),
            ])))

    private static let written: [JSONSchema.Shape.Field] = [
        .init("name", .line(1...64), isRequired: true, says: "Unique among the rules of the store."),
        .init("sourceHost", .text(0...255), says: "A host name, *.suffix, or * for every other host."),
        .init("sourcePath", .text(1...2_048), says: "Path prefix, by whole segments; the longest wins. Standard: /."),
        .init("targetContainer", .text(0...255), says: "A container's name or id, unless endpoints say."),
        .init("targetPort", .integer(0...65_535), says: "0: the only port the image exposes."),
        .init("protocol", .choice(ProxyRule.ProxyProtocol.allCases.map(\.rawValue)), says: "Standard: HTTP."),
        .init("sslEnabled", .boolean, says: "Served with TLS; plain requests are redirected."),
        .init("sslCertPath", .text(1...4_096), says: "A chain as PEM, on this machine."),
        .init("sslKeyPath", .text(1...4_096), says: "Its private key as PEM."),
        .init("sslCertificate", .line(1...64), says: "The name of a certificate that is configured."),
        .init("headers", headers, says: "Set on requests to the endpoints."),
        .init("responseHeaders", headers, says: "Set on responses to clients."),
        .init("healthCheck", healthCheck),
        .init("loadBalancing", .any("an object with the fields of a rule's pool: policy, sticky, slowStart, …")),
        .init("advancedConfig", .any("an object with every other field that a rule has in the configuration file")),
        .init("customNginxConfig", .text(0...65_536), says: "For the exporter alone."),
        .init("enabled", .boolean, says: "Standard: true."),
        .init("domain", .text(0...255), says: "Another host."),
        .init("letsEncryptEnabled", .boolean, says: "A certificate is obtained by ACME."),
        .init("letsEncryptEmail", .text(0...254, form: .email)),
        .init("hosts", names, says: "Hosts beside sourceHost."),
        .init("listeners", names, says: "Names of listeners; standard: every one that fits."),
        .init(
            "endpoints", .list(.any("an address and a port, or an object with address, weight and tier"), limit: 1_000),
            says: "Where its traffic goes, in place of a container."),
    ]

    private static let told: [JSONSchema.Shape.Field] = [
        .init("id", .identifier, isReadOnly: true),
        .init("created", .time, isReadOnly: true, says: "Milliseconds since 1970."),
        .init("updated", .time, isReadOnly: true, says: "Milliseconds since 1970; the ETag too."),
        .init("userId", .identifier, isReadOnly: true, says: "Who made it."),
        .init(
            "letsEncryptStatus", .choice(ProxyRule.LetsEncryptStatus.allCases.map(\.rawValue)), isReadOnly: true),
        .init("letsEncryptLastRenewal", .time, isReadOnly: true),
        .init(
            "source", .choice(RuleSource.allCases.map(\.rawValue)), isReadOnly: true,
            says: "Where it was made; only rules of the store can be changed here."),
    ]

    static let input = JSONSchema.named("ProxyRuleInput", .object(.init(written + told)))

    static let rule = JSONSchema.named(
        "ProxyRule",
        .object(
            .init(
                written.map { field in
                    var field = field
                    let always = [
                        "name", "sourceHost", "sourcePath", "targetContainer", "targetPort", "protocol", "sslEnabled",
                        "enabled",
                    ]
                    field.isRequired = always.contains(field.name)
                    return field
                }
                    + told.map { field in
                        var field = field
                        field.isRequired = ["id", "created", "updated", "source"].contains(field.name)
                        return field
                    })))

    static let diagnosis = JSONSchema.named(
        "Diagnosis",
        .object(
            .init([
                .init("code", .line(1...64), isRequired: true, says: "Stable; the documentation tells more."),
                .init("severity", .choice(["warning", "error"]), isRequired: true),
                .init("subject", .text(0...1_000), isRequired: true, says: "The rule, listener or certificate."),
                .init("place", .text(0...8_192), isRequired: true, says: "Where it was asked for."),
                .init("pointer", .text(0...1_000), says: "The field of the rule (RFC 6901)."),
                .init("found", .text(0...8_192), isRequired: true),
                .init("wanted", .text(0...8_192), isRequired: true, says: "What to do."),
            ])))

    static let difference = JSONSchema.named(
        "Difference",
        .object(
            .init([
                .init("path", .text(0...2_000), isRequired: true, says: "A JSON pointer (RFC 6901)."),
                .init("before", .any("the value before")), .init("after", .any("the value after")),
            ])))

    static let change = JSONSchema.named(
        "RevisionChange",
        .object(
            .init([
                .init("kind", .choice(["rule", "setting"]), isRequired: true),
                .init("object", .identifier, isRequired: true), .init("name", .line(1...255), isRequired: true),
                .init("before", .any("the document before")), .init("after", .any("the document after")),
                .init("differences", .list(difference, limit: 1_000), isRequired: true),
            ])))

    static let preview = JSONSchema.named(
        "Preview",
        .object(
            .init([
                .init("dryRun", .boolean, isRequired: true),
                .init("changes", .list(change, limit: 100_000), isRequired: true),
                .init("diagnoses", .list(diagnosis, limit: 100_000), isRequired: true),
            ])))
}

/// Where a rule was made.
enum RuleSource: String, CaseIterable, Sendable { case store, file, docker }
