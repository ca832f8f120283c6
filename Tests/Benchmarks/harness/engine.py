"""A Docker engine of the run's own: data, socket and bridge apart from any other's, and gone at its end.

It publishes no ports and writes no packet filter rules: the host reaches its containers over the bridge.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import urllib.parse
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import processes

IMAGE = "local/app:1"
MARK = "bench.app"
"""The label of the containers of this benchmark; its value is the host that they serve."""


class EngineFailure(Exception):
    """The engine refused something; the message says what it said."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Event:
    action: str
    """`start`, `die`, `health_status: healthy`, …"""
    id: str


class Engine:
    def __init__(self, fleet: processes.Fleet) -> None:
        self._fleet = fleet
        # Not in memory: overlay file systems want a disk's.
        self.folder = Path(tempfile.mkdtemp(prefix="kontainers-engine-", dir="/var/tmp"))
        self.socket = self.folder / "docker.sock"
        self._number = 0
        self._child: processes.Child | None = None

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"

    def __enter__(self) -> "Engine":
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        if os.geteuid() != 0:
            raise processes.StartFailure("found no root's rights, wanted them: a Docker engine is started")
        if shutil.which("dockerd") is None:
            raise processes.StartFailure("found no dockerd; do: scripts/install.sh bench-deploy")
        self._number = self._make_bridge()
        argv = [
            "dockerd", "--bridge", f"kd{self._number}", "--iptables=false", "--ip-masq=false",
            "--userland-proxy=false", "--default-address-pool", f"base={_pool(self._number)},size=26",
            "--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec"),
            "--pidfile", str(self.folder / "pid"), "-H", self.endpoint, "--shutdown-timeout", "2",
        ]
        self._child = self._fleet.start("dockerd", argv, None, self.folder)
        processes.wait_until("an answer", self._child, self._answers, timeout=30)

    def _answers(self) -> bool:
        try:
            return self._call("GET", "/_ping", timeout=1) == b"OK"
        except (OSError, EngineFailure):
            return False

    def stop(self) -> None:
        if self._child is not None:
            try:
                self.remove_all()
                self._call("POST", "/networks/prune")
            except (OSError, EngineFailure):
                pass
            self._fleet.stop(self._child)
            self._child = None
        # What an engine that died left behind, known by the run's folder alone.
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if line.split()[1].startswith(str(self.folder)):
                subprocess.run(["umount", "-l", line.split()[1]], check=False, capture_output=True)
        if self._number:
            subprocess.run(["ip", "link", "delete", f"kd{self._number}"], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _make_bridge() -> int:
        """A bridge whose number nobody else on this machine has: making it is the test."""
        for step in range(60):
            number = (os.getpid() + step) % 60 + 1
            ranges = [f"198.18.{number}.0/24", _pool(number)]
            if any(_ip("-4", "route", "show", "root", one).stdout for one in ranges):
                continue
            if _ip("link", "add", "name", f"kd{number}", "type", "bridge").returncode == 0:
                _ip("address", "add", f"198.18.{number}.1/24", "dev", f"kd{number}")
                _ip("link", "set", f"kd{number}", "up")
                return number
        raise processes.StartFailure("found no free range in 198.18.0.0/15 for a bridge")

    # MARK: The API

    def _call(
        self, method: str, path: str, body: Any = None, timeout: float = 60, accepted: tuple[int, ...] = (304,)
    ) -> bytes:
        connection = _UnixConnection(self.socket, timeout)
        try:
            if isinstance(body, bytes):
                connection.request(method, path, body, {"Content-Type": "application/x-tar"})
            elif body is not None:
                connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            else:
                connection.request(method, path)
            answer = connection.getresponse()
            content = answer.read()
        except http.client.HTTPException as failure:
            raise EngineFailure(f"{method} {path}: {failure!r}") from failure
        finally:
            connection.close()
        if answer.status >= 300 and answer.status not in accepted:
            raise EngineFailure(f"{method} {path}: {answer.status} {content.decode(errors='replace')[:300]}")
        return content

    def import_program(self, program: Path) -> None:
        """An image of one static program, exposing port 80."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for folder in ("etc", "tmp", "proc", "sys", "dev", "state"):
                entry = tarfile.TarInfo(folder)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
            entry = tarfile.TarInfo("app")
            entry.mode, entry.size = 0o755, program.stat().st_size
            with program.open("rb") as file:
                tar.addfile(entry, file)
        name, _, tag = IMAGE.partition(":")
        changes = "&".join("changes=" + urllib.parse.quote(one) for one in ("EXPOSE 80", 'CMD ["/app"]'))
        self._call("POST", f"/images/create?fromSrc=-&repo={name}&tag={tag}&{changes}", packed.getvalue())

    def run(
        self, name: str, labels: dict[str, str], environment: dict[str, str], state: Path | None = None
    ) -> str:
        """Makes a container and starts it; answers its id."""
        host = {"Binds": [f"{state}:/state"]} if state else {}
        wanted = {
            "Image": IMAGE, "Labels": labels, "HostConfig": host,
            "Env": [f"{key}={value}" for key, value in {"NAME": name, **environment}.items()],
        }
        made = json.loads(self._call("POST", f"/containers/create?name={name}", wanted))
        self._call("POST", f"/containers/{made['Id']}/start")
        return str(made["Id"])

    def stop_container(self, name: str, grace: int) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns when it has ended."""
        self._call("POST", f"/containers/{name}/stop?t={grace}")

    def remove(self, name: str, force: bool = False) -> None:
        self._call("DELETE", f"/containers/{name}?v=1{'&force=1' if force else ''}", accepted=(404,))

    def remove_all(self) -> None:
        for one in json.loads(self._call("GET", "/containers/json?all=1")):
            self.remove(one["Id"], force=True)

    def process(self, name: str) -> int:
        """The host's process id of a container's program."""
        return int(json.loads(self._call("GET", f"/containers/{name}/json"))["State"]["Pid"])

    def addresses(self, without: Collection[str] = ()) -> dict[str, list[str]]:
        """Of the running containers of this benchmark, by the host they serve; those of some ids left out."""
        filters = urllib.parse.quote(json.dumps({"label": [MARK], "status": ["running"]}))
        found: dict[str, list[str]] = {}
        for one in json.loads(self._call("GET", f"/containers/json?filters={filters}")):
            if one["Id"] in without:
                continue
            for network in one["NetworkSettings"]["Networks"].values():
                if network["IPAddress"]:
                    found.setdefault(one["Labels"][MARK], []).append(network["IPAddress"])
                    break
        return {host: sorted(addresses) for host, addresses in sorted(found.items())}

    def events(self) -> Iterator[Event]:
        """Of containers, from now on, until the engine ends."""
        connection = _UnixConnection(self.socket, None)
        filters = urllib.parse.quote(json.dumps({"type": ["container"]}))
        connection.request("GET", f"/events?filters={filters}")
        answer = connection.getresponse()
        try:
            while line := answer.readline():
                told = json.loads(line)
                yield Event(told.get("Action", ""), told.get("Actor", {}).get("ID", ""))
        except (OSError, ValueError, http.client.HTTPException):
            return
        finally:
            connection.close()


def _pool(number: int) -> str:
    return f"198.19.{number * 4}.0/22"


def _ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=10)
