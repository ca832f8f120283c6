"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import callgrind, counters


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _first_line(argv: list[str]) -> str:
    if shutil.which(argv[0]) is None:
        return "not installed"
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown"


def describe() -> dict[str, Any]:
    """The machine, its kernel, and the tools that measured."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
        "hardware_counters": counters.hardware_counters(),
        "system_calls_by": counters.system_call_method(),
        "callgrind": callgrind.available(),
        "tools": {
            "wrk": _first_line(["wrk", "-v"]),
            "perf": _first_line(["perf", "--version"]),
            "valgrind": _first_line(["valgrind", "--version"]),
            "python": platform.python_version(),
        },
    }
