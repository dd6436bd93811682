#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""killed: apply, rollback and recovery, struck at every system call that changes anything.

usage: killed.py [--all] [CHANGE...]

Each change is made once under strace(1), which lists its points (lib/faults.py), and then once for each of them:
killed there with the programs it runs, or with that call failing once. What the process does that apply --confirm
leaves behind is a change of its own. Whatever the files then are must be wholly the old or the new configuration,
but that the service may be ahead; the next command must go on from it, and so must the way back (lib/course.py). A
call that fails is told, and either nothing is changed, or all.

With --all every point is tried, recovery too, in tlsmap and in the programs that it runs, and each state that Postfix
can tell from others is mailed: never less protected than under the weaker of old and new, and no mail is lost. Else a
sample: tlsmap's own process, at its renames and right behind them.
"""

from __future__ import annotations

import json
import os
import queue
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterable

from lib import states
from lib.client import Session
from lib.course import ERRORS, OUT, Change, Course, Struck
from lib.faults import KILL, Live, Place, Point, make_striker, make_strikers
from lib.states import State
from lib.tlsmap import Document, Tlsmap
from lib.verdicts import Mailer, Verdicts, weaker
from lib.world import Tap, World

FAILURES = tuple(f"error={name}" for name in ERRORS)
CHANGES = (
    Change("forth", ("A",), "B", ("apply",), ("A", ("apply",))),
    Change("first", (), "A", ("apply",), ("A", ("rollback", "0"))),
    Change("first-without-rows", (), "bare", ("apply",), ("bare", ("rollback", "0"))),
    Change("back", ("A", "B"), "B", ("rollback", "1"), ("B", ("apply",))),
    Change("out", ("A",), "A", ("rollback", "0"), ("A", ("apply",))),
    Change("in-again", ("A", OUT), "A", ("apply",), ("A", ("rollback", "0"))),
    Change("no-rules", ("A",), "bare", ("apply",), ("A", ("apply",))),
    Change("no-service", ("A", "bare"), "barer", ("apply",), ("bare", ("apply",))),
    Change("confirm", ("A",), "B", ("apply", "--confirm", "86400"), ("B", ("rollback", "1"))),
    Change("confirmed", ("A", "B?86400"), "B", ("apply", "--confirmed"), ("B", ("rollback", "2"))),
    # By the child of apply --confirm, which nobody starts again.
    Change("unconfirmed", ("A", "B?1"), "B", ("rollback", "--unconfirmed", "2"), ("B", ("apply",)), ("A", ("apply",))),
    Change("old-generations", ("bare", "barer") * 6, "bare", ("apply",), ("barer", ("apply",))),
)
SAMPLED = ("forth", "first", "out", "confirm")
# Those struck where Postfix runs, too: it is reloaded before the commit and behind it.
RUNNING = ("forth", "out", "unconfirmed")


def documents(world: World, policyd: tuple[Path, Path]) -> dict[str, Document]:
    """A and B differ in levels, rows, rules, service and certificates, and both protect the same mail by other
    means: half of the one with half of the other lets it pass."""
    directory = world.certificates.directory
    world.certificates.issue("gateway-b", "/CN=gw.example", "DNS:gw.example")
    ca = {"trusted_ca_file": str(directory / "ca.pem")}
    pin = world.certificates["client-cn"].fingerprint
    return {
        "A": {"receive": {"security_level": "encrypt", "client_certificate": "request", **ca,
                          "certificate": {"chain_files": [str(directory / "gateway.chain")]}, "rules": [
                              {"name": "shop", "sender_domains": ["shop.example"],
                               "require": {"certificate": "trusted"}}]},
              "send": {"security_level": "encrypt", **ca, "domains": [
                  {"destination": "wrong.test", "security_level": "secure"}]},
              "postfix": {"policyd_path": str(policyd[0])}},
        "B": {"receive": {"security_level": "may", "client_certificate": "request", **ca,
                          "certificate": {"chain_files": [str(directory / "gateway-b.chain")]}, "rules": [
                              {"name": "bank", "sender_domains": ["bank.example"]},
                              {"name": "pinned", "sender_domains": ["shop.example"],
                               "require": {"fingerprints": [pin]}}]},
              "send": {"security_level": "may", **ca, "domains": [
                  {"destination": "plain.test", "security_level": "encrypt"},
                  {"destination": "wrong.test", "security_level": "secure", "match": ["nexthop"]}]},
              "postfix": {"policyd_path": str(policyd[1])}},
        "bare": {"receive": {"security_level": "encrypt"}},
        "barer": {"receive": {"security_level": "encrypt"}, "send": {"security_level": "encrypt"}}}


TRAPS = ("from x@bank.example in clear", "from x@shop.example by TLS", "to plain.test", "to wrong.test")


def sample(points: list[Point]) -> list[Point]:
    """The renames and what comes right behind them: the states before and after."""
    renames = [index for index, point in enumerate(points) if point.call.startswith("rename")]
    return [points[index] for index in sorted({*renames, *(index + 1 for index in renames)}) if index < len(points)]


class Survey:
    """Strikes and judges, on as many places as there are processors."""

    def __init__(self, tap: Tap, places: list[Place]) -> None:
        self._tap = tap
        self._places: queue.SimpleQueue[Place] = queue.SimpleQueue()
        for place in places:
            self._places.put(place)
        self._pool = ThreadPoolExecutor(len(places))
        self._judged: set[str] = set()
        self.tried = self.distinct = self.survivors = 0

    def map(self, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> list[Any]:
        """function(place, ...) for each; what it returned, or the error that it raised."""
        def one(each: tuple[Any, ...]) -> Any:
            place = self._places.get()
            try:
                return function(place, *each)
            except Exception as error:  # pylint: disable=broad-exception-caught
                return error
            finally:
                self._places.put(place)
        return list(self._pool.map(one, arguments))

    def run(self, name: str, asked: list[tuple[Course, Point]], blows: tuple[str, ...]) -> list[Struck]:
        """Strike at all points by all blows, and judge each state that had not come about before; those."""
        course = asked[0][0]
        name = f"{course.change.name}-{name}"
        jobs = [(each, point, blow) for each, point in asked for blow in blows if point.takes(blow)]
        struck = self.map(_strike, jobs)
        self.report(f"{name}-comes-and-is-told", list(zip((f"{blow} at {point}" for _, point, blow in jobs), struck)))
        distinct: dict[str, Struck] = {}
        for each in struck:
            if isinstance(each, Struck) and (key := course.change.name + states.digest(each.state)) not in self._judged:
                distinct.setdefault(key, each)
        found = list(distinct.values())
        for what, judge in (("is-old-or-new-and-whole", course.judge), ("the-same-command-goes-on", course.judge_going_on),
                            ("the-way-back-goes-on", course.judge_going_back)):
            results = self.map(judge, [(each.state,) for each in found])
            self.report(f"{name}-{what}", list(zip(map(str, found), results)))
        self._judged |= set(distinct)
        self.tried += len(jobs)
        self.distinct += len(found)
        self._tap.note(f"{name}: {len(jobs)} points, {len(found)} new states")
        return found

    def report(self, name: str, results: list[tuple[str, Any]]) -> None:
        """One case; results: what was tried, and an error if it went wrong."""
        wrong = [f"{what}: {error}" for what, error in results if isinstance(error, Exception)]
        self.survivors += len(wrong)
        with self._tap.case(name):
            assert not wrong, f"{len(wrong)} of {len(results)}:\n" + "\n".join(wrong[:20])


def _strike(place: Place, course: Course, point: Point, blow: str) -> Struck:
    struck = course.strike(place, point, blow)
    if blow != KILL:
        course.judge_error(struck)
    return struck


class Post:
    """Starts states on the gateway, and mails them."""

    def __init__(self, world: World) -> None:
        self._world, self._gateway = world, world.gateway
        self._mailer = Mailer(world)
        self._known: dict[str, Verdicts] = {}

    def judge(self, course: Course, state: State) -> None:
        """The files change to that beneath a Postfix that runs and has a session open, as they do where a run is
        killed; then Postfix is started with them."""
        old, new = self._both(course)
        self._start(course.old)
        with self._world.session() as session:
            assert session.ehlo("client.example").code == 250
            self._put(state)
            self._judge_session(session, old)
        found = self._mailer.verdicts()
        assert not weaker(found, old, new), f"before a reload: {weaker(found, old, new)}"
        self._start(state)
        found = self._mailer.verdicts()
        assert found in (old, new), f"neither {old} nor {new}: {found}"
        self._gateway.empty_queue()

    def judge_running(self, course: Course, place: Live, point: Point, blow: str) -> None:
        """Postfix runs while the command is struck, and goes on with what comes of it; so does the next command."""
        old, new = self._both(course)
        self._start(course.old)
        with self._world.session() as session:
            assert session.ehlo("client.example").code == 250
            struck = _strike(place, course, point, blow)
            # Rollback 0 takes the service away at once: a session of before is told to come again.
            self._judge_session(session, old, may_be_stricter=course.change.command == ("rollback", "0"))
        found = self._mailer.verdicts()
        assert not weaker(found, old, new), f"{weaker(found, old, new)}"
        with self._gateway.settling():
            course.judge_going_on(place, struck.state)
        found = self._mailer.verdicts()
        assert found == new, f"not {new}: {found}"
        self._gateway.empty_queue()

    def running(self, course: Course, place: Live) -> list[Point]:
        """What the command changes where Postfix runs, from the service on."""
        self._start(course.old)
        return course.points_running(place)

    def _judge_session(self, session: Session, old: Verdicts, may_be_stricter: bool = False) -> None:
        found = self._mailer.in_session(session)
        assert found == {mail: old[mail] for mail in found} or (may_be_stricter and not weaker(found, old)), \
            f"session of before: not {old}: {found}"

    def _both(self, course: Course) -> tuple[Verdicts, Verdicts]:
        both = self._under(course.old), self._under(course.new)
        if course.change.name == "forth":
            assert all(each[mail] > 0 for each in both for mail in TRAPS), f"no trap: {both}"
        return both

    def _under(self, state: State) -> Verdicts:
        """What this whole configuration does."""
        key = states.seen_by_postfix(state)
        if key not in self._known:
            self._start(state)
            self._known[key] = self._mailer.verdicts()
            self._gateway.empty_queue()
        return self._known[key]

    def _start(self, state: State) -> None:
        self._gateway.stop()
        self._put(state)
        self._gateway.start(quick=True)

    def _put(self, state: State) -> None:
        states.put(state, self._gateway.config_dir)


def in_sample(survey: Survey, course: Course) -> None:
    own = sample([point for point in course.points if point.program == 0])
    survey.run("killed", [(course, point) for point in own], (KILL,))
    survey.run("failing", [(course, point) for point in own if point.call.startswith("rename")], FAILURES[:1])


def everywhere(survey: Survey, course: Course) -> list[Struck]:
    """All points; a representative of each state that Postfix can tell from others."""
    found = survey.run("killed", [(course, point) for point in course.points], (KILL,))
    dead = [each.state for each in found if "tlsgate/unfinished" in each.state]
    found += survey.run("failing", [(course, point) for point in course.points], FAILURES)
    # Of several that recover alike, one is struck.
    recoveries = {point: (other, point) for other in survey.map(course.recovery, [(state,) for state in dead])
                  for point in other.points}
    if recoveries:
        found += survey.run("recovery-killed", list(recoveries.values()), (KILL,))
        found += survey.run("recovery-failing", list(recoveries.values()), FAILURES)
    return list({states.seen_by_postfix(each.state): each for each in found}.values())


def attempt(function: Callable[..., None], *arguments: Any) -> Exception | None:
    try:
        function(*arguments)
    except Exception as error:  # pylint: disable=broad-exception-caught
        return error
    return None


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    is_all, names = "--all" in sys.argv, set(sys.argv[1:]) - {"--all"}
    make_strikers(strikers := world.directory / "strikers")
    policyd = (strikers / "policyd", strikers / "policyd-b")
    for path in policyd:
        make_striker(path, tlsmap.policyd)
    texts = {name: json.dumps(document) for name, document in documents(world, policyd).items()}
    world.gateway.stop()
    config, mailed = world.gateway.config_dir, 0
    found = states.take(config)
    # master(8) -t, which says whether Postfix runs, takes a lock in that directory.
    places = [Place(config, world.gateway.queue_dir / "pid", world.directory / f"place-{number}", strikers)
              for number in range(os.cpu_count() or 1)]
    live = Live(config, world.directory / "live", strikers)
    survey, post = Survey(tap, places), Post(world)
    for change in CHANGES:
        if change.name not in (names or {each.name for each in CHANGES if is_all} or SAMPLED):
            continue
        course = Course(change, tlsmap.program, texts, places[0], found)
        if not is_all:
            in_sample(survey, course)
            continue
        distinct = everywhere(survey, course)
        survey.report(f"{change.name}-mailed",
                      [(str(struck), attempt(post.judge, course, struck.state)) for struck in distinct])
        mailed += len(distinct)
        if change.name in RUNNING:
            jobs = [(point, blow) for point in post.running(course, live) for blow in (KILL, *FAILURES)
                    if point.takes(blow) and (blow in (KILL, FAILURES[0]) or point.program != 0)]
            survey.report(f"{change.name}-while-postfix-runs",
                          [(f"{blow} at {point}", attempt(post.judge_running, course, live, point, blow))
                           for point, blow in jobs])
            survey.tried += len(jobs)
            tap.note(f"{change.name}: {len(jobs)} points while Postfix runs")
        world.gateway.stop()
    tap.note(f"{survey.tried} points tried, {survey.distinct} distinct states, {mailed} of them mailed, "
             f"{survey.survivors} survivors")


if __name__ == "__main__":
    World.run(main, smtpd_tls_security_level="may", smtp_tls_security_level="may")
