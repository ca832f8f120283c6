"""Kontainers: the edge alone, one worker, as the product runs: access log and metrics on."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from harness import callgrind, place

from .base import Peer, Setup


OPTIONS: dict[str, Any] = {
    "allow": ["127.0.0.0/8", "10.0.0.0/8"], "deny": ["10.1.0.0/16"],
    "rateLimit": {"requests": 1_000_000, "per": 1_000, "burst": 1_000_000},
    "maxBody": 1 << 30, "stripPrefix": "/none",
    "requestHeaders": {"set": [{"name": "X-Tenant", "value": "bench"}], "remove": ["X-Debug"]},
    "responseHeaders": {"set": [{"name": "X-Served-For", "value": "${host}"}], "remove": ["Server"]},
    "securityHeaders": True,
}
"""What every rule does in the variant `rules`: one of each kind that passes a request on."""


def snapshot(setup: Setup, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """The edge's configuration; what is left out takes the product's default."""
    certificates = []
    if setup.scenario.tls:
        certificates = [{
            "name": "bench", "chain": setup.certificate.read_text(), "key": setup.key.read_text(),
        }]
    wire = "tcp" if setup.scenario.tcp else "https" if setup.scenario.tls else "http"
    passing = {"kind": "tcp", "listeners": ["web"]}
    return {
        "revision": 1,
        "settings": {
            "accessLog": {"output": "/dev/null" if setup.log else "off"},
            # Idle connections must stay open while their memory is read.
            "timeouts": {"keepAlive": 3_600_000, "upstreamIdle": 3_600_000},
        },
        "listeners": [{
            "name": "web", "address": f"127.0.0.1:{setup.port}",
            "protocol": wire,
        }],
        "certificates": certificates,
        "rules": [
            {
                "name": f"r{number}", **(passing if setup.scenario.tcp else {"hosts": [host], "path": "/"}),
                "endpoints": [{"address": f"127.0.0.1:{setup.backend}"}],
                **({"options": options} if options else {}),
            }
            for number, host in enumerate(setup.hosts)
        ],
    }


class Kontainers(Peer):
    name = "kontainers"
    title = "Kontainers"
    logs_always = True
    under_valgrind = True
    variants = ("quiet", "rules")
    edge: Path = place.DEFAULT_EDGE

    def program(self) -> Path | None:
        return self.edge if self.edge.is_file() else None

    def countable(self, program: Path, folder: Path) -> Path:
        return callgrind.stripped(program, folder)

    def version_arguments(self) -> list[str]:
        return ["--version"]

    def version(self) -> str:
        """The edge's commit: benchmarks compare working copies, not releases."""
        done = subprocess.run(
            ["git", "-C", str(place.REPOSITORY), "describe", "--always", "--dirty", "--tags"],
            capture_output=True, text=True, timeout=10)
        return done.stdout.strip() or "unknown"

    def configure(self, setup: Setup) -> list[str]:
        path = setup.folder / "snapshot.json"
        path.write_text(json.dumps(snapshot(setup, OPTIONS if self.variant == "rules" else None)))
        arguments = ["--snapshot", str(path), "--workers", "1"]
        if setup.counted and os.geteuid() == 0:
            # Valgrind takes its orders over pipes that only the user who started it may open.
            arguments += ["--user", "root"]
        return arguments
