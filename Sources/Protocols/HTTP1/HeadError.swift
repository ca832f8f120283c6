/// Why a head is refused. Each is the peer's fault and ends its connection.
///
/// Where a recipient may choose to repair (RFC 9112 §2.2, §5.2, §6.3), this one refuses: two proxies in a row that
/// repair differently are how requests are smuggled.
public enum HeadError: UInt8, Error, CaseIterable, Equatable, Sendable {
    // The request line (RFC 9112 §3).
    case badMethod, connectUnsupported, badTarget, targetTooLong, badVersion, unsupportedVersion
    // The status line (RFC 9112 §4).
    case badStatus, badReason
    // Field lines (RFC 9112 §5, RFC 9110 §5.5).
    case badFieldName, whitespaceBeforeColon, badFieldValue, obsoleteFold, bareCR, bareLF
    case underscoreInName
    // Host (RFC 9112 §3.2).
    case missingHost, repeatedHost, badHost
    // Framing (RFC 9112 §6).
    case contentLengthMalformed, contentLengthRepeated, contentLengthWithTransferEncoding
    case transferEncodingMalformed, transferEncodingUnknown, transferEncodingNotLast, transferEncodingRepeated
    case transferEncodingInHTTP10
    // Limits.
    case headTooLarge, tooManyFields, tooManyConnectionOptions

    /// The status of the answer to a request with this fault. A response with this fault becomes a 502.
    public var status: Int {
        switch self {
        case .badMethod, .badTarget, .badVersion, .badStatus, .badReason, .badFieldName, .whitespaceBeforeColon,
            .underscoreInName, .badFieldValue, .obsoleteFold, .bareCR, .bareLF, .missingHost, .repeatedHost, .badHost,
            .contentLengthMalformed, .contentLengthRepeated, .contentLengthWithTransferEncoding,
            .transferEncodingMalformed, .transferEncodingNotLast, .transferEncodingRepeated, .transferEncodingInHTTP10:
            400
        case .targetTooLong: 414
        case .headTooLarge, .tooManyFields, .tooManyConnectionOptions: 431
        // RFC 9112 §6.1: a coding that is not understood; RFC 9110 §9.1: a method that is not implemented.
        case .connectUnsupported, .transferEncodingUnknown: 501
        case .unsupportedVersion: 505
        }
    }

    /// A name for logs and counters, which stays when the case is renamed.
    public var name: StaticString {
        switch self {
        case .badMethod: "bad_method"
        case .connectUnsupported: "connect_unsupported"
        case .badTarget: "bad_target"
        case .targetTooLong: "target_too_long"
        case .badVersion: "bad_version"
        case .unsupportedVersion: "unsupported_version"
        case .badStatus: "bad_status"
        case .badReason: "bad_reason"
        case .badFieldName: "bad_field_name"
        case .whitespaceBeforeColon: "whitespace_before_colon"
        case .underscoreInName: "underscore_in_name"
        case .badFieldValue: "bad_field_value"
        case .obsoleteFold: "obsolete_fold"
        case .bareCR: "bare_cr"
        case .bareLF: "bare_lf"
        case .missingHost: "missing_host"
        case .repeatedHost: "repeated_host"
        case .badHost: "bad_host"
        case .contentLengthMalformed: "content_length_malformed"
        case .contentLengthRepeated: "content_length_repeated"
        case .contentLengthWithTransferEncoding: "content_length_with_transfer_encoding"
        case .transferEncodingMalformed: "transfer_encoding_malformed"
        case .transferEncodingUnknown: "transfer_encoding_unknown"
        case .transferEncodingNotLast: "transfer_encoding_not_last"
        case .transferEncodingRepeated: "transfer_encoding_repeated"
        case .transferEncodingInHTTP10: "transfer_encoding_in_http10"
        case .headTooLarge: "head_too_large"
        case .tooManyFields: "too_many_fields"
        case .tooManyConnectionOptions: "too_many_connection_options"
        }
    }
}

/// How far the reading of a head has come.
public enum HeadProgress: Equatable, Sendable {
    /// The whole head is there, and in the head that was passed.
    case complete

    /// More bytes are needed. Pass `scanned` back, with the same bytes and more behind them, so that they are not all
    /// looked at again. What is in the passed head means nothing yet.
    case incomplete(scanned: Int)

    /// The bytes are no head that may be forwarded. The connection cannot be read on.
    case refused(HeadError)
}
