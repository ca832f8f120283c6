"""Small clients: is a proxy up, and does it answer what it should?"""

from __future__ import annotations

import http.client
import resource
import socket
import ssl

from .place import LOOPBACK
from .processes import Child, StartFailure, wait_until


def descriptor_limit() -> int:
    """How many descriptors each program of the run may have; our own limit is raised to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(hard, 65_536)


def trusting() -> ssl.SSLContext:
    """The bench's certificates are made for the run: nothing is proved by checking them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _NamedHTTPS(http.client.HTTPSConnection):
    """Connects to the loopback address, asks for `localhost` (SNI)."""

    def connect(self) -> None:
        raw = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = trusting().wrap_socket(raw, server_hostname="localhost")


def answer(port: int, host: str, path: str, tls: bool, upload: int = 0, timeout: float = 5) -> tuple[int, int]:
    """Status and body length of one exchange; `OSError` or `HTTPException` when there was none."""
    connection: http.client.HTTPConnection
    connection = (_NamedHTTPS if tls else http.client.HTTPConnection)(LOOPBACK, port, timeout=timeout)
    try:
        body = b"u" * upload if upload else None
        connection.request("POST" if upload else "GET", path, body=body, headers={"Host": host})
        response = connection.getresponse()
        return response.status, len(response.read())
    finally:
        connection.close()


def upstream(port: int, host: str, timeout: float = 5) -> str:
    """Who answered a request through a proxy with 200, by its X-Upstream; else what there was instead."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    try:
        connection.request("GET", "/", headers={"Host": host})
        response = connection.getresponse()
        response.read()
        return response.getheader("X-Upstream") or f"status {response.status}"
    except (OSError, http.client.HTTPException) as failure:
        return repr(failure)
    finally:
        connection.close()


def wait_for_answer(
    child: Child, port: int, host: str, path: str, length: int, tls: bool, upload: int = 0, timeout: float = 30
) -> None:
    """Until a request is answered with 200 and a body of `length` bytes."""
    last = "no answer"

    def ready() -> bool:
        nonlocal last
        try:
            status, found = answer(port, host, path, tls, upload, timeout)
        except (OSError, http.client.HTTPException) as failure:
            last = str(failure)
            return False
        last = f"status {status} with {found} bytes"
        return status == 200 and found == length

    try:
        wait_until("an answer", child, ready, timeout)
    except StartFailure as failure:
        raise StartFailure(f"{failure}\nlast answer to {host}{path}: {last}; wanted 200 with {length} bytes") from None
