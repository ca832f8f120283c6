#!/usr/bin/env python3
"""How long until a change is live: plays control for the edge, loads 10,000 rules, then sends one-rule deltas.

Timed from the moment before a delta is written to the Link until its acknowledgement, which the edge gives when every
worker serves it, has been read. A request after each acknowledgement proves that the new rule is served.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from harness import counters, frame, link, place, probe, processes
from harness.backend import Backend

EPOCH = "bench"
BUDGET_MILLISECONDS = 10.0
ACKNOWLEDGEMENT_TIMEOUT = 30.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=Path, default=place.DEFAULT_EDGE, help="the edge's program")
    parser.add_argument("--rules", type=int, default=10_000, help="rules in the state that is changed")
    parser.add_argument("--deltas", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.01, help="seconds between deltas")
    parser.add_argument("--budget-ms", type=float, default=BUDGET_MILLISECONDS, help="the most that p99 may be")
    return parser.parse_args()


def rule(name: str, host: str, backend: int) -> dict[str, Any]:
    return {"name": name, "hosts": [host], "path": "/", "endpoints": [{"address": f"127.0.0.1:{backend}"}]}


def content(revision: int, port: int, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "format": 1, "revision": revision, "epoch": EPOCH,
        "settings": {"accessLog": {"output": "/dev/null"}},
        "listeners": [{"name": "web", "address": f"127.0.0.1:{port}", "protocol": "http"}],
        "certificates": [], "rules": rules,
    }


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def acknowledge(attached: link.Link, message: dict[str, Any], revision: int) -> float:
    """Sends one message; answers the milliseconds until every worker serves it."""
    frame = link.encode(message)
    start = time.perf_counter()
    attached.send(frame)
    told = attached.wait_for_revision(EPOCH, revision, ACKNOWLEDGEMENT_TIMEOUT)
    milliseconds = (time.perf_counter() - start) * 1000
    if told.get("diagnoses"):
        raise link.LinkFailure(f"the edge could not serve revision {revision} as asked: {told['diagnoses'][:3]}")
    return milliseconds


def measure(options: argparse.Namespace, fleet: processes.Fleet, scratch: place.Scratch) -> int:
    cores = place.Cores.choose()
    backend = Backend.start(fleet, scratch, cores.load)
    folder = scratch.folder("edge")
    port = place.free_port()
    path = folder / "link.sock"
    listener = link.LinkListener(path)
    first = folder / "first.json"
    first.write_text(json.dumps(content(1, port, [rule("r0", "h0.bench.test", backend.port)])))
    edge = fleet.start(
        "edge",
        [str(options.edge), "--link", str(path), "--snapshot", str(first), "--workers", str(options.workers)],
        None, folder)
    try:
        attached = listener.accept(20)
    except link.LinkFailure:
        edge.check()
        raise
    attached.send(link.encode(link.welcome()))
    hello = attached.wait_for("hello", 10)
    print(f"attached: process {hello['pid']}, {hello['workers']} workers, revision {hello['revision']}")

    rules = [rule(f"r{number}", f"h{number}.bench.test", backend.port) for number in range(options.rules)]
    revision = max(int(hello["revision"]), 1) + 1
    whole = acknowledge(attached, link.snapshot(content(revision, port, rules)), revision)
    print(f"snapshot of {options.rules:,} rules: live after {whole:.1f} ms")
    probe.wait_for_answer(edge, port, f"h{options.rules - 1}.bench.test", "/", 128, tls=False)

    times: list[float] = []
    spent = 0
    for number in range(options.deltas):
        # Each delta gives one of the rules another host: the old one must go, the new one must come.
        index = number * 7919 % options.rules
        new, old = f"new{number}.bench.test", rules[index]["hosts"][0]
        rules[index] = rule(f"r{index}", new, backend.port)
        before = counters.cpu_time([edge.pid])
        times.append(acknowledge(attached, link.delta(EPOCH, revision, [rules[index]], []), revision + 1))
        spent += counters.cpu_time([edge.pid]) - before
        revision += 1
        for host, wanted in ((new, 200), (old, 404)):
            status, _ = probe.answer(port, host, "/", tls=False)
            if status != wanted:
                raise link.LinkFailure(f"after revision {revision}: found {status} for {host}, wanted {wanted}")
        time.sleep(options.pause)
    edge.check()
    attached.close()
    listener.close()
    p99 = percentile(times, 0.99)
    print(f"{len(times)} deltas of one rule: p50 {statistics.median(times):.2f} ms, p99 {p99:.2f} ms,"
          f" longest {max(times):.2f} ms; CPU time of the edge {spent / len(times) / 1e6:.2f} ms each")
    within = p99 <= options.budget_ms
    print(f"{'ok' if within else 'OVER BUDGET'}: p99 {p99:.2f} ms from sent to live in every worker,"
          f" at most {options.budget_ms:g} ms")
    return 0 if within else 1


def main() -> int:
    options = arguments()
    options.edge = frame.program(options.edge)
    return frame.run(lambda fleet, scratch: measure(options, fleet, scratch), failures=(link.LinkFailure,))


if __name__ == "__main__":
    sys.exit(main())
