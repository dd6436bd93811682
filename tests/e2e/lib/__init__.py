# SPDX-License-Identifier: Apache-2.0
"""The test world: a mail gateway, its partners, their DNS and their clients on one machine."""
