"""User instructions without hardware counters: the proxy runs inside valgrind, which counts what it executes.

Slow (some fifty times), exact, and the same from run to run. Only programs that valgrind can run are counted so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from .load import Load
from .processes import StartFailure

_TOTAL = re.compile(r"^(?:summary|totals):\s+(\d+)", re.MULTILINE)


def available() -> bool:
    return shutil.which("valgrind") is not None and shutil.which("callgrind_control") is not None


def prefix(folder: Path) -> list[str]:
    """What goes before the proxy's own command line."""
    return [
        "valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={folder}/callgrind.out",
        "--vgdb-prefix=" + str(folder / "vgdb"), "--max-threads=64",
    ]


def _control(pid: int, folder: Path, order: str) -> None:
    done = subprocess.run(
        ["vgdb", f"--vgdb-prefix={folder / 'vgdb'}", f"--pid={pid}", *order.split()],
        capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise StartFailure(f"valgrind does not take orders: {done.stderr.strip() or done.stdout.strip()}")


def instructions_per_request(pid: int, folder: Path, load: Load, seconds: int, core: int) -> float:
    """Counts over one run of load, after one that warmed everything up."""
    load.run(1, core)
    _control(pid, folder, "zero")
    outcome = load.run(seconds, core)
    _control(pid, folder, "dump")
    total = 0
    for file in sorted(folder.glob("callgrind.out*")):
        match = _TOTAL.search(file.read_text(errors="replace"))
        total += int(match.group(1)) if match else 0
        file.unlink()
    if outcome.requests == 0 or outcome.wrong or total == 0:
        raise StartFailure(f"inside valgrind {outcome.requests} requests were answered, {outcome.wrong} wrongly")
    return total / outcome.requests
