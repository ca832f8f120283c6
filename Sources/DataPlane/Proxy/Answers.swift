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
    case queueTimeout
    case tooManyHeld
    case waiting
    case poolFull
    case circuitOpen
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
        case .noEndpoint, .overloaded, .poolBusy, .queueTimeout, .tooManyHeld, .waiting, .poolFull, .circuitOpen,
            .maintenance:
            503
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
        case .queueTimeout: (.upstream, "no endpoint was free")
        case .tooManyHeld: (.upstream, "too many held")
        case .waiting: (.upstream, "waiting page")
        case .poolFull: (.upstream, "endpoints full")
        case .circuitOpen: (.upstream, "circuit open")
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
        case .poolBusy, .queueTimeout, .tooManyHeld, .waiting, .poolFull, .circuitOpen: 1
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

    /// What happened, and what it means for whoever reads it: a sentence without quotes, for JSON and HTML alike.
    var detail: StaticString {
        switch self {
        case .badRequest: "The request is not valid HTTP/1.1."
        case .badTarget: "The host or path is malformed, or the path leads above the root."
        case .requestTimeout: "The request did not arrive in time."
        case .bodyTooLarge: "The request body is larger than this site accepts."
        case .targetTooLong: "The request target is longer than this site accepts."
        case .headTooLarge: "The request head is larger than this site accepts."
        case .notImplemented: "The request asks for something this proxy does not do."
        case .versionNotSupported: "HTTP/1.0 and HTTP/1.1 are served here."
        case .noRoute: "No rule matches this host and path."
        case .noEndpoint: "The rule exists, but nothing behind it is running."
        case .overloaded: "Too busy just now."
        case .poolBusy: "Too many requests wait for this site just now."
        case .queueTimeout: "Every endpoint of this site was busy for too long."
        case .tooManyHeld: "Too many requests wait for this site to come back."
        case .waiting: "This site is starting."
        case .poolFull: "Every endpoint of this site is as busy as it may be."
        case .circuitOpen: "This site failed too often and is left alone for a moment."
        case .tooManyConnections: "Your address has as many connections here as it may."
        case .connectFailed: "No endpoint of this site accepts connections."
        case .connectTimeout: "No endpoint of this site accepted a connection in time."
        case .upstreamClosed: "The endpoint closed the connection without a response."
        case .upstreamMalformed: "The endpoint's response is not valid HTTP/1.1."
        case .upstreamTimeout: "The endpoint did not respond in time."
        case .exchangeTimeout: "The response was not there within the time that a request has."
        case .denied: "This site does not serve your address."
        case .rateLimited: "Your address asks more often than this site allows."
        case .unauthorized: "This site wants a user's name and password."
        case .signInLimited: "Too many wrong passwords came from your address."
        case .maintenance: "This site is being worked on."
        case .loop: "The request has come through here too often; a rule may lead back to itself."
        case .hopsMalformed: "Max-Forwards is to be one decimal number."
        }
    }
}
