"""An upstream for transfers of any length: sends as many bytes as are asked for, and checks all that it gets.

usage: bulk.py PORT
`GET /COUNT` answers with so many bytes, `GET /` with 128; `POST` with how many came, or -1 when they were not the ones
that were sent.
"""

from __future__ import annotations

import random
import socket
import sys
import threading
from typing import Protocol

PIECE = 1 << 20
PATTERN = random.Random(1).randbytes(PIECE)
"""What is transferred, again and again."""
_TWICE = PATTERN * 2
PROBE = 128
"""What a proxy is asked for to see that it is up."""


class Stream(Protocol):
    """A socket, with TLS or without."""

    def sendall(self, data: memoryview | bytes, /) -> None: ...

    def recv(self, count: int, /) -> bytes: ...

    def recv_into(self, buffer: memoryview, count: int = 0, /) -> int: ...


def send(stream: Stream, count: int) -> None:
    view = memoryview(PATTERN)
    while count:
        piece = min(count, PIECE)
        stream.sendall(view[:piece])
        count -= piece


def receive(stream: Stream, start: bytes, count: int) -> int:
    """Reads a body of `count` bytes that begins with `start`; how many came, -1 when not as they were sent."""
    buffer = memoryview(bytearray(PIECE))
    buffer[:len(start)] = start
    done, size = 0, len(start)
    while True:
        offset = done % PIECE
        if buffer[:size].tobytes() != _TWICE[offset:offset + size]:
            return -1
        done += size
        if done == count:
            return done
        size = stream.recv_into(buffer, min(PIECE, count - done))
        if size == 0:
            return done


def head(stream: Stream) -> tuple[str, dict[str, str], bytes]:
    """First line, fields by lower-case names, and what came of the body already."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = stream.recv(65_536)
        if not more:
            raise ConnectionError("closed before a head was whole")
        data += more
    text, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = text.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first, fields, rest


def _serve(peer: socket.socket) -> None:
    try:
        while True:
            first, fields, rest = head(peer)
            method, target, _ = first.split(" ")
            if method == "GET":
                count = int(target[1:] or PROBE)
                peer.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n".encode())
                send(peer, count)
            else:
                body = str(receive(peer, rest, int(fields["content-length"]))).encode()
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    except (ConnectionError, ValueError, KeyError):
        pass
    finally:
        peer.close()


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128) as listener:
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=_serve, args=(peer,), daemon=True).start()


if __name__ == "__main__":
    main()
