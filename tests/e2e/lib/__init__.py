# SPDX-License-Identifier: Apache-2.0
"""The test world: a mail gateway, its partners, their DNS and their clients on one machine."""

import sys
from pathlib import Path

# What all tests share: tap.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "lib"))
