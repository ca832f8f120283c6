import Engine
import Bytes
import HTTP
import HTTP1
import Kernel
import Routing

// How the answers of the table (`Answers`) reach the client, and what becomes of the connections afterwards.

extension Worker {
    /// Ends an exchange of which the client has seen nothing with a response of our own.
    ///
    /// - Parameter wait: nanoseconds until the client may ask again, where it is not the table that says; 0 is none.
    func answer(_ index: UInt32, _ answer: Answer, retryIn wait: UInt64 = 0) {
        if exchanges[index].opensTunnel { return refuseTunnel(index, answer) }
        tally.count(answer)
        exchanges[index].answered = answer
        let output = beginAnswer(index, status: answer.status)
        if answer == .unauthorized { appendChallenge(index, to: output) }
        let body = bodyOfAnswer(index, answer)
        describe(answer, retryIn: wait, body, isPage: exchanges[index].takesPages, output)
        if exchanges[index].method != .head {
            output.append(body.readable)
            exchanges[index].responseBody.moved &+= UInt64(body.count)
        }
        buffers.give(body)
        finishAnswer(index)
    }

    /// Sends a plain client to the same place under `https` (308: the method stays, RFC 9110 §15.4.9).
    func redirectToTLS(_ index: UInt32) {
        guard let input = connections[exchanges[index].client].input else {
            preconditionFailure("a head without bytes")
        }
        // RFC 9112 §3.2.2: only HTTP/1.0 may leave the host out, and then there is no place to name.
        guard requestHead.hostStart < requestHead.hostEnd else { return answer(index, .badTarget) }
        let target = requestHead.targetEnd - requestHead.pathStart
        // The parser's limits leave room for both; one that does not fit is not worth redirecting.
        guard target + (requestHead.hostEnd - requestHead.hostStart) < Int(BufferSize.normal.rawValue) - 1_024 else {
            return answer(index, .headTooLarge)
        }
        // The spans end before the answer touches the input.
        let location = buffers.take(.normal)
        let bytes = input.readable
        location.append("https://")
        location.append(nameOfHost(bytes.extracting(requestHead.hostStart..<requestHead.hostEnd)))
        if securePort != 443 {
            location.append(UInt8(ascii: ":"))
            location.append(decimal: UInt64(securePort))
        }
        if requestHead.pathStart == requestHead.pathEnd { location.append(UInt8(ascii: "/")) }
        if !requestHead.isAsterisk { location.append(bytes.extracting(requestHead.pathStart..<requestHead.targetEnd)) }
        answer(index, status: 308, location: location)
    }

    /// Ends an exchange with the address to ask instead. Gives `location` back.
    func answer(_ index: UInt32, status: Int, location: Buffer) {
        let output = beginAnswer(index, status: status)
        output.append("Location: ")
        output.append(from: location, limit: location.count)
        buffers.give(location)
        output.append("\r\nContent-Length: 0\r\n\r\n")
        finishAnswer(index)
    }

    /// Status line, date and persistence. Whatever of the request is still to come decides whether the connection
    /// lasts.
    func beginAnswer(_ index: UInt32, status: Int) -> Buffer {
        let client = exchanges[index].client
        releaseUpstream(index, canPool: false)
        skipRequest(index)
        exchanges[index].status = UInt16(truncatingIfNeeded: status)
        exchanges[index].responsePhase = .finished
        // What made it an answer may have said so itself.
        if exchanges[index].end == .complete { exchanges[index].end = .answered }
        if isDraining { exchanges[index].clientPersists = false }
        // An interim response may wait there; more than a part of the buffer it never is.
        if let output = connections[client].output, output.room < Int(BufferSize.normal.rawValue) / 2 { output.clear() }
        let output = outputBuffer(client)
        appendStatus(status, to: output)
        if !exchanges[index].clientPersists {
            output.append("Connection: close\r\n")
        } else if exchanges[index].version == .http10 {
            output.append("Connection: keep-alive\r\n")
        }
        if exchanges[index].rules.contains(.securityFields) { writeSecurityFields(index, present: [], output) }
        return output
    }

    /// Steps over the head and over a body that is here already; a body still to come ends the connection.
    private func skipRequest(_ index: UInt32) {
        guard let input = connections[exchanges[index].client].input else {
            if !exchanges[index].requestBody.isFinished { exchanges[index].clientPersists = false }
            return
        }
        input.consume(Int(exchanges[index].headBytes))
        exchanges[index].headBytes = 0
        let body = exchanges[index].requestBody
        guard !body.isFinished else { return }
        if body.kind == .counted, body.remaining <= UInt64(input.count) {
            input.consume(Int(body.remaining))
        } else {
            exchanges[index].clientPersists = false
        }
    }

    func finishAnswer(_ index: UInt32) {
        let client = exchanges[index].client
        guard let output = connections[client].output else { preconditionFailure("an answer without bytes") }
        account(index)
        let persists = exchanges[index].clientPersists
        end(index)
        loop.timers.clear(client)
        if connections[client].isWritable {
            switch transmit(client, output.readable) {
            case .bytes(let count): output.consume(count)
            case .wouldBlock: break
            case .endOfStream, .failed: return closeClient(client)
            }
        }
        guard persists else { return beginClosing(client) }
        // A client that does not take the answer does not get to ask more until it does.
        if output.isEmpty { releaseOutput(client) }
        awaitNextRequest(client)
    }

    /// Answers what never became an exchange (a head that is malformed or too late), and ends the connection.
    func refuse(_ client: UInt32, _ answer: Answer, _ reason: StaticString) {
        count(status: answer.status)
        tally.count(answer)
        let body = buffers.take(.small)
        body.append(problem: answer)
        recordRefusal(client, answer, reason, sent: body.count)
        let output = outputBuffer(client)
        appendStatus(answer.status, to: output)
        output.append("Connection: close\r\n")
        describe(answer, retryIn: 0, body, isPage: false, output)
        output.append(body.readable)
        buffers.give(body)
        beginClosing(client)
    }

    private func appendStatus(_ status: Int, to output: Buffer) {
        output.append("HTTP/1.1 ")
        output.append(decimal: UInt64(status))
        output.append(UInt8(ascii: " "))
        output.append(statusText(status))
        output.append("\r\n")
        appendDate(to: output)
    }

    /// What an answer of the table says of itself and of its body, to the end of the head.
    private func describe(
        _ answer: Answer, retryIn wait: UInt64, _ body: Buffer, isPage: Bool, _ output: Buffer
    ) {
        // RFC 9110 §10.2.3: whole seconds; one too early would be refused again.
        let seconds = wait > 0 ? (wait &+ 999_999_999) / 1_000_000_000 : answer.retryAfter
        if seconds > 0 {
            output.append("Retry-After: ")
            output.append(decimal: seconds)
            output.append("\r\n")
        }
        output.append("Content-Type: ")
        output.append(isPage ? "text/html; charset=utf-8" : "application/problem+json")
        output.append("\r\nCache-Control: no-store\r\nContent-Length: ")
        output.append(decimal: UInt64(body.count))
        output.append("\r\n\r\n")
    }
}
