"""Memory of a proxy: resident, private, and what an idle connection adds."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from . import probe
from .place import BENCHMARKS
from .processes import StartFailure, prepare
from .scenarios import Scenario

BASE = 1_000
"""Connections open before the first reading: pools, buffers and tables are warm by then."""
SETTLE = 1.5
"""Seconds between the last exchange and a reading."""
PATIENCE = 120
"""Seconds in which the opener must have opened what it was asked for."""


@dataclass(frozen=True)
class Memory:
    """Bytes. Private memory is what the process alone has touched; resident counts shared pages too."""

    resident: int
    private: int

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.resident + other.resident, self.private + other.private)


def memory(pids: list[int]) -> Memory:
    return sum((_of_process(pid) for pid in pids), Memory(0, 0))


def _of_process(pid: int) -> Memory:
    found = {"Rss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in found:
            found[name] = int(rest.split()[0]) * 1024
    return Memory(found["Rss"], found["Private_Clean"] + found["Private_Dirty"])


class Opener:
    """A process of its own that opens connections, makes one request on each, and holds them."""

    def __init__(self, port: int, tls: bool, core: int) -> None:
        argv = [sys.executable, str(BENCHMARKS / "harness" / "opener.py"), str(port), "tls" if tls else "plain"]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=prepare(core))

    def open(self, count: int) -> int:
        """Opens `count` more; answers how many are open."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        readable, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        line = self._process.stdout.readline().strip() if readable else f"nothing within {PATIENCE} s"
        if not line.startswith("open "):
            raise StartFailure(f"the opener of idle connections failed: {line or 'it ended'}")
        return int(line.split()[1])

    def close(self) -> None:
        """Closes them all."""
        assert self._process.stdin
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def per_idle_connection(scenario: Scenario, port: int, pids: list[int], core: int) -> dict[str, float]:
    """What each idle connection beyond the first thousand adds."""
    # A proxy may count two descriptors for each client (HAProxy's maxconn does).
    wanted = min(scenario.idle, (probe.descriptor_limit() - 500) // 2)
    base = min(BASE, wanted // 4)
    opener = Opener(port, scenario.tls, core)
    try:
        before = memory(pids)
        first = opener.open(base)
        time.sleep(SETTLE)
        start = memory(pids)
        last = opener.open(wanted - base)
        time.sleep(SETTLE)
        end = memory(pids)
    finally:
        opener.close()
    return {
        "idle_connections": last,
        "idle_private_bytes": (end.private - start.private) / (last - first),
        "idle_resident_bytes": (end.resident - start.resident) / (last - first),
        "private_before": before.private,
        "private_after": end.private,
    }
