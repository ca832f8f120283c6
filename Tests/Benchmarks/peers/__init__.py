"""The proxies that are measured. A new one is one module and one entry here."""

from __future__ import annotations

from pathlib import Path

from .base import Peer, Running, Setup
from .caddy import Caddy
from .envoy import Envoy
from .haproxy import HAProxy26, HAProxy28
from .kontainers import Kontainers
from .nginx import Nginx
from .traefik import Traefik

__all__ = ["Kontainers", "Peer", "Running", "Setup", "choose", "watched"]

KINDS: list[type[Peer]] = [Kontainers, Nginx, HAProxy26, HAProxy28, Envoy, Caddy, Traefik]


def choose(names: list[str]) -> list[Peer]:
    """The peers of these names, or `NAME+VARIANT`; no names means all of them, each in its ordinary form."""
    kinds = {kind.name: kind for kind in KINDS}
    chosen = []
    for wanted in names or list(kinds):
        name, plus, variant = wanted.partition("+")
        if name not in kinds or (plus and variant not in kinds[name].variants):
            known = [f"{kind.name}[+{'|+'.join(kind.variants)}]" for kind in KINDS]
            raise SystemExit(f"found peer '{wanted}', wanted some of: {', '.join(known)}")
        chosen.append(kinds[name](variant))
    return chosen


def watched(name: str, edge: Path) -> Peer:
    """The one peer that a program looks at; ends the run when it is not installed."""
    Kontainers.edge = edge.resolve()
    peer = choose([name])[0]
    if peer.program() is None:
        raise SystemExit(f"found no program of {peer.title}; build or install it, or name another with --edge")
    return peer
