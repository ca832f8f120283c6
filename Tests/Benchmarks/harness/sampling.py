"""Where CPU time goes, sampled by a timer: the user and kernel parts, and on request the functions.

The kernel's own split (utime and stime) is scaled over the life of a process and useless over a few seconds.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

from .counters import hardware_counters
from .processes import StartFailure, prepare

FREQUENCY = 4000
"""Samples a second of CPU time."""


def available() -> bool:
    return shutil.which("perf") is not None


def wanted() -> bool:
    """Hardware counters split user from kernel exactly; samples are for machines without."""
    return available() and not hardware_counters()


class Samples:
    """`perf record` on running processes, between `start` and `stop`."""

    def __init__(self, pids: list[int], folder: Path) -> None:
        self._pids = pids
        self._data = folder / "samples.perf"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                "perf", "record", "-q", "-F", str(FREQUENCY), "-e", "cpu-clock", "-o", str(self._data),
                "-p", ",".join(map(str, self._pids)),
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=prepare(None))

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise StartFailure("perf record did not end") from None

    def user_share(self) -> float | None:
        """The part of the samples that fell outside the kernel, 0 to 1."""
        kernel, total = count_modes(self._perf("script", "-F", "ip"))
        return (total - kernel) / total if total else None

    def functions(self) -> str:
        """The functions that time went to, the hottest first."""
        text = self._perf("report", "--stdio", "--sort", "dso,symbol", "--percent-limit", "0.4")
        return "\n".join(line.rstrip(" -") for line in text.splitlines() if line.strip() and not line.startswith("#"))

    def _perf(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            ["perf", command, "-i", str(self._data), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60)
        if done.returncode != 0:
            raise StartFailure(f"perf {command} failed: {done.stderr[-400:]}")
        return done.stdout


def count_modes(addresses: str) -> tuple[int, int]:
    """Samples in the kernel's half of the address space, and all, from one hexadecimal address a line."""
    kernel = total = 0
    for line in addresses.split():
        try:
            address = int(line, 16)
        except ValueError:
            continue
        total += 1
        kernel += address >> 63
    return kernel, total
