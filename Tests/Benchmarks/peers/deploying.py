"""The proxies in front of containers that come and go, each told of them in its own way.

Kontainers and Traefik read the engine's events and labels themselves. Caddy and nginx are told by what their users put
beside them (docker-gen, caddy-docker-proxy): a follower of the events that lists the running containers and has the
proxy load a new configuration. All may send a request that failed again, as far as the product offers that.
"""

from __future__ import annotations

import http.client
import queue
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from harness import place
from harness.backend import nginx_scratch, nginx_user
from harness.engine import MARK, Engine, EngineFailure, Event
from harness.processes import Child, Fleet

from .base import in_environment, installed

SECOND_LOOK_SECONDS = 0.2
"""After an event; the engine's list may lag behind its events by a moment."""
DIAL_SECONDS = 2
"""How long the others try to connect. Their standards are 3 to 60 s, spent on containers that are gone."""


class Proxy(ABC):
    name: str
    title: str
    how: str
    """How it hears of containers, for the report."""

    def __init__(self) -> None:
        self.port = place.free_port()

    @abstractmethod
    def program(self) -> Path | None:
        """The executable, or nothing when it is not installed."""

    @abstractmethod
    def start(self, fleet: Fleet, folder: Path, engine: Engine) -> Child:
        """Starts it; whether it answers is seen by the first containers."""

    def labels(self, host: str) -> dict[str, str]:
        """What a container carries to be served under a host."""
        return {MARK: host}


class Kontainers(Proxy):
    name = "kontainers"
    title = "Kontainers"
    how = "labels"
    programs: Path = place.REPOSITORY / ".build" / "release"
    pool: dict[str, str] = {}
    """More labels of every container."""

    def program(self) -> Path | None:
        both = [self.programs / "kontainers", self.programs / "kontainers-edge"]
        return both[0] if all(one.is_file() for one in both) else None

    def start(self, fleet: Fleet, folder: Path, engine: Engine) -> Child:
        path = folder / "kontainers.yaml"
        path.write_text(
            f"data: ./data\nworkers: 2\nlisteners:\n"
            f"  - {{ name: web, address: \"127.0.0.1:{self.port}\", protocol: http }}\n"
            f"management: {{ address: \"127.0.0.1:{place.free_port()}\" }}\n"
            f"docker: {{ endpoint: \"{engine.endpoint}\" }}\n")
        return fleet.start(self.name, [str(self.program()), "serve", "--config", str(path)], None, folder)

    def labels(self, host: str) -> dict[str, str]:
        return {**super().labels(host), "kontainers.enable": "true", "kontainers.host": host, **self.pool}


class Traefik(Proxy):
    name = "traefik"
    title = "Traefik"
    how = "labels; a retry middleware with 4 attempts"

    def program(self) -> Path | None:
        return in_environment("bin/traefik")

    def start(self, fleet: Fleet, folder: Path, engine: Engine) -> Child:
        argv = [
            str(self.program()), "--global.checkNewVersion=false", "--global.sendAnonymousUsage=false",
            "--log.level=ERROR", f"--entryPoints.web.address=127.0.0.1:{self.port}", "--providers.docker=true",
            f"--providers.docker.endpoint={engine.endpoint}", "--providers.docker.exposedByDefault=false",
            f"--serversTransport.forwardingTimeouts.dialTimeout={DIAL_SECONDS}s",
        ]
        return fleet.start(self.name, argv, None, folder, {"HOME": str(folder)})

    def labels(self, host: str) -> dict[str, str]:
        name = host.replace(".", "-")
        return {
            **super().labels(host), "traefik.enable": "true",
            f"traefik.http.routers.{name}.rule": f"Host(`{host}`)",
            f"traefik.http.routers.{name}.middlewares": f"{name}-again",
            f"traefik.http.middlewares.{name}-again.retry.attempts": "4",
            f"traefik.http.middlewares.{name}-again.retry.initialInterval": "100ms",
            f"traefik.http.services.{name}.loadbalancer.server.port": "80",
        }


class Follower(Proxy):
    """A proxy that is told of containers by a new configuration at every event of the engine."""

    keeps_last = False
    """Whether a host whose last container went keeps its addresses: for a proxy that tries them again for a while."""

    def start(self, fleet: Fleet, folder: Path, engine: Engine) -> Child:
        self._folder = folder
        child = self._launch(fleet, folder)
        threading.Thread(target=self._follow, args=(engine, child), daemon=True).start()
        return child

    def _follow(self, engine: Engine, child: Child) -> None:
        """As docker-gen does: every event is answered with a look at all containers, and a change with a new file."""
        told: queue.Queue[Event | None] = queue.Queue()
        threading.Thread(target=_listen, args=(engine, told), daemon=True).start()
        known: dict[str, list[str]] = {}
        dead: set[str] = set()
        looks_again = False
        while child.process.poll() is None:
            try:
                event = told.get(timeout=SECOND_LOOK_SECONDS if looks_again else None)
            except queue.Empty:
                looks_again = False
            else:
                if event is None:
                    return
                if event.action not in ("start", "die"):
                    continue
                (dead.add if event.action == "die" else dead.discard)(event.id)
                looks_again = True
            try:
                found = engine.addresses(without=dead)
                if self.keeps_last:
                    found = {**known, **found}
                if found != known:
                    known = found
                    self._reload(found, child)
            except (OSError, EngineFailure):
                looks_again = True

    @abstractmethod
    def _launch(self, fleet: Fleet, folder: Path) -> Child: ...

    @abstractmethod
    def _reload(self, addresses: dict[str, list[str]], child: Child) -> None: ...


class Caddy(Follower):
    name = "caddy"
    title = "Caddy"
    how = "file, loaded through its API at every event; tries for 10 s"
    keeps_last = True

    def program(self) -> Path | None:
        return in_environment("bin/caddy")

    def _launch(self, fleet: Fleet, folder: Path) -> Child:
        self._admin = place.free_port()
        path = folder / "Caddyfile"
        path.write_text(self._text({}))
        home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        argv = [str(self.program()), "run", "--config", str(path), "--adapter", "caddyfile"]
        return fleet.start(self.name, argv, None, folder, home)

    def _text(self, addresses: dict[str, list[str]]) -> str:
        sites = "".join(
            f"http://{host}:{self.port} {{\n  reverse_proxy {' '.join(f'{one}:80' for one in found)} {{\n"
            f"    lb_try_duration 10s\n    lb_try_interval 50ms\n"
            f"    transport http {{\n      dial_timeout {DIAL_SECONDS}s\n    }}\n  }}\n}}\n"
            for host, found in addresses.items())
        return (
            f"{{\n  admin 127.0.0.1:{self._admin}\n  auto_https off\n  persist_config off\n"
            f"  default_bind 127.0.0.1\n  log {{\n    level ERROR\n  }}\n}}\n"
            f"http://nobody.invalid:{self.port} {{\n  respond 404\n}}\n{sites}")

    def _reload(self, addresses: dict[str, list[str]], child: Child) -> None:
        connection = http.client.HTTPConnection(place.LOOPBACK, self._admin, timeout=10)
        try:
            connection.request("POST", "/load", self._text(addresses), {"Content-Type": "text/caddyfile"})
            connection.getresponse().read()
        finally:
            connection.close()


class Nginx(Follower):
    name = "nginx"
    title = "nginx (Debian)"
    how = "file, reloaded at every event; next upstream on errors"

    def program(self) -> Path | None:
        return installed("nginx")

    def _launch(self, fleet: Fleet, folder: Path) -> Child:
        self._write({})
        argv = [str(self.program()), "-e", f"{folder}/start.log", "-c", f"{folder}/nginx.conf"]
        return fleet.start(self.name, argv, None, folder)

    def _write(self, addresses: dict[str, list[str]]) -> None:
        parts = []
        for number, (host, found) in enumerate(addresses.items()):
            servers = " ".join(f"server {one}:80;" for one in found)
            parts.append(
                f"upstream u{number} {{ {servers} keepalive 64; }}\n"
                f"server {{ listen 127.0.0.1:{self.port}; server_name {host};"
                f" location / {{ proxy_pass http://u{number}; }} }}\n")
        text = (
            f"daemon off; worker_processes 2; worker_rlimit_nofile 20000; {nginx_user()}\n"
            f"pid {self._folder}/nginx.pid; error_log {self._folder}/error.log warn;\n"
            f"events {{ worker_connections 8000; }}\nhttp {{ access_log off; {nginx_scratch(self._folder)}\n"
            f"proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;\n"
            f"proxy_connect_timeout {DIAL_SECONDS}s;\n"
            f"server {{ listen 127.0.0.1:{self.port} default_server backlog=4096; return 503; }}\n{''.join(parts)}}}\n")
        (self._folder / "nginx.conf").write_text(text)

    def _reload(self, addresses: dict[str, list[str]], child: Child) -> None:
        self._write(addresses)
        child.process.send_signal(signal.SIGHUP)


def _listen(engine: Engine, told: queue.Queue[Event | None]) -> None:
    try:
        for event in engine.events():
            told.put(event)
    except (OSError, EngineFailure):
        pass
    told.put(None)


KINDS: dict[str, Callable[[], Proxy]] = {
    "kontainers": Kontainers, "traefik": Traefik, "caddy": Caddy, "nginx": Nginx,
}


def choose(names: list[str]) -> list[Proxy]:
    for one in names:
        if one not in KINDS:
            raise SystemExit(f"found proxy '{one}', wanted some of: {', '.join(KINDS)}")
    return [KINDS[one]() for one in names or list(KINDS)]
