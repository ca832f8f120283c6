"""Load at a constant rate (`steady.c`): latencies that count from when a request was due."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import place, processes
from .scenarios import Scenario

SOURCE = Path(__file__).with_name("steady.c")
SHARE = 0.5
"""Of the rate that the same proxy reached in the same round without a limit."""


@dataclass(frozen=True)
class Latencies:
    """Microseconds from when a request was due to the last byte of its response."""

    requests: int
    wrong: int
    p50: float
    p99: float
    p999: float
    longest: float


def suits(scenario: Scenario) -> bool:
    """The generator speaks plain HTTP with keep-alive and sends no bodies."""
    return not (scenario.tls or scenario.fresh or scenario.upload or scenario.idle) and scenario.response < 1 << 20


def build(scratch: place.Scratch) -> Path:
    """The generator's program, compiled once a run."""
    program = scratch.path / "steady"
    if not program.is_file():
        done = subprocess.run(
            ["cc", "-O2", "-Wall", "-Werror", "-o", str(program), str(SOURCE)], capture_output=True, text=True,
            timeout=60)
        if done.returncode != 0:
            raise processes.StartFailure(f"{SOURCE.name} does not compile: {done.stderr[-400:]}")
    return program


def run(program: Path, scenario: Scenario, port: int, rate: float, seconds: float, core: int) -> Latencies:
    argv = [
        str(program), str(port), str(scenario.connections), f"{rate:.0f}", f"{seconds * 1000:.0f}",
        str(len(scenario.hosts)), scenario.path,
    ]
    return Latencies(**json.loads(processes.run(argv, timeout=seconds + 30, core=core).stdout))
