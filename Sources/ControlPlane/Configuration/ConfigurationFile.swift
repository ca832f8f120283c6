public import Foundation

/// Reads `kontainers.yaml`.
///
/// One bad rule never harms another: the result holds all that is valid, the diagnoses tell of the rest.
public enum ConfigurationFile {
    /// Bytes.
    public static let sizeLimit = 16 << 20
    /// Diagnoses kept of one file; the last one says how many more there were.
    public static let diagnosisLimit = 1_000

    /// The smallest useful form, for whoever starts with nothing.
    public static let smallestForm =
        #"{ listeners: [{ name: web, address: ":80", protocol: http }], "#
        + #"rules: [{ name: site, hosts: ["*"], endpoints: ["127.0.0.1:9000"] }] }"#

    /// - Parameters:
    ///   - path: The file, absolute or from the working folder; diagnoses name it as it was given.
    ///   - now: What certificates' dates are compared with.
    /// - Returns: what the file says, without what is wrong in it; `nil` when nothing can be said: it cannot be read,
    ///   is empty, or is not YAML. Certificates whose files are wrong stay in it (their diagnoses tell), so that
    ///   whoever serves them can keep the last good ones.
    public static func load(path: String, now: Date = Date()) -> (ApplianceConfiguration?, [Diagnosis]) {
        let start = Place.file(path: path, line: 1, column: 1)
        let bytes: Data
        do {
            bytes = try FileText.read(path, limit: sizeLimit)
        } catch {
            return (nil, [error.diagnosis(at: start, subject: "")])
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let position = FileText.firstInvalid(in: bytes)
            return (
                nil,
                [
                    Diagnosis(
                        code: "bad-character", place: .file(path: path, line: position.line, column: position.column),
                        found: "found bytes that are not UTF-8", wanted: "wanted text in UTF-8")
                ]
            )
        }
        return read(text, path: path, now: now)
    }

    /// The same of text that was read already. Relative paths in it start from the folder of `path`.
    public static func read(
        _ text: String, path: String, now: Date = Date()
    ) -> (ApplianceConfiguration?, [Diagnosis]) {
        let (written, syntax) = Document.read(text, path: path)
        guard let written, !written.isNothing else {
            guard syntax.isEmpty else { return (nil, syntax) }
            let empty = Diagnosis(
                code: "empty-file", place: .file(path: path, line: 1, column: 1), found: "found an empty file",
                wanted: "wanted at least a listener and a rule: " + smallestForm)
            return (nil, [empty])
        }
        var reader = FileReader(path: path, now: now)
        let configuration = reader.read(written)
        return (configuration, reader.diagnoses(with: syntax))
    }
}

/// Files, read whole and with a limit.
enum FileText {
    static func read(_ path: String, limit: Int) throws(Fault) -> Data {
        let shown = Shown.quoted(path)
        let type: FileAttributeType?
        do {
            // A symbolic link is followed: what it points to counts.
            let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            type = try FileManager.default.attributesOfItem(atPath: target)[.type] as? FileAttributeType
        } catch {
            switch (error as? CocoaError)?.code {
            case .fileReadNoPermission:
                throw Fault(
                    "unreadable", found: "found no permission to look for \(shown)", wanted: "wanted to read it")
            default: throw Fault("unreadable", found: "found no file \(shown)", wanted: "wanted a file that is there")
            }
        }
        if type == .typeDirectory {
            throw Fault("unreadable", found: "found a folder at \(shown)", wanted: "wanted a file")
        }
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw Fault("unreadable", found: "found no permission to read \(shown)", wanted: "wanted to read it")
        }
        defer { try? handle.close() }
        var data = Data()
        do {
            while data.count <= limit, let more = try handle.read(upToCount: limit + 1 - data.count), !more.isEmpty {
                data.append(more)
            }
        } catch {
            throw Fault(
                "unreadable", found: "found an error while reading \(shown): \(error)", wanted: "wanted to read it")
        }
        guard data.count <= limit else {
            throw Fault(
                "too-large", found: "found more than \(limit) bytes in \(shown)",
                wanted: "wanted at most \(limit) bytes")
        }
        return data
    }

    /// Line and column (in bytes) of the first byte that is not UTF-8.
    static func firstInvalid(in data: Data) -> (line: Int, column: Int) {
        var line = 1
        for part in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if String(validating: part, as: UTF8.self) == nil {
                var column = 1
                var decoder = UTF8()
                var bytes = part.makeIterator()
                while case .scalarValue(let scalar) = decoder.decode(&bytes) {
                    column += UTF8.width(scalar)
                }
                return (line, column)
            }
            line += 1
        }
        return (line, 1)
    }

    /// `written` against the folder of the file that names it. Both absolute afterwards.
    static func resolved(_ written: String, against file: String) -> String {
        URL(fileURLWithPath: written, relativeTo: URL(fileURLWithPath: file).deletingLastPathComponent())
            .standardizedFileURL.path
    }
}
