"""Cases as text: what a client sends, and, in a vector, what must become of it.

A file is a list of cases. `#` begins a comment; `section NAME` names the document and section that the cases below it
come from. A case begins with `case NAME: TITLE` and has these lines:

    > BYTES        the client sends this line
    wait           the client goes on when it has received something
    pause          the client goes on after a moment, so that what follows is a packet of its own
    alone          no second request follows in the same stream; the case ends when nothing more comes
    + BYTES        the upstream answers with this line (default: 200 with the body "ok")
    refuse N       the client gets this status, the connection closes, no whole request reaches the upstream
    answer N       the client gets this status from the proxy, whatever was forwarded
    < BYTES        the upstream must receive this line
    nothing        the upstream must receive no whole request
    - BYTES        the client must receive this line
    closes         the connection must end after the case (default: the request behind it must be served)
    known REASON   the vector is right and the program is not yet: the run fails when it becomes right unnoticed
    cut            the connection must end before the response is whole

Every line of BYTES ends with CRLF unless its last byte is a backslash. `\\r \\n \\t \\0 \\xHH \\\\` stand for bytes,
`\\{TEXT*N}` for N times TEXT, `\\s` for a space at the end of a line, `\\w` in a response for a moment in which nothing
is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|\{(.*?)\*(\d+)\}|(.))")
# No case has these bytes for themselves.
MOMENT = b"\0<moment>\0"
_PLAIN = {"w": MOMENT, "r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", "s": b" "}
WAIT, PAUSE = "wait", "pause"


class Malformed(Exception):
    """A file of cases says something that no rule above explains."""


@dataclass
class Case:
    name: str
    title: str
    place: str
    section: str = ""
    steps: list[bytes | str] = field(default_factory=list)
    alone: bool = False
    response: bytes = b""
    status: int | None = None
    refused: bool = False
    upstream: bytes | None = None
    client: bytes | None = None
    closes: bool = False
    cut: bool = False
    known: str = ""

    @property
    def sent(self) -> bytes:
        return b"".join(step for step in self.steps if isinstance(step, bytes))


def unescape(text: str) -> bytes:
    """The bytes that a line stands for, without its line end."""
    out, at = bytearray(), 0
    for match in _ESCAPE.finditer(text):
        out += text[at:match.start()].encode()
        code, repeated, count, plain = match.groups()
        if code is not None:
            out.append(int(code, 16))
        elif repeated is not None:
            out += unescape(repeated) * int(count)
        elif plain in _PLAIN:
            out += _PLAIN[plain]
        else:
            raise Malformed(f"unknown escape \\{plain}")
        at = match.end()
    return bytes(out + text[at:].encode())


def line_bytes(text: str) -> bytes:
    """A line with its CRLF; one that ends in a single backslash has none."""
    backslashes = len(text) - len(text.rstrip("\\"))
    if backslashes % 2 == 1:
        return unescape(text[:-1])
    return unescape(text) + b"\r\n"


def escape(data: bytes, limit: int = 400) -> str:
    """Bytes as one line for people."""
    shown = data[:limit].decode("latin-1").encode("unicode_escape").decode()
    return shown + (f"… ({len(data)} bytes)" if len(data) > limit else "")


def read(path: Path) -> list[Case]:
    cases: list[Case] = []
    section = ""
    for number, line in enumerate(path.read_text().split("\n"), 1):
        place = f"{path.name}:{number}"
        kind, _, rest = line.partition(" ")
        try:
            if not line or line.startswith("#"):
                continue
            if kind == "section":
                section = rest
            elif kind == "case":
                name, _, title = rest.partition(": ")
                if not title or not re.fullmatch(r"[a-z0-9-]+", name):
                    raise Malformed("a case is `case NAME: TITLE`")
                cases.append(Case(name, title, place, section))
            elif not cases:
                raise Malformed("a line before the first case")
            else:
                _take(cases[-1], kind, rest)
        except (Malformed, ValueError) as fault:
            raise Malformed(f"{place}: found {line!r}: {fault}") from None
    return cases


def _take(case: Case, kind: str, rest: str) -> None:
    if kind == ">":
        data = line_bytes(rest)
        if case.steps and isinstance(case.steps[-1], bytes):
            case.steps[-1] += data
        else:
            case.steps.append(data)
    elif kind in (WAIT, PAUSE):
        case.steps.append(kind)
    elif kind == "+":
        case.response += line_bytes(rest)
    elif kind == "<":
        case.upstream = (case.upstream or b"") + line_bytes(rest)
    elif kind == "-":
        case.client = (case.client or b"") + line_bytes(rest)
    elif kind in ("refuse", "answer"):
        case.status, case.refused = int(rest), kind == "refuse"
    elif kind == "nothing":
        case.upstream = b""
    elif kind == "known":
        case.known = rest
    elif kind in ("alone", "closes", "cut"):
        setattr(case, kind, True)
    else:
        raise Malformed(f"no rule for `{kind}`")


def read_folder(folder: Path) -> list[Case]:
    cases = [case for path in sorted(folder.glob("*.txt")) for case in read(path)]
    seen: dict[str, str] = {}
    for case in cases:
        if case.name in seen:
            raise Malformed(f"{case.place}: the name {case.name} is taken by {seen[case.name]}")
        seen[case.name] = case.place
    return cases
