/// Which passwords are taken: long ones, whatever they are made of (NIST SP 800-63B §5.1.1.2).
public enum PasswordRule {
    /// Characters; bytes at most, because hashing takes them all.
    public static let least = 10
    public static let mostBytes = 256
    private static let common: Set<String> = [
        "1234567890", "0123456789", "password12", "password123", "qwertyuiop", "1q2w3e4r5t", "administrator",
        "kontainers", "letmein123", "iloveyou12", "changeme123", "adminadmin",
    ]

    /// What is wrong with it, in a sentence; `nil`: nothing.
    public static func fault(_ password: String, username: String) -> String? {
        if password.count < least { return "found \(password.count) characters; wanted at least \(least)" }
        if password.utf8.count > mostBytes { return "found \(password.utf8.count) bytes; wanted at most \(mostBytes)" }
        if password.utf8.contains(0) { return "found a zero byte; wanted text" }
        let lower = password.lowercased()
        if lower == username.lowercased() { return "found the user's name; wanted something else" }
        if common.contains(lower) || Set(lower).count < 3 {
            return "found a password that everybody tries first; wanted one that nobody guesses"
        }
        return nil
    }
}
