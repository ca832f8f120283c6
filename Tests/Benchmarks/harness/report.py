"""The tables: on standard output, and as Markdown and JSON in Results/."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from . import place
from .measure import Found
from .scenarios import Scenario

OURS = "kontainers"


@dataclass(frozen=True)
class Column:
    title: str
    key: str
    scale: float = 1
    decimals: int = 0


LOAD_COLUMNS = [
    Column("cycles", "cycles"),
    Column("CPU µs", "cpu_ns", 1e-3, 2),
    Column("user µs", "user_ns", 1e-3, 2),
    Column("kernel µs", "kernel_ns", 1e-3, 2),
    Column("user instr.", "user_instructions"),
    Column("kernel instr.", "kernel_instructions"),
    Column("user cycles", "user_cycles"),
    Column("kernel cycles", "kernel_cycles"),
    Column("syscalls", "system_calls", 1, 2),
    Column("req/s", "rate"),
    Column("p50 µs", "p50_us"),
    Column("p99 µs", "p99_us"),
    Column("½ rate", "steady_rate"),
    Column("p50 µs ½", "steady_p50_us"),
    Column("p99 µs ½", "steady_p99_us"),
    Column("p99.9 µs ½", "steady_p999_us"),
    Column("req/s 1 core", "rate_one_core"),
    Column("wrong", "wrong"),
]
IDLE_COLUMNS = [
    Column("connections", "idle_connections"),
    Column("private B/conn", "idle_private_bytes"),
    Column("resident B/conn", "idle_resident_bytes"),
    Column("private KiB before", "private_before", 1 / 1024),
    Column("private KiB after", "private_after", 1 / 1024),
]


def cost_key(found: list[Found]) -> str:
    """What is compared: total cycles where all that ran have them, else CPU time; or memory."""
    medians = [one.median for one in found if one.rounds]
    if medians and all("idle_private_bytes" in median for median in medians):
        return "idle_private_bytes"
    return "cycles" if medians and all("cycles" in median for median in medians) else "cpu_ns"


def best_peer(found: list[Found], key: str) -> float | None:
    """The lowest cost of another product in its ordinary form, its access log off."""
    costs = [
        one.median[key] for one in found
        if one.rounds and one.failure is None and one.peer.name != OURS and not one.peer.variant
    ]
    return min(costs, default=None)


def rows(scenario: Scenario, found: list[Found]) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of one scenario's table; columns that nobody has are left out."""
    columns = [
        column for column in (IDLE_COLUMNS if scenario.idle else LOAD_COLUMNS)
        if any(column.key in one.median for one in found)
    ]
    key = cost_key(found)
    best = best_peer(found, key)
    table: list[list[str]] = []
    for one in found:
        if not one.rounds:
            table.append([one.peer.label, "failed"] + ["" for _ in columns])
            continue
        median = one.median
        ratio = f"{median[key] / best:.2f}" if best and best > 0 else "—"
        name = one.peer.label + (" (failed later)" if one.failure else "")
        table.append([name, ratio] + [_cell(median, column) for column in columns])
    return ["proxy", "÷ best peer", *(column.title for column in columns)], table


def _cell(median: dict[str, float], column: Column) -> str:
    if column.key not in median:
        return "—"
    return f"{median[column.key] * column.scale:,.{column.decimals}f}"


def text_table(heading: list[str], table: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [heading, *table]) for column in range(len(heading))]

    def line(row: list[str]) -> str:
        first = row[0].ljust(widths[0])
        return "  ".join([first, *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])

    return "\n".join([line(heading), line(["-" * width for width in widths]), *map(line, table)])


def markdown_table(heading: list[str], table: list[list[str]]) -> str:
    lines = ["| " + " | ".join(heading) + " |", "| --- |" + " ---: |" * (len(heading) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in table])


class Report:
    """Collects scenarios and writes them."""

    def __init__(self, machine: dict[str, Any], settings: dict[str, Any]) -> None:
        self._machine = machine
        self._settings = settings
        self._versions: dict[str, str] = {}
        self._scenarios: list[tuple[Scenario, list[Found]]] = []

    def add(self, scenario: Scenario, found: list[Found]) -> None:
        self._scenarios.append((scenario, found))
        for one in found:
            if one.peer.name not in self._versions:
                self._versions[one.peer.name] = one.peer.version()

    def notes(self) -> list[str]:
        notes = [
            "Everything is per request. ÷ best peer compares total cycles"
            " (CPU time where there are no hardware counters) with the cheapest other product, access log off.",
            "Costs: proxy, load and backend on one core. req/s, p50 and p99: load and backend on a second core.",
            "½: a constant rate, half of the proxy's own req/s; latencies count from when a request was due.",
        ]
        if not self._machine["hardware_counters"]:
            by = "by callgrind for programs that valgrind runs" if self._machine["callgrind"] else "not at all"
            notes.append(
                "NOT MEASURED: cycles and kernel instructions: this machine has no hardware counters."
                f" User instructions are counted {by}.")
        if self._machine["system_calls_by"] is None:
            notes.append("NOT MEASURED: system calls: neither perf's tracepoints nor strace are there.")
        if any(one.peer.logs_always for _, found in self._scenarios for one in found):
            notes.append("Kontainers logs each request (to /dev/null) and keeps metrics; peers log only as NAME+log.")
        notes += [
            f"FAILED: {one.peer.label} in {scenario.name}: {one.failure.splitlines()[0]}"
            for scenario, found in self._scenarios for one in found if one.failure
        ]
        return notes

    def text(self) -> str:
        parts = [
            f"\n{scenario.title}\n{text_table(*rows(scenario, found))}" for scenario, found in self._scenarios
        ]
        return "\n".join(parts + ["", *self.notes()])

    def markdown(self) -> str:
        machine = self._machine
        parts = [
            "# Benchmark", "",
            f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']},"
            f" {self._settings['rounds']} rounds of {self._settings['seconds']} s.", "",
            *(f"- {name}: {version}" for name, version in self._versions.items()), "",
            *(f"- {note}" for note in self.notes()),
        ]
        for scenario, found in self._scenarios:
            parts += ["", f"## {scenario.title}", "", markdown_table(*rows(scenario, found))]
        return "\n".join(parts) + "\n"

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": self._machine, "settings": self._settings, "versions": self._versions, "notes": self.notes(),
            "scenarios": {
                scenario.name: {
                    "title": scenario.title, "compared_by": cost_key(found),
                    "peers": {one.peer.label: one.as_json() for one in found},
                }
                for scenario, found in self._scenarios
            },
        }

    def write(self, kind: str) -> tuple[Path, Path]:
        """Both files, named by the time of their writing."""
        place.RESULTS.mkdir(exist_ok=True)
        stem = place.RESULTS / f"{datetime.now():%Y%m%d-%H%M%S}-{kind}"
        markdown, data = Path(f"{stem}.md"), Path(f"{stem}.json")
        markdown.write_text(self.markdown())
        data.write_text(json.dumps(self.as_json(), indent=1) + "\n")
        for scenario, found in self._scenarios:
            for one in found:
                if one.profile:
                    Path(f"{stem}-{scenario.name}-{one.peer.label}.profile.txt").write_text("\n\n".join(one.profile))
        return markdown, data
