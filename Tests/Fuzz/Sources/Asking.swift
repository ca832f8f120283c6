import Contract

@testable import Routing

/// What a table answers, and that its explanation ends with the same answer.
@discardableResult
func expectAgreement(_ table: RouteTable, host: [UInt8], path: [UInt8], listener: String, secure: Bool) -> RouteMatch {
    // The explanation takes text; what is none is for the match alone.
    let number = table.listeners[listener] ?? -1
    let match = table.view.match(host: host.span, path: path.span, listener: number, secure: secure)
    let (hostText, pathText) = (String(decoding: host, as: UTF8.self), String(decoding: path, as: UTF8.self))
    guard Array(hostText.utf8) == host, Array(pathText.utf8) == path else { return match }
    let lines = table.explain(host: hostText, path: pathText, listener: listener, secure: secure)
    let answer = lines.last ?? ""
    func name(_ id: RouteID) -> String {
        table.rules.first { $0.id == id }?.source.name ?? "nobody"
    }
    let wanted =
        switch match {
        case .route(let id): "answer: rule \"\(name(id))\" serves it"
        case .redirectToTLS(let id): "answer: rule \"\(name(id))\" redirects it to https"
        case .none: "answer: 404"
        case .badPath, .badHost: "answer: 400"
        }
    expect(answer.hasPrefix(wanted), "match says \(wanted), explanation says \(answer)")
    return match
}
