"""User instructions without hardware counters: the proxy runs inside valgrind, which counts what it executes.

Slow (some fifty times), exact, and the same from run to run. Only programs that valgrind can run are counted so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from .load import Load
from .processes import StartFailure

_TOTAL = re.compile(r"^(?:summary|totals):\s+(\d+)", re.MULTILINE)
_NAME = re.compile(r"^(c?)fn=\((\d+)\)(?: (.*))?$")
_COST = re.compile(r"^[+\-*\d]\S* (\d+)$")


def available() -> bool:
    return shutil.which("valgrind") is not None and shutil.which("callgrind_control") is not None


def prefix(folder: Path) -> list[str]:
    """What goes before the proxy's own command line."""
    return [
        "valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={folder}/callgrind.out",
        "--vgdb-prefix=" + str(folder / "vgdb"), "--max-threads=64",
    ]


def stripped(program: Path, folder: Path) -> Path:
    """A copy without debug information, which valgrind would read and may not understand (DWARF 5); the same code."""
    copy = folder / program.name
    shutil.copy2(program, copy)
    tool = shutil.which("strip") or shutil.which("llvm-strip")
    if tool:
        subprocess.run([tool, "--strip-debug", str(copy)], check=True, capture_output=True, timeout=60)
    return copy


def _control(pid: int, folder: Path, order: str) -> None:
    done = subprocess.run(
        ["vgdb", f"--vgdb-prefix={folder / 'vgdb'}", f"--pid={pid}", *order.split()],
        capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise StartFailure(f"valgrind does not take orders: {done.stderr.strip() or done.stdout.strip()}")


def instructions_per_request(pid: int, folder: Path, load: Load, tls: bool, core: int) -> tuple[float, str]:
    """What a request adds; and the functions that executed it.

    A short and a long run of load are counted and their difference divided: connecting, handshakes and warming up,
    which both have, cancel out.
    """
    # Handshakes inside valgrind take tens of milliseconds each: fewer connections, more time.
    short, long, connections = (3, 9, 16) if tls else (1, 5, None)
    load.run(1, core, connections)
    less, few, _ = _counted(pid, folder, load, short, core, connections)
    more, many, functions = _counted(pid, folder, load, long, core, connections)
    if many <= few or more <= less:
        raise StartFailure(f"inside valgrind {few} and {many} requests took {less} and {more} instructions")
    return (more - less) / (many - few), functions


def dumped(pid: int, folder: Path, load: Load, seconds: int, core: int) -> tuple[int, int, str]:
    """Instructions and requests of one run of load, and the file of the thread that had the most to do."""
    _control(pid, folder, "zero")
    outcome = load.run(seconds, core)
    _control(pid, folder, "dump")
    total, most, busiest = 0, 0, ""
    for file in sorted(folder.glob("callgrind.out*")):
        text = file.read_text(errors="replace")
        file.unlink()
        match = _TOTAL.search(text)
        count = int(match.group(1)) if match else 0
        total += count
        if count > most:
            most, busiest = count, text
    if outcome.requests == 0 or outcome.wrong or total == 0:
        raise StartFailure(f"inside valgrind {outcome.requests} requests were answered, {outcome.wrong} wrongly")
    return total, outcome.requests, busiest


def _counted(
    pid: int, folder: Path, load: Load, seconds: int, core: int, connections: int | None
) -> tuple[int, int, str]:
    """Instructions and requests of one run of load, and the functions that executed them."""
    _control(pid, folder, "zero")
    outcome = load.run(seconds, core, connections)
    _control(pid, folder, "dump")
    total, functions = 0, ""
    for file in sorted(folder.glob("callgrind.out*")):
        text = file.read_text(errors="replace")
        file.unlink()
        match = _TOTAL.search(text)
        if match and int(match.group(1)):
            total += int(match.group(1))
            functions += hottest(text, max(outcome.requests, 1))
    if outcome.requests == 0 or outcome.wrong or total == 0:
        raise StartFailure(f"inside valgrind {outcome.requests} requests were answered, {outcome.wrong} wrongly")
    return total, outcome.requests, functions


def self_costs(text: str) -> Counter[str]:
    """Instructions of each function, without those of the functions it calls, from a callgrind file.

    `callgrind_annotate` gives everything to the thread's first function when counting began in the middle of it.
    """
    names: dict[str, str] = {}
    costs: Counter[str] = Counter()
    function, of_callee = "", False
    for line in text.splitlines():
        if match := _NAME.match(line):
            names.setdefault(match.group(2), match.group(3) or "?")
            function = function if match.group(1) else match.group(2)
        elif line.startswith("calls="):
            of_callee = True
        elif match := _COST.match(line):
            if not of_callee:
                costs[function] += int(match.group(1))
            of_callee = False
    found: Counter[str] = Counter()
    for number, cost in costs.items():
        found[names.get(number, "?")] += cost
    return found


def inclusive_cost(text: str, name: str) -> tuple[int, int]:
    """Instructions of the functions whose mangled name has this in it, with those of what they call; and their calls."""
    names: dict[str, str] = {}
    function, callee, of_callee = "", "", False
    cost, calls = 0, 0
    for line in text.splitlines():
        if match := _NAME.match(line):
            names.setdefault(match.group(2), match.group(3) or "?")
            if match.group(1):
                callee = match.group(2)
            else:
                function = match.group(2)
        elif line.startswith("calls="):
            calls += int(line[6:].split()[0]) if name in names.get(callee, "") else 0
            of_callee = True
        elif match := _COST.match(line):
            if name in names.get(function, "") and not (of_callee and callee == function):
                cost += int(match.group(1))
            of_callee = False
    return cost, calls


def hottest(text: str, requests: int, limit: int = 60) -> str:
    """The functions that execute most, themselves without what they call, per request."""
    top = self_costs(text).most_common(limit)
    names = demangled([name for name, _ in top])
    return "\n".join(f"{cost / requests:10,.1f}  {name[:200]}" for (_, cost), name in zip(top, names))


def demangled(names: list[str]) -> list[str]:
    if shutil.which("swift-demangle") is None:
        return names
    done = subprocess.run(
        ["swift-demangle", "--simplified"], input="\n".join(names), capture_output=True, text=True, timeout=30)
    lines = done.stdout.splitlines()
    return lines if len(lines) == len(names) else names
