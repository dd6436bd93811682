# SPDX-License-Identifier: Apache-2.0
"""common: what several benchmarks use."""
