import Accounts
import Crypto
import Foundation
import HTTPTypes
import KontainersConfiguration
import Store

/// The operations as a page for people: no script, nothing from elsewhere.
enum DocumentationPage {
    private static let style = """
        body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
        code{font:14px ui-monospace,monospace}h2{margin-top:3rem}section{border-top:1px solid #8884;padding:1rem 0}
        .m{display:inline-block;min-width:4.5rem;font-weight:700}td,th{text-align:left;padding:.1rem 1rem .1rem 0;\
        vertical-align:top}small{opacity:.7}
        """

    /// For the page's policy: this style and no other.
    static let styleDigest = Data(SHA256.hash(data: Data(style.utf8))).base64EncodedString()

    static func make(_ operations: [Operation], version: String) -> String {
        var page = """
            <!doctype html><html lang="en"><head><meta charset="utf-8"><title>Kontainers: the interface</title>\
            <meta name="viewport" content="width=device-width"><style>\(style)</style></head><body>
            <h1>Kontainers \(escaped(version)): the interface</h1>
            <p>For programs: <a href="/api/openapi.json">OpenAPI 3.1</a>. Requests carry \
            <code>Authorization: Bearer</code> and a token; problems are documents of RFC 9457.</p>
            """
        let tags = Dictionary(grouping: operations, by: \.tag)
        for (tag, operations) in tags.sorted(by: { $0.key < $1.key }) {
            page += "<h2 id=\"\(escaped(tag))\">\(escaped(tag))</h2>"
            for operation in operations { page += section(operation) }
        }
        return page + "</body></html>\n"
    }

    private static func section(_ operation: Operation) -> String {
        var text = """
            <section><span class="m">\(operation.method.rawValue)</span><code>\(escaped(operation.path))</code>
            <p>\(escaped(operation.summary)) <small>\(access(operation.access))</small></p><table>
            """
        for parameter in operation.parameters {
            text += row("?\(parameter.name)", parameter.says + " " + parameter.schema.wanted)
        }
        if case .object(let shape)? = operation.body?.unnamed {
            for field in shape.fields where !field.isReadOnly {
                text += row(field.name + (field.isRequired ? " *" : ""), field.says + " " + field.schema.wanted)
            }
        } else if let body = operation.body {
            text += row("body", body.wanted)
        }
        for outcome in operation.outcomes { text += row(String(outcome.status.code), outcome.says) }
        return text + "</table></section>"
    }

    private static func access(_ access: Operation.Access) -> String {
        switch access {
        case .open: "Open to all."
        case .session: "For whoever signed in."
        case .role(let role, let scope): "Role \(role.rawValue), scope \(scope.rawValue)."
        }
    }

    private static func row(_ name: String, _ says: String) -> String {
        "<tr><td><code>\(escaped(name))</code></td><td>\(escaped(says))</td></tr>"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
    }
}

extension JSONSchema {
    var unnamed: JSONSchema { if case .named(_, let schema) = self { schema.unnamed } else { self } }
}
