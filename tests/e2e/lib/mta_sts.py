# SPDX-License-Identifier: Apache-2.0
"""MTA-STS (RFC 8461): web servers with policies, and postfix-mta-sts-resolver, which Postfix asks.

    policies = {"enforced.test": Policy("enforce", "mx.right.test")}
    World.run(main, records=records(policies))
    ...
    serve(world, policies)
    resolver = Resolver(world)
"""

from __future__ import annotations

import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

from . import addresses
from .process import is_listening
from .wait import PATIENCE, until

if TYPE_CHECKING:
    from .world import World

PORT = 8461
TABLE = f"socketmap:inet:127.0.0.1:{PORT}:postfix"


class Policy(NamedTuple):
    """mx: what the policy names; mode None: it is announced, but the web server has none."""
    mode: str | None
    mx: str


def records(policies: dict[str, Policy]) -> list[str]:
    """What DNS says of the policies."""
    return [line for domain in policies for line in (
        f'_mta-sts.{domain} TXT "v=STSv1; id=20260101"',
        f"mta-sts.{domain} A {addresses.SECOND_GATEWAY}")]


def serve(world: "World", policies: dict[str, Policy]) -> None:
    """Serve https://mta-sts.DOMAIN/.well-known/mta-sts.txt of each until the world ends."""
    certificate = world.certificates.issue(
        "mta-sts", "/CN=mta-sts", ",".join(f"DNS:mta-sts.{domain}" for domain in policies))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            policy = policies.get((self.headers["Host"] or "").removeprefix("mta-sts."))
            if policy is None or policy.mode is None or self.path != "/.well-known/mta-sts.txt":
                self.send_error(404)
                return
            body = (f"version: STSv1\nmode: {policy.mode}\nmx: {policy.mx}\nmax_age: 86400\n"
                    .encode())
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((addresses.SECOND_GATEWAY, 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate.pair)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


class Resolver:
    """The daemon of Debian's package, without a cache on disk."""

    def __init__(self, world: "World") -> None:
        config = world.directory / "mta-sts-daemon.yml"
        config.write_text(f"port: {PORT}\ncache:\n  type: internal\n", encoding="ascii")
        # The authority of the policies' web server.
        self._process = subprocess.Popen(
            ["mta-sts-daemon", "-c", config], user="vmail", stdin=subprocess.DEVNULL,
            env={"SSL_CERT_FILE": str(world.certificates.ca), "PATH": "/usr/bin:/bin"})
        until(lambda: is_listening(self._process.pid, PORT, "127.0.0.1"), "mta-sts-daemon to listen")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
