import Kernel
import Logging
import Synchronization

/// A thread that waits for news of files and rings; it also rings every half second, for those who look by themselves.
/// It ends when nobody listens to its rings any more.
struct WatchThread {
    final class Watch: Sendable {
        private let files: FileWatch
        /// Written by the thread, taken by whoever hears its ring.
        private let happened = Atomic(false)

        fileprivate init(_ files: FileWatch) { self.files = files }

        func add(folder: String) { try? files.add(folder: folder) }

        func takeNews() -> Bool { happened.exchange(false, ordering: .acquiringAndReleasing) }

        fileprivate func wait() {
            if files.wait(milliseconds: WatchThread.tick) { happened.store(true, ordering: .releasing) }
        }
    }

    private static let tick: CInt = 500

    let rings: AsyncStream<Void>
    /// `nil` where the system has none to give; then files are looked at now and then.
    let watch: Watch?

    init(logger: Logger) {
        let (rings, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.rings = rings
        do {
            let watch = Watch(try FileWatch())
            try NativeThread.start(named: "file-watch") {
                var isHeard = true
                while isHeard {
                    watch.wait()
                    if case .terminated = bell.yield() { isHeard = false }
                }
            }
            self.watch = watch
        } catch {
            logger.warning(
                "files cannot be watched; they are looked at every few seconds", metadata: ["reason": "\(error)"])
            watch = nil
            Task {
                while !Task.isCancelled {
                    try? await Task.sleep(for: .seconds(1))
                    if case .terminated = bell.yield() { return }
                }
            }
        }
    }
}
