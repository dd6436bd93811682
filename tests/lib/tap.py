# SPDX-License-Identifier: Apache-2.0
"""A producer of the Test Anything Protocol, version 13.

    tap = Tap()
    for row in ROWS:
        with tap.case(row.name):
            assert row.got == row.want
    sys.exit(tap.finish())

What fails in a case is reported with the line of the test, the values of the names in it, and the
last lines of the log; the next case runs all the same.
"""

from __future__ import annotations

import re
import sys
import traceback
from contextlib import contextmanager
from types import TracebackType
from typing import Callable, Iterator, NoReturn

_LOG_LINES = 25


class Skip(Exception):
    """Raised by Tap.skip() inside a case."""


class Tap:
    """log, if given, returns the text whose last lines help to understand a failure."""

    def __init__(self, log: Callable[[], str] | None = None) -> None:
        self.log = log
        self._cases = 0
        self._failed = 0
        self._begun = False

    @contextmanager
    def case(self, name: str) -> Iterator[None]:
        """One named test: passed if the block ends, failed if it raises."""
        self._cases += 1
        try:
            yield
        except Skip as skip:
            self._print(f"ok {self._cases} - {name} # SKIP {skip}")
        except Exception as error:  # pylint: disable=broad-exception-caught
            self._failed += 1
            self._print(f"not ok {self._cases} - {name}")
            self._diagnose(error)
        else:
            self._print(f"ok {self._cases} - {name}")

    def check(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """One named test that is a function."""
        with self.case(name):
            function(*arguments)

    def skip(self, reason: str) -> NoReturn:
        """Leave the case that is running; there must be a reason."""
        assert reason.strip(), "a skip needs a reason"
        raise Skip(reason)

    def note(self, text: str) -> None:
        """A comment for the reader."""
        for line in text.splitlines():
            self._print(f"# {line}")

    def is_green(self) -> bool:
        """Whether nothing has failed so far."""
        return self._failed == 0

    def finish(self) -> int:
        """Print the plan; return the exit status."""
        self._print(f"1..{self._cases}")
        return 1 if self._failed or not self._cases else 0

    def bail_out(self, reason: str) -> None:
        self._print(f"Bail out! {reason}")

    def _diagnose(self, error: Exception) -> None:
        self._print("  ---")
        self._block("error", f"{type(error).__name__}: {error}".rstrip(": "))
        self._block("at", _place(error.__traceback__))
        if self.log:
            try:
                tail = "\n".join(self.log().splitlines()[-_LOG_LINES:])
            except Exception as trouble:  # pylint: disable=broad-exception-caught
                tail = f"no log: {trouble}"
            self._block("log", tail)
        self._print("  ...")

    def _block(self, key: str, text: str) -> None:
        self._print(f"  {key}: |")
        for line in text.splitlines():
            self._print(f"    {line}")

    def _print(self, line: str) -> None:
        if not self._begun:
            self._begun = True
            print("TAP version 13")
        print(line)
        sys.stdout.flush()


def _place(trace: TracebackType | None) -> str:
    """The calls from the case down, innermost last, with the values of names in each line."""
    lines = []
    frames = list(traceback.walk_tb(trace))[1:]
    for (frame, _), entry in zip(frames, traceback.extract_tb(trace)[1:]):
        lines.append(f"{entry.filename}:{entry.lineno}: {entry.line}")
        for name in dict.fromkeys(re.findall(r"[A-Za-z_]\w*", entry.line or "")):
            value = frame.f_locals.get(name)
            if value is not None and not callable(value) and " object at 0x" not in repr(value):
                lines.append(f"  {name} = {repr(value)[:400]}")
    return "\n".join(lines)


def equal(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"found  {found!r}\nwanted {wanted!r}")
