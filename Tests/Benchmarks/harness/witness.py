"""Requests at a constant rate while upstreams come and go (`witness.c`), and what became of them."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import place, processes

LONGEST_SECONDS = 60
"""After which a load ends by itself."""
PATIENCE_SECONDS = 12.0
"""A request that is answered later counts as a timeout."""


def compile_program(source: str, scratch: place.Scratch, *options: str) -> Path:
    """A program of this folder, compiled once a run."""
    program = scratch.path / Path(source).stem
    if not program.is_file():
        argv = ["cc", "-O2", "-Wall", "-Werror", *options, "-o", str(program), str(Path(__file__).with_name(source))]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise processes.StartFailure(f"{source} does not compile: {done.stderr[-400:]}")
    return program


@dataclass
class Outcome:
    """What one load, or several together, met."""

    sent: int = 0
    ok: int = 0
    lost: int = 0
    """Idempotent requests that got no answer of their upstream."""
    lost_posts: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    """Answers that are not the upstream's, by status."""
    resets: int = 0
    refused: int = 0
    timeouts: int = 0
    p50: float = 0
    """Microseconds, as are `p99` and `longest`: of the worst load where there are several."""
    p99: float = 0
    longest: float = 0
    gap: float = 0
    """Milliseconds: the longest time in which no request succeeded."""
    upstreams: dict[str, int] = field(default_factory=dict)
    failures: list[list[Any]] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        return self.lost + self.lost_posts

    @staticmethod
    def read(text: str) -> "Outcome":
        found = json.loads(text)
        both = {kind: sum(found[kind].values()) for kind in ("ok", "status", "reset", "refused", "timeout")}
        failed = [found[kind] for kind in ("status", "reset", "refused", "timeout")]
        return Outcome(
            sent=found["sent"], ok=both["ok"], lost=sum(one["idempotent"] for one in failed),
            lost_posts=sum(one["post"] for one in failed), statuses=found["statuses"], resets=both["reset"],
            refused=both["refused"], timeouts=both["timeout"], p50=found["p50"], p99=found["p99"],
            longest=found["longest"], gap=found["gap_ms"], upstreams=found["upstreams"], failures=found["failures"])

    def __add__(self, other: "Outcome") -> "Outcome":
        def together(one: dict[str, int], two: dict[str, int]) -> dict[str, int]:
            return {key: one.get(key, 0) + two.get(key, 0) for key in sorted({*one, *two})}

        return Outcome(
            sent=self.sent + other.sent, ok=self.ok + other.ok, lost=self.lost + other.lost,
            lost_posts=self.lost_posts + other.lost_posts, statuses=together(self.statuses, other.statuses),
            resets=self.resets + other.resets, refused=self.refused + other.refused,
            timeouts=self.timeouts + other.timeouts, p50=max(self.p50, other.p50), p99=max(self.p99, other.p99),
            longest=max(self.longest, other.longest), gap=max(self.gap, other.gap),
            upstreams=together(self.upstreams, other.upstreams), failures=sorted(self.failures + other.failures))


class Witness:
    """A load that runs until it is told to stop."""

    def __init__(
        self, program: Path, port: int, host: str, rate: float, kind: str, post_every: int,
        seconds: float = LONGEST_SECONDS,
    ) -> None:
        argv = [
            str(program), str(port), f"{rate:.1f}", f"{seconds * 1000:.0f}", host, kind, str(post_every),
            f"{PATIENCE_SECONDS * 1000:.0f}",
        ]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=processes.prepare(None))

    def stop(self) -> None:
        """Begins no more requests."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def outcome(self) -> Outcome:
        """Waits for the answers of those that are under way."""
        out, err = self._process.communicate(timeout=LONGEST_SECONDS + PATIENCE_SECONDS + 5)
        if self._process.returncode != 0:
            raise processes.StartFailure(f"witness ended with code {self._process.returncode}: {err[-400:]}")
        return Outcome.read(out)

    def abandon(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
