"""What was seen, in words that can be compared: between proxies, and with what a case permits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import reference
from .cases import Case, escape
from .lane import SENTINEL, Lane, Seen

# What a proxy says of itself, the client or the connection; compared only when the client sent the field too.
ADDED = {
    b"via", b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto",
    b"x-real-ip", b"x-request-id",
}
# Compared on their own.
FRAMING = {b"host", b"content-length", b"transfer-encoding"}
# The status with which the recording upstream refuses what it cannot read.
UNREADABLE = 418
SENTINEL_TARGET = b"/sentinel"


@dataclass
class View:
    """One proxy's treatment of one case."""
    statuses: list[int]
    requests: list[reference.Message]
    # The request behind the case was served on the same connection.
    next_served: bool
    cut: bool
    end: str
    # Times that the upstream could not read what it received.
    garbled: int

    @property
    def verdict(self) -> str:
        shown = "+".join(map(str, self.statuses)) or "nothing"
        shown += " cut" if self.cut else ""
        shown += " hung" if self.end == "hung" else ""
        shown += f", {len(self.requests)} forwarded"
        # Whether a part of what the proxy itself refuses reaches the upstream first is a matter of time alone.
        told = self.garbled and (not self.statuses or UNREADABLE in self.statuses)
        return shown + (f", {self.garbled} garbled" if told else "")


def responses(case: Case, seen: Seen) -> tuple[list[reference.Message], bytes]:
    """The responses the client got, and what lies behind the last whole one."""
    methods = [message.method for message in reference.requests(case.sent + SENTINEL)]
    found: list[reference.Message] = []
    at = final = 0
    while at < len(seen.client):
        to_head = final < len(methods) and methods[final] == b"HEAD"
        try:
            message, at = reference.response(seen.client, at, to_head, seen.end == "closed")
        except (reference.Incomplete, reference.Refused):
            break
        found.append(message)
        final += message.status >= 200
    return found, seen.client[at:]


def view(case: Case, seen: Seen) -> View:
    found, rest = responses(case, seen)
    statuses = [message.status for message in found]
    served = any(_is_sentinel(message) for message in seen.requests)
    if served and statuses and statuses[-1] == 200 and found[-1].body in (b"sentinel", b""):
        statuses.pop()
    return View(
        statuses, [message for message in seen.requests if not _is_sentinel(message)], served, bool(rest), seen.end,
        len(seen.unreadable))


def _is_sentinel(message: reference.Message) -> bool:
    return message.target.endswith(SENTINEL_TARGET)


def differences(ours: View, theirs: View, case: Case) -> list[tuple[str, str, str]]:
    """(aspect, what Kontainers did, what the peer did) for each difference."""
    if ours.verdict != theirs.verdict:
        return [("verdict", ours.verdict, theirs.verdict)]
    found = []
    if not case.alone and ours.next_served != theirs.next_served:
        word = {True: "kept", False: "closed"}
        found.append(("connection", word[ours.next_served], word[theirs.next_served]))
    sent = {name.lower() for message in reference.requests(case.sent) for name, _ in message.fields}
    for number, (mine, other) in enumerate(zip(ours.requests, theirs.requests)):
        suffix = f"#{number + 1}" if len(ours.requests) > 1 else ""
        for aspect, one, two in (
            ("method", mine.method, other.method), ("target", mine.target, other.target),
            ("host", b"|".join(mine.values(b"host")), b"|".join(other.values(b"host"))),
            ("framing", _framing(mine), _framing(other)), ("body", mine.body, other.body),
        ):
            if one != two:
                found.append((aspect + suffix, escape(one, 60), escape(two, 60)))
        only_mine, only_theirs = _field_difference(mine, other, sent)
        if only_mine or only_theirs:
            found.append(("fields" + suffix, only_mine or "absent", only_theirs or "absent"))
    return found


def _framing(message: reference.Message) -> bytes:
    trailers = b", trailers" if message.trailers else b""
    return message.framing.encode() + trailers


def _field_difference(mine: reference.Message, other: reference.Message, sent: set[bytes]) -> tuple[str, str]:
    def comparable(message: reference.Message) -> list[str]:
        return [
            # Options are case-insensitive (RFC 9110 §7.6.1).
            f"{name.decode().lower()}={escape(value.lower() if name.lower() == b'connection' else value, 60)}"
            for name, value in message.fields
            if name.lower() not in FRAMING and (name.lower() not in ADDED or name.lower() in sent)
        ]

    one, two = comparable(mine), comparable(other)
    left, right = list(one), list(two)
    for line in one:
        if line in right:
            right.remove(line)
            left.remove(line)
    return "; ".join(left), "; ".join(right)


def _ends_at_proxy(message: reference.Message) -> bool:
    """RFC 9110 §7.6.2: OPTIONS or TRACE that may go no further, or does not say clearly how far."""
    numbers = message.values(b"max-forwards")
    if message.method not in (b"OPTIONS", b"TRACE") or not numbers:
        return False
    return len(numbers) > 1 or not numbers[0].isdigit() or int(numbers[0]) == 0


def faults(case: Case, seen: Seen) -> list[str]:
    """What no explanation excuses: requests made of nothing, bodies with other ends, bytes read in two ways."""
    found = []
    for reason, data in seen.unreadable:
        found.append(f"the upstream cannot read what it received ({reason}): {escape(data)}")
    permitted = reference.requests(case.sent if case.alone else case.sent + SENTINEL)
    if len(seen.requests) > len(permitted):
        found.append(
            f"{len(seen.requests)} requests reached the upstream where {len(permitted)} of the client's may: "
            + " / ".join(escape(message.start) for message in seen.requests))
    # A request that ends at the proxy reaches no upstream.
    passed_on = [message for message in permitted if not _ends_at_proxy(message)]
    for mine, sent in zip(seen.requests, passed_on):
        if mine.method != sent.method:
            found.append(f"{escape(sent.start)} became {escape(mine.start)}")
        if mine.body != sent.body:
            found.append(f"the body {escape(sent.body, 60)} became {escape(mine.body, 60)}")
        found += [f"the upstream received {fault}: {escape(mine.raw)}" for fault in reference.faults_of_forwarded(mine)]
    if seen.end == "hung":
        found.append("nothing happened for longer than any limit permits")
    return found


_VARIABLE = re.compile(
    rb"^(?:X-Forwarded-(?:For|Proto|Host|Port)|Forwarded|X-Request-ID):[^\r]*\r\n", re.MULTILINE)
_DATE = re.compile(rb"^Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n", re.MULTILINE)


def forwarded_bytes(seen: Seen, wanted: bytes) -> bytes:
    """What the upstream received, without the sentinel, and without what the proxy says of the client unless the
    vector speaks of it too."""
    raw = [message.raw for message in seen.requests if not _is_sentinel(message)] + seen.partial

    def drop(match: re.Match[bytes]) -> bytes:
        name = match[0].split(b":")[0].lower()
        return match[0] if b"\r\n" + name + b":" in wanted.lower() else b""

    return b"".join(_VARIABLE.sub(drop, one) for one in raw)


def received_bytes(case: Case, seen: Seen) -> bytes:
    """What the client received, without the response to the sentinel, and without a `Date` that the proxy added."""
    data = seen.client
    if not case.alone and any(_is_sentinel(message) for message in seen.requests):
        found, _ = responses(case, seen)
        if found and found[-1].body == b"sentinel":
            data = data[:len(data) - len(found[-1].raw)]
    if b"\r\ndate:" not in case.response.lower():
        data = _DATE.sub(b"", data)
    return data


def judge_vector(case: Case, seen: Seen, lane: Lane) -> list[str]:
    """What differs from what the vector demands."""
    found = []
    seen_view = view(case, seen)
    if case.status is not None:
        if seen_view.statuses != [case.status]:
            found.append(f"answered {seen_view.statuses}, wanted [{case.status}]: {escape(seen.client)}")
        if seen_view.requests and case.refused:
            found.append(f"forwarded {escape(seen_view.requests[0].raw)}, wanted nothing")
    if case.upstream is not None:
        got = forwarded_bytes(seen, case.upstream)
        if got != case.upstream.replace(b"{port}", str(lane.proxy_port).encode()):
            found.append(f"upstream received {escape(got, 900)}\n      wanted {escape(case.upstream, 900)}")
    if case.client is not None:
        got = received_bytes(case, seen)
        if got != case.client:
            found.append(f"client received {escape(got, 900)}\n      wanted {escape(case.client, 900)}")
    ends = case.refused or case.closes or case.cut
    if case.alone:
        if ends and seen.end == "open":
            found.append("the connection stayed open")
    elif ends == seen_view.next_served:
        found.append("the next request was served" if ends else "the next request was not served")
    if case.cut != seen_view.cut and not case.alone:
        found.append("the response does not look whole" if seen_view.cut else "the response looks whole")
    return found
