/// The fields the proxy itself reads, writes or drops, and those so frequent that knowing them saves work.
///
/// A name that is known needs no check of its bytes: it was compared with one that is right.
public enum KnownField: UInt8, CaseIterable, Equatable, Sendable {
    /// Any other name, to be compared by its bytes.
    case other = 0

    case host, connection, contentLength, transferEncoding, te
    case trailer, upgrade, keepAlive, proxyConnection, proxyAuthenticate
    case proxyAuthorization, http2Settings, expect, forwarded, xForwardedFor
    case xForwardedHost, xForwardedProto, xForwardedPort, xForwardedPrefix, xForwardedServer
    case xRealIP, xRequestID, traceParent, traceState, via
    case userAgent, referer, origin, authorization, cookie
    case accept, acceptCharset, acceptEncoding, acceptLanguage, range
    case ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince, ifRange
    case cacheControl, pragma, date, age, vary
    case etag, expires, lastModified, server, location
    case setCookie, retryAfter, contentType, contentEncoding, contentLanguage
    case contentRange, contentDisposition, acceptRanges, allow, altSvc
    case strictTransportSecurity, upgradeInsecureRequests, dnt, priority, secFetchDest
    case secFetchMode, secFetchSite, secFetchUser, secWebSocketKey, secWebSocketAccept
    case secWebSocketVersion, secWebSocketProtocol, secWebSocketExtensions, wwwAuthenticate, xPoweredBy
    case xAccelBuffering, maxForwards

    /// Belongs to one connection and is never forwarded (RFC 9110 §7.6.1, with RFC 9112 §C.2.2 for `Proxy-Connection`
    /// and RFC 7540 §3.2.1 for `HTTP2-Settings`).
    ///
    /// `Content-Length` is not among them, though a body that is re-framed loses it. `Proxy-Authenticate` and
    /// `Proxy-Authorization` are for the next proxy on the way (RFC 9110 §11.7), which is this one.
    @inlinable public var isHopByHop: Bool {
        switch self {
        case .connection, .keepAlive, .proxyConnection, .te, .trailer, .transferEncoding, .upgrade, .http2Settings,
            .proxyAuthenticate, .proxyAuthorization:
            true
        default: false
        }
    }

    /// Whether `Connection` may name this field and so have it dropped here.
    ///
    /// RFC 9110 §7.6.1 forbids senders to name fields that are meant for everyone. A client that does it anyway wants
    /// a proxy to strip what others rely on, so these stay:
    /// - `Host`, `Content-Length`: without them the next server reads another request than we did;
    /// - `Content-Type`, `Content-Encoding`, `Content-Range`: they say what the body is;
    /// - `Authorization`, `Cookie`, `Set-Cookie`, `Origin`, the `Sec-Fetch-*` fields: who asks, and from which page;
    /// - `Forwarded`, `X-Forwarded-*`, `X-Real-IP`, `X-Request-ID`, `Via`: what proxies before us have established;
    /// - `Max-Forwards`: with `Via` it is what ends a loop;
    /// - `Cache-Control`, `Vary`, `Strict-Transport-Security`: they bind caches and browsers.
    @inlinable public var mayBeDroppedByName: Bool {
        switch self {
        case .host, .contentLength, .contentType, .contentEncoding, .contentRange, .authorization, .cookie, .setCookie,
            .origin, .secFetchDest, .secFetchMode, .secFetchSite, .secFetchUser, .forwarded, .xForwardedFor,
            .xForwardedHost, .xForwardedProto, .xForwardedPort, .xForwardedPrefix, .xForwardedServer, .xRealIP,
            .xRequestID, .via, .maxForwards, .cacheControl, .vary, .strictTransportSecurity:
            false
        default: true
        }
    }
}
