"""A reader of HTTP/1 that is strict where RFC 9112 lets a recipient choose, written for these tests alone.

It reads what the client sent (what may be forwarded at all, and with which body) and what the upstream received (which
must be readable in one way only). It shares nothing with the program under test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21\x22\x24-\x7e]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_CHUNK_LINE = re.compile(
    rb"([0-9a-fA-F]{1,16})((?:[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"|" + _QUOTED + rb"))?)*)")


class Refused(Exception):
    """The bytes can be read in two ways, or in none."""


class Incomplete(Exception):
    """More bytes are needed."""


@dataclass
class Message:
    start: bytes
    fields: list[tuple[bytes, bytes]]
    minor: int
    body: bytes = b""
    framing: str = "none"
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    raw: bytes = b""

    @property
    def method(self) -> bytes:
        return self.start.split(b" ")[0]

    @property
    def target(self) -> bytes:
        return self.start.split(b" ")[1]

    @property
    def status(self) -> int:
        return int(self.start.split(b" ")[1])

    def values(self, name: bytes) -> list[bytes]:
        return [value for other, value in self.fields if other.lower() == name]

    def options(self) -> set[bytes]:
        return {one.strip(b" \t").lower() for value in self.values(b"connection") for one in value.split(b",")}

    @property
    def persists(self) -> bool:
        options = self.options()
        return b"close" not in options and (self.minor == 1 or b"keep-alive" in options)


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """One line without its CRLF, and where the next begins."""
    end = data.find(b"\n", at)
    if end < 0:
        if b"\r" in data[at:-1]:
            raise Refused("bare CR")
        raise Incomplete
    line = data[at:end]
    if not line.endswith(b"\r"):
        raise Refused("bare LF")
    line = line[:-1]
    if b"\r" in line:
        raise Refused("bare CR")
    return line, end + 1


def _fields(data: bytes, at: int) -> tuple[list[tuple[bytes, bytes]], int]:
    found = []
    while True:
        line, at = _line(data, at)
        if not line:
            return found, at
        match = _FIELD.fullmatch(line)
        if not match:
            raise Refused(f"field line {line[:80]!r}")
        found.append((match[1], match[2]))


def _framing(message: Message) -> tuple[str, int]:
    lengths = message.values(b"content-length")
    codings = message.values(b"transfer-encoding")
    if codings:
        if lengths:
            raise Refused("Content-Length beside Transfer-Encoding")
        if message.minor == 0:
            raise Refused("Transfer-Encoding in HTTP/1.0")
        if len(codings) != 1 or codings[0].lower() != b"chunked":
            raise Refused(f"Transfer-Encoding {codings!r}")
        return "chunked", 0
    if lengths:
        if len(lengths) != 1 or not re.fullmatch(rb"[0-9]{1,19}", lengths[0]):
            raise Refused(f"Content-Length {lengths!r}")
        return "length", int(lengths[0])
    return "none", 0


def _chunked(data: bytes, at: int, message: Message) -> int:
    body = bytearray()
    while True:
        line, at = _line(data, at)
        match = _CHUNK_LINE.fullmatch(line)
        if not match:
            raise Refused(f"chunk line {line[:80]!r}")
        size = int(match[1], 16)
        if size == 0:
            break
        end = at + size
        if end + 2 > len(data):
            raise Incomplete
        if data[end:end + 2] != b"\r\n":
            raise Refused("chunk data without CRLF")
        body += data[at:end]
        at = end + 2
    message.trailers, at = _fields(data, at)
    message.body = bytes(body)
    return at


def request(data: bytes, at: int = 0) -> tuple[Message, int]:
    """The request at `at`, and where the next begins."""
    start = at
    for _ in range(2):
        if data[at:at + 2] == b"\r\n":
            at += 2
    line, at = _line(data, at)
    match = _REQUEST_LINE.fullmatch(line)
    if not match:
        raise Refused(f"request line {line[:80]!r}")
    fields, at = _fields(data, at)
    message = Message(line, fields, int(match[3]))
    hosts = message.values(b"host")
    if len(hosts) > 1 or message.minor == 1 and not hosts:
        raise Refused(f"{len(hosts)} Host fields")
    message.framing, length = _framing(message)
    if message.framing == "chunked":
        at = _chunked(data, at, message)
    elif message.framing == "length":
        if at + length > len(data):
            raise Incomplete
        message.body, at = data[at:at + length], at + length
    message.raw = data[start:at]
    return message, at


def requests(data: bytes) -> list[Message]:
    """All requests that may be forwarded of one client's stream, in order, up to the first fault."""
    found, at = [], 0
    while at < len(data):
        try:
            message, at = request(data, at)
        except (Refused, Incomplete):
            break
        found.append(message)
        if not message.persists:
            break
    return found


def faults_of_forwarded(message: Message) -> list[str]:
    """What in a request that the upstream received could be read in another way by a recipient less strict."""
    faults = []
    if message.raw[:2] == b"\r\n":
        faults.append("an empty line before the request line")
    if len(message.values(b"host")) != 1:
        faults.append(f"{len(message.values(b'host'))} Host fields")
    if message.minor != 1:
        faults.append("it is not HTTP/1.1")
    if message.framing == "chunked" and re.search(rb"\r\n[0-9a-fA-F]+[^0-9a-fA-F\r]", _body_lines(message)):
        faults.append("a chunk line is not its size alone")
    for name in (b"keep-alive", b"proxy-connection"):
        if message.values(name):
            faults.append(f"the hop-by-hop field {name.decode()}")
    return faults


def _body_lines(message: Message) -> bytes:
    """The chunk lines of a forwarded body, each with the CRLF before it."""
    head = message.raw.find(b"\r\n\r\n") + 2
    out, at = bytearray(), head + 2
    while at < len(message.raw):
        line, at = _line(message.raw, at)
        out += b"\r\n" + line
        size = int(line.split(b";")[0].strip() or b"0", 16)
        if size == 0:
            break
        at += size + 2
    return bytes(out + b"\r\n")


def response(data: bytes, at: int, to_head: bool, ended: bool) -> tuple[Message, int]:
    """The response at `at`; interim ones are responses of their own."""
    start = at
    line, at = _line(data, at)
    match = _STATUS_LINE.fullmatch(line)
    if not match:
        raise Refused(f"status line {line[:80]!r}")
    fields, at = _fields(data, at)
    message = Message(line, fields, int(match[1]))
    if message.status < 200 or message.status in (204, 304) or to_head:
        pass
    else:
        message.framing, length = _framing(message)
        if message.framing == "chunked":
            at = _chunked(data, at, message)
        elif message.framing == "length":
            if at + length > len(data):
                raise Incomplete
            message.body, at = data[at:at + length], at + length
        else:
            message.framing = "close"
            if not ended:
                raise Incomplete
            message.body, at = data[at:], len(data)
    message.raw = data[start:at]
    return message, at
