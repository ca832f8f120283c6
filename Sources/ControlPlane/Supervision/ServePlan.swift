import Contract
public import Kernel
public import KontainersConfiguration

/// All that `kontainers serve` decided before it starts anything.
public struct ServePlan: Sendable {
    /// The edge's user when nobody named one: a number that no system gives to a person or service.
    public static let edgeUser = Identity(user: 61_801, group: 61_801)
    /// Sockets of one listener travel in one packet.
    public static let workersLimit = 250

    public var configuration: ApplianceConfiguration
    public var configurationPath: String
    /// Absolute.
    public var data: String
    public var controlProgram: String
    public var edgeProgram: String
    /// `nil`: as the supervisor.
    public var edgeIdentity: Identity?
    public var controlIdentity: Identity?
    public var workers: Int

    /// What keeps the appliance from being started, and what to do.
    public struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
        public var description: String
    }

    /// `programs` is the folder that holds `kontainers` and `kontainers-edge`; `isRoot` whether this process may become
    /// others.
    public init(
        configuration: ApplianceConfiguration, path: String, data: String, programs: String, isRoot: Bool,
        processors: Int
    ) throws(Fault) {
        self.configuration = configuration
        self.configurationPath = path
        self.data = data
        controlProgram = programs + "/kontainers"
        edgeProgram = programs + "/kontainers-edge"
        workers = min(max(1, configuration.workers ?? processors), Self.workersLimit)
        for program in [controlProgram, edgeProgram] {
            guard let facts = try? Holdings.facts(of: program), facts.kind == .file, facts.mode & 0o111 != 0 else {
                throw Fault(
                    description: "found no program at \(program); wanted kontainers and kontainers-edge in one folder: "
                        + "`make build` leaves them so, or say where they are with --programs")
            }
        }
        guard isRoot else { return }
        do throws(Identity.Failure) {
            edgeIdentity =
                try configuration.users.edge.map { name throws(Identity.Failure) in
                    try Identity.named(name)
                } ?? Self.edgeUser
            controlIdentity = try configuration.users.control.map { name throws(Identity.Failure) in
                try Identity.named(name)
            }
        } catch {
            throw Fault(description: "users: \(error)")
        }
        // Root under another name is no user of its own.
        if edgeIdentity?.user == 0 { edgeIdentity = nil }
        if controlIdentity?.user == 0 { controlIdentity = nil }
        let dockerGroups = dockerSockets.compactMap { path in
            (try? Holdings.facts(of: path)).map(\.group)
        }
        controlIdentity?.supplementaryGroups = dockerGroups
    }

    /// Paths of the Docker sockets on this machine.
    public var dockerSockets: [String] {
        configuration.dockerEndpoints.compactMap { endpoint in
            switch endpoint.address {
            case .unix(let path): path
            case .tcp: nil
            }
        }
    }

    /// How long the edge may take to finish what it began.
    var drain: Duration { .milliseconds(configuration.settings.timeouts.drain) }

    /// Both children get SIGTERM when the supervisor is killed. For control that is the end; the edge drains. It could
    /// serve on alone, but a new supervisor could neither take it over nor tell it from its own edge, and with sockets
    /// that share a port the two would split the connections between an old and a new state.
    func controlStart() -> ProgramStart {
        ProgramStart(
            path: controlProgram,
            arguments: ["control", "--config", configurationPath, "--data", data, "--supervised"],
            identity: controlIdentity, deathSignal: .terminate)
    }

    func edgeStart(in folder: DataFolder) -> ProgramStart {
        let paths = folder.edgePaths(for: edgeIdentity)
        return ProgramStart(
            path: edgeProgram,
            arguments: ["--supervised", "--workers", "\(workers)", "--link", paths.link, "--data", paths.data],
            directory: folder.edge, identity: edgeIdentity, deathSignal: .terminate)
    }
}
