import Contract

// What the numbers of a table stand for: for reports, away from the path of a request. Linear in the number of rules.

extension RouteTable {
    /// Every route's number and its rule's name.
    public var routeNames: [(number: UInt32, name: String)] { rules.map { ($0.id.number, $0.source.name) } }

    /// The name of a route's rule.
    public func name(of id: RouteID) -> String? { rules.first { $0.id == id }?.source.name }

    /// Every endpoint's number and its address, as the access log writes it.
    public var endpointNames: [(number: UInt32, name: String)] {
        var names: [(number: UInt32, name: String)] = []
        for number in 0..<UInt32(endpointIDLimit) where view.contains(EndpointID(number: number)) {
            let text = view.text(of: EndpointID(number: number))
            names.append((number, String(decoding: text.indices.map { text[$0] }, as: UTF8.self)))
        }
        return names
    }
}
