#!/usr/bin/env python3
"""What do deploys cost? Containers of a real Docker engine are recreated, replaced and killed under a constant load,
behind Kontainers, Traefik, Caddy and nginx, one after the other; every answer that is not the upstream's is counted.

Half of the requests come on connections with keep-alive, half on a new one each; every twentieth is a POST. The engine
is the run's own and gone afterwards. Needs root, and what `scripts/install.sh bench-deploy` installs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from harness import frame, machine, place, probe, processes
from harness.deploys import DEPLOYS, Deploy, Stage
from harness.engine import Engine, EngineFailure
from harness.report import markdown_table, text_table
from harness.witness import Outcome, Witness, compile_program
from peers import deploying

SHORT = ["rolling-finishing", "single-late", "compose", "killed"]
LEAD_SECONDS, TAIL_SECONDS = 0.5, 1.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="Kontainers alone, some of the deploys, below a minute")
    parser.add_argument("--peers", default="", help=f"comma-separated, of {', '.join(deploying.KINDS)}; default: all")
    parser.add_argument("--deploy", action="append", default=[], help="one of the table (repeatable); default: all")
    parser.add_argument("--rate", type=float, default=1000, help="requests a second in all")
    parser.add_argument("--kinds", default="kept,fresh", help="of connections, which share the rate")
    parser.add_argument("--programs", type=Path, default=deploying.Kontainers.programs, help="Kontainers' programs")
    parser.add_argument("--keep", type=Path, help="a folder for the proxies' logs, to look into what was lost")
    parser.add_argument("--list", action="store_true", help="list deploys and proxies")
    options = parser.parse_args()
    if options.short:
        options.peers = options.peers or "kontainers"
        options.deploy = options.deploy or SHORT
    return options


@dataclasses.dataclass
class Row:
    """One deploy behind one proxy."""

    deploy: Deploy
    proxy: str
    outcomes: dict[str, Outcome] = dataclasses.field(default_factory=dict)
    """By the kind of connections."""
    steps: list[list[object]] = dataclasses.field(default_factory=list)
    in_flight: int = 0
    failure: str = ""

    @property
    def all(self) -> Outcome:
        return sum(self.outcomes.values(), Outcome())

    @property
    def is_lossless(self) -> bool:
        """Nothing lost but what no proxy can keep: POSTs in flight on what was killed."""
        found = self.all
        allowed = found.lost_posts if self.deploy.loses_in_flight and not self.in_flight else self.in_flight
        return not self.failure and found.ok > 0 and found.lost == 0 and found.lost_posts <= allowed

    def cell(self) -> str:
        if self.failure:
            return "failed"
        found = self.all
        parts = [f"{count} × {status}" for status, count in found.statuses.items()]
        parts += [f"{count} {word}" for count, word in (
            (found.resets, "reset"), (found.refused, "refused"), (found.timeouts, "timed out")) if count]
        return f"{found.wrong}" + (f" ({', '.join(parts)})" if parts else "")


def wait_for_all(port: int, host: str, names: list[str], child: processes.Child) -> None:
    """Until a proxy passes requests on to each of the containers, several times in a row."""
    last: list[str] = []

    def ready() -> bool:
        last[:] = [probe.upstream(port, host) for _ in range(4 * len(names))]
        return set(last) == set(names)

    try:
        processes.wait_until(f"answers from {names}", child, ready, timeout=15)
    except processes.StartFailure as failure:
        raise processes.StartFailure(f"{failure}\nlast answers: {last}") from None


def measure_one(
    deploy: Deploy, proxy: deploying.Proxy, child: processes.Child, engine: Engine, folder: Path, load: Path,
    options: argparse.Namespace,
) -> Row:
    host = f"{deploy.name}.test"
    state = engine.folder / "state"
    state.mkdir(exist_ok=True)
    stage = Stage(engine, proxy.labels(host), folder, state)
    row = Row(deploy, proxy.name)
    witnesses: dict[str, Witness] = {}
    try:
        wait_for_all(proxy.port, host, deploy.before(stage), child)
        kinds = options.kinds.split(",")
        for kind in kinds:
            witnesses[kind] = Witness(load, proxy.port, host, options.rate / len(kinds), kind, deploy.post_every)
        time.sleep(LEAD_SECONDS)
        deploy.act(stage)
        time.sleep(TAIL_SECONDS)
        for one in witnesses.values():
            one.stop()
        row.outcomes = {kind: one.outcome() for kind, one in witnesses.items()}
    except (processes.StartFailure, EngineFailure, OSError, subprocess.TimeoutExpired) as failure:
        row.failure = str(failure)
    finally:
        for one in witnesses.values():
            one.abandon()
        engine.remove_all()
    row.steps, row.in_flight = stage.steps, stage.in_flight
    return row


def measure(options: argparse.Namespace, fleet: processes.Fleet, scratch: place.Scratch) -> int:
    probe.descriptor_limit()
    app = compile_program("app.c", scratch, "-static")
    load = compile_program("witness.c", scratch)
    wanted = [one for one in DEPLOYS if not options.deploy or one.name in options.deploy]
    notes = [
        f"NOT MEASURED: {one.title}: found no {one.needs}" for one in wanted
        if one.needs and shutil.which(one.needs) is None
    ]
    wanted = [one for one in wanted if one.needs is None or shutil.which(one.needs) is not None]
    proxies, rows = [], []
    with Engine(fleet) as engine:
        engine.import_program(app)
        for proxy in deploying.choose([one for one in options.peers.split(",") if one]):
            if proxy.program() is None:
                notes.append(f"NOT MEASURED: {proxy.title}: not installed")
                continue
            proxies.append(proxy)
            folder = scratch.folder(proxy.name)
            child = proxy.start(fleet, folder, engine)
            for deploy in wanted:
                row = measure_one(deploy, proxy, child, engine, folder, load, options)
                rows.append(row)
                found = row.all
                said = row.failure.splitlines()[0] if row.failure else (
                    f"{found.sent} requests, lost {row.cell()}, p99 {found.p99 / 1000:.1f} ms,"
                    f" longest {found.longest / 1000:.0f} ms")
                print(f"{proxy.name}, {deploy.name}: {said}", file=sys.stderr, flush=True)
            fleet.stop(child)
            if options.keep is not None:
                options.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(child.output, options.keep / child.output.name)
    return report(options, proxies, wanted, rows, notes)


def table(proxies: list[deploying.Proxy], wanted: list[Deploy], rows: list[Row], cell: Any) -> list[list[str]]:
    by = {(row.deploy.name, row.proxy): row for row in rows}
    return [[one.title, *(cell(by[(one.name, proxy.name)]) for proxy in proxies)] for one in wanted]


def milliseconds(row: Row) -> str:
    return "—" if row.failure else f"{row.all.p99 / 1000:,.0f} / {row.all.longest / 1000:,.0f}"


def report(
    options: argparse.Namespace, proxies: list[deploying.Proxy], wanted: list[Deploy], rows: list[Row],
    notes: list[str],
) -> int:
    heading = ["deploy", *(proxy.title for proxy in proxies)]
    lost = table(proxies, wanted, rows, Row.cell)
    waits = table(proxies, wanted, rows, milliseconds)
    notes = notes + [f"FAILED: {row.proxy}, {row.deploy.name}: {row.failure}" for row in rows if row.failure]
    for row in rows:
        if row.deploy.loses_in_flight and row.all.lost_posts:
            notes.append(
                f"{row.proxy}, {row.deploy.name}: {row.all.lost_posts} of the lost are POSTs"
                + (f"; {row.in_flight} requests were in flight on it" if row.in_flight else ""))
    print(f"\nRequests without an answer of their upstream, of {options.rate:.0f} a second")
    print(text_table(heading, lost))
    print(f"\nWaits, p99 / longest, ms\n{text_table(heading, waits)}")
    print("\n" + "\n".join(notes))
    about = machine.describe()
    place.RESULTS.mkdir(exist_ok=True)
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-deploy"
    markdown = [
        "# Deploys under load", "",
        f"{about['date']}, {about['cpu']}, {about['cores']} cores, Linux {about['kernel']},"
        f" {options.rate:.0f} requests/s, connections {options.kinds}.", "",
        *(f"- {proxy.title}: {proxy.how}" for proxy in proxies), *(f"- {note}" for note in notes), "",
        "## Requests without an answer of their upstream", "", markdown_table(heading, lost), "",
        "## Waits: p99 / longest, ms", "", markdown_table(heading, waits),
    ]
    (place.RESULTS / f"{stem}.md").write_text("\n".join(markdown) + "\n")
    (place.RESULTS / f"{stem}.json").write_text(json.dumps({
        "machine": about, "rate": options.rate, "notes": notes,
        "rows": [
            {
                "deploy": row.deploy.name, "proxy": row.proxy, "failure": row.failure, "in_flight": row.in_flight,
                "steps": row.steps,
                "loads": {kind: dataclasses.asdict(one) for kind, one in row.outcomes.items()},
            }
            for row in rows
        ],
    }, indent=1) + "\n")
    print(f"written: {place.RESULTS / stem}.md and .json")
    broken = [row for row in rows if row.proxy == "kontainers" and not row.is_lossless]
    for row in broken:
        print(f"LOST: {row.deploy.title}: {row.cell()}")
    return 1 if broken else 0


def main() -> int:
    options = arguments()
    if options.list:
        print("\n".join(f"{one.name:18} {one.title}" for one in DEPLOYS))
        print("\n".join(f"{name:18} {kind().how}" for name, kind in deploying.KINDS.items()))
        return 0
    unknown = set(options.deploy) - {one.name for one in DEPLOYS}
    if unknown:
        raise SystemExit(f"found deploy {sorted(unknown)}, wanted some of: {', '.join(one.name for one in DEPLOYS)}")
    deploying.Kontainers.programs = options.programs.resolve()
    return frame.run(lambda fleet, scratch: measure(options, fleet, scratch), failures=(EngineFailure,))


if __name__ == "__main__":
    sys.exit(main())
