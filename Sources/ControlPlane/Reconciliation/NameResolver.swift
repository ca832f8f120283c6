import Kernel
public import Logging
import NIOPosix

/// Keeps the addresses of names that static endpoints use, off the path of everything else: a resolver that hangs holds
/// up nobody.
public actor NameResolver {
    public typealias Lookup = @Sendable (String) async -> Result<[String], NameLookupFailure>

    /// Why a name has no address.
    public struct NameLookupFailure: Error, Equatable, Sendable {
        public var reason: String

        public init(reason: String) { self.reason = reason }
    }

    /// All that is known, at each change.
    public nonisolated let changes: AsyncStream<[String: Resolution]>
    private let output: AsyncStream<[String: Resolution]>.Continuation
    private let lookup: Lookup
    private let interval: Duration
    private let retryInterval: Duration
    private let logger: Logger
    private var known: [String: Resolution] = [:]
    /// When each name is to be asked for next.
    private var due: [String: ContinuousClock.Instant] = [:]
    private let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - interval: how often a name that resolves is asked for again.
    ///   - retryInterval: how often one that does not.
    public init(
        interval: Duration = .seconds(30), retryInterval: Duration = .seconds(5),
        lookup: @escaping Lookup = NameResolver.system, logger: Logger
    ) {
        self.interval = interval
        self.retryInterval = retryInterval
        self.lookup = lookup
        self.logger = logger
        (changes, output) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (rings, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// `getaddrinfo` on a thread that may block.
    public static let system: Lookup = { host in
        do {
            return try await NIOThreadPool.singleton.runIfActive {
                do throws(NameLookup.Failure) {
                    return .success(try NameLookup.addresses(of: host))
                } catch {
                    return .failure(NameLookupFailure(reason: error.reason))
                }
            }
        } catch {
            return .failure(NameLookupFailure(reason: "the program is ending"))
        }
    }

    /// These names and no others are wanted.
    public func want(_ names: Set<String>) {
        for name in names where due[name] == nil { due[name] = .now }
        for name in due.keys where !names.contains(name) {
            due[name] = nil
            known[name] = nil
        }
        bell.yield()
    }

    /// Runs until its task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: .seconds(1))
                    self.bell.yield()
                }
            }
            for await _ in rings {
                let now = ContinuousClock.now
                for (name, time) in due where time <= now {
                    // Not again while the answer is awaited.
                    due[name] = now + .seconds(3_600)
                    group.addTask { await self.resolve(name) }
                }
            }
        }
    }

    private func resolve(_ name: String) async {
        let result = await lookup(name)
        guard due[name] != nil else { return }
        let before = known[name]
        switch result {
        case .success(let addresses):
            due[name] = .now + interval
            known[name] = .addresses(addresses)
        case .failure(let failure):
            due[name] = .now + retryInterval
            switch before {
            case .addresses(let last), .stale(let last, _): known[name] = .stale(last, reason: failure.reason)
            case .failed, nil: known[name] = .failed(reason: failure.reason)
            }
        }
        guard known[name] != before else { return }
        logger.debug("name resolved", metadata: ["name": "\(name)", "result": "\(result)"])
        output.yield(known)
    }
}
