import ArgumentParser
import Foundation
import KontainersConfiguration
import Management

/// What every command that asks the interface has.
struct AskingOptions: ParsableArguments {
    @OptionGroup var appliance: ApplianceOptions

    @Flag(help: "Print the answer as one JSON document.")
    var json = false

    func client() throws -> ControlClient { try ControlClient(appliance) }
}

/// What commands print.
enum Output {
    static func json(_ value: JSONValue) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return }
        print(String(decoding: data, as: UTF8.self))
    }

    /// A row for each document, by its fields; a list within one is joined.
    /// - Parameter columns: titles, and the fields under them.
    static func table(
        _ list: [JSONValue], _ columns: [(title: String, field: String)], numbers: Set<Int> = []
    ) -> String {
        let rows = list.map { item in columns.map { text(item[$0.field], $0.field) } }
        return TextTable.text([columns.map(\.title)] + rows, numbers: numbers)
    }

    /// As people read it.
    static func text(_ value: JSONValue?, _ field: String = "") -> String {
        switch value {
        case nil, .null?: return "-"
        case .boolean(let isTrue)?: return isTrue ? "yes" : "no"
        case .integer(let number)? where isTime(field): return time(number)
        case .integer(let number)?: return String(number)
        case .number(let number)?: return String(number)
        case .text(let text)?: return text.isEmpty ? "-" : TextTable.plain(text)
        case .list(let items)?: return items.isEmpty ? "-" : items.map { self.text($0) }.joined(separator: ", ")
        case .object(let fields)?:
            return fields.sorted { $0.key < $1.key }.map { "\($0.key) \(text($0.value, $0.key))" }
                .joined(separator: ", ")
        }
    }

    private static func isTime(_ field: String) -> Bool {
        ["at", "created", "updated", "createdAt", "updatedAt", "lastLogin", "expires", "used", "refreshed", "started"]
            .contains(field)
    }

    static func time(_ milliseconds: Int) -> String {
        guard milliseconds > 0 else { return "-" }
        return Date(timeIntervalSince1970: Double(milliseconds) / 1_000).formatted(.iso8601)
    }

    /// A line for each field that differs.
    static func differences(_ changes: JSONValue?) -> String {
        var text = ""
        for change in changes?.list ?? [] {
            text += "\(self.text(change["kind"])) \(self.text(change["name"]))\n"
            for difference in change["differences"]?.list ?? [] {
                let path = self.text(difference["path"])
                text +=
                    "  \(path == "-" ? "" : path): \(self.text(difference["before"])) -> "
                    + "\(self.text(difference["after"]))\n"
            }
        }
        return text
    }

    /// A password that nobody sees: typed twice, or the first line of standard input.
    static func password(fromInput: Bool) throws -> String {
        if fromInput {
            guard let line = readLine(strippingNewline: true), !line.isEmpty else {
                throw CommandFailure("found nothing on standard input; wanted a password in its first line")
            }
            return line
        }
        guard isatty(0) == 1 else {
            throw CommandFailure("found no terminal to ask for a password; wanted --password-stdin")
        }
        func ask(_ question: String) -> String {
            unsafe getpass(question).map { unsafe String(cString: $0) } ?? ""
        }
        let password = ask("Password: ")
        guard ask("Once more: ") == password else { throw CommandFailure("the two passwords differ") }
        return password
    }
}
