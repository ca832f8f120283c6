"""Control's side of the Link, as much of it as a measurement needs.

A frame is a length of four bytes, the most significant first, then that many bytes of JSON. A message is an object with
one field, its name; values without a label are called `_0`.
"""

from __future__ import annotations

import json
import select
import socket
import time
from pathlib import Path
from typing import Any

VERSION = 4
"""Of `LinkVersion.current`; a test of the benchmark compares the two."""
PAYLOAD_LIMIT = 256 << 20


class LinkFailure(Exception):
    """The edge said something else than what was waited for, or nothing."""


def encode(message: dict[str, Any]) -> bytes:
    payload = json.dumps(message, separators=(",", ":")).encode()
    return len(payload).to_bytes(4, "big") + payload


def welcome() -> dict[str, Any]:
    return {"welcome": {"version": VERSION}}


def snapshot(content: dict[str, Any]) -> dict[str, Any]:
    return {"snapshot": {"_0": content}}


def delta(epoch: str, base: int, put: list[dict[str, Any]], removed: list[str]) -> dict[str, Any]:
    """A change of rules that leads from revision `base` to the next."""
    return {"delta": {"_0": {
        "epoch": epoch, "base": base, "revision": base + 1, "rules": {"put": put, "removed": removed},
        "certificates": {"put": [], "removed": []},
    }}}


class FrameReader:
    """Cuts a stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def append(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> dict[str, Any] | None:
        if len(self._buffer) < 4:
            return None
        length = int.from_bytes(self._buffer[:4], "big")
        if length > PAYLOAD_LIMIT:
            raise LinkFailure(f"found a frame of {length} bytes, wanted at most {PAYLOAD_LIMIT}")
        if len(self._buffer) < 4 + length:
            return None
        payload = bytes(self._buffer[4:4 + length])
        del self._buffer[:4 + length]
        return json.loads(payload)


class Link:
    """One attached edge."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = FrameReader()

    def send(self, frame: bytes) -> None:
        try:
            self._connection.sendall(frame)
        except OSError as failure:
            raise LinkFailure(f"the edge closed the Link ({failure}); its output says why, wanted it open") from failure

    def wait_for(self, name: str, timeout: float) -> dict[str, Any]:
        """The next message of this name. Telemetry and opinions in between are dropped; anything else is a failure."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._reader.next()
            if message is None:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self._connection], [], [], left)[0]:
                    raise LinkFailure(f"found no '{name}' from the edge within {timeout:.0f} s")
                data = self._connection.recv(1 << 16)
                if not data:
                    raise LinkFailure(f"the edge closed the Link while '{name}' was waited for")
                self._reader.append(data)
            elif name in message:
                return message[name]
            elif not message.keys() & {"telemetry", "tallies", "opinions"}:
                raise LinkFailure(f"found '{next(iter(message))}' from the edge, wanted '{name}': {message}")

    def wait_for_revision(self, epoch: str, revision: int, timeout: float) -> dict[str, Any]:
        """Until every worker serves this revision; older acknowledgements are passed over."""
        deadline = time.monotonic() + timeout
        while True:
            told = self.wait_for("acknowledged", max(deadline - time.monotonic(), 0.001))
            if told["epoch"] == epoch and told["revision"] == revision:
                return told

    def close(self) -> None:
        self._connection.close()


class LinkListener:
    """The Unix socket on which control waits for the edge."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        # The edge may have dropped its privileges by the time it connects.
        path.chmod(0o666)
        self._socket.listen(1)

    def accept(self, timeout: float) -> Link:
        self._socket.settimeout(timeout)
        try:
            connection, _ = self._socket.accept()
        except TimeoutError:
            raise LinkFailure(f"no edge attached to the Link within {timeout:.0f} s") from None
        connection.setblocking(True)
        return Link(connection)

    def close(self) -> None:
        self._socket.close()
