# SPDX-License-Identifier: Apache-2.0
"""One change of the configuration by tlsmap, and whatever may come of it where it is struck on its way."""

from __future__ import annotations

import copy
import errno
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from . import states
from .faults import Place, Point
from .states import Look, State

# What fails, and the exit status that says so; in a program that tlsmap runs this is all the same.
ERRORS = {"ENOSPC": 73, "EIO": 73, "EACCES": 77, "EMFILE": 73}
PROGRAM_ERRORS = {"postconf": 73, "postmap": 73, "postfix": 69, "policyd": 78}
OUT = "-"
# Behind a document: it was applied with --confirm, and so many seconds.
CONFIRM = "?"
CONFIRMED = ("apply", "--confirmed")


class Change(NamedTuple):
    """before: the documents that are applied first, "A?600": with --confirm 600, OUT: rollback 0; command: what is
    struck, with the document beside it; back: what leads back, and its document; on: what goes on, where that is not
    the same command."""
    name: str
    before: tuple[str, ...]
    document: str
    command: tuple[str, ...]
    back: tuple[str, tuple[str, ...]]
    on: tuple[str, tuple[str, ...]] | None = None


class Struck(NamedTuple):
    point: Point
    blow: str
    status: int
    errors: str
    state: State

    def __str__(self) -> str:
        return f"{self.blow} at {self.point}"


class Course:
    """From the files before a change to those after; and what must be true of all that come between.

    old and new are the files, start those that the command finds (old, unless a run died before), points what
    it changes, in this order, and behind that what the programs change that it runs.
    """

    def __init__(self, change: Change, program: Path, documents: dict[str, str], place: Place, found: State) -> None:
        self.change, self._program, self._documents = change, program, documents
        self.command: list[str | Path] = [program, "-c", place.path, *change.command]
        states.put(found, place.folder)
        for before in change.before:
            name, _, seconds = before.partition(CONFIRM)
            confirm = ("--confirm", seconds) if seconds else ()
            self._succeed(place, *(("rollback", "0") if name == OUT else ("apply", *confirm)), document=name)
        self._write(place, change.document)
        self.start = self.old = states.take(place.folder)
        states.put(self.old, place.folder)
        self._old_values = Look(place).values()
        self._planned = self._plan(place)
        self.points = self._trace(place)
        self.new = states.take(place.folder)
        self._new_values = Look(place).values()
        Look(place).check()
        assert not states.passing(self.new), states.passing(self.new)

    def recovery(self, place: Place, dead: State) -> "Course":
        """The same change where a run died, and what it does about that before it begins itself."""
        other = copy.copy(self)
        other.start = dead
        states.put(dead, place.folder)
        # What the dead run has in force may wait to be confirmed.
        points = [point for point in self._trace(place, 0, 78) if point.program == 0]
        own = [point.path.endswith("/unfinished.new") and point.is_open for point in points]
        other.points = points[:own.index(True)] if True in own else points
        return other

    def points_running(self, place: Place) -> list[Point]:
        """Where Postfix runs: what changes from the service on, or from the note before the commit; the signals that
        reload Postfix, and what tries the listeners."""
        points = [point for point in self._trace(place) if point.name in ("tlsmap", "postfix", "posttls-finger")]
        return points[next(index for index, point in enumerate(points)
                           if point.path.endswith(("/master.cf.tmp", "/reload-owed"))):]

    def strike(self, place: Place, point: Point, blow: str) -> Struck:
        states.put(self.start, place.folder)
        run = place.strike(self.command, point, blow)
        return Struck(point, blow, run.returncode, run.stderr, states.take(place.folder))

    # What must be true of any state.

    def judge(self, place: Place, state: State) -> None:
        """Wholly old or wholly new, but that the service may be ahead; Postfix could work with it; and whoever looks
        at it is not told that anything is damaged."""
        for name in ("main.cf", "master.cf"):
            assert state[name] in (self.old[name], self.new[name]), f"{name} is neither old nor new"
        states.put(state, place.folder)
        Look(place).check()
        run = self._run(place, "status")
        assert run.returncode in (0, 1), run
        # Nothing stands between, and nothing is to do that was not before.
        more = self._plan(place) - self._planned
        assert not more, more

    def judge_going_on(self, place: Place, state: State) -> None:
        states.put(state, place.folder)
        document, command = self.change.on or (self.change.document, self.change.command)
        run = self._go(place, *command, document=document)
        assert run.returncode == 0 or (command == CONFIRMED and "nothing waits" in run.stderr), run
        self._has_arrived(place, self._new_values)
        if self.change.command == ("apply",):
            run = self._run(place, "plan")
            assert (run.returncode, run.stdout) == (0, ""), run
            run = self._run(place, "status")
            assert run.returncode == 0, run

    def judge_going_back(self, place: Place, state: State) -> None:
        states.put(state, place.folder)
        document, command = self.change.back
        run = self._go(place, *command, document=document)
        if (run.returncode, command) == (64, ("rollback", "0")) and state["main.cf"] == self.old["main.cf"]:
            assert "never in force" in run.stderr, run
            return
        assert run.returncode == 0, run
        self._has_arrived(place, self._old_values)

    def _has_arrived(self, place: Place, values: str) -> None:
        Look(place).check()
        found = states.without_numbers(Look(place).values())
        assert found == states.without_numbers(values), (found, values)
        left = states.passing(states.take(place.folder))
        assert not left, f"left behind: {left}"

    # What must be true after a call that failed.

    def judge_error(self, struck: Struck) -> None:
        """All is in force and nobody need know; or it is told, and nothing is changed, or all."""
        name = struck.blow.partition("=")[2]
        is_old, is_new = (struck.state["main.cf"] == state["main.cf"] for state in (self.old, self.new))
        if struck.status == 0:
            # An old generation that can't be removed today is in nobody's way.
            changed = [name for name in states.changed(self.new, struck.state)
                       if name in self.new or not name.startswith("tlsgate/gen/")]
            assert is_new and not changed, f"exit 0, but {changed}: {struck.errors}"
            return
        status = PROGRAM_ERRORS.get(struck.point.name, ERRORS[name])
        assert struck.status == status, f"exit {struck.status}: {struck.errors}"
        assert os.strerror(getattr(errno, name)) in struck.errors, struck.errors
        if self.start["main.cf"] == self.new["main.cf"]:
            assert is_new, struck.errors
        elif is_old:
            # What a dead run left may be gone, or be on its way.
            own = set() if self.start is self.old else {*self.start, *states.passing(struck.state)} - set(self.old)
            changed = [name for name in states.changed(self.start, struck.state) if name not in own]
            assert not changed, f"changed: {changed}: {struck.errors}"
        else:
            assert is_new and "is in main.cf all the same" in struck.errors, struck.errors

    # What runs.

    def _trace(self, place: Place, *statuses: int) -> list[Point]:
        points, run = place.points(self.command)
        assert run.returncode in (statuses or (0,)), run
        return points

    def _plan(self, place: Place) -> set[str]:
        """The changes that plan shows before an apply; its last line is a digest, in which numbers count."""
        if self.change.command != ("apply",):
            return set()
        run = self._run(place, "plan")
        assert run.returncode in (0, 1), run
        return set(states.without_numbers(run.stdout).splitlines()[:-1])

    def _succeed(self, place: Place, *arguments: str, document: str) -> None:
        self._write(place, document)
        run = self._run(place, *arguments)
        assert run.returncode == 0, run

    def _go(self, place: Place, *arguments: str, document: str) -> subprocess.CompletedProcess[str]:
        """Where something waits to be confirmed, that is told, and comes to its end first."""
        self._write(place, document)
        run = self._run(place, *arguments)
        if run.returncode != 78 or "[unconfirmed]" not in run.stderr or arguments == CONFIRMED:
            return run
        # What is overdue has been undone by this run already.
        if "apply --confirmed keeps it" in run.stderr:
            self._succeed(place, *CONFIRMED, document=document)
        return self._run(place, *arguments)

    def _write(self, place: Place, document: str) -> None:
        if document != OUT:
            (place.folder / states.DOCUMENT).write_text(self._documents[document])

    def _run(self, place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
        return place.run(self._program, "-c", place.path, *arguments)
