"""Runs scenarios: interleaved rounds over all peers, a median of each number."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from peers import Peer, Running

from . import callgrind, counters, memory, place, sampling, steady
from .backend import Backend
from .load import Load
from .processes import Fleet, StartFailure
from .scenarios import Scenario

SYSTEM_CALL_SECONDS = 1
SAMPLE_SECONDS = 1
FAILURES = (StartFailure, OSError, subprocess.SubprocessError)


@dataclass(frozen=True)
class Plan:
    """How long and how often."""

    rounds: int
    seconds: int
    warm_up: int = 1
    rates: bool = True
    """Whether a second pass on two cores measures rates and latencies."""
    profile: bool = False
    """Whether the functions that time and instructions go to are listed too."""
    instructions: str = "auto"
    """`perf`, `callgrind`, `off`, or `auto`: perf where there are hardware counters, else callgrind."""

    @property
    def by_callgrind(self) -> bool:
        if self.instructions == "auto":
            return not counters.hardware_counters() and callgrind.available()
        return self.instructions == "callgrind"


@dataclass
class Found:
    """What one peer did in one scenario."""

    peer: Peer
    rounds: list[dict[str, float]] = field(default_factory=list)
    failure: str | None = None
    profile: list[str] = field(default_factory=list)

    @property
    def median(self) -> dict[str, float]:
        names = {name for one in self.rounds for name in one}
        return {
            name: statistics.median(one[name] for one in self.rounds if name in one) for name in sorted(names)
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "median": self.median, "rounds": self.rounds, "failure": self.failure, "access_log": self.peer.log,
        }


class Bench:
    """One run: a backend, cores, a scratch folder, and the peers."""

    def __init__(
        self, fleet: Fleet, scratch: place.Scratch, cores: place.Cores, plan: Plan, say: Callable[[str], None]
    ) -> None:
        self._fleet = fleet
        self._scratch = scratch
        self._cores = cores
        self._plan = plan
        self._say = say
        self._backend = Backend.start(fleet, scratch, cores.proxy)

    def run(self, scenario: Scenario, peers: list[Peer]) -> list[Found]:
        self._say(f"{scenario.name}: {scenario.title}")
        found = [Found(peer) for peer in peers if peer.passes_connections or not scenario.tcp]
        if scenario.idle:
            for one in found:
                self._attempt(one, partial(self._idle, scenario, one))
            return found
        self._loads(scenario, found)
        if self._plan.by_callgrind:
            for one in found:
                if one.peer.under_valgrind and one.failure is None:
                    self._count(scenario, one)
        return found

    def _attempt(self, found: Found, step: Callable[[], None]) -> None:
        """A peer that fails is reported and left out; the others go on."""
        try:
            step()
        except FAILURES as failure:
            found.failure = str(failure)
            self._say(f"  {found.peer.label} FAILED: {failure}")

    def _loads(self, scenario: Scenario, found: list[Found]) -> None:
        running: dict[str, Running] = {}

        def start(one: Found) -> None:
            running[one.peer.label] = one.peer.start(
                self._fleet, self._scratch, scenario, self._backend.port, self._cores.proxy)

        for one in found:
            self._attempt(one, partial(start, one))
        for number in range(self._plan.rounds):
            # Each round starts with another peer, so that no one is always first after the pause.
            for one in found[number % len(found):] + found[:number % len(found)]:
                if one.failure is None:
                    self._attempt(one, partial(self._round, scenario, one, running[one.peer.label]))
        for proxy in running.values():
            self._fleet.stop(proxy.child)

    def _round(self, scenario: Scenario, found: Found, proxy: Running) -> None:
        core, plan = self._cores.proxy, self._plan
        folder = self._scratch.folder("work")
        load = Load(scenario, proxy.port, folder)
        proxy.child.check()
        self._backend.move(core)
        load.run(plan.warm_up, core)

        costs = counters.Costs(proxy.pids, folder)
        costs.start()
        outcome = load.run(plan.seconds, core)
        numbers = costs.stop(outcome.requests)
        numbers["rate_one_core"] = outcome.rate
        wrong, requests = outcome.wrong, outcome.requests

        calls = counters.SystemCalls(proxy.pids, folder)
        if calls.method:
            calls.start()
            outcome = load.run(SYSTEM_CALL_SECONDS, core)
            per_request = calls.stop(outcome.requests)
            if per_request is not None:
                numbers["system_calls"] = per_request

        if sampling.wanted() or plan.profile:
            numbers |= self._sample(scenario, found, proxy, load, numbers["cpu_ns"])

        if plan.rates and self._cores.two:
            self._backend.move(self._cores.load)
            outcome = load.run(plan.seconds, self._cores.load)
            numbers |= {"rate": outcome.rate, "p50_us": outcome.p50, "p99_us": outcome.p99}
            wrong, requests = wrong + outcome.wrong, requests + outcome.requests
            if steady.suits(scenario):
                found_steadily = self._steadily(scenario, proxy, outcome.rate)
                numbers |= {
                    "steady_rate": outcome.rate * steady.SHARE, "steady_p50_us": found_steadily.p50,
                    "steady_p99_us": found_steadily.p99, "steady_p999_us": found_steadily.p999,
                }
                wrong, requests = wrong + found_steadily.wrong, requests + found_steadily.requests
        proxy.child.check()
        numbers |= {"wrong": wrong, "requests": requests}
        if requests == 0:
            raise StartFailure("not one request was answered")
        found.rounds.append(numbers)
        self._say(f"  {found.peer.label:<14} {_brief(numbers)}")

    def _steadily(self, scenario: Scenario, proxy: Running, most: float) -> steady.Latencies:
        """Latencies at half of the most that this proxy can do, so that all have the same room to breathe."""
        program = steady.build(self._scratch)
        return steady.run(
            program, scenario, proxy.port, most * steady.SHARE, self._plan.seconds, self._cores.load)

    def _sample(
        self, scenario: Scenario, found: Found, proxy: Running, load: Load, cpu: float
    ) -> dict[str, float]:
        samples = sampling.Samples(proxy.pids, self._scratch.folder("work"))
        samples.start()
        try:
            load.run(SAMPLE_SECONDS, self._cores.proxy)
        finally:
            samples.stop()
        if self._plan.profile:
            found.profile.append(f"CPU time, sampled\n{samples.functions()}")
        share = samples.user_share() if sampling.wanted() else None
        return {} if share is None else {"user_ns": cpu * share, "kernel_ns": cpu * (1 - share)}

    def _count(self, scenario: Scenario, found: Found) -> None:
        """User instructions inside valgrind; a failure leaves the other numbers standing and is said."""
        try:
            proxy = found.peer.start(
                self._fleet, self._scratch, scenario, self._backend.port, self._cores.proxy, counted=True)
            self._backend.move(self._cores.load)
            folder = self._scratch.folder(f"{found.peer.label}-{scenario.name}-counted")
            load = Load(scenario, proxy.port, folder)
            count, functions = callgrind.instructions_per_request(
                proxy.child.pid, folder, load, scenario.tls, self._cores.load)
            self._fleet.stop(proxy.child)
            if self._plan.profile:
                found.profile.append(f"User instructions per request, counted inside valgrind\n{functions}")
        except FAILURES as failure:
            self._say(f"  {found.peer.label} NOT MEASURED: user instructions: {failure}")
            return
        for one in found.rounds:
            one["user_instructions"] = count
        self._say(f"  {found.peer.label:<14} {count:,.0f} user instructions a request (callgrind)")

    def _idle(self, scenario: Scenario, found: Found) -> None:
        proxy = found.peer.start(
            self._fleet, self._scratch, scenario, self._backend.port, self._cores.proxy)
        self._backend.move(self._cores.load)
        numbers = memory.per_idle_connection(scenario, proxy.port, proxy.pids, self._cores.load)
        self._fleet.stop(proxy.child)
        found.rounds.append(numbers)
        self._say(f"  {found.peer.label:<14} {numbers['idle_private_bytes']:,.0f} B a connection")


def _brief(numbers: dict[str, float]) -> str:
    parts = [f"{numbers['cpu_ns'] / 1000:8.2f} µs CPU"]
    if "cycles" in numbers:
        parts.append(f"{numbers['cycles']:9,.0f} cycles")
    if "user_instructions" in numbers:
        parts.append(f"{numbers['user_instructions']:9,.0f} user instructions")
    if "system_calls" in numbers:
        parts.append(f"{numbers['system_calls']:6.2f} system calls")
    if "rate" in numbers:
        parts.append(f"{numbers['rate']:8,.0f}/s")
    if numbers["wrong"]:
        parts.append(f"{numbers['wrong']:.0f} WRONG")
    return " ".join(parts)
