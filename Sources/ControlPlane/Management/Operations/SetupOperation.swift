public import Accounts
import HTTPTypes
import Store

/// A new setup link, for whoever lost the printed one: `kontainers setup`.
public enum SetupOperation {
    public static func make(_ accounts: AccountDesk, address: String) -> Operation {
        Operation(
            "makeSetupLink", .post, "/api/system/setup-link", .role(.admin, .accountsWrite),
            "A new link for making the first administrator; the one before it is void.",
            outcomes: [
                .init(
                    .created, "The link.",
                    .object(
                        .init([
                            .init("link", .text(1...2_000), isRequired: true),
                            .init("secret", .line(1...128), isRequired: true),
                            .init("expiresIn", .count, isRequired: true, says: "Seconds."),
                        ])))
            ], problems: [.conflict], audit: "system.setup-link"
        ) { _ in
            guard let secret = try await accounts.makeSetup() else { throw AccountFault.isSetUp }
            return Answer(
                .created,
                Link(
                    link: link(secret, address: address), secret: secret, expiresIn: AccountDesk.setupLifetime))
        }
    }

    private struct Link: Encodable {
        var link: String
        var secret: String
        var expiresIn: Int64
    }

    /// Behind `#`, so that it is in no log and no header on the way.
    public static func link(_ secret: String, address: String) -> String {
        guard address != "off" else { return "management is off; secret \(secret)" }
        let host = address.hasPrefix("0.0.0.0:") ? "127.0.0.1" + address.dropFirst(7) : address
        return "http://\(host)/#/setup/\(secret)"
    }
}
