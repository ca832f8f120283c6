/// Files that may say `unsafe`, `@unchecked` or `nonisolated(unsafe)`, each with the reason, and files that hold state
/// machines. A file that no longer needs its line loses it: the test fails on stale lines too.
enum Hazards {
    static let files: [String: String] = [:]

    static let stateMachines: [String] = []
}
