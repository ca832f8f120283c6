// The pages that a rule brings along.

extension RouteView {
    /// The page for a status, or `nil`.
    @_lifetime(borrow self)
    public func errorPage(_ status: Int, _ options: RouteOptions) -> Span<UInt8>? {
        let pages = text(options.errorPages)
        var place = 0
        // Each: status or class, length, both in two bytes, high byte first; and the page.
        while place < pages.count {
            let scope = Int(pages[place]) &<< 8 | Int(pages[place &+ 1])
            let length = Int(pages[place &+ 2]) &<< 8 | Int(pages[place &+ 3])
            place &+= 4
            if scope == status || scope == status / 100 { return pages.extracting(place..<(place &+ length)) }
            place &+= length
        }
        return nil
    }
}
