"""Load from wrk, with one line of JSON as its report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .scenarios import Scenario

REPORT = """
function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format(
        '\\nREPORT {"requests": %d, "microseconds": %d, "bytes": %d, "p50": %g, "p99": %g, ' ..
            '"failed": %d, "refused": %d}\\n',
        summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
        e.connect + e.read + e.write + e.timeout, e.status))
end
"""

HOSTS = """
local requests, at = {}, 0
function init(args)
    for number = 1, %d do
        local headers = {["Host"] = "h" .. number .. ".bench.test", ["Connection"] = wrk.headers["Connection"]}
        requests[number] = wrk.format(nil, nil, headers)
    end
end
function request()
    at = at %% %d + 1
    return requests[at]
end
"""


@dataclass(frozen=True)
class Outcome:
    """What one run of load saw. Latencies are microseconds."""

    requests: int
    microseconds: int
    bytes: int
    p50: float
    p99: float
    failed: int
    """Socket errors: connect, read, write, time-out."""
    refused: int
    """Answers with a status of 400 or more."""

    @property
    def rate(self) -> float:
        return self.requests * 1e6 / max(self.microseconds, 1)

    @property
    def wrong(self) -> int:
        return self.failed + self.refused


def script(scenario: Scenario) -> str:
    """The wrk script of a scenario. Without a `request` function wrk repeats one fixed request."""
    lines: list[str] = []
    if scenario.upload:
        lines.append(f'wrk.method = "POST"\nwrk.body = string.rep("u", {scenario.upload})')
    if scenario.fresh:
        lines.append('wrk.headers["Connection"] = "close"')
    if scenario.rules > 1:
        lines.append(HOSTS % (scenario.rules, scenario.rules))
    return "\n".join(lines) + REPORT


def parse(output: str) -> Outcome:
    for line in output.splitlines():
        if line.startswith("REPORT "):
            return Outcome(**json.loads(line.removeprefix("REPORT ")))
    raise processes.StartFailure(f"wrk did not report: {output[-400:]}")


class Load:
    """wrk for one scenario against one port."""

    def __init__(self, scenario: Scenario, port: int, folder: Path) -> None:
        self._script = folder / f"{scenario.name}.lua"
        self._script.write_text(script(scenario))
        self._connections = scenario.connections
        scheme = "https" if scenario.tls else "http"
        self._url = f"{scheme}://localhost:{port}{scenario.path}"

    def run(self, seconds: int, core: int | None, connections: int | None = None, threads: int = 1) -> Outcome:
        argv = [
            "wrk", f"-t{threads}", f"-c{connections or self._connections}", f"-d{seconds}s", "--timeout", "10s",
            "-s", str(self._script), self._url,
        ]
        return parse(processes.run(argv, timeout=seconds + 30, core=core).stdout)
