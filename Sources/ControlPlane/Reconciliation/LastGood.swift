import Contract
import KontainersConfiguration

/// What stays in service while a new version of the file is wrong in places.
enum LastGood {
    /// The new version, with those rules and listeners of the last one whose new form is in error. A version that makes
    /// no sense at all changes nothing. `nil` when there is neither.
    static func merge(
        _ last: ApplianceConfiguration?, with loaded: ApplianceConfiguration?, _ diagnoses: [Diagnosis]
    ) -> ApplianceConfiguration? {
        guard let last else { return loaded }
        guard var merged = loaded else { return last }
        let wrong = Set(diagnoses.filter { $0.severity == .error }.map(\.subject))
        // A fault that belongs to no one thing, a list that is none for instance: what is new comes into service, and
        // nothing that is in service goes away because of it.
        let isBlurred = wrong.contains("")
        if isBlurred { keepWhole(last, in: &merged) }
        func isKept(_ name: String) -> Bool { isBlurred || wrong.contains(name) }
        let rules = Set(merged.rules.map(\.name))
        merged.rules += last.rules.filter { isKept($0.name) && !rules.contains($0.name) }
        let listeners = Set(merged.listeners.map(\.name))
        merged.listeners += last.listeners.filter { isKept($0.name) && !listeners.contains($0.name) }
        let certificates = Set(merged.certificates.map(\.name))
        merged.certificates += last.certificates.filter { isKept($0.name) && !certificates.contains($0.name) }
        return merged
    }

    /// What is not told apart by names.
    private static func keepWhole(_ last: ApplianceConfiguration, in merged: inout ApplianceConfiguration) {
        merged.data = last.data
        merged.workers = last.workers
        merged.management = last.management
        merged.users = last.users
        merged.settings = last.settings
        if merged.dockerEndpoints.isEmpty { merged.dockerEndpoints = last.dockerEndpoints }
        merged.listenPolicy = last.listenPolicy
    }

    /// What a running appliance cannot change.
    static func needsRestart(
        _ running: ApplianceConfiguration, _ new: ApplianceConfiguration, file: String
    ) -> [Diagnosis] {
        var changed: [String] = []
        if running.data != new.data { changed.append("data") }
        if running.workers != new.workers { changed.append("workers") }
        if running.users != new.users { changed.append("users") }
        if running.management != new.management { changed.append("management") }
        return changed.map { field in
            Diagnosis(
                code: "needs-restart", severity: .warning, place: .file(path: file, line: 1, column: 1), subject: field,
                found: "found a new value of \"\(field)\", which is in use only from the next start",
                wanted: "wanted a restart of the appliance, or the former value")
        }
    }
}
