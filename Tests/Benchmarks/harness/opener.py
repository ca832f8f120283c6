"""A program: opens keep-alive connections, makes one request on each, holds them until its input ends.

    opener.py PORT plain|tls        then on standard input: a number, for each answered line `open TOTAL`
"""

from __future__ import annotations

import resource
import socket
import ssl
import sys

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def exchange(connection: socket.socket) -> None:
    """One request, one whole response with a Content-Length."""
    connection.sendall(REQUEST)
    received = b""
    while b"\r\n\r\n" not in received:
        received += more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = None
    for field in head.split(b"\r\n")[1:]:
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if length is None or not head.startswith(b"HTTP/1.1 200"):
        raise OSError(f"found {head[:60]!r}, wanted 200 with a Content-Length")
    while len(body) < length:
        body += more(connection)


def more(connection: socket.socket) -> bytes:
    found = connection.recv(65_536)
    if not found:
        raise OSError("the proxy closed the connection")
    return found


def main() -> None:
    port, tls = int(sys.argv[1]), sys.argv[2] == "tls"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    held: list[socket.socket] = []
    for line in sys.stdin:
        try:
            for _ in range(int(line)):
                connection = socket.create_connection(("127.0.0.1", port), 10)
                # Without this a TLS handshake and a request wait 40 ms for each other's acknowledgements.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if tls:
                    connection = context.wrap_socket(connection, server_hostname="localhost")
                exchange(connection)
                held.append(connection)
        except OSError as failure:
            print(f"failed after {len(held)} connections: {failure}", flush=True)
            return
        print(f"open {len(held)}", flush=True)


if __name__ == "__main__":
    main()
