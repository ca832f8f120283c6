import Foundation
import HTTPTypes
import Hummingbird
import KontainersConfiguration
import NIOCore
import Store
import Synchronization

/// How often one principal, or one address, may ask for changes: a bucket of tokens each. Memory is bounded.
final class WriteBudget: Sendable {
    static let burst = 500.0
    /// A second.
    static let rate = 100.0
    private static let entryLimit = 10_000

    private struct Bucket {
        var tokens = WriteBudget.burst
        var at: Milliseconds
    }

    private let buckets = Mutex<[String: Bucket]>([:])

    func take(_ name: String, at now: Milliseconds) throws {
        let isLeft = buckets.withLock { buckets in
            var bucket = buckets[name] ?? Bucket(at: now)
            bucket.tokens = min(Self.burst, bucket.tokens + Double(max(0, now - bucket.at)) / 1_000 * Self.rate)
            bucket.at = now
            let isLeft = bucket.tokens >= 1
            if isLeft { bucket.tokens -= 1 }
            buckets[name] = bucket
            if buckets.count > Self.entryLimit {
                // Who has not asked for so long has a full bucket again.
                let full = Milliseconds(Self.burst / Self.rate * 1_000)
                buckets = buckets.filter { now - $0.value.at < full }
                if buckets.count > Self.entryLimit { buckets = [:] }
            }
            return isLeft
        }
        guard isLeft else {
            throw Problem(
                .tooManyRequests, "found more than \(Int(Self.rate)) changes a second; wanted fewer",
                code: "too-many", fields: [.retryAfter: "1"])
        }
    }
}

/// Answers of requests that carried an `Idempotency-Key`: the same key gets the same answer, and nothing is done twice.
final class Repeats: Sendable {
    static let field = HTTPField.Name("idempotency-key")!
    private static let lifetime: Milliseconds = 24 * 3_600_000
    private static let entryLimit = 2_000

    private struct Entry {
        var operation: String
        var body: JSONValue
        var answer: Answer
        var at: Milliseconds
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// `nil` where none was sent.
    static func key(_ request: Request, _ call: Call) throws -> String? {
        guard let key = request.headers[field] else { return nil }
        guard (1...200).contains(key.utf8.count) else {
            throw Problem(.badRequest, "found an Idempotency-Key of \(key.utf8.count) bytes; wanted 1 to 200")
        }
        return "\(call.author.id) \(key)"
    }

    func answer(_ key: String, _ operation: String, _ body: JSONValue, at now: Milliseconds = .now) throws -> Answer? {
        guard let entry = entries.withLock({ $0[key] }), now - entry.at < Self.lifetime else { return nil }
        guard entry.operation == operation, entry.body == body else {
            throw Problem(
                .unprocessableContent, "found an Idempotency-Key that another request had; wanted one of its own",
                code: "key-reused")
        }
        return entry.answer
    }

    func keep(_ answer: Answer, _ key: String, _ operation: String, _ body: JSONValue, at now: Milliseconds = .now) {
        entries.withLock { entries in
            entries[key] = Entry(operation: operation, body: body, answer: answer, at: now)
            guard entries.count > Self.entryLimit else { return }
            let old = entries.sorted { $0.value.at < $1.value.at }.prefix(Self.entryLimit / 4)
            for (key, _) in old { entries[key] = nil }
        }
    }
}

/// Requests by the class of their answers.
public final class InterfaceCounts: Sendable {
    private let counts = Mutex<[Int: UInt64]>([:])

    public init() {}

    func note(_ status: Int) { counts.withLock { $0[status / 100, default: 0] += 1 } }

    /// By the first digit of the status.
    public var byClass: [Int: UInt64] { counts.withLock { $0 } }
}

/// Fields by which browsers protect their users; in every answer.
enum SafeFields {
    static func add(to fields: inout HTTPFields) {
        set(.xContentTypeOptions, "nosniff", &fields)
        set(HTTPField.Name("x-frame-options")!, "DENY", &fields)
        set(HTTPField.Name("referrer-policy")!, "no-referrer", &fields)
        set(HTTPField.Name("cross-origin-resource-policy")!, "same-origin", &fields)
        set(HTTPField.Name("cross-origin-opener-policy")!, "same-origin", &fields)
        set(.contentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'", &fields)
        set(.cacheControl, "no-store", &fields)
    }

    private static func set(_ name: HTTPField.Name, _ value: String, _ fields: inout HTTPFields) {
        if fields[name] == nil { fields[name] = value }
    }
}

/// Documents without what opens doors.
enum Mask {
    static let text = JSONValue.text("***")
    private static let secrets: Set<String> = [
        "password", "passwordHash", "key", "secret", "token", "refreshToken", "totpSecret", "users", "code",
        "authorization", "cookie", "sslKey",
    ]

    static func masked(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let fields):
            .object(
                Dictionary(
                    uniqueKeysWithValues: fields.map { name, value in
                        (name, isSecret(name) && value != .null ? text : masked(value))
                    }))
        case .list(let items): .list(items.map(masked))
        case .null, .boolean, .integer, .number, .text: value
        }
    }

    private static func isSecret(_ name: String) -> Bool {
        secrets.contains(name) || secrets.contains(name.lowercased())
    }
}
