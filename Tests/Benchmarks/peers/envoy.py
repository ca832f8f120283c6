"""Envoy: one worker thread, a virtual host for each rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .base import Peer, Setup, in_environment

TYPES = "type.googleapis.com/envoy.extensions"


class Envoy(Peer):
    name = "envoy"
    title = "Envoy"

    def program(self) -> Path | None:
        return in_environment("lib/python*/site-packages/envoy/_bin/envoy")

    def version_arguments(self) -> list[str]:
        return ["--version"]

    def version(self) -> str:
        return super().version().partition("version:")[2].strip()

    def configure(self, setup: Setup) -> list[str]:
        path = setup.folder / "envoy.json"
        path.write_text(json.dumps(self._bootstrap(setup)))
        return ["-c", str(path), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]

    def _bootstrap(self, setup: Setup) -> dict[str, Any]:
        return {
            "static_resources": {
                "listeners": [{
                    "name": "web", "address": _address(setup.port), "filter_chains": [self._chain(setup)],
                }],
                "clusters": [{
                    "name": "rules", "type": "STATIC", "connect_timeout": "5s",
                    "load_assignment": {
                        "cluster_name": "rules",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(setup.backend)}}]}],
                    },
                }],
            },
        }

    def _chain(self, setup: Setup) -> dict[str, Any]:
        if setup.scenario.tcp:
            return {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": {
                "@type": f"{TYPES}.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "tunnels",
                "cluster": "rules", "idle_timeout": "3600s",
            }}]}
        connection: dict[str, Any] = {
            "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "web", "codec_type": "HTTP1", "use_remote_address": True,
            "common_http_protocol_options": {"idle_timeout": "3600s"},
            "route_config": {"name": "rules", "virtual_hosts": [
                {
                    "name": host, "domains": [host, f"{host}:*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "rules"}}],
                }
                for host in setup.hosts
            ]},
            "http_filters": [{
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"},
            }],
        }
        if setup.log:
            connection["access_log"] = [{
                "name": "file",
                "typed_config": {"@type": f"{TYPES}.access_loggers.file.v3.FileAccessLog", "path": "/dev/null"},
            }]
        chain: dict[str, Any] = {
            "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": connection}],
        }
        if setup.scenario.tls:
            pair = {"certificate_chain": {"filename": str(setup.certificate)},
                    "private_key": {"filename": str(setup.key)}}
            chain["transport_socket"] = {
                "name": "envoy.transport_sockets.tls",
                "typed_config": {
                    "@type": f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
                    "common_tls_context": {"tls_certificates": [pair]},
                },
            }
        return chain


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
