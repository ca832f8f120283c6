import Engine
import Bytes
import HTTP
import Kernel
import Routing

// What a route does beside passing requests on, in this order, which is the same for every rule:
//
//     1. access list (`AccessList`)            403; also before a redirect to https
//     2. redirect to https (`Answering`)       308
//     3. rate limit (`RateLimiting`)           429
//     4. maintenance                           503
//     5. redirect (`Redirecting`)              301, 302, 307, 308
//     6. basic auth (`SigningIn`)              401, 429; the exchange may wait here for a password to be verified
//     7. body limit                            413
//     8. path (`PathChanging`)                 what the upstream is asked for
//     9. request headers (`HeaderChanging`)
//    10. response headers (`HeaderChanging`)
//    11. compression (`Compressing`)           of responses, `CompressedRelay`
//    12. security headers (`SecurityHeaders`)  also on answers of our own
//
// Matching decided by the normal forms of host and path which rule this is, so there is nothing left for a client to
// disguise. A route without options costs one test of a number in its record.

extension Worker {
    /// Applies what comes before an upstream is looked for. `false`: the exchange was answered.
    func applyRules(_ index: UInt32, _ route: Route) -> Bool {
        let options = tables[Int(exchanges[index].table)].view.options(of: route)
        let flags = options.flags
        exchanges[index].rules = flags
        noteAsker(index)
        if flags.contains(.accessList), !admits(index, options) { return false }
        if flags.contains(.rateLimit), !takesToken(index, options) { return false }
        if flags.contains(.maintenance) {
            answer(index, .maintenance)
            return false
        }
        if flags.contains(.redirect) {
            redirect(index, options)
            return false
        }
        if flags.contains(.basicAuth), !isSignedIn(index, options) { return false }
        applyRulesBehindSignIn(index, options)
        return true
    }

    /// Applies what is left once the client may ask.
    func applyRulesBehindSignIn(_ index: UInt32, _ options: RouteOptions) {
        let flags = options.flags
        if flags.contains(.bodyLimit) { exchanges[index].bodyLimit = options.bodyLimit }
        if flags.contains(.remembersRequest) { rememberRequest(index) }
        if flags.contains(.gzip) { noteCodings(index) }
    }

    /// Applies what comes before a redirect to https. `false`: the exchange was answered.
    func applyRulesBeforeTLS(_ index: UInt32, _ route: Route) -> Bool {
        let options = tables[Int(exchanges[index].table)].view.options(of: route)
        exchanges[index].rules = options.flags
        noteAsker(index)
        return !options.flags.contains(.accessList) || admits(index, options)
    }

    /// Notes who asks and how it came, which rules are about: the client, or whom it speaks for when it is trusted.
    func noteAsker(_ index: UInt32) {
        let client = exchanges[index].client
        exchanges[index].asker = connections[client].peer
        exchanges[index].cameByTLS = connections[client].session != nil
        guard connections[client].isTrusted, let input = connections[client].input else { return }
        exchanges[index].asker = spokenFor(client, input.readable)
        if cameByTLS(input.readable) { exchanges[index].cameByTLS = true }
    }

    /// The options of the exchange's route, which has some. Inlined, so that who wants one of them reads no other.
    @inline(__always)
    func options(_ index: UInt32) -> RouteOptions {
        let view = tables[Int(exchanges[index].table)].view
        return view.options(of: view.route(RouteID(number: exchanges[index].route)))
    }
}
