#!/usr/bin/env python3
"""Measures one worker of kontainers-edge against nginx, HAProxy, Envoy, Caddy and Traefik, side by side in one run.

The short form (--short) measures Kontainers alone within seconds and fails when a request costs more than its budget.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from harness import counters, machine, network, place, processes, scenarios
from harness.measure import Bench, Found, Plan
from harness.report import Report
from peers import Kontainers, Peer, choose

USER_INSTRUCTIONS_BUDGET = 15_000
SYSTEM_CALLS_BUDGET = 4.2


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="Kontainers only, a few seconds, judged by the budgets")
    parser.add_argument("--scenario", action="append", default=[], help="one of the table (repeatable); default: all")
    parser.add_argument("--peers", default="", help="comma-separated, NAME or NAME+VARIANT; default: all, logs off")
    parser.add_argument("--rounds", type=int, help="interleaved rounds; the median counts (3; short: 1)")
    parser.add_argument("--seconds", type=int, help="seconds of load in each pass (2)")
    parser.add_argument("--edge", type=Path, default=place.DEFAULT_EDGE, help="the edge's program")
    parser.add_argument("--no-install", action="store_true", help="do not install missing packages")
    parser.add_argument("--machine-network", action="store_true",
                        help="measure on the machine's own loopback, firewall included, not in a namespace")
    parser.add_argument("--instructions", choices=["auto", "perf", "callgrind", "off"], default="auto",
                        help="how user instructions are counted")
    parser.add_argument("--profile", action="store_true", help="write the hottest functions of each to Results/")
    parser.add_argument("--list", action="store_true", help="list scenarios and peers")
    parser.add_argument("--budget-instructions", type=float, default=USER_INSTRUCTIONS_BUDGET)
    parser.add_argument("--budget-syscalls", type=float, default=SYSTEM_CALLS_BUDGET)
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.short else 3)
    options.seconds = options.seconds or 2
    if options.short:
        options.scenario = options.scenario or ["rules"]
        options.peers = options.peers or "kontainers"
    return options


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def install(short: bool) -> None:
    script = place.BENCHMARKS / "install.sh"
    done = subprocess.run(["bash", str(script), *(["--short"] if short else [])])
    if done.returncode != 0:
        raise SystemExit(f"{script} ended with code {done.returncode}; install by hand and say --no-install")


def present(peers: list[Peer], asked: bool) -> list[Peer]:
    """Peers that are installed; one that was asked for by name and is not ends the run."""
    found = []
    for peer in peers:
        if peer.program() is not None:
            found.append(peer)
            continue
        what = f"{peer.title} is not installed"
        if isinstance(peer, Kontainers):
            what = f"no program at {peer.edge}; build it with `swift build -c release --product kontainers-edge`"
        if asked:
            raise SystemExit(f"found {what}, or name another with --edge")
        say(f"NOT MEASURED: {what}")
    return found


def judge(found: list[Found], instructions: float, system_calls: float) -> int:
    """The verdict of the short form: 0 within the budgets, or when nothing could be counted, which is said; else 1."""
    verdict = 0
    for one in found:
        if one.failure or not one.rounds:
            print(f"FAILED: {one.peer.label}: {one.failure}")
            return 1
        median = one.median
        if median["wrong"]:
            print(f"FAILED: {median['wrong']:.0f} of {median['requests']:.0f} requests were answered wrongly")
            verdict = 1
        wants = [
            ("user_instructions", "user instructions", instructions),
            ("system_calls", "system calls", system_calls),
        ]
        for key, name, budget in wants:
            if key not in median:
                print(f"NOT MEASURED: {name} per request, for the reason given above")
                continue
            within = median[key] <= budget
            print(f"{'ok' if within else 'OVER BUDGET'}: {median[key]:,.2f} {name} per request, at most {budget:,g}")
            verdict = verdict if within else 1
    return verdict


def main() -> int:
    options = arguments()
    if options.list:
        for scenario in scenarios.SCENARIOS:
            print(f"{scenario.name:<12} {scenario.title}")
        for peer in choose([]):
            print(f"{peer.name:<12} {peer.title} (also {', '.join(f'{peer.name}+{one}' for one in peer.variants)})")
        return 0
    chosen = scenarios.find(options.scenario)
    Kontainers.edge = options.edge.resolve()
    names = [name for name in options.peers.split(",") if name]
    all_peers = choose(names)
    if not options.no_install:
        install(options.short)
    for tool in ("nginx", "wrk", "openssl"):
        if shutil.which(tool) is None:
            raise SystemExit(f"found no `{tool}`, wanted it on the PATH; run Tests/Benchmarks/install.sh")
    peers = present(all_peers, asked=bool(names))
    plan = Plan(
        rounds=options.rounds, seconds=options.seconds, rates=not options.short, profile=options.profile,
        instructions=options.instructions)
    if options.instructions == "perf" and not counters.hardware_counters():
        say("NOT MEASURED: perf counts no instructions on this machine")
    report = Report(machine.describe(), {"rounds": plan.rounds, "seconds": plan.seconds, "short": options.short})
    kept = "it was asked for" if options.machine_network else network.leave()
    if kept:
        say(f"on the machine's own loopback: {kept}")
    processes.end_on_signals()
    scratch = place.Scratch()
    results: list[Found] = []
    try:
        scratch.make_certificate()
        with processes.Fleet() as fleet:
            bench = Bench(fleet, scratch, place.Cores.choose(), plan, say)
            for scenario in chosen:
                results = bench.run(scenario, peers)
                report.add(scenario, results)
    except KeyboardInterrupt:
        say("interrupted: what was measured so far follows")
        print(report.text())
        return 130
    finally:
        scratch.remove()
    print(report.text())
    markdown, data = report.write("short" if options.short else "long")
    print(f"\nwritten: {markdown.relative_to(place.REPOSITORY)}, {data.relative_to(place.REPOSITORY)}")
    return judge(results, options.budget_instructions, options.budget_syscalls) if options.short else 0


if __name__ == "__main__":
    sys.exit(main())
