/// What is done with header fields that some recipients read in another way than others.
public struct HeaderSettings: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case underscores }

    /// Request fields with an underscore in their names. Many servers turn hyphens and underscores into the same
    /// character before an application sees the name, so that `X_Forwarded_For` of a client would pass for the
    /// `X-Forwarded-For` of this proxy. Responses are left as they are.
    public var underscores: Underscores

    public init(underscores: Underscores = .drop) { self.underscores = underscores }

    public enum Underscores: String, Codable, Sendable, CaseIterable {
        /// Forwarded like any other.
        case keep
        /// Not forwarded; the request goes on without them.
        case drop
        /// The request is answered with 400.
        case refuse
    }
}

extension HeaderSettings: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(underscores: try values.decodeIfPresent(Underscores.self, forKey: .underscores) ?? .drop)
    }
}
