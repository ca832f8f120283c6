#!/usr/bin/env python3
"""What a second worker is worth: CPU time per request of one worker on one core, and of two on two cores.

Load and backends run on both cores in either case. Workers that shared a lock or a cache line on the path of a request
would cost more per request together than one alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

from harness import counters, frame, network, place, probe, processes, scenarios
from harness.backend import Backend
from harness.load import Load
from peers.base import Setup
from peers.kontainers import snapshot

WANTED = 1.8


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=Path, default=place.DEFAULT_EDGE, help="the edge's program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--wanted", type=float, default=WANTED, help="the least that two workers are worth")
    return parser.parse_args()


def pin_workers(pid: int, cores: list[int]) -> None:
    """Worker n onto core n; the other threads where they like."""
    for task in os.listdir(f"/proc/{pid}/task"):
        name = Path(f"/proc/{pid}/task/{task}/comm").read_text().strip()
        if name.startswith("worker-"):
            os.sched_setaffinity(int(task), {cores[int(name.removeprefix("worker-"))]})


class Edge:
    """An edge with as many workers as cores, a worker on each."""

    def __init__(
        self, program: Path, fleet: processes.Fleet, scratch: place.Scratch, backends: list[int], cores: list[int]
    ) -> None:
        self.scenario = scenarios.find(["rules"])[0]
        folder = scratch.folder(f"edge-{len(cores)}")
        setup = Setup(
            scenario=self.scenario, port=place.free_port(), backend=backends[0], folder=folder,
            certificate=scratch.certificate, key=scratch.key, log=True, descriptors=probe.descriptor_limit())
        content = snapshot(setup)
        for rule in content["rules"]:
            rule["endpoints"] = [{"address": f"127.0.0.1:{port}"} for port in backends]
        path = folder / "snapshot.json"
        path.write_text(json.dumps(content))
        self.child = fleet.start(
            f"edge-{len(cores)}", [str(program), "--snapshot", str(path), "--workers", str(len(cores))], None, folder)
        self.workers = len(cores)
        self.load = Load(self.scenario, setup.port, scratch.folder("work"))
        probe.wait_for_answer(self.child, setup.port, self.scenario.hosts[-1], "/", 128, tls=False)
        pin_workers(self.child.pid, cores)

    def cost(self, seconds: int) -> tuple[float, float]:
        """CPU nanoseconds per request, and requests per second."""
        before = counters.cpu_time([self.child.pid])
        outcome = self.load.run(seconds, core=None, threads=2)
        spent = counters.cpu_time([self.child.pid]) - before
        self.child.check()
        if outcome.wrong or not outcome.requests:
            raise processes.StartFailure(f"{outcome.wrong} of {outcome.requests} requests were answered wrongly")
        return spent / outcome.requests, outcome.rate


def measure(options: argparse.Namespace, fleet: processes.Fleet, scratch: place.Scratch) -> int:
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        print("NOT MEASURED: two workers want two cores")
        return 0
    backends = [Backend.start(fleet, scratch, None, name).port for name in ("backend", "backend-2")]
    edges = [Edge(options.edge, fleet, scratch, backends, cores[:count]) for count in (1, 2)]
    worth: list[float] = []
    for number in range(options.rounds + 1):
        found = {edge.workers: edge.cost(options.seconds) for edge in edges[::1 if number % 2 == 0 else -1]}
        if number == 0:
            continue  # The first round opens the pools.
        worth.append(2 * found[1][0] / found[2][0])
        print(f"one worker {found[1][0] / 1000:6.2f} µs a request ({found[1][1]:,.0f}/s),"
              f" two {found[2][0] / 1000:6.2f} µs ({found[2][1]:,.0f}/s): worth {worth[-1]:.2f}", flush=True)
    median = statistics.median(worth)
    within = median >= options.wanted
    print(f"{'ok' if within else 'SHORT'}: in the same CPU time each, two workers do {median:.2f} times the work of one,"
          f" at least {options.wanted:g}")
    return 0 if within else 1


def main() -> int:
    options = arguments()
    options.edge = frame.program(options.edge)
    if kept := network.leave():
        print(f"on the machine's own loopback: {kept}", file=sys.stderr)
    return frame.run(lambda fleet, scratch: measure(options, fleet, scratch))


if __name__ == "__main__":
    sys.exit(main())
