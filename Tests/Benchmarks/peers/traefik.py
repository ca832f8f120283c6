"""Traefik: GOMAXPROCS=1, a router for each rule from its file provider."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .base import Peer, Setup, in_environment


class Traefik(Peer):
    name = "traefik"
    title = "Traefik"

    def program(self) -> Path | None:
        return in_environment("bin/traefik")

    def version_arguments(self) -> list[str]:
        return ["version"]

    def version(self) -> str:
        return super().version().removeprefix("Version:").strip()

    def environment(self, setup: Setup) -> dict[str, str]:
        return {"GOMAXPROCS": "1", "HOME": str(setup.folder)}

    def configure(self, setup: Setup) -> list[str]:
        rules = setup.folder / "rules.yaml"  # JSON is YAML
        rules.write_text(json.dumps(self._rules(setup)))
        timeouts = {"readTimeout": "1h", "idleTimeout": "1h"}
        base: dict[str, Any] = {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "ERROR"},
            "entryPoints": {
                "web": {"address": f"127.0.0.1:{setup.port}", "transport": {"respondingTimeouts": timeouts}},
            },
            "providers": {"file": {"filename": str(rules), "watch": False}},
            "serversTransport": {"maxIdleConnsPerHost": 256},
        }
        if setup.log:
            base["accessLog"] = {"filePath": "/dev/null"}
        path = setup.folder / "traefik.yaml"
        path.write_text(json.dumps(base))
        return [f"--configFile={path}"]

    def _rules(self, setup: Setup) -> dict[str, Any]:
        if setup.scenario.tcp:
            return {"tcp": {
                "routers": {"one": {"entryPoints": ["web"], "rule": "HostSNI(`*`)", "service": "rules"}},
                "services": {"rules": {"loadBalancer": {"servers": [{"address": f"127.0.0.1:{setup.backend}"}]}}},
            }}
        routers: dict[str, Any] = {}
        for number, host in enumerate(setup.hosts):
            router: dict[str, Any] = {"entryPoints": ["web"], "rule": f"Host(`{host}`)", "service": "rules"}
            if setup.scenario.tls:
                router["tls"] = {}
            routers[f"r{number}"] = router
        found: dict[str, Any] = {
            "http": {
                "routers": routers,
                "services": {"rules": {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{setup.backend}"}]}}},
            },
        }
        if setup.scenario.tls:
            found["tls"] = {"certificates": [{"certFile": str(setup.certificate), "keyFile": str(setup.key)}]}
        return found
