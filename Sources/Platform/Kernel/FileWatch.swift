import CLinux
import Glibc

/// Tells that something happened in some folders (inotify): a file was written, replaced, made or removed in them.
///
/// It watches folders, not files, because editors and tools replace a file instead of writing into it. What exactly
/// changed is for the caller to find out. Made for one thread that waits.
public final class FileWatch: Sendable {
    private let descriptor: Descriptor

    public init() throws(SystemError) {
        let raw = inotify_init1(CInt(IN_CLOEXEC) | CInt(IN_NONBLOCK))
        guard raw >= 0 else { throw SystemError(code: errno, call: "inotify_init1") }
        descriptor = Descriptor(owning: raw)
    }

    /// Watches one more folder; one that is watched already is no error.
    public func add(folder: String) throws(SystemError) {
        let mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB
        let result = unsafe inotify_add_watch(descriptor.raw, folder, UInt32(mask))
        guard result >= 0 else { throw SystemError(code: errno, call: "inotify_add_watch") }
    }

    /// Waits until something happened, at most so long. Whether it did; all that happened until now counts as one.
    public func wait(milliseconds: CInt) -> Bool {
        var request = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&request, 1, milliseconds) > 0 else { return false }
        var happened = false
        unsafe withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 8) { room in
            while unsafe kl_read(descriptor.raw, room.baseAddress, room.count) > 0 { happened = true }
        }
        return happened
    }
}
