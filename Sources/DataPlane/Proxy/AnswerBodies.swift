import Bytes
import Engine
import HTTP
import Routing

// What an answer of our own says in its body: a page for browsers, a problem document (RFC 9457) for everybody else.
// A page that a rule brings along stands in for ours.

extension Worker {
    /// The body of an answer; the caller gives it back. A client that is told of a body by HEAD gets none of it.
    func bodyOfAnswer(_ index: UInt32, _ answer: Answer) -> Buffer {
        let body = buffers.take(.normal)
        guard exchanges[index].takesPages else {
            body.append(problem: answer)
            return body
        }
        if exchanges[index].rules.contains(.errorPages) {
            let view = tables[Int(exchanges[index].table)].view
            if let page = view.errorPage(answer.status, options(index)) {
                body.append(page)
                return body
            }
        }
        // To ask again is a GET; whoever sent anything else would not get what was asked for.
        body.append(page: answer, refreshing: exchanges[index].method == .get ? answer.refreshAfter : 0)
        return body
    }
}

extension Answer {
    /// Seconds after which a page of this answer asks again; 0 where that would change nothing.
    var refreshAfter: UInt64 {
        switch status {
        case 502...504: retryAfter == 0 ? 5 : min(retryAfter, 30)
        case _: 0
        }
    }
}

extension Buffer {
    /// A problem document, in one line. About 150 bytes.
    func append(problem answer: Answer) {
        append("{\"type\":\"about:blank\",\"title\":\"")
        append(statusText(answer.status))
        append("\",\"status\":")
        append(decimal: UInt64(answer.status))
        append(",\"detail\":\"")
        append(answer.detail)
        append("\"}\n")
    }

    /// A page that needs nothing from elsewhere. About 700 bytes.
    ///
    /// - Parameter seconds: after which it asks again; 0 is never.
    func append(page answer: Answer, refreshing seconds: UInt64) {
        append("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        if seconds > 0 {
            append("<meta http-equiv=\"refresh\" content=\"")
            append(decimal: seconds)
            append("\">\n")
        }
        append("<title>")
        append(heading: answer)
        append("</title>\n<style>\n:root { color-scheme: light dark }\n")
        append("body { font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 20vh auto; padding: 0 1rem }\n")
        append("h1 { font-size: 1.25rem }\n</style>\n</head>\n<body>\n<h1>")
        append(heading: answer)
        append("</h1>\n<p>")
        append(answer.detail)
        append("</p>\n")
        if seconds > 0 { append("<p>This page asks again by itself.</p>\n") }
        append("</body>\n</html>\n")
    }

    private func append(heading answer: Answer) {
        append(decimal: UInt64(answer.status))
        append(UInt8(ascii: " "))
        append(statusText(answer.status))
    }
}
