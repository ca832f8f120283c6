public import Accounts
public import Docker
import KontainersConfiguration
public import Reconciliation
import Store

/// All that the interface speaks for; what is missing takes its operations along.
public struct InterfaceParts: Sendable {
    public var facts: SystemOperations.Facts
    public var reconciler: Reconciler
    public var endpoints: EndpointDesk
    /// Reads the file again, and what engines say.
    public var reconcile: @Sendable () async -> Void
    /// Of the management plane: for links.
    public var address: String
    public var keeper: StoreKeeper?
    public var accounts: AccountDesk?
    public var containers: ContainerDesk?

    public init(
        facts: SystemOperations.Facts, reconciler: Reconciler, endpoints: EndpointDesk,
        reconcile: @escaping @Sendable () async -> Void, address: String, keeper: StoreKeeper? = nil,
        accounts: AccountDesk? = nil, containers: ContainerDesk? = nil
    ) {
        self.containers = containers
        self.facts = facts
        self.reconciler = reconciler
        self.endpoints = endpoints
        self.reconcile = reconcile
        self.address = address
        self.keeper = keeper
        self.accounts = accounts
    }

    /// With those that describe them.
    public var operations: [Operation] {
        var operations =
            SystemOperations(facts, reconciler: reconciler, keeper: keeper, reconcile: reconcile).all
            + EndpointOperations(endpoints).all
            + [ExplainOperation.make(reconciler: reconciler, desk: endpoints), EventOperation.make()]
        if let keeper {
            operations += RuleOperations(keeper: keeper, reconciler: reconciler).all
            operations += RevisionOperations(keeper: keeper).all
            operations.append(StatisticsOperation.make(keeper.store))
        }
        if let containers {
            operations += ContainerOperations(containers) { [keeper] in try await keeper?.store.settings() ?? [:] }.all
        }
        if let accounts {
            let store = accounts.store
            operations +=
                AuthOperations(accounts) { (try? await store.settings()["registration"]) == .boolean(true) }.all
            operations += UserOperations(accounts).all + [SetupOperation.make(accounts, address: address)]
        }
        return DocumentOperations.described(operations, version: facts.version)
    }
}
