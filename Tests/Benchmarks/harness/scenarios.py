"""The table of scenarios. A new one is one row."""

from __future__ import annotations

from dataclasses import dataclass

SINGLE_HOST = "localhost"
"""The host of a scenario with one rule: what the load generator connects to, so that Host and SNI agree."""


@dataclass(frozen=True)
class Scenario:
    """One kind of traffic, the same for every proxy."""

    name: str
    title: str
    rules: int = 1
    """Rules in the configuration, one host each; requests go round all of them."""
    response: int = 128
    """Bytes of each response body: 128 (from memory), or a file of 10 KiB or 1 MiB in tmpfs."""
    upload: int = 0
    """Bytes of each request body; 0 sends GET."""
    tls: bool = False
    tcp: bool = False
    """The proxy passes on connections as they come; what is inside is the same HTTP, and none of its business."""
    fresh: bool = False
    """A new connection for each request."""
    connections: int = 64
    idle: int = 0
    """Not load but memory: this many keep-alive connections stay open after one request each."""

    @property
    def hosts(self) -> list[str]:
        if self.rules == 1:
            return [SINGLE_HOST]
        return [f"h{number}.bench.test" for number in range(1, self.rules + 1)]

    @property
    def path(self) -> str:
        return {128: "/", 10 * 1024: "/10k", 1 << 20: "/1m"}[self.response]


SCENARIOS: list[Scenario] = [
    Scenario("rules", "HTTP/1.1 keep-alive, 128 B, routed over 1,000 rules", rules=1000),
    Scenario("keepalive", "HTTP/1.1 keep-alive, 128 B, one rule"),
    Scenario("10k", "HTTP/1.1 keep-alive, 10 KiB responses", response=10 * 1024),
    Scenario("1m", "HTTP/1.1 keep-alive, 1 MiB responses", response=1 << 20, connections=16),
    Scenario("fresh", "HTTP/1.1, a new connection for each request, 128 B", fresh=True),
    Scenario("tls", "TLS keep-alive, 128 B", tls=True),
    Scenario("upload", "HTTP/1.1 keep-alive, 64 KiB uploads", upload=64 * 1024, connections=16),
    Scenario("tcp", "TCP, request and response of 128 B on open connections", tcp=True),
    Scenario("tcp-bulk", "TCP, 1 MiB responses", response=1 << 20, connections=16, tcp=True),
    Scenario("tcp-fresh", "TCP, a new connection for each request, 128 B", fresh=True, tcp=True),
    Scenario("tcp-idle", "Memory per idle tunnel", idle=4_000, tcp=True),
    Scenario("idle", "Memory per idle connection", idle=10_000),
    Scenario("idle-tls", "Memory per idle TLS connection", idle=4_000, tls=True),
]


def find(names: list[str]) -> list[Scenario]:
    """The scenarios of these names, in the table's order; no names means all."""
    known = {scenario.name for scenario in SCENARIOS}
    for name in names:
        if name not in known:
            raise SystemExit(f"found scenario '{name}', wanted some of: {', '.join(sorted(known))}")
    return [scenario for scenario in SCENARIOS if not names or scenario.name in names]
