/// Every response the proxy makes itself: the one table from what went wrong to what the client is told.
enum Answer: UInt8, CaseIterable {
    case badRequest
    case badTarget
    case requestTimeout
    case bodyTooLarge
    case targetTooLong
    case headTooLarge
    case notImplemented
    case versionNotSupported
    case noRoute
    case noEndpoint
    case overloaded
    case poolBusy
    case tooManyConnections
    case connectFailed
    case connectTimeout
    case upstreamClosed
    case upstreamMalformed
    case upstreamTimeout
    case exchangeTimeout
    case denied
    case rateLimited
    case maintenance
    case loop
    case hopsMalformed
    case unauthorized
    case signInLimited

    var status: Int {
        switch self {
        case .badRequest, .badTarget, .hopsMalformed: 400
        case .unauthorized: 401
        case .denied: 403
        case .requestTimeout: 408
        case .bodyTooLarge: 413
        case .targetTooLong: 414
        case .rateLimited, .tooManyConnections, .signInLimited: 429
        case .headTooLarge: 431
        case .notImplemented: 501
        case .versionNotSupported: 505
        case .noRoute: 404
        case .noEndpoint, .overloaded, .poolBusy, .maintenance: 503
        case .connectFailed, .upstreamClosed, .upstreamMalformed: 502
        case .connectTimeout, .upstreamTimeout, .exchangeTimeout: 504
        case .loop: 508
        }
    }

    /// What the access record says of it: who kept the request from being served, and why.
    var verdict: (by: Party, reason: StaticString) {
        switch self {
        case .badRequest: (.client, "bad request")
        case .badTarget: (.client, "bad target")
        case .requestTimeout: (.client, "request timeout")
        case .bodyTooLarge: (.client, "body too large")
        case .targetTooLong: (.client, "target too long")
        case .headTooLarge: (.client, "head too large")
        case .notImplemented: (.client, "not implemented")
        case .versionNotSupported: (.client, "version not supported")
        case .noRoute: (.proxy, "no route")
        case .noEndpoint: (.proxy, "no endpoint")
        case .overloaded: (.proxy, "overloaded")
        case .poolBusy: (.upstream, "too many wait")
        case .tooManyConnections: (.client, "too many connections")
        case .connectFailed: (.upstream, "connect failed")
        case .connectTimeout: (.upstream, "connect timeout")
        case .upstreamClosed: (.upstream, "closed")
        case .upstreamMalformed: (.upstream, "malformed")
        case .upstreamTimeout: (.upstream, "timeout")
        case .exchangeTimeout: (.upstream, "total timeout")
        case .denied: (.proxy, "denied")
        case .rateLimited: (.proxy, "rate limited")
        case .maintenance: (.proxy, "maintenance")
        case .loop: (.proxy, "loop")
        case .hopsMalformed: (.client, "malformed Max-Forwards")
        case .unauthorized: (.proxy, "not signed in")
        case .signInLimited: (.proxy, "too many wrong passwords")
        }
    }

    /// Seconds until a client may expect better luck; 0 where that is not to be expected.
    var retryAfter: UInt64 {
        switch self {
        case .noEndpoint, .overloaded: 5
        case .poolBusy: 1
        case .maintenance: 60
        // The bucket says when.
        case .rateLimited, .signInLimited: 0
        case .badRequest, .badTarget, .requestTimeout, .bodyTooLarge, .targetTooLong, .headTooLarge, .notImplemented,
            .versionNotSupported, .noRoute, .connectFailed, .connectTimeout, .upstreamClosed, .upstreamMalformed,
            .tooManyConnections, .upstreamTimeout, .exchangeTimeout, .denied, .loop, .hopsMalformed,
            .unauthorized:
            0
        }
    }

    /// The body: what happened, and what it means for whoever reads it.
    var text: StaticString {
        switch self {
        case .badRequest: "400 Bad Request: the request is not valid HTTP/1.1.\n"
        case .badTarget: "400 Bad Request: the host or path is malformed, or the path leads above the root.\n"
        case .requestTimeout: "408 Request Timeout: the request did not arrive in time.\n"
        case .bodyTooLarge: "413 Content Too Large: the request body is larger than this site accepts.\n"
        case .targetTooLong: "414 URI Too Long: the request target is longer than this site accepts.\n"
        case .headTooLarge: "431 Request Header Fields Too Large: the request head is larger than this site accepts.\n"
        case .notImplemented: "501 Not Implemented: the request asks for something this proxy does not do.\n"
        case .versionNotSupported: "505 HTTP Version Not Supported: HTTP/1.0 and HTTP/1.1 are served here.\n"
        case .noRoute: "404 Not Found: no rule matches this host and path.\n"
        case .noEndpoint: "503 Service Unavailable: the rule exists, but nothing behind it is running.\n"
        case .overloaded: "503 Service Unavailable: too busy just now.\n"
        case .poolBusy: "503 Service Unavailable: too many requests wait for this site just now.\n"
        case .tooManyConnections: "429 Too Many Requests: your address has as many connections here as it may.\n"
        case .connectFailed: "502 Bad Gateway: no endpoint of this site accepts connections.\n"
        case .connectTimeout: "504 Gateway Timeout: no endpoint of this site accepted a connection in time.\n"
        case .upstreamClosed: "502 Bad Gateway: the endpoint closed the connection without a response.\n"
        case .upstreamMalformed: "502 Bad Gateway: the endpoint's response is not valid HTTP/1.1.\n"
        case .upstreamTimeout: "504 Gateway Timeout: the endpoint did not respond in time.\n"
        case .exchangeTimeout: "504 Gateway Timeout: the response was not there within the time that a request has.\n"
        case .denied: "403 Forbidden: this site does not serve your address.\n"
        case .rateLimited: "429 Too Many Requests: your address asks more often than this site allows.\n"
        case .unauthorized: "401 Unauthorized: this site wants a user's name and password.\n"
        case .signInLimited: "429 Too Many Requests: too many wrong passwords came from your address.\n"
        case .maintenance: "503 Service Unavailable: this site is being worked on.\n"
        case .loop: "508 Loop Detected: the request has come through here too often; a rule may lead back to itself.\n"
        case .hopsMalformed: "400 Bad Request: Max-Forwards is to be one decimal number.\n"
        }
    }
}
