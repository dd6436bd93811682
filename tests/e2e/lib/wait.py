# SPDX-License-Identifier: Apache-2.0
"""Wait for events with a generous deadline; the only place in the harness that sleeps.

The deadline is there to end a test that can't succeed. On a loaded machine nothing may fail
because it took long, so it is many times what is usual. TLSGATE_PATIENCE sets it in seconds.
"""

from __future__ import annotations

import os
import time
from typing import Callable, TypeVar

T = TypeVar("T")

PATIENCE = float(os.environ.get("TLSGATE_PATIENCE", "30"))


class Expired(AssertionError):
    """What was waited for did not happen."""


def until(probe: Callable[[], T | None], what: str, timeout: float | None = None) -> T:
    """Call probe until it returns something true, and return that."""
    timeout = PATIENCE if timeout is None else timeout
    deadline = time.monotonic() + timeout
    pause = 0.005
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Expired(f"waited {timeout:g} s in vain: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
