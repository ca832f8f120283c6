import CLinux
import Glibc

/// A program to start: what, as whom, and what becomes of it when its parent ends.
public struct ProgramStart: Equatable, Sendable {
    public var path: String
    /// Without the program's own name.
    public var arguments: [String]
    /// Where it starts; empty for its parent's folder.
    public var directory: String
    /// Whom it becomes before it is executed; `nil` stays its parent's.
    public var identity: Identity?
    /// Sent to it when the thread that started it ends.
    public var deathSignal: Signal?

    public init(
        path: String, arguments: [String] = [], directory: String = "", identity: Identity? = nil,
        deathSignal: Signal? = nil
    ) {
        self.path = path
        self.arguments = arguments
        self.directory = directory
        self.identity = identity
        self.deathSignal = deathSignal
    }
}

/// Why a program could not be started.
public struct SpawnError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Step: Int32, Sendable { case start, descriptors, directory, user, confine, execute }

    public var step: Step
    public var cause: SystemError
    public var start: ProgramStart

    public var description: String {
        switch step {
        case .start: "no process could be made for \(start.path) (\(cause))"
        case .descriptors: "\(start.path) could not be given its descriptors (\(cause))"
        case .directory: "\(start.path) could not start in the folder \(start.directory) (\(cause))"
        case .user: "\(start.path) could not become user \(start.identity?.user ?? 0) (\(cause))"
        case .confine: "\(start.path) could not be kept from gaining privileges (\(cause))"
        case .execute: "\(start.path) could not be executed (\(cause))"
        }
    }
}

/// How a child ended.
public enum Ending: Equatable, Sendable, CustomStringConvertible {
    case exited(code: Int32)
    case killed(signal: Int32)

    public var description: String {
        switch self {
        case .exited(let code): "exited with code \(code)"
        case .killed(let signal): "was ended by signal \(signal) (\(unsafe String(cString: strsignal(signal))))"
        }
    }
}

/// Starting, signalling and reaping children. A child gets no_new_privs, no ambient capabilities, plain signal
/// dispositions, an empty signal mask, a process group of its own, and no descriptor but those it is given.
public enum ChildProcess {
    /// Starts a program and answers its pid. Entry i of `descriptors` becomes the program's descriptor i; -1 leaves it
    /// closed. With a death signal, call this on a thread that lives as long as the process.
    public static func spawn(_ start: ProgramStart, descriptors: [CInt]) throws(SpawnError) -> CInt {
        var request = kl_spawn_request()
        if let identity = start.identity {
            request.changes_user = 1
            request.user = identity.user
            request.group = identity.group
        }
        request.death_signal = start.deathSignal?.rawValue ?? 0
        request.own_group = 1
        var block: [CChar] = []
        for argument in [start.path] + start.arguments { block += argument.utf8CString }
        let groups = start.identity?.supplementaryGroups ?? []
        let result = unsafe kl_spawn(
            &request, start.path, block, block.count, start.directory, descriptors, CInt(descriptors.count), groups,
            CInt(groups.count))
        guard result < 0 else { return result }
        throw SpawnError(
            step: SpawnError.Step(rawValue: request.step) ?? .start, cause: SystemError(code: -result, call: "spawn"),
            start: start)
    }

    /// One child that has ended, or `nil`. As process 1 this reaps adopted orphans too.
    public static func reap(_ pid: CInt = -1) -> (pid: CInt, ending: Ending)? {
        var code: Int32 = 0
        var signal: Int32 = 0
        let ended = unsafe kl_reap(pid, &code, &signal)
        guard ended > 0 else { return nil }
        return (ended, signal == 0 ? .exited(code: code) : .killed(signal: signal))
    }

    public static func signal(_ pid: CInt, _ signal: Signal) {
        // 0 and below would mean process groups, or everyone.
        guard pid > 0 else { return }
        _ = Glibc.kill(pid, signal.rawValue)
    }

    /// Ends it at once, whatever it does.
    public static func kill(_ pid: CInt) {
        guard pid > 0 else { return }
        _ = Glibc.kill(pid, SIGKILL)
    }

    /// The null device, for a child's standard input.
    public static func openNull() throws(SystemError) -> Descriptor {
        Descriptor(owning: try checked(kl_open_null(), "open"))
    }
}
