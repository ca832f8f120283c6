"""The deploys that are done under load: what runs before, what is done, and what it may cost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import processes
from .engine import IMAGE, Engine

Labels = dict[str, str]

FINISHES: dict[str, str] = {}
"""Closes its listener on SIGTERM at once, and finishes what is in flight."""
LATE = {"LISTEN_AFTER_MS": "300"}
"""Takes 300 ms until it listens."""
STUBBORN = {"ON_TERM": "ignore"}
"""Ignores SIGTERM and is killed when its grace is over."""

GRACE_SECONDS = 1


@dataclass
class Stage:
    """Where a deploy takes place."""

    engine: Engine
    labels: Labels
    folder: Path
    state: Path
    steps: list[list[object]] = field(default_factory=list)
    """[milliseconds of the monotonic clock, what was done], to be laid beside the failures."""
    in_flight: int = 0
    """Requests that the killed container had read and not answered."""

    def note(self, step: str) -> None:
        self.steps.append([round(time.monotonic() * 1000, 1), step])

    def run(self, name: str, behaviour: dict[str, str]) -> None:
        self.note(f"run {name}")
        self.engine.run(name, self.labels, behaviour, self.state)
        self.note(f"{name} runs")

    def stop(self, name: str) -> None:
        self.note(f"stop {name}")
        self.engine.stop_container(name, GRACE_SECONDS)
        self.note(f"{name} stopped")

    def recreate(self, name: str, behaviour: dict[str, str], forced: bool = False) -> None:
        if not forced:
            self.stop(name)
        self.engine.remove(name, force=forced)
        self.note(f"{name} removed")
        self.run(name, behaviour)


@dataclass(frozen=True)
class Deploy:
    name: str
    title: str
    before: Callable[[Stage], list[str]]
    """Starts what serves at first; answers the names to expect answers from."""
    act: Callable[[Stage], None]
    post_every: int = 20
    loses_in_flight: bool = False
    """Whether requests in flight on a killed container cannot be kept, unless they may be sent again."""
    needs: str | None = None
    """A program without which this is not measured."""


def _three(behaviour: dict[str, str]) -> Callable[[Stage], list[str]]:
    def before(stage: Stage) -> list[str]:
        names = ["app1", "app2", "app3"]
        for name in names:
            stage.run(name, behaviour)
        return names

    return before


def _one(behaviour: dict[str, str]) -> Callable[[Stage], list[str]]:
    def before(stage: Stage) -> list[str]:
        stage.run("app", behaviour)
        return ["app"]

    return before


def _rolling(behaviour: dict[str, str]) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        for name in ["app1", "app2", "app3"]:
            stage.recreate(name, behaviour)
            # As an orchestrator without health checks: it runs, so the next one may go, a breath later.
            time.sleep(0.5)

    return act


def _again(behaviour: dict[str, str], times: int, forced: bool = False) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        for _ in range(times):
            stage.recreate("app", behaviour, forced)
            time.sleep(0.5)

    return act


def _blue_green(stage: Stage) -> None:
    stage.run("green", LATE)
    time.sleep(1)
    stage.stop("app")
    stage.engine.remove("app")


def _kill(stage: Stage) -> None:
    pid = stage.engine.process("app2")
    stage.note("kill -9 app2")
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    stage.in_flight = int.from_bytes((stage.state / "app2").read_bytes()[:8], "little")


COMPOSE_FILE = """\
version: "3"
services:
  app:
    image: {image}
    stop_grace_period: {grace}s
    environment: {{ NAME: app, LISTEN_AFTER_MS: "300" }}
    labels:
{labels}
"""


def _compose(stage: Stage, *more: str) -> None:
    path = stage.folder / "compose.yaml"
    labels = "".join(f"      - '{key}={value.replace('$', '$$')}'\n" for key, value in stage.labels.items())
    path.write_text(COMPOSE_FILE.format(image=IMAGE, grace=GRACE_SECONDS, labels=labels))
    stage.note(f"compose up {' '.join(more)}")
    argv = ["docker-compose", "-H", stage.engine.endpoint, "-p", "bench", "-f", str(path), "up", "-d", *more]
    processes.run(argv, timeout=60)
    stage.note("compose done")


def _compose_first(stage: Stage) -> list[str]:
    _compose(stage)
    return ["app"]


def _compose_again(times: int) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        for _ in range(times):
            _compose(stage, "--force-recreate")
            time.sleep(0.5)

    return act


def _plan(name: str, title: str, behaviour: dict[str, str], times: int) -> list[Deploy]:
    return [
        Deploy(f"rolling-{name}", f"three, recreated one by one; {title}", _three(behaviour), _rolling(behaviour)),
        Deploy(f"single-{name}", f"one, recreated {times} times; {title}", _one(behaviour), _again(behaviour, times)),
    ]


DEPLOYS: list[Deploy] = [
    *_plan("finishing", "finishes on SIGTERM", FINISHES, 20),
    *_plan("late", "listens after 300 ms", LATE, 20),
    *_plan("stubborn", "ignores SIGTERM, killed after 1 s", STUBBORN, 20),
    Deploy("single-forced", "one, recreated 20 times by rm -f", _one(FINISHES), _again(FINISHES, 20, forced=True),
           loses_in_flight=True),
    Deploy("compose", "one, compose up --force-recreate, 3 times", _compose_first, _compose_again(3),
           needs="docker-compose"),
    Deploy("blue-green", "another one up, then the old one stopped", _one(FINISHES), _blue_green),
    Deploy("killed", "one of three killed with kill -9", _three(FINISHES), _kill, post_every=2,
           loses_in_flight=True),
]
