/// What the interface for endpoints speaks for.
public struct EndpointDesk: Sendable {
    /// Why an order was not carried out.
    public struct Refusal: Error, Equatable, Sendable {
        public enum Kind: Sendable {
            /// There is no such rule or endpoint.
            case unknown
            /// More than one is meant, or there are too many orders.
            case conflict
            /// It makes no sense.
            case invalid
            /// Not now.
            case unavailable
        }

        public var kind: Kind
        /// One sentence: what was found, what is wanted.
        public var detail: String

        public init(_ kind: Kind, _ detail: String) {
            self.kind = kind
            self.detail = detail
        }
    }

    /// Of one rule, or of all.
    public var list: @Sendable (_ rule: String?) async -> Result<EndpointList, Refusal>
    /// Returns when the change is kept, and served or given up waiting for.
    public var change:
        @Sendable (_ rule: String, _ endpoint: String, EndpointPatch) async -> Result<EndpointChanged, Refusal>

    public init(
        list: @escaping @Sendable (_ rule: String?) async -> Result<EndpointList, Refusal>,
        change:
            @escaping @Sendable (_ rule: String, _ endpoint: String, EndpointPatch) async -> Result<
                EndpointChanged, Refusal
            >
    ) {
        self.list = list
        self.change = change
    }
}
