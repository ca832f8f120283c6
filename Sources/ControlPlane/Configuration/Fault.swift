/// Why a text is no value of its field. The reader adds place and subject.
struct Fault: Error, Equatable {
    var code: String
    /// "found …".
    var found: String
    /// "wanted …" or "did you mean …?".
    var wanted: String

    init(_ code: String, found: String, wanted: String) {
        self.code = code
        self.found = found
        self.wanted = wanted
    }

    /// The text is told as it was written.
    init(_ code: String, text: String, wanted: String) {
        self.init(code, found: text.isEmpty ? "found nothing" : "found \(Shown.quoted(text))", wanted: wanted)
    }
}

extension Fault {
    func diagnosis(at place: Place, subject: String, severity: Diagnosis.Severity = .error) -> Diagnosis {
        Diagnosis(code: code, severity: severity, place: place, subject: subject, found: found, wanted: wanted)
    }
}
