#!/usr/bin/env python3
"""Sends odd requests through Kontainers, nginx and HAProxy to a recording upstream, and explains every difference;
sends the vectors of the RFCs through Kontainers and compares both sides byte for byte. README.md says more.

    python3 Tests/Differential/differential.py [--edge FILE] [--only NAME…] [--show] [--print-differences]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from kit import observe, proxies
from kit.cases import Case, Malformed, escape, read_folder
from kit.expectations import Differences, Expectations
from kit.lane import Lane, Seen

HERE = Path(__file__).resolve().parent
EDGE = HERE.parent.parent / ".build/release/kontainers-edge"
CORPUS_LEAST = 120
LANES = 8
KINDS = {"kontainers": proxies.Kontainers, "nginx": proxies.Nginx, "haproxy": proxies.HAProxy}


async def run_all(cases: list[Case], lanes: list[Lane], is_alive) -> dict[str, tuple[Seen, Lane]]:
    """Every case once, each lane taking the next that nobody has taken."""
    waiting = list(reversed(cases))
    seen: dict[str, tuple[Seen, Lane]] = {}

    async def work(lane: Lane) -> None:
        while waiting and is_alive():
            case = waiting.pop()
            seen[case.name] = (await lane.run(case), lane)

    await asyncio.gather(*(work(lane) for lane in lanes))
    return seen


def judge_vectors(vectors: list[Case], seen: dict[str, tuple[Seen, Lane]]) -> list[str]:
    found = []
    for case in vectors:
        one, lane = seen[case.name]
        where = f"{case.place} {case.name} ({case.section})"
        missed = observe.judge_vector(case, one, lane)
        if case.known:
            missed = [] if missed else [f"holds now; remove `known {case.known}`"]
        found += [f"{where}: {fault}" for fault in missed + observe.faults(case, one)]
    return found


def judge_corpus(corpus: list[Case], seen: dict[str, dict[str, tuple[Seen, Lane]]]) -> tuple[Differences, list[str]]:
    found: list[str] = []
    differing: Differences = {}
    for case in corpus:
        ours = seen["kontainers"][case.name][0]
        found += [f"{case.place} {case.name}: {fault}" for fault in observe.faults(case, ours)]
        mine = observe.view(case, ours)
        for peer in ("nginx", "haproxy"):
            theirs = observe.view(case, seen[peer][case.name][0])
            for aspect, one, two in observe.differences(mine, theirs, case):
                differing[(case.name, peer, aspect)] = (one, two)
    return differing, found


def show(case: Case, name: str, seen: Seen) -> None:
    print(f"{case.name} {name}: {seen.end}")
    print(f"    sent      {escape(case.sent)}")
    for message in seen.requests:
        print(f"    forwarded {escape(message.raw)}")
    for data in seen.partial:
        print(f"    partial   {escape(data)}")
    for reason, data in seen.unreadable:
        print(f"    unreadable ({reason}) {escape(data)}")
    print(f"    client    {escape(seen.client)}")


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--edge", default=os.environ.get("KONTAINERS_EDGE", str(EDGE)), help="the program under test")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="these cases alone")
    parser.add_argument("--show", action="store_true", help="show what each proxy did")
    parser.add_argument("--print-differences", action="store_true", help="print the differences and judge nothing")
    options = parser.parse_args()
    began = time.monotonic()

    corpus, vectors = read_folder(HERE / "Corpus"), read_folder(HERE / "Vectors")
    expectations = Expectations.read(HERE / "expectations.txt")
    faults = []
    if len(corpus) < CORPUS_LEAST:
        faults.append(f"the corpus has {len(corpus)} cases, wanted at least {CORPUS_LEAST}")
    faults += [f"{case.place}: a vector names its section first" for case in vectors if not case.section]
    if options.only:
        corpus = [case for case in corpus if case.name in options.only]
        vectors = [case for case in vectors if case.name in options.only]
    if not os.access(options.edge, os.X_OK):
        raise proxies.Missing(f"found no program at {options.edge}; do: make build")
    proxies.Kontainers.edge = str(Path(options.edge).resolve())

    with tempfile.TemporaryDirectory(prefix="kontainers-differential-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        running = {kind: make(kind, folder / kind, [Lane() for _ in range(LANES)]) for kind, make in KINDS.items()}
        try:
            for proxy in running.values():
                for lane in proxy.lanes:
                    await lane.open()
                proxy.start()
            results = await asyncio.gather(*(
                run_all(
                    corpus + vectors if kind == "kontainers" else corpus, proxy.lanes,
                    lambda proxy=proxy: proxy.is_alive)
                for kind, proxy in running.items()))
            seen = dict(zip(running, results))
            faults += [
                f"{kind} ended during the run: {proxy.log()}" for kind, proxy in running.items() if not proxy.is_alive]
        finally:
            for proxy in running.values():
                proxy.stop()
                for lane in proxy.lanes:
                    lane.close()
    if any("ended during" in fault for fault in faults):
        return report(faults)

    if options.show:
        for case in corpus + vectors:
            for kind, found in seen.items():
                if case.name in found:
                    show(case, kind, found[case.name][0])
    differing, found = judge_corpus(corpus, seen)
    faults += found + judge_vectors(vectors, seen["kontainers"])
    if options.print_differences:
        for key, pair in sorted(differing.items()):
            print(" | ".join([*key, *pair]))
    elif not options.only:
        unexplained = expectations.judge(differing)
        installed = proxies.versions()
        if unexplained and installed != expectations.versions:
            faults.append(f"the explanations are written for {expectations.versions}; this machine has {installed}")
        faults += unexplained
    print(
        f"{len(corpus)} odd requests, {len(differing)} differences from nginx and HAProxy; {len(vectors)} vectors; "
        f"{len(faults)} faults; {time.monotonic() - began:.1f} s")
    return report(faults)


def report(faults: list[str]) -> int:
    for fault in faults:
        print(f"FAULT {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    # What the run started must end with it, also when its limit passes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(asyncio.run(main()))
    except (Malformed, proxies.Missing) as problem:
        print(f"FAULT {problem}")
        sys.exit(1)
