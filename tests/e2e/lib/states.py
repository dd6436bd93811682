# SPDX-License-Identifier: Apache-2.0
"""States of a configuration directory: what is in it, and whether Postfix could work with it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import time
from pathlib import Path
from typing import NamedTuple

from .faults import Place

DOCUMENT = "tls-settings.json"
# What a run makes beside and then renames or removes: that it is there matters, not what it holds.
_PASSING = re.compile(r"\.tmp$|\.tlsgate-new$|\.new$|\.new/|^tlsgate/stage")
# It holds the time at which it was written.
_TIMED = "tlsgate/unconfirmed"
_GENERATION = re.compile(r"^tlsgate/gen/\d+(/|$)")
_NUMBERS = re.compile(r"(/gen/|policy_context=)\d+")


class Entry(NamedTuple):
    mode: int
    content: bytes | None  # None: a directory


State = dict[str, Entry]


def take(folder: Path) -> State:
    return {str(path.relative_to(folder)): Entry(path.lstat().st_mode & 0o7777,
                                                 None if path.is_dir() else path.read_bytes())
            for path in sorted(folder.rglob("*"))}


def put(state: State, folder: Path) -> None:
    """Make folder hold just that. Each file comes by one rename, what names others last. All is two days old: so
    Postfix's programs need not wait (see Postfix.cool_down()), and old generations may go."""
    for name in sorted(state, key=lambda name: (name == "main.cf", name == "master.cf", name)):
        entry, path = state[name], folder / name
        if entry.content is None:
            path.mkdir(exist_ok=True)
            path.chmod(entry.mode)
        elif not path.is_file() or path.read_bytes() != entry.content or path.stat().st_mode & 0o7777 != entry.mode:
            twin = path.with_name(f"{path.name}.put")
            twin.write_bytes(entry.content)
            twin.chmod(entry.mode)
            twin.rename(path)
    for path in sorted(folder.rglob("*"), reverse=True):
        if str(path.relative_to(folder)) not in state:
            path.rmdir() if path.is_dir() else path.unlink()
        else:
            old = time.time() - 2 * 24 * 60 * 60
            os.utime(path, (old, old))


def digest(state: State) -> str:
    """The same for states that no program can tell apart."""
    return _hash({name: entry._replace(content=b"") if name == _TIMED or (
        _PASSING.search(name) and entry.content is not None) else entry
                  for name, entry in state.items() if name != DOCUMENT})


def seen_by_postfix(state: State) -> str:
    """The same for states that Postfix and policyd can't tell apart."""
    return _hash({name: entry for name, entry in state.items()
                  if name in ("main.cf", "master.cf") or _GENERATION.match(name)})


def _hash(state: State) -> str:
    return hashlib.sha256(repr(sorted(state.items())).encode()).hexdigest()


def passing(state: State) -> list[str]:
    """What is there only while a run is at work, or after it died. An empty *.tmp is Postfix's own lock: it may stay,
    as it does after a postconf(1) that was killed, because whoever comes next may hold it already."""
    return [name for name, entry in state.items() if (
        _PASSING.search(name) or name in ("tlsgate/unfinished", "tlsgate/reload-owed"))
        and not (name in ("main.cf.tmp", "master.cf.tmp") and entry.content == b"")]


def changed(old: State, new: State) -> list[str]:
    """What differs but for what never matters: the lock, the room for generations, numbers that are used, and
    Postfix's own lock (see passing())."""
    return [name for name in sorted({*old, *new}) if old.get(name) != new.get(name) and not (
        name == _TIMED and name in old and name in new) and name not in (
        "tlsgate", "tlsgate/lock", "tlsgate/gen", "main.cf.tmp", "master.cf.tmp", DOCUMENT)
        and ".withdrawn" not in name]


def without_numbers(text: str) -> str:
    """A later generation that says the same is the same."""
    return _NUMBERS.sub(r"\1N", text)


class Look:
    """What Postfix's own programs say of the configuration at a place."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def values(self) -> str:
        """main.cf as it is understood; what is wrong with it fails."""
        return self._ask("postconf", "-c", self._place.path, "-n")

    def check(self) -> None:
        """All that is named is there and whole."""
        values = dict(line.split(" =", 1) for line in self.values().splitlines())
        self._check_generations()
        self._check_table(values.get("smtp_tls_policy_maps", "").strip())
        for parameter in ("smtpd_tls_chain_files", "smtpd_tls_CAfile", "smtp_tls_CAfile"):
            name = values.get(parameter, "").strip()
            assert not name or Path(name).stat().st_size > 0, f"{parameter} = {name}"
        if context := re.search(r"policy_context=(\d+)", values.get("tlsgate_policy", "")):
            self._check_service(context[1])

    def _check_generations(self) -> None:
        for folder in (self._place.folder / "tlsgate/gen").glob("*"):
            # One that is being taken away has lost it first.
            if folder.name.isdigit() and not folder.with_name(f"{folder.name}.withdrawn").exists():
                json.loads((folder / "manifest.json").read_text())

    def _check_table(self, tables: str) -> None:
        if "/gen/" not in tables:
            return
        # Behind it that of other spellings, of the same generation.
        table, *others = tables.split(", ")
        assert all(name == f"regexp:{table.partition(':')[2].replace('/tls_policy', '/tls_spellings')}"
                   for name in others), tables
        for name in others:
            # A row that is none makes it say so.
            asked = self._place.run("postmap", "-c", self._place.path, "-q", "plain.test", name)
            assert (asked.returncode, asked.stdout, asked.stderr) == (1, "", ""), asked
        folder = self._generation(re.search(r"/gen/(\d+)/", table)[1])
        rows = (folder / "tls_policy").read_text()
        document = json.loads((folder / "settings.json").read_text())
        keys = "".join(f"{line.split(chr(9))[0]}\n" for line in rows.splitlines())
        assert len(rows.splitlines()) == len(document["send"]["domains"]), rows
        asked = self._place.run("sh", "-c", f"printf '%s' {shlex.quote(keys)} | "
                                f"postmap -c {self._place.path} -q - {table}")
        assert asked.stdout == rows, asked

    def _check_service(self, number: str) -> None:
        """What spawn(8) would start, as the user that it would be."""
        entry = self._ask("postconf", "-c", self._place.path, "-M", "tlsgate/unix")
        parts = re.search(r"spawn user=(\S+) argv=(\S+)", entry)
        assert parts, f"no service: {entry!r}"
        user = self._ask("id", "-u", parts[1]).strip()
        rules = self._place.path / "tlsgate/gen" / number / "rules.db"
        self._ask("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", parts[2], "--check", rules)

    def _generation(self, number: str) -> Path:
        return self._place.folder / "tlsgate/gen" / number

    def _ask(self, *command: str | Path) -> str:
        run = self._place.run(*command)
        assert run.returncode == 0 and run.stderr == "", run
        return run.stdout
