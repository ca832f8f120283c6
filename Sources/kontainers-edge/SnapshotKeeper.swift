import Contract
import Kernel
import Synchronization
import Telemetry

/// Keeps the last good snapshot on disk, on a thread of its own: writing ten thousand rules takes longer than a change
/// may.
///
/// Changes that come in quick succession are written once.
final class SnapshotKeeper: Sendable {
    private let latest = Mutex<Snapshot?>(nil)
    private let bell: Bell
    private let path: String
    private let machineKey: [UInt8]

    init(path: String, machineKey: [UInt8]) throws(SystemError) {
        self.path = path
        self.machineKey = machineKey
        bell = try Bell()
        try NativeThread.start(named: "keeper") { [self] in run() }
    }

    func keep(_ snapshot: Snapshot) {
        latest.withLock { $0 = snapshot }
        bell.ring()
    }

    /// Writes what is not written yet.
    func finish() { save() }

    private func run() {
        NativeThread.yieldToOthers()
        while true {
            _ = System.waitReadable(bell.descriptor, milliseconds: -1)
            bell.silence()
            save()
            // A burst of changes costs one more write, not one each.
            System.sleep(milliseconds: 500)
        }
    }

    private func save() {
        guard
            let snapshot = latest.withLock({ latest in
                defer { latest = nil }
                return latest
            })
        else { return }
        do {
            try SnapshotFile.save(snapshot, to: path, machineKey: machineKey)
        } catch {
            Log.write(.error, "the last good snapshot could not be kept", ("file", path), ("why", "\(error)"))
        }
    }
}
