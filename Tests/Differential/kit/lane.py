"""One lane: a client, one listener of a proxy, and the recording upstream that this listener alone leads to.

Cases of a lane run one after another, so whatever reaches its upstream belongs to the case that is running.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from . import reference
from .cases import MOMENT, PAUSE, WAIT, Case

SENTINEL = b"GET /sentinel HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n"
SENTINEL_RESPONSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n\r\nsentinel"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# Seconds. The proxies' own limits for a client or upstream that does nothing are shorter than `CLIENT_LIMIT`.
GRACE, QUIET, CLIENT_LIMIT, UPSTREAM_LIMIT = 0.02, 0.4, 12.0, 3.0


@dataclass
class Seen:
    """What one case caused."""
    client: bytes = b""
    # "closed", "reset", or "hung" when the proxy did nothing for longer than it may.
    end: str = "closed"
    # Whole requests that the upstream received, with the sentinel.
    requests: list[reference.Message] = field(default_factory=list)
    # Bytes the upstream received of a request that never became whole.
    partial: list[bytes] = field(default_factory=list)
    # Bytes the upstream could not read: (reason, bytes).
    unreadable: list[tuple[str, bytes]] = field(default_factory=list)


_EXPECTS = re.compile(rb"\r\nexpect: 100-continue\r\n.*?\r\n\r\n|\r\nexpect: 100-continue\r\n\r\n", re.I | re.S)


class Lane:
    def __init__(self) -> None:
        self.upstream_port = 0
        self.proxy_port = 0
        self.case: Case | None = None
        self.seen = Seen()
        # Connections of the upstream that are in the middle of a request.
        self.busy = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.upstream_port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server:
            self._server.close()

    # The upstream.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = bytearray()
        self._open.add(writer)
        try:
            while await self._take_one(reader, writer, data):
                pass
            if data:
                self.seen.unreadable.append(("bytes behind a whole request", bytes(data)))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _take_one(self, reader, writer, data: bytearray) -> bool:
        """Receives one request and answers it; says whether the connection goes on."""
        message = None
        counted = invited = False
        try:
            while message is None:
                if data and not counted:
                    self.busy += 1
                    counted = True
                if data:
                    try:
                        message, end = reference.request(bytes(data))
                        del data[:end]
                        break
                    except reference.Incomplete:
                        pass
                    except reference.Refused as fault:
                        self.seen.unreadable.append((str(fault), bytes(data)))
                        data.clear()
                        # A proxy that finds the same fault a moment later should win.
                        await asyncio.sleep(5 * GRACE)
                        writer.write(b"HTTP/1.1 418 Unreadable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                        return False
                waits_for_word = not invited and _EXPECTS.search(data)
                try:
                    limit = GRACE if waits_for_word else UPSTREAM_LIMIT
                    part = await asyncio.wait_for(reader.read(65536), limit if data else None)
                except (TimeoutError, asyncio.TimeoutError):
                    if waits_for_word:
                        # RFC 9110 §10.1.1: the sender waits for this before it sends the body.
                        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                        invited = True
                        continue
                    part = b""
                except ConnectionError:
                    part = b""
                if not part:
                    if data:
                        self.seen.partial.append(bytes(data))
                        data.clear()
                    return False
                data += part
            self.seen.requests.append(message)
            return await self._answer(reader, writer, message, data)
        finally:
            if counted:
                self.busy -= 1

    async def _answer(self, reader, writer, message: reference.Message, data: bytearray) -> bool:
        # What comes behind the request at once would be taken for the next one by any upstream.
        try:
            data += await asyncio.wait_for(reader.read(65536), GRACE)
        except (TimeoutError, asyncio.TimeoutError):
            pass
        if message.target.endswith(b"/sentinel"):
            response = SENTINEL_RESPONSE
        else:
            response = (self.case.response if self.case else b"") or RESPONSE
        if message.method == b"HEAD" and response in (RESPONSE, SENTINEL_RESPONSE):
            response = response[:response.index(b"\r\n\r\n") + 4]
        for number, part in enumerate(response.split(MOMENT)):
            if number > 0:
                await asyncio.sleep(GRACE)
            writer.write(part)
            await writer.drain()
        response = response.replace(MOMENT, b"")
        if b"\r\n\r\n" not in response or b" 101 " in response[:20]:
            # Not HTTP from here on: what comes is recorded as it is.
            rest = bytes(data) + await _all(reader)
            self.seen.partial.append(rest)
            data.clear()
            return False
        final = response
        while final[9:10] == b"1":
            final = final[final.index(b"\r\n\r\n") + 4:]
        head = final[:final.index(b"\r\n\r\n")].lower() if b"\r\n\r\n" in final else b""
        framed = any(word in head for word in (b"content-length:", b"transfer-encoding:", b" 204", b" 304"))
        return message.persists and framed and b"connection: close" not in head and not _is_short(final, message)

    # The client.

    async def run(self, case: Case) -> Seen:
        """Sends the case, and behind it the sentinel in the same stream; returns when nothing more can come of it."""
        self.case, self.seen = case, Seen()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy_port)
        received = bytearray()
        ended = asyncio.Event()
        reading = asyncio.ensure_future(self._receive(reader, received, ended))
        try:
            await self._send(case, writer, received, ended)
            if case.alone:
                await _quiet(received, ended)
            await asyncio.wait_for(asyncio.shield(ended.wait()), 0.001 if case.alone else CLIENT_LIMIT)
        except (TimeoutError, asyncio.TimeoutError):
            self.seen.end = "open" if case.alone else "hung"
        except ConnectionError:
            self.seen.end = "reset"
        finally:
            reading.cancel()
            writer.close()
        self.seen.client = bytes(received)
        await asyncio.sleep(GRACE)
        for _ in range(int(UPSTREAM_LIMIT / GRACE) + 20):
            if not self.busy:
                break
            await asyncio.sleep(GRACE)
        seen, self.case, self.seen = self.seen, None, Seen()
        # The next case finds no idle connection to the upstream, whatever ran before: some answers depend on that.
        if self._open:
            for idle in self._open:
                idle.close()
            await asyncio.sleep(GRACE)
        return seen

    async def _send(self, case: Case, writer, received: bytearray, ended: asyncio.Event) -> None:
        steps = case.steps if case.alone else [*case.steps, SENTINEL]
        before = 0
        packet = b""
        for step in steps:
            if isinstance(step, bytes):
                packet += step
                continue
            writer.write(packet)
            packet = b""
            await writer.drain()
            if step == PAUSE:
                await asyncio.sleep(0.05)
            elif step == WAIT:
                for _ in range(200):
                    if len(received) > before or ended.is_set():
                        break
                    await asyncio.sleep(0.01)
                before = len(received)
        writer.write(packet)
        try:
            await writer.drain()
        except ConnectionError:
            await asyncio.wait_for(ended.wait(), 1)

    async def _receive(self, reader, received: bytearray, ended: asyncio.Event) -> None:
        try:
            while part := await reader.read(65536):
                received += part
        except ConnectionError:
            self.seen.end = "reset"
        ended.set()


def _is_short(final: bytes, message: reference.Message) -> bool:
    """The response ends before it is whole, so the upstream closes to say so."""
    try:
        reference.response(final, 0, message.method == b"HEAD", ended=False)
    except (reference.Incomplete, reference.Refused):
        return True
    return False


async def _all(reader) -> bytes:
    out = bytearray()
    try:
        while part := await asyncio.wait_for(reader.read(65536), QUIET):
            out += part
    except (TimeoutError, asyncio.TimeoutError, ConnectionError):
        pass
    return bytes(out)


async def _quiet(received: bytearray, ended: asyncio.Event) -> None:
    """Returns when something has come and then nothing for a while, or the connection ended."""
    waited, count = 0.0, -1
    while not ended.is_set() and waited < CLIENT_LIMIT:
        await asyncio.sleep(QUIET)
        waited += QUIET
        if received and len(received) == count:
            return
        count = len(received)
