import Contract
import Docker

/// What a command says of one endpoint of a rule, over what the rule's source says of it. It holds until a command
/// takes it back.
public struct Override: Equatable, Sendable {
    /// The rule's name, as it is published.
    public var rule: String
    /// Of a rule that containers declare, its hosts, path and listeners: the name of such a rule is a container's, and
    /// another's in the next life of control when that one is gone.
    public var pool: String?
    /// The container's name; of an endpoint of the file its text, or one of the addresses that the text stands for.
    public var endpoint: String
    /// Nothing new is sent to it.
    public var isDrained: Bool
    /// The id of the container that is drained. Another container under the same name is not: whoever drained it did so
    /// to take it away, and what came in its place is to serve.
    public var container: String?
    /// In place of its own: 0 to 1,000.
    public var weight: Int?

    public init(
        rule: String, pool: String? = nil, endpoint: String, isDrained: Bool = false, container: String? = nil,
        weight: Int? = nil
    ) {
        self.rule = rule
        self.pool = pool
        self.endpoint = endpoint
        self.isDrained = isDrained
        self.container = container
        self.weight = weight
    }

    var saysNothing: Bool { !isDrained && weight == nil }
}

/// All overrides, for looking up by rule and endpoint.
public struct Overrides: Equatable, Sendable {
    /// How many there may be.
    public static let limit = 10_000
    /// Bytes that the name of a rule or endpoint may have.
    static let nameLimit = 1_024

    var isEmpty: Bool { byRule.isEmpty }

    /// Those of one rule.
    struct OfRule: Equatable, Sendable {
        fileprivate(set) var byEndpoint: [String: Override] = [:]
        fileprivate var drainedContainers: Set<String> = []

        func drains(_ member: DesiredState.Member) -> Bool {
            if let container = member.container { return drainedContainers.contains(container) }
            return byEndpoint[member.name]?.isDrained == true
                || member.endpoint.flatMap { byEndpoint[$0.address] }?.isDrained == true
        }

        func weight(of member: DesiredState.Member) -> Int? {
            // The address says more than the name that stands for it, and a container has only its name.
            let ofAddress = member.container == nil ? member.endpoint.flatMap { byEndpoint[$0.address]?.weight } : nil
            return ofAddress ?? byEndpoint[member.name]?.weight
        }

        func drainsAll(_ members: [DesiredState.Member]) -> Bool { !members.isEmpty && members.allSatisfy(drains) }

        /// The members as they are to be published.
        func applied(to members: [DesiredState.Member]) -> [DesiredState.Member] {
            members.map { member in
                if drains(member) { return drained(member) }
                guard var endpoint = member.endpoint, let weight = weight(of: member) else { return member }
                endpoint.weight = weight
                return DesiredState.Member(
                    member.order, endpoint, member.readiness, member.note, name: member.name,
                    container: member.container, wake: member.wake, isAsleep: member.isAsleep)
            }
        }

        /// Nothing is sent to it, and it is not started for a request either.
        private func drained(_ member: DesiredState.Member) -> DesiredState.Member {
            guard member.endpoint != nil else {
                return DesiredState.Member(
                    member.order, nil, member.readiness, member.note, name: member.name, container: member.container)
            }
            return DesiredState.Member(
                member.order, nil, .down("is drained"), "\(member.name) is drained", name: member.name,
                container: member.container)
        }
    }

    private var byRule: [String: OfRule] = [:]
    public private(set) var count = 0

    public init(_ all: [Override] = []) {
        for override in all { put(override) }
    }

    /// Sorted, so that equal ones are written equally.
    public var all: [Override] {
        byRule.values.flatMap(\.byEndpoint.values).sorted { ($0.rule, $0.endpoint) < ($1.rule, $1.endpoint) }
    }

    func of(_ rule: String) -> OfRule? { byRule[rule] }

    subscript(rule: String, endpoint: String) -> Override? { byRule[rule]?.byEndpoint[endpoint] }

    /// Takes the place of the one for the same endpoint; one that says nothing takes it away.
    mutating func put(_ override: Override) {
        var rule = byRule[override.rule] ?? OfRule()
        if rule.byEndpoint[override.endpoint] != nil { count -= 1 }
        rule.byEndpoint[override.endpoint] = override.saysNothing ? nil : override
        if !override.saysNothing { count += 1 }
        rule.drainedContainers = Set(rule.byEndpoint.values.compactMap { $0.isDrained ? $0.container : nil })
        byRule[override.rule] = rule.byEndpoint.isEmpty ? nil : rule
    }

    /// The same, under the names that rules have now.
    func settled(on poolNames: [String: String]) -> Overrides {
        var settled = self
        for override in all {
            guard let pool = override.pool, let name = poolNames[pool], name != override.rule else { continue }
            settled.put(Override(rule: override.rule, endpoint: override.endpoint))
            var renamed = override
            renamed.rule = name
            settled.put(renamed)
        }
        return settled
    }

    /// The one for the member that a command means: also one that was made when the container had another name.
    func of(_ rule: String, container: String) -> [Override] {
        byRule[rule]?.byEndpoint.values.filter { $0.container == container } ?? []
    }
}
