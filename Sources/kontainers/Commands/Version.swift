/// The release both programs belong to.
enum Version {
    static let current = "0.1.0"
}
