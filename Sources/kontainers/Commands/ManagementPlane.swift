import Accounts
import Docker
import FoundationEssentials
import Kernel
import KontainersConfiguration
import Logging
import Management
import Reconciliation
import Store

/// What control serves to people and programs: one interface, at the management address and at this machine's socket.
struct ManagementPlane: Sendable {
    static let socketName = "control.sock"

    private let instruments: ControlPlane.Instruments
    private let logger: Logger

    init(_ instruments: ControlPlane.Instruments, logger: Logger) {
        self.instruments = instruments
        self.logger = logger
    }

    /// Until its task is cancelled.
    func run() async {
        let accounts = await openedAccounts()
        let containers = ContainerDesk(instruments.configuration.dockerEndpoints)
        let interface = Interface(operations(accounts, containers), accounts: accounts, logger: logger)
        let hub = EventHub()
        let instruments = instruments
        let traffic: @Sendable () async -> TrafficCounts = { await Metrics.traffic(instruments) }
        let sources = EventSources(
            hub: hub, keeper: instruments.keeper, endpoints: EndpointReadings.desk(instruments), traffic: traffic)
        await withDiscardingTaskGroup { group in
            if let accounts { group.addTask { await printSetup(accounts) } }
            group.addTask { await sources.run() }
            group.addTask { await ContainerSources(hub: hub, desk: containers, logger: logger).run() }
            if let keeper = instruments.keeper {
                group.addTask { await TrafficRecorder(store: keeper.store, read: traffic, logger: logger).run() }
            }
            let address = instruments.configuration.management
            if address != "off" {
                group.addTask {
                    await ManagementServer(
                        address: address, interface: interface, hub: hub, accounts: accounts, logger: logger
                    ).run()
                }
            }
            guard let folder = instruments.folder else {
                logger.error("commands cannot be taken: there is no folder for the control socket")
                return
            }
            group.addTask {
                await ControlSocket(path: folder + "/" + Self.socketName, interface: interface, logger: logger).run()
            }
        }
        await containers.close()
    }

    private func openedAccounts() async -> AccountDesk? {
        guard let keeper = instruments.keeper else { return nil }
        do {
            return try await AccountDesk(store: keeper.store, folder: instruments.folder)
        } catch {
            logger.critical("nobody can sign in: the accounts cannot be read", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    private func operations(_ accounts: AccountDesk?, _ containers: ContainerDesk) -> [Management.Operation] {
        let instruments = instruments
        let facts = SystemOperations.Facts(
            version: Version.current, started: .now, hostname: ProcessInfo.processInfo.hostName,
            processors: System.coreCount, read: { await Metrics.readings(instruments) })
        return InterfaceParts(
            facts: facts, reconciler: instruments.reconciler, endpoints: EndpointReadings.desk(instruments),
            reconcile: {
                await instruments.files.readAgain()
                await instruments.feeds.askAgain()
            }, address: instruments.configuration.management, keeper: instruments.keeper, accounts: accounts,
            containers: containers
        ).operations
    }

    private func printSetup(_ accounts: AccountDesk) async {
        do {
            guard let secret = try await accounts.makeSetup() else { return }
            let address = instruments.configuration.management
            logger.notice(
                "nobody can sign in yet: make the first administrator by this link, within the hour",
                metadata: ["link": "\(SetupOperation.link(secret, address: address))"])
        } catch {
            logger.error("the setup link cannot be made", metadata: ["reason": "\(error)"])
        }
    }
}
