import KontainersConfiguration

/// What a container uses, with every field that there is; the first ten are those of the short form.
public struct ContainerReadings: Equatable, Sendable, Codable {
    public enum HealthStatus: String, Sendable, Codable { case healthy, unhealthy, starting, none }

    public var containerId: String
    /// Milliseconds since 1970.
    public var timestamp: Int64
    /// Percent of one processor, as `docker stats` counts it: 200 is two processors.
    public var cpuUsage = 0.0
    /// Bytes, without what the kernel would give back at once.
    public var memoryUsage: Int64 = 0
    public var memoryLimit: Int64 = 0
    public var memoryUsagePercentage = 0.0
    /// Bytes since the container started.
    public var networkRx: Int64 = 0
    public var networkTx: Int64 = 0
    public var blockRead: Int64 = 0
    public var blockWrite: Int64 = 0
    /// Percent of one processor within the kernel, and outside it; of the machine in all.
    public var cpuKernelUsage = 0.0
    public var cpuUserUsage = 0.0
    public var cpuSystemUsage = 0.0
    public var cpuOnlineCpus = 0
    public var memoryCache: Int64 = 0
    public var memorySwap: Int64 = 0
    public var memorySwapLimit: Int64 = 0
    public var swapUsagePercentage = 0.0
    /// Bytes a second since the sample before.
    public var networkThroughput = 0.0
    public var networkPacketsRx: Int64 = 0
    public var networkPacketsTx: Int64 = 0
    public var networkDroppedRx: Int64 = 0
    public var networkDroppedTx: Int64 = 0
    public var networkErrorsRx: Int64 = 0
    public var networkErrorsTx: Int64 = 0
    public var blockThroughput = 0.0
    public var blockReadOps: Int64 = 0
    public var blockWriteOps: Int64 = 0
    public var pids = 0
    public var restartCount = 0
    public var healthStatus = HealthStatus.none
    public var healthCheckLogs: [String] = []

    /// - Parameters:
    ///   - sample: the engine's answer.
    ///   - before: one of the same container, for what is counted in a time.
    ///   - inspection: what the engine tells of the container itself.
    init(_ id: String, _ sample: JSONValue, since before: Sample?, inspection: JSONValue? = nil, at now: Int64) {
        containerId = id
        timestamp = EngineTime.milliseconds(sample["read"]?.text ?? "") ?? now
        let this = Sample(sample, at: timestamp)
        cpuOnlineCpus = this.processors
        if let before { count(this, before) }
        readMemory(sample["memory_stats"], inspection)
        let networks = (sample["networks"]?.object ?? [:]).values
        func sum(_ field: String) -> Int64 { networks.reduce(0) { $0 + Int64($1[field]?.integer ?? 0) } }
        (networkRx, networkTx) = (this.received, this.sent)
        (networkPacketsRx, networkPacketsTx) = (sum("rx_packets"), sum("tx_packets"))
        (networkDroppedRx, networkDroppedTx) = (sum("rx_dropped"), sum("tx_dropped"))
        (networkErrorsRx, networkErrorsTx) = (sum("rx_errors"), sum("tx_errors"))
        (blockRead, blockWrite) = (this.read, this.written)
        (blockReadOps, blockWriteOps) = Sample.disk(sample["blkio_stats"]?["io_serviced_recursive"])
        pids = sample["pids_stats"]?["current"]?.integer ?? 0
        restartCount = inspection?["RestartCount"]?.integer ?? 0
        let health = inspection?["State"]?["Health"]
        healthStatus = HealthStatus(rawValue: health?["Status"]?.text ?? "") ?? .none
        healthCheckLogs = (health?["Log"]?.list ?? []).suffix(5).compactMap {
            $0["Output"]?.text.map { String($0.prefix(1_000)) }
        }
    }

    private mutating func count(_ this: Sample, _ before: Sample) {
        let system = Double(this.system &- min(before.system, this.system))
        func share(_ now: UInt64, _ then: UInt64) -> Double {
            system > 0 && now >= then ? Double(now - then) / system * Double(max(1, this.processors)) * 100 : 0
        }
        cpuUsage = share(this.total, before.total)
        cpuKernelUsage = share(this.kernel, before.kernel)
        cpuUserUsage = share(this.user, before.user)
        let seconds = Double(this.at - before.at) / 1_000
        guard seconds > 0 else { return }
        // The system's time is that of all processors together, in nanoseconds.
        cpuSystemUsage = min(100 * Double(max(1, this.processors)), system / seconds / 1e9 * 100)
        networkThroughput = Double(max(0, this.received + this.sent - before.received - before.sent)) / seconds
        blockThroughput = Double(max(0, this.read + this.written - before.read - before.written)) / seconds
    }

    private mutating func readMemory(_ memory: JSONValue?, _ inspection: JSONValue?) {
        let details = memory?["stats"]
        // What cgroup v2 calls inactive_file, v1 calls total_inactive_file.
        let inactive = details?["inactive_file"]?.integer ?? details?["total_inactive_file"]?.integer ?? 0
        let usage = memory?["usage"]?.integer ?? 0
        memoryUsage = Int64(max(0, usage - inactive))
        memoryLimit = Int64(memory?["limit"]?.integer ?? 0)
        if memoryLimit > 0 { memoryUsagePercentage = Double(memoryUsage) / Double(memoryLimit) * 100 }
        memoryCache = Int64(details?["file"]?.integer ?? details?["cache"]?.integer ?? 0)
        memorySwap = Int64(details?["swap"]?.integer ?? 0)
        let both = Int64(inspection?["HostConfig"]?["MemorySwap"]?.integer ?? 0)
        let own = Int64(inspection?["HostConfig"]?["Memory"]?.integer ?? 0)
        memorySwapLimit = both > own ? both - own : 0
        if memorySwapLimit > 0 { swapUsagePercentage = Double(memorySwap) / Double(memorySwapLimit) * 100 }
    }

    /// Counters of one moment.
    struct Sample: Equatable, Sendable {
        var at: Int64
        /// Nanoseconds.
        var total: UInt64
        var kernel: UInt64
        var user: UInt64
        var system: UInt64
        var processors: Int
        var received: Int64
        var sent: Int64
        var read: Int64
        var written: Int64

        init(_ sample: JSONValue, at: Int64) {
            func number(_ value: JSONValue?) -> UInt64 { UInt64(clamping: value?.integer ?? 0) }
            self.at = at
            let processor = sample["cpu_stats"]
            total = number(processor?["cpu_usage"]?["total_usage"])
            kernel = number(processor?["cpu_usage"]?["usage_in_kernelmode"])
            user = number(processor?["cpu_usage"]?["usage_in_usermode"])
            system = number(processor?["system_cpu_usage"])
            processors =
                processor?["online_cpus"]?.integer ?? processor?["cpu_usage"]?["percpu_usage"]?.list?.count ?? 1
            let networks = (sample["networks"]?.object ?? [:]).values
            received = networks.reduce(0) { $0 + Int64($1["rx_bytes"]?.integer ?? 0) }
            sent = networks.reduce(0) { $0 + Int64($1["tx_bytes"]?.integer ?? 0) }
            (read, written) = Self.disk(sample["blkio_stats"]?["io_service_bytes_recursive"])
        }

        static func disk(_ entries: JSONValue?) -> (Int64, Int64) {
            var sums: (Int64, Int64) = (0, 0)
            for entry in entries?.list ?? [] {
                let value = Int64(entry["value"]?.integer ?? 0)
                switch entry["op"]?.text?.lowercased() {
                case "read"?: sums.0 += value
                case "write"?: sums.1 += value
                case _: break
                }
            }
            return sums
        }
    }
}
