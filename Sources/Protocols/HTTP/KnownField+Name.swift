extension KnownField {
    /// The name in lower case, as HTTP/2 needs it; empty for `.other`.
    public var name: StaticString {
        switch self {
        case .other: ""
        case .host: "host"
        case .connection: "connection"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .te: "te"
        case .trailer: "trailer"
        case .upgrade: "upgrade"
        case .keepAlive: "keep-alive"
        case .proxyConnection: "proxy-connection"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthorization: "proxy-authorization"
        case .http2Settings: "http2-settings"
        case .expect: "expect"
        case .forwarded: "forwarded"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedProto: "x-forwarded-proto"
        case .xForwardedPort: "x-forwarded-port"
        case .xForwardedPrefix: "x-forwarded-prefix"
        case .xForwardedServer: "x-forwarded-server"
        case .xRealIP: "x-real-ip"
        case .xRequestID: "x-request-id"
        case .traceParent: "traceparent"
        case .traceState: "tracestate"
        case .via: "via"
        case .userAgent: "user-agent"
        case .referer: "referer"
        case .origin: "origin"
        case .authorization: "authorization"
        case .cookie: "cookie"
        case .accept: "accept"
        case .acceptCharset: "accept-charset"
        case .acceptEncoding: "accept-encoding"
        case .acceptLanguage: "accept-language"
        case .range: "range"
        case .ifMatch: "if-match"
        case .ifNoneMatch: "if-none-match"
        case .ifModifiedSince: "if-modified-since"
        case .ifUnmodifiedSince: "if-unmodified-since"
        case .ifRange: "if-range"
        case .cacheControl: "cache-control"
        case .pragma: "pragma"
        case .date: "date"
        case .age: "age"
        case .vary: "vary"
        case .etag: "etag"
        case .expires: "expires"
        case .lastModified: "last-modified"
        case .server: "server"
        case .location: "location"
        case .setCookie: "set-cookie"
        case .retryAfter: "retry-after"
        case .contentType: "content-type"
        case .contentEncoding: "content-encoding"
        case .contentLanguage: "content-language"
        case .contentRange: "content-range"
        case .contentDisposition: "content-disposition"
        case .acceptRanges: "accept-ranges"
        case .allow: "allow"
        case .altSvc: "alt-svc"
        case .strictTransportSecurity: "strict-transport-security"
        case .upgradeInsecureRequests: "upgrade-insecure-requests"
        case .dnt: "dnt"
        case .priority: "priority"
        case .secFetchDest: "sec-fetch-dest"
        case .secFetchMode: "sec-fetch-mode"
        case .secFetchSite: "sec-fetch-site"
        case .secFetchUser: "sec-fetch-user"
        case .secWebSocketKey: "sec-websocket-key"
        case .secWebSocketAccept: "sec-websocket-accept"
        case .secWebSocketVersion: "sec-websocket-version"
        case .secWebSocketProtocol: "sec-websocket-protocol"
        case .secWebSocketExtensions: "sec-websocket-extensions"
        case .wwwAuthenticate: "www-authenticate"
        case .xPoweredBy: "x-powered-by"
        case .xAccelBuffering: "x-accel-buffering"
        case .maxForwards: "max-forwards"
        }
    }

    /// The field that `bytes[start..<end]` names, in any mixture of upper and lower case; `.other` if it is not listed.
    ///
    /// `start...end` lies inside `bytes`. Any answer but `.other` means that every byte of the name is a token byte.
    public init(naming bytes: Span<UInt8>, from start: Int, to end: Int) {
        precondition(start >= 0 && start <= end && end <= bytes.count)
        @inline(__always) func named(_ text: StaticString) -> Bool { bytes.equalsIgnoringCase(text, at: start) }

        self = .other
        switch end &- start {
        case 2:
            if named("te") { self = .te }
        case 3:
            if named("via") { self = .via } else if named("age") { self = .age } else if named("dnt") { self = .dnt }
        case 4:
            if named("host") {
                self = .host
            } else if named("date") {
                self = .date
            } else if named("vary") {
                self = .vary
            } else if named("etag") {
                self = .etag
            }
        case 5:
            if named("range") { self = .range } else if named("allow") { self = .allow }
        case 6:
            if named("expect") {
                self = .expect
            } else if named("origin") {
                self = .origin
            } else if named("cookie") {
                self = .cookie
            } else if named("accept") {
                self = .accept
            } else if named("pragma") {
                self = .pragma
            } else if named("server") {
                self = .server
            }
        case 7:
            if named("trailer") {
                self = .trailer
            } else if named("upgrade") {
                self = .upgrade
            } else if named("referer") {
                self = .referer
            } else if named("expires") {
                self = .expires
            } else if named("alt-svc") {
                self = .altSvc
            }
        case 8:
            if named("if-match") {
                self = .ifMatch
            } else if named("if-range") {
                self = .ifRange
            } else if named("location") {
                self = .location
            } else if named("priority") {
                self = .priority
            }
        case 9:
            if named("forwarded") { self = .forwarded } else if named("x-real-ip") { self = .xRealIP }
        case 10:
            if named("connection") {
                self = .connection
            } else if named("keep-alive") {
                self = .keepAlive
            } else if named("tracestate") {
                self = .traceState
            } else if named("user-agent") {
                self = .userAgent
            } else if named("set-cookie") {
                self = .setCookie
            }
        case 11:
            if named("traceparent") { self = .traceParent } else if named("retry-after") { self = .retryAfter }
        case 12:
            if named("x-request-id") {
                self = .xRequestID
            } else if named("content-type") {
                self = .contentType
            } else if named("x-powered-by") {
                self = .xPoweredBy
            } else if named("max-forwards") {
                self = .maxForwards
            }
        case 13:
            if named("authorization") {
                self = .authorization
            } else if named("if-none-match") {
                self = .ifNoneMatch
            } else if named("cache-control") {
                self = .cacheControl
            } else if named("last-modified") {
                self = .lastModified
            } else if named("content-range") {
                self = .contentRange
            } else if named("accept-ranges") {
                self = .acceptRanges
            }
        case 14:
            if named("content-length") {
                self = .contentLength
            } else if named("http2-settings") {
                self = .http2Settings
            } else if named("accept-charset") {
                self = .acceptCharset
            } else if named("sec-fetch-dest") {
                self = .secFetchDest
            } else if named("sec-fetch-mode") {
                self = .secFetchMode
            } else if named("sec-fetch-site") {
                self = .secFetchSite
            } else if named("sec-fetch-user") {
                self = .secFetchUser
            }
        case 15:
            if named("x-forwarded-for") {
                self = .xForwardedFor
            } else if named("accept-encoding") {
                self = .acceptEncoding
            } else if named("accept-language") {
                self = .acceptLanguage
            }
        case 16:
            if named("proxy-connection") {
                self = .proxyConnection
            } else if named("x-forwarded-host") {
                self = .xForwardedHost
            } else if named("x-forwarded-port") {
                self = .xForwardedPort
            } else if named("content-encoding") {
                self = .contentEncoding
            } else if named("content-language") {
                self = .contentLanguage
            } else if named("www-authenticate") {
                self = .wwwAuthenticate
            }
        case 17:
            if named("transfer-encoding") {
                self = .transferEncoding
            } else if named("x-forwarded-proto") {
                self = .xForwardedProto
            } else if named("if-modified-since") {
                self = .ifModifiedSince
            } else if named("sec-websocket-key") {
                self = .secWebSocketKey
            } else if named("x-accel-buffering") {
                self = .xAccelBuffering
            }
        case 18:
            if named("proxy-authenticate") {
                self = .proxyAuthenticate
            } else if named("x-forwarded-prefix") {
                self = .xForwardedPrefix
            } else if named("x-forwarded-server") {
                self = .xForwardedServer
            }
        case 19:
            if named("proxy-authorization") {
                self = .proxyAuthorization
            } else if named("if-unmodified-since") {
                self = .ifUnmodifiedSince
            } else if named("content-disposition") {
                self = .contentDisposition
            }
        case 20:
            if named("sec-websocket-accept") { self = .secWebSocketAccept }
        case 21:
            if named("sec-websocket-version") { self = .secWebSocketVersion }
        case 22:
            if named("sec-websocket-protocol") { self = .secWebSocketProtocol }
        case 24:
            if named("sec-websocket-extensions") { self = .secWebSocketExtensions }
        case 25:
            if named("strict-transport-security") {
                self = .strictTransportSecurity
            } else if named("upgrade-insecure-requests") {
                self = .upgradeInsecureRequests
            }
        default: break
        }
    }
}
