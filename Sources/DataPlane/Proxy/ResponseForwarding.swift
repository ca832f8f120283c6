import Engine
import Telemetry
import Bytes
import HTTP
import HTTP1
import Kernel
import Routing

// The response head as the client gets it: written anew, without what concerned only the upstream's connection.

extension Worker {
    /// Room for what is added to a head: `Date`, framing, `Connection`.
    private static let addedBytes = 512

    /// Interim responses to one request, so that an upstream which sends nothing else ends some time.
    private static let interimLimit = 100

    /// `responseHead` was just parsed from the upstream's input. Passes it on and consumes it.
    ///
    /// `true`: it was the final head. `false`: it was an interim one (RFC 9110 §15.2), or the exchange is over.
    func takeResponseHead(_ index: UInt32) -> Bool {
        let status = responseHead.status
        if status == 101 { return takeSwitch(index) }
        let isFinal = status >= 200
        if !isFinal {
            exchanges[index].interimCount += 1
            guard exchanges[index].interimCount < Self.interimLimit else {
                upstreamFailed(index, .malformed)
                return false
            }
        }
        if !isFinal, exchanges[index].version == .http10 {
            // RFC 9110 §15.2: a client of HTTP/1.0 gets no 1xx.
            connections[exchanges[index].upstream].input?.consume(responseHead.byteCount)
            return false
        }
        let rules = exchanges[index].rules.intersection([.responseFields, .securityFields])
        let ruleBytes = rules.isEmpty ? 0 : Self.securityBytes + roomForResponseFields(index)
        let cookieBytes = exchanges[index].hasPlan ? Self.stickyBytes : 0
        guard
            let output = roomForHead(
                exchanges[index].client, responseHead.byteCount + Self.addedBytes + ruleBytes + cookieBytes)
        else {
            upstreamFailed(index, .malformed)
            return false
        }
        if isFinal {
            prepareBody(index)
            if exchanges[index].rules.contains(.gzip) { planRecoding(index) }
        }
        writeResponseHead(index, output, isFinal: isFinal)
        connections[exchanges[index].upstream].input?.consume(responseHead.byteCount)
        guard isFinal else {
            tally.status1xx.add()
            sendInterim(exchanges[index].client, output)
            return false
        }
        exchanges[index].status = UInt16(truncatingIfNeeded: status)
        exchanges[index].responseBegan = true
        exchanges[index].responsePhase = .streaming
        // What was kept in case the request had to be sent again has served its purpose.
        if exchanges[index].requestPhase == .sent { releaseRequest(index, exchanges[index].upstream) }
        return true
    }

    /// How the body goes to the client (RFC 9112 §6.3): with its length where one is known, in chunks where the client
    /// knows chunks, until the close where nothing else is left.
    private func prepareBody(_ index: UInt32) {
        exchanges[index].responseBody = BodyProgress(responseHead.framing)
        exchanges[index].upstreamPersists = responseHead.keepAlive
        if isDraining { exchanges[index].clientPersists = false }
        switch responseHead.framing {
        case .none, .length: exchanges[index].chunksResponse = false
        case .chunked, .untilClose:
            exchanges[index].chunksResponse = exchanges[index].version == .http11
            if exchanges[index].version == .http10 { exchanges[index].clientPersists = false }
        }
        exchanges[index].responseBody.passesTrailers =
            exchanges[index].takesTrailers && exchanges[index].chunksResponse && responseHead.framing == .chunked
        // The rest of the request will not be read: the connection cannot be used again.
        if exchanges[index].requestPhase == .streaming, !exchanges[index].requestBody.isFinished,
            responseHead.status >= 400
        {
            exchanges[index].clientPersists = false
        }
    }

    private func writeResponseHead(_ index: UInt32, _ output: Buffer, isFinal: Bool) {
        guard let input = connections[exchanges[index].upstream].input else {
            preconditionFailure("a head without bytes")
        }
        let bytes = input.readable
        output.append("HTTP/1.1 ")
        output.append(decimal: UInt64(responseHead.status))
        output.append(UInt8(ascii: " "))
        output.append(bytes.extracting(responseHead.reasonStart..<responseHead.reasonEnd))
        output.append("\r\n")
        let isCounted = if case .length = responseHead.framing { true } else { false }
        var hasDate = false
        let hasRules = isFinal && !exchanges[index].rules.isDisjoint(with: [.responseFields, .securityFields])
        let view = tables[Int(exchanges[index].table)].view
        let changes = hasRules ? options(index).responseFields : FieldChangeList()
        var security: SecurityFields = []
        let recodes = isFinal && exchanges[index].recoding != .none
        for number in 0..<responseHead.fieldCount {
            let line = responseHead[number]
            if line.dropped { continue }
            switch line.known {
            case .transferEncoding: continue
            // Written from the framing when there is a body; as the upstream said when it only describes one (HEAD,
            // 304). RFC 9110 §8.6: never in 1xx and 204.
            case .contentLength:
                if isCounted || !isFinal || responseHead.status == 204 { continue }
            case .date: hasDate = true
            case _: break
            }
            if hasRules {
                let name = bytes.extracting(line.name)
                if isReplaced(name, changes, in: view) { continue }
                security.formUnion(SecurityFields(naming: name))
            }
            if recodes, self.recodes(line, index, bytes, output) { continue }
            output.append(bytes.extracting(line.name))
            output.append(": ")
            output.append(bytes.extracting(line.value))
            output.append("\r\n")
        }
        guard isFinal else { return output.append("\r\n") }
        if hasRules {
            writeResponseFields(index, output)
            if exchanges[index].rules.contains(.securityFields) {
                writeSecurityFields(index, present: security, output)
            }
        }
        if exchanges[index].hasPlan { writeStickyCookie(index, output) }
        if recodes { writeRecoding(index, output) }
        if case .length(let count) = responseHead.framing, exchanges[index].recoding != .gzip {
            output.append("Content-Length: ")
            output.append(decimal: count)
            output.append("\r\n")
        }
        if exchanges[index].chunksResponse { output.append("Transfer-Encoding: chunked\r\n") }
        if responseHead.namesTrailers, exchanges[index].responseBody.passesTrailers { announceTrailers(bytes, output) }
        // RFC 9110 §6.6.1: one who forwards a response without a date adds it.
        if !hasDate { appendDate(to: output) }
        appendPersistence(index, to: output)
        output.append("\r\n")
    }

    /// What the client must know about its connection (RFC 9112 §9.3): only what its version would not assume.
    private func appendPersistence(_ index: UInt32, to output: Buffer) {
        switch (exchanges[index].version, exchanges[index].clientPersists) {
        case (.http11, true), (.http10, false): break
        case (.http11, false): output.append("Connection: close\r\n")
        case (.http10, true): output.append("Connection: keep-alive\r\n")
        }
    }

    func appendDate(to output: Buffer) {
        let date = dateStamp.at(Int64(loop.wall / 1_000_000_000))
        output.append("Date: ")
        output.append(date.span)
        output.append("\r\n")
    }

    /// RFC 9110 §7.8: the upstream speaks another protocol from here on, and so does the client; the bytes pass.
    private func takeSwitch(_ index: UInt32) -> Bool {
        let upstream = exchanges[index].upstream
        let client = exchanges[index].client
        guard exchanges[index].wantsUpgrade, exchanges[index].requestPhase == .sent,
            let input = connections[upstream].input,
            let output = roomForHead(client, responseHead.byteCount + Self.addedBytes)
        else {
            upstreamFailed(index, .malformed)
            return false
        }
        let bytes = input.readable
        output.append("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ")
        output.append(bytes.extracting(responseHead.upgradeStart..<responseHead.upgradeEnd))
        output.append("\r\n")
        for number in 0..<responseHead.fieldCount where !responseHead[number].dropped {
            let line = responseHead[number]
            output.append(bytes.extracting(line.name))
            output.append(": ")
            output.append(bytes.extracting(line.value))
            output.append("\r\n")
        }
        output.append("\r\n")
        input.consume(responseHead.byteCount)
        releaseRequest(index, upstream)
        tally.tunnels.add()
        exchanges[index].status = 101
        exchanges[index].responseBegan = true
        exchanges[index].isReplayable = false
        exchanges[index].clientPersists = false
        exchanges[index].requestPhase = .streaming
        exchanges[index].responsePhase = .tunnelling
        exchanges[index].chunksRequest = false
        exchanges[index].requestBody = BodyProgress(.untilClose)
        exchanges[index].responseBody = BodyProgress(.untilClose)
        // What the client sent behind its request has waited for this.
        connections[client].isReadable = true
        return true
    }

    /// The client's output with `count` bytes of room; `nil` when what waits there has grown beyond reason.
    private func roomForHead(_ client: UInt32, _ count: Int) -> Buffer? {
        let waiting = connections[client].output?.count ?? 0
        if let output = connections[client].output, output.room >= count { return output }
        guard let size = BufferSize.holding(waiting + count) else { return nil }
        let output = buffers.take(size == .small ? .normal : size)
        if let old = connections[client].output {
            output.append(old.readable)
            buffers.give(old)
        }
        connections[client].output = output
        return output
    }

    /// An interim response is worth sending at once; what the client does not take now goes with the next.
    func sendInterim(_ client: UInt32, _ output: Buffer) {
        guard connections[client].isWritable, !output.isEmpty else { return }
        if case .bytes(let count) = transmit(client, output.readable) { output.consume(count) }
        if output.isEmpty { releaseOutput(client) }
    }
}
