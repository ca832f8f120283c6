import HTTPTypes

/// Which operation a request means: by method, and by the parts of its path.
struct Places: Sendable {
    private struct Place: Sendable {
        var parts: [Substring]
        var operation: Operation
    }

    /// By the number of parts.
    private var places: [Int: [Place]] = [:]

    enum Found {
        case operation(Operation, names: [String: String])
        /// The methods that the place does answer; none where there is no such place.
        case none(allowed: [HTTPRequest.Method])
        /// A name in the path is no text.
        case malformed
    }

    init(_ operations: [Operation]) {
        for operation in operations {
            let parts = operation.path.split(separator: "/", omittingEmptySubsequences: false)
            places[parts.count, default: []].append(Place(parts: parts, operation: operation))
        }
    }

    func find(_ method: HTTPRequest.Method, _ path: String) -> Found {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let meant = (places[parts.count] ?? []).filter { place in
            zip(place.parts, parts).allSatisfy { $0 == $1 || ($0.hasPrefix("{") && !$1.isEmpty) }
        }
        // What is written out goes before what stands for anything.
        let wanted: HTTPRequest.Method = method == .head ? .get : method
        let fits = meant.filter { $0.operation.method == wanted }
        guard let place = fits.min(by: { Self.looseness($0.parts) < Self.looseness($1.parts) }) else {
            let methods = meant.map(\.operation.method)
            return .none(allowed: methods.contains(.get) ? methods + [.head] : methods)
        }
        var names: [String: String] = [:]
        for (wanted, part) in zip(place.parts, parts) where wanted.hasPrefix("{") {
            guard let name = PercentText.decoded(String(part)) else { return .malformed }
            names[String(wanted.dropFirst().dropLast())] = name
        }
        return .operation(place.operation, names: names)
    }

    private static func looseness(_ parts: [Substring]) -> Int { parts.count { $0.hasPrefix("{") } }
}
