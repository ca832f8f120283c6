/// Signals by their names, as Linux numbers them on the processors that engines run on.
enum StopSignal {
    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
        "IO",
        "PWR", "SYS",
    ]
    private static let highest = 64

    /// INT, QUIT, KILL and TERM ask to end, whatever the image says of itself.
    static let usual: Set<Int> = [2, 3, 9, 15]

    /// `15`, `SIGTERM`, `TERM`, `SIGRTMIN+3`; `nil` for what is no signal.
    static func number(_ text: String) -> Int? {
        if let number = Int(text) { return (1...highest).contains(number) ? number : nil }
        var name = text.uppercased()[...]
        if name.hasPrefix("SIG") { name = name.dropFirst(3) }
        if let index = names.firstIndex(where: { $0 == name }) { return index + 1 }
        // The first of these is 34: the C library keeps two for itself.
        for (stem, base, sign) in [("RTMIN", 34, 1), ("RTMAX", highest, -1)] where name.hasPrefix(stem) {
            let rest = name.dropFirst(stem.count)
            guard rest.isEmpty || rest.first == (sign > 0 ? "+" : "-") else { return nil }
            guard let offset = rest.isEmpty ? 0 : Int(rest.dropFirst()), (0...30).contains(offset) else { return nil }
            return base + sign * offset
        }
        return nil
    }
}
