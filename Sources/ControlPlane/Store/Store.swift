import FoundationEssentials
public import GRDB

/// What people made, in one SQLite file: rules, settings, accounts, and who changed what. Any thread.
///
/// A write that returned is on the disk (`synchronous=FULL`, in a write-ahead log): it survives the process' end at any
/// moment, and the machine's.
public final class Store: Sendable {
    /// The file in control's folder.
    public static let fileName = "kontainers.db"
    /// How long a writer waits for another process that has the file, such as a backup.
    static let patience = 5.0
    /// Readers at a time.
    static let readers = 4

    public let database: DatabasePool

    /// Opens the file, makes it where there is none, and brings its tables to what this release wants.
    /// - Throws: ``StoreFault``: it is no database, it is one of a later release, it cannot be written.
    public init(path: String) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(Self.patience)
        configuration.maximumReaderCount = Self.readers
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        do {
            database = try DatabasePool(path: path, configuration: configuration)
            if try database.read(Migrations.all.hasBeenSuperseded) {
                throw StoreFault.tooNew(path: path)
            }
            try Migrations.all.migrate(database)
        } catch let error as DatabaseError {
            throw StoreFault.unusable(path: path, reason: error.message ?? "SQLite's code \(error.resultCode)")
        }
        // Hashes and secrets are for nobody else.
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path + suffix)
        }
    }

    /// Folds the write-ahead log into the file and closes it. Nothing may be asked afterwards.
    public func close() throws { try database.close() }
}

/// Why the store cannot be used.
public enum StoreFault: Error, Equatable, CustomStringConvertible {
    case unusable(path: String, reason: String)
    case tooNew(path: String)

    public var description: String {
        switch self {
        case .unusable(let path, let reason):
            "found \(path), which cannot be used: \(reason); wanted a database of Kontainers, or no file there"
        case .tooNew(let path):
            "found \(path), written by a later release; wanted that release, or a copy from before it"
        }
    }
}

/// Milliseconds since 1970.
public typealias Milliseconds = Int64

extension Milliseconds {
    public static var now: Milliseconds { Milliseconds(Date().timeIntervalSince1970 * 1_000) }
}

/// Names rows as nobody else does: 122 random bits, in lower case (RFC 9562 §5.4).
public enum Identifier {
    public static func make() -> String { UUID().uuidString.lowercased() }
}
