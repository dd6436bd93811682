#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two instances of Postfix on one machine, each with settings of its own by tlsmap -c."""

from pathlib import Path
from typing import Any

from lib import addresses
from lib.postfix import Postfix
from lib.tlsmap import Tlsmap
from lib.world import Tap, World

RULE = {"name": "bank", "sender_domains": ["bank.example"]}


class Instance:
    """One of them, as the world's gateway."""

    def __init__(self, world: World, gateway: Postfix, address: str) -> None:
        self._world, self.gateway, self._address = world, gateway, address
        world.gateway = gateway
        self.tlsmap = Tlsmap(world)

    def apply(self, **parts: Any) -> None:
        self._world.gateway = self.gateway
        self.tlsmap.apply(self.tlsmap.document(**parts))

    def run(self, *arguments: str) -> str:
        self._world.gateway = self.gateway
        run = self.tlsmap.run(*arguments)
        assert run.returncode in (0, 1), run
        return run.stdout + run.stderr

    def reply(self, sender: str) -> str:
        """To mail in clear."""
        sent = self._world.send(server=self._address, mail_from=sender, rcpts="user@gw.example")
        return "accepted" if sent.accepted else str(sent.code)

    def files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(Path(self.gateway.config_dir).rglob("*"))
                if path.is_file()}


def main(world: World, tap: Tap) -> None:
    first = Instance(world, world.gateway, addresses.GATEWAY)
    second = Instance(world, world.second_gateway(), addresses.SECOND_GATEWAY)
    with tap.case("each-has-settings-of-its-own"):
        first.apply(receive={"security_level": "encrypt"})
        untouched = first.files()
        second.apply(receive={"security_level": "may", "rules": [RULE]})
        assert first.files() == untouched
        assert [first.reply("user@some.example"), second.reply("user@some.example")] == ["530", "accepted"]
        assert second.reply("user@bank.example") == "550"
    with tap.case("status-is-of-the-one-that-is-named"):
        assert "rules: 0" in first.run("status") and "rules: 1, enforced" in second.run("status")
    with tap.case("rollback-of-one-leaves-the-other"):
        untouched = second.files()
        with first.gateway.settling():
            first.run("rollback", "0")
        assert second.files() == untouched
        assert first.reply("user@some.example") == "accepted"
        assert second.reply("user@bank.example") == "550"


if __name__ == "__main__":
    World.run(main)
