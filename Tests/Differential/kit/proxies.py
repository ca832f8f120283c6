"""The proxies, each started as its package installs it, with one listener a lane and no routing between."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from .lane import Lane

# Milliseconds that a proxy waits for a peer that does nothing.
PATIENCE = 2_000

NGINX = """\
daemon off;
master_process off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_header_timeout {patience}ms;
    client_body_timeout {patience}ms;
    keepalive_timeout {patience}ms;
    proxy_read_timeout {patience}ms;
    lingering_time 1s;
    lingering_timeout 1s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
{lanes}
}}
"""
NGINX_LANE = (
    "    upstream lane{n} {{ server 127.0.0.1:{upstream}; keepalive 8; }}\n"
    "    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://lane{n}; }} }}")

HAPROXY = """\
global
    nbthread 1
    maxconn 512
defaults
    mode http
    timeout connect 2s
    timeout client {patience}ms
    timeout server {patience}ms
    timeout http-request {patience}ms
    timeout http-keep-alive {patience}ms
{lanes}
"""
HAPROXY_LANE = (
    "frontend in{n}\n    bind 127.0.0.1:{port}\n    default_backend out{n}\n"
    "backend out{n}\n    server one 127.0.0.1:{upstream}")


class Missing(Exception):
    """A program that the run needs is not there."""


def find(program: str) -> str:
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if not path:
        raise Missing(f"found no {program} on PATH; do: scripts/install.sh test")
    return path


class Proxy:
    """A running proxy with its lanes."""

    def __init__(self, name: str, folder: Path, lanes: list[Lane]) -> None:
        self.name, self.folder, self.lanes = name, folder, lanes
        self.process: subprocess.Popen | None = None
        folder.mkdir(mode=0o755)

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Starts it on free ports and waits until every lane's listener accepts."""
        holders = []
        for lane in self.lanes:
            holder = socket.socket()
            holder.bind(("127.0.0.1", 0))
            lane.proxy_port = holder.getsockname()[1]
            holders.append(holder)
        command = self.command()
        for holder in holders:
            holder.close()
        with open(self.folder / "out.log", "wb") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder)
        limit = time.monotonic() + 15
        for lane in self.lanes:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", lane.proxy_port), 1).close()
                    break
                except OSError:
                    if self.process.poll() is not None or time.monotonic() > limit:
                        raise Missing(f"{self.name} does not accept connections: {self.log()}") from None
                    time.sleep(0.02)

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def log(self) -> str:
        return (self.folder / "out.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Kontainers(Proxy):
    edge = ""

    def command(self) -> list[str]:
        names = [f"lane{number}" for number in range(len(self.lanes))]
        path = self.folder / "snapshot.json"
        path.write_text(json.dumps({
            "revision": 1,
            "settings": {
                "accessLog": {"output": "off"},
                "timeouts": {
                    "head": PATIENCE, "bodyIdle": PATIENCE, "keepAlive": PATIENCE, "firstByte": PATIENCE,
                    "responseIdle": PATIENCE, "tunnelIdle": PATIENCE,
                },
            },
            "listeners": [
                {"name": name, "address": f"127.0.0.1:{lane.proxy_port}", "protocol": "http"}
                for name, lane in zip(names, self.lanes)
            ],
            "rules": [
                {
                    "name": name, "listeners": [name], "hosts": ["*"], "path": "/",
                    "endpoints": [{"address": f"127.0.0.1:{lane.upstream_port}"}],
                }
                for name, lane in zip(names, self.lanes)
            ],
        }))
        return [self.edge, "--snapshot", str(path), "--workers", "1"]


class Nginx(Proxy):
    def command(self) -> list[str]:
        lanes = "\n".join(
            NGINX_LANE.format(n=n, port=lane.proxy_port, upstream=lane.upstream_port)
            for n, lane in enumerate(self.lanes))
        path = self.folder / "nginx.conf"
        path.write_text(NGINX.format(
            user="user root;" if os.geteuid() == 0 else "", folder=self.folder, patience=PATIENCE, lanes=lanes))
        return [find("nginx"), "-e", f"{self.folder}/start.log", "-c", str(path)]


class HAProxy(Proxy):
    def command(self) -> list[str]:
        lanes = "\n".join(
            HAPROXY_LANE.format(n=n, port=lane.proxy_port, upstream=lane.upstream_port)
            for n, lane in enumerate(self.lanes))
        path = self.folder / "haproxy.cfg"
        path.write_text(HAPROXY.format(patience=PATIENCE, lanes=lanes))
        return [find("haproxy"), "-db", "-f", str(path)]


def versions() -> dict[str, str]:
    """The peers' versions, as the expectations name them."""
    nginx = subprocess.run([find("nginx"), "-v"], capture_output=True, text=True).stderr
    haproxy = subprocess.run([find("haproxy"), "-v"], capture_output=True, text=True).stdout
    return {"nginx": nginx.rpartition("/")[2].split()[0], "haproxy": haproxy.split()[2].split("-")[0]}
