import ArgumentParser
import KontainersConfiguration
import Management

/// `kontainers users`: accounts.
struct Users: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "Lists, makes and changes accounts.",
        discussion: "EXAMPLE: kontainers users create ann --email ann@site.test --role admin",
        subcommands: [ListUsers.self, CreateUser.self, ChangeUser.self, DeleteUser.self])

    static let path = "/api/users"

    static func target(_ name: String, _ client: ControlClient) async throws -> String {
        let all = try await client.ask(.GET, path).list ?? []
        guard let id = all.first(where: { $0["username"]?.text == name || $0["id"]?.text == name })?["id"]?.text else {
            throw CommandFailure("found no user \(name); see `kontainers users list`")
        }
        return "\(path)/\(PercentText.encoded(id))"
    }
}

struct ListUsers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the accounts.", discussion: "EXAMPLE: kontainers users list")

    @OptionGroup var asking: AskingOptions

    func run() async throws {
        let answer = try await asking.client().ask(.GET, Users.path)
        guard !asking.json else { return Output.json(answer) }
        let columns = [
            ("NAME", "username"), ("EMAIL", "email"), ("ROLE", "role"), ("CODE", "totp"), ("DISABLED", "disabled"),
            ("LAST LOGIN", "lastLogin"),
        ]
        print(Output.table(answer.list ?? [], columns), terminator: "")
    }
}

struct CreateUser: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes an account; asks for its password.",
        discussion: "EXAMPLE: kontainers users create ann --email ann@site.test --role user --password-stdin <secret")

    @OptionGroup var asking: AskingOptions
    @Option(help: "Its address.") var email: String
    @Option(help: "admin, user or viewer.") var role = "viewer"
    @Flag(help: "The password is the first line of standard input.") var passwordStdin = false
    @Argument(help: "Its name.") var name: String

    func run() async throws {
        let password = try Output.password(fromInput: passwordStdin)
        let answer = try await asking.client().ask(
            .POST, Users.path,
            body: .object([
                "username": .text(name), "email": .text(email), "role": .text(role), "password": .text(password),
            ]))
        if asking.json { Output.json(answer) } else { print("created \(TextTable.plain(name))") }
    }
}

struct ChangeUser: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Changes an account; what is not said stays.",
        discussion: "EXAMPLE: kontainers users set ann --role admin")

    @OptionGroup var asking: AskingOptions
    @Option(help: "admin, user or viewer.") var role: String?
    @Option(help: "Another address.") var email: String?
    @Flag(inversion: .prefixedEnableDisable, help: "Whether it may sign in.") var login: Bool?
    @Flag(help: "Takes its second factor away.") var removeTotp = false
    @Flag(help: "Asks for another password.") var password = false
    @Flag(help: "The password is the first line of standard input.") var passwordStdin = false
    @Argument(help: "Its name or id.") var name: String

    func run() async throws {
        let client = try asking.client()
        let target = try await Users.target(name, client)
        var body: [String: JSONValue] = [:]
        if let role { body["role"] = .text(role) }
        if let email { body["email"] = .text(email) }
        if let login { body["disabled"] = .boolean(!login) }
        if removeTotp { body["totp"] = .boolean(false) }
        if password || passwordStdin {
            body["password"] = .text(try Output.password(fromInput: passwordStdin))
        }
        let answer = try await client.ask(.PUT, target, body: .object(body))
        if asking.json { Output.json(answer) } else { print("changed \(TextTable.plain(name))") }
    }
}

struct DeleteUser: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Takes an account away, with its sessions and tokens.",
        discussion: "EXAMPLE: kontainers users delete ann")

    @OptionGroup var asking: AskingOptions
    @Argument(help: "Its name or id.") var name: String

    func run() async throws {
        let client = try asking.client()
        _ = try await client.ask(.DELETE, Users.target(name, client))
        print("deleted \(TextTable.plain(name))")
    }
}

/// `kontainers tokens`: what programs sign in with.
struct Tokens: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens", abstract: "Lists and revokes API tokens.",
        discussion: """
            A token belongs to a user and is made by that user, signed in (POST /api/tokens).

            EXAMPLE: kontainers tokens list
            """,
        subcommands: [ListTokens.self, DeleteToken.self])

    static let path = "/api/tokens"
}

struct ListTokens: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists API tokens.", discussion: "EXAMPLE: kontainers tokens list --json")

    @OptionGroup var asking: AskingOptions

    func run() async throws {
        let answer = try await asking.client().ask(.GET, Tokens.path)
        guard !asking.json else { return Output.json(answer) }
        let columns = [
            ("ID", "id"), ("NAME", "name"), ("USER", "userId"), ("SCOPES", "scopes"), ("ENDS", "expires"),
            ("USED", "used"),
        ]
        print(Output.table(answer.list ?? [], columns), terminator: "")
    }
}

struct DeleteToken: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Revokes a token; it is refused from the next request on.",
        discussion: "EXAMPLE: kontainers tokens delete 5b0e…")

    @OptionGroup var asking: AskingOptions
    @Argument(help: "Its id.") var id: String

    func run() async throws {
        _ = try await asking.client().ask(.DELETE, "\(Tokens.path)/\(PercentText.encoded(id))")
        print("revoked \(TextTable.plain(id))")
    }
}
