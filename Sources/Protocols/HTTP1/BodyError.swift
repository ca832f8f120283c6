/// Why a chunked body is refused (RFC 9112 §7.1). Each is the peer's fault and ends its connection.
public enum BodyError: UInt8, Error, CaseIterable, Equatable, Sendable {
    /// Something other than a hexadecimal digit where a chunk size begins or goes on.
    case chunkSizeMalformed
    /// More than 16 digits, or a size above 2^63 - 1.
    case chunkSizeTooLarge
    case chunkExtensionMalformed
    /// One extension, or all of them compared with the data they come with, above the limit.
    case chunkExtensionsTooLong
    /// The data of a chunk is not followed by CRLF.
    case chunkDataUnterminated
    case bareCR, bareLF
    case trailerMalformed, trailersTooLong

    /// The status of the answer to a request with this fault, if it has none yet. In a response it becomes a 502, or,
    /// when its head is already on the way, the end of the client's connection.
    public var status: Int {
        switch self {
        case .chunkSizeMalformed, .chunkSizeTooLarge, .chunkExtensionMalformed, .chunkExtensionsTooLong,
            .chunkDataUnterminated, .bareCR, .bareLF, .trailerMalformed:
            400
        case .trailersTooLong: 431
        }
    }

    /// A name for logs and counters, which stays when the case is renamed.
    public var name: StaticString {
        switch self {
        case .chunkSizeMalformed: "chunk_size_malformed"
        case .chunkSizeTooLarge: "chunk_size_too_large"
        case .chunkExtensionMalformed: "chunk_extension_malformed"
        case .chunkExtensionsTooLong: "chunk_extensions_too_long"
        case .chunkDataUnterminated: "chunk_data_unterminated"
        case .bareCR: "chunked_bare_cr"
        case .bareLF: "chunked_bare_lf"
        case .trailerMalformed: "trailer_malformed"
        case .trailersTooLong: "trailers_too_long"
        }
    }
}
