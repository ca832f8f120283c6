/// The blocks of a PEM file (RFC 7468 §2), each with its label; what stands between them is explanatory text.
struct PEMBlock: Equatable {
    var label: String
    /// From `-----BEGIN` to the closing dashes.
    var text: String

    /// More blocks than any chain has are not read.
    static let blockLimit = 32

    static func blocks(in text: String) -> [PEMBlock] {
        var blocks: [PEMBlock] = []
        var label: String?
        var lines: [Substring] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let line = trimmed(line)
            if let begun = marked(line, "-----BEGIN ") {
                label = begun
                lines = [line]
            } else if let open = label {
                lines.append(line)
                guard marked(line, "-----END ") == open else { continue }
                blocks.append(PEMBlock(label: open, text: lines.joined(separator: "\n") + "\n"))
                label = nil
                if blocks.count == blockLimit { break }
            }
        }
        return blocks
    }

    private static func marked(_ line: Substring, _ start: String) -> String? {
        guard line.hasPrefix(start), line.hasSuffix("-----"), line.count > start.count + 5 else { return nil }
        return String(line.dropFirst(start.count).dropLast(5))
    }

    private static func trimmed(_ line: Substring) -> Substring {
        var line = line
        while line.last?.isWhitespace == true { line.removeLast() }
        return line.drop(while: \.isWhitespace)
    }
}
