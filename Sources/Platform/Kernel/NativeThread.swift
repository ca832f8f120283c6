import CLinux
import Glibc

/// A thread of the system with a name.
public enum NativeThread {
    /// Runs `body` on a thread of its own, which ends when `body` returns.
    public static func start(named name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = unsafe Unmanaged.passRetained(Body(body, name))
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                // Taken back exactly once: the retain was made for this call.
                let body = unsafe Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue()
                unsafe kl_name_thread(body.name)
                body.run()
                return nil
            }, unsafe box.toOpaque())
        guard code == 0 else {
            unsafe box.release()
            throw SystemError(code: code, call: "pthread_create")
        }
        pthread_detach(thread)
    }

    /// The calling thread gives way to all others from here on: for work that nobody waits for.
    public static func yieldToOthers() { kl_yield_to_others() }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        let name: String

        init(_ run: @escaping @Sendable () -> Void, _ name: String) {
            self.run = run
            self.name = name
        }
    }
}
