import Foundation

/// A variable of the environment.
enum Variable {
    static func named(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }
}
