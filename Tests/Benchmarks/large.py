#!/usr/bin/env python3
"""Whether long bodies pass at constant memory: 10 GB down and 10 GB up through a worker, private memory all the while.

Prints what a gigabyte costs the worker in CPU time. Every byte is checked at its end.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from harness import bulk, counters, frame, place, probe, processes
from harness.memory import memory
from harness.scenarios import SINGLE_HOST, Scenario
from peers import Peer, Running, watched

ALLOWED = 2 << 20
"""Bytes that private memory may grow by during a transfer: two pieces a direction, and pages of a heap."""
WARM = 256 << 20
"""Bytes each way before memory is read: pools and buffers are there by then."""
GB = 1_000_000_000
EVERY = 0.1
"""Seconds between two readings of memory."""
PATIENCE = 30
"""Seconds without a byte after which a transfer has failed."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=Path, default=place.DEFAULT_EDGE, help="the edge's program")
    parser.add_argument("--peer", default="kontainers", help="the proxy to watch")
    parser.add_argument("--gigabytes", type=float, default=10, help="in each direction, of 10^9 bytes")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--limit", type=int, default=900, help="seconds after which a transfer has failed")
    return parser.parse_args()


class Transfer:
    """One body through the proxy, in a thread of its own; the interpreter's lock is free while sockets work."""

    def __init__(self, proxy: Running, upload: bool, count: int, tls: bool) -> None:
        self.failure = ""
        self.ended = threading.Event()
        self._proxy, self._upload, self._count, self._tls = proxy, upload, count, tls
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._exchange()
        except (OSError, ValueError) as failure:
            self.failure = str(failure)
        finally:
            self.ended.set()

    def _exchange(self) -> None:
        raw = socket.create_connection((place.LOOPBACK, self._proxy.port), PATIENCE)
        stream = probe.trusting().wrap_socket(raw, server_hostname=SINGLE_HOST) if self._tls else raw
        with stream:
            if self._upload:
                length = f"Content-Length: {self._count}\r\n"
                stream.sendall(f"POST / HTTP/1.1\r\nHost: {SINGLE_HOST}\r\n{length}\r\n".encode())
                bulk.send(stream, self._count)
            else:
                stream.sendall(f"GET /{self._count} HTTP/1.1\r\nHost: {SINGLE_HOST}\r\n\r\n".encode())
            first, fields, rest = bulk.head(stream)
            if self._upload:
                size = int(fields.get("content-length", 0))
                while len(rest) < size and (more := stream.recv(size)):
                    rest += more
                moved = int(rest)
            else:
                moved = bulk.receive(stream, rest, int(fields.get("content-length", 0)))
            if not first.startswith("HTTP/1.1 200 ") or moved != self._count:
                raise ValueError(f"{first}, {moved:,} bytes as they were sent; wanted 200 with {self._count:,}")


def transfer(proxy: Running, upload: bool, count: int, options: argparse.Namespace, look: Callable[[], None]) -> None:
    """Waits for the end of a transfer, calling `look` all the while."""
    deadline = time.monotonic() + options.limit
    running = Transfer(proxy, upload, count, options.tls)
    while not running.ended.wait(EVERY):
        proxy.child.check()
        look()
        if time.monotonic() > deadline:
            raise processes.StartFailure(f"{count:,} bytes were not through within {options.limit} s")
    if running.failure:
        raise processes.StartFailure(running.failure)


def measured(proxy: Running, upload: bool, options: argparse.Namespace) -> bool:
    """Whether memory stayed where it was."""
    count = int(options.gigabytes * GB)
    readings = [memory(proxy.pids).private]
    start, cpu = time.monotonic(), counters.cpu_time(proxy.pids)
    transfer(proxy, upload, count, options, lambda: readings.append(memory(proxy.pids).private))
    spent, seconds = (counters.cpu_time(proxy.pids) - cpu) / 1e9, time.monotonic() - start
    grown = max(readings) - readings[0]
    print(
        f"{'up' if upload else 'down':>5}: {count / GB:,.1f} GB in {seconds:,.1f} s, {spent / count * GB:.3f} CPU s/GB;"
        f" private {readings[0] / 1024:,.0f} KiB before, {max(readings) / 1024:,.0f} KiB at most"
        f" of {len(readings):,} readings, {'ok' if grown <= ALLOWED else 'GROWN'}", flush=True)
    return grown <= ALLOWED


def watch(options: argparse.Namespace, peer: Peer, fleet: processes.Fleet, scratch: place.Scratch) -> int:
    cores = place.Cores.choose()
    port = place.free_port()
    fleet.start(
        "bulk", [sys.executable, str(place.BENCHMARKS / "harness" / "bulk.py"), str(port)], cores.load,
        scratch.folder("bulk"))
    scenario = Scenario("large", "Long bodies", tls=options.tls)
    proxy = peer.start(fleet, scratch, scenario, port, cores.proxy)
    for upload in (False, True):
        transfer(proxy, upload, WARM, options, lambda: None)
    within = [measured(proxy, upload, options) for upload in (False, True)]
    print(f"at most {ALLOWED // 1024:,} KiB more private memory")
    return 0 if all(within) else 1


def main() -> int:
    options = arguments()
    peer = watched(options.peer, options.edge)
    return frame.run(lambda fleet, scratch: watch(options, peer, fleet, scratch), certificate=True)


if __name__ == "__main__":
    sys.exit(main())
