# SPDX-License-Identifier: Apache-2.0
"""Filters that change the mail and give it back, as Postfix's own documents have them.

All of them write one header more, MARK.
"""

from __future__ import annotations

from pathlib import Path

MARK = "X-Filtered"

# Below spawn(8), as FILTER_README has it: what comes by SMTP goes on to a host and port, with a header more.
SMTP_FILTER = f"""\
#!/usr/bin/python3
import os, socket, sys, threading
to = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def copy_replies():
    while data := to.recv(65536):
        # It speaks no TLS.
        os.write(1, data.replace(b"STARTTLS", b"X-NO-TLS"))
replies = threading.Thread(target=copy_replies)
replies.start()
is_content = False
for line in sys.stdin.buffer:
    to.sendall(line)
    if is_content:
        is_content = line != b".\\r\\n"
    elif line.upper() == b"DATA\\r\\n":
        is_content = True
        # Not before the content begins: the server must have said 354.
        to.sendall(b"{MARK}: yes\\r\\n" + sys.stdin.buffer.readline())
to.shutdown(socket.SHUT_WR)
replies.join()
"""
# The simple filter of FILTER_README, whose content filter is this one line.
SIMPLE_FILTER = f"""\
#!/bin/sh
{{ echo "{MARK}: yes"; cat; }} | /usr/sbin/sendmail -G -i "$@"
"""

# SMTPD_PROXY_README and FILTER_README, 3.12.
AFTER_PROXY = """\
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8 -o smtpd_client_restrictions= -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions= -o smtpd_relay_restrictions=
    -o smtpd_recipient_restrictions=permit_mynetworks,reject -o smtpd_data_restrictions= -o mynetworks=127.0.0.0/8
    -o receive_override_options=no_unknown_recipient_checks"""
AFTER_SCAN = """\
    -o content_filter= -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters
    -o smtpd_helo_restrictions= -o smtpd_client_restrictions= -o smtpd_sender_restrictions=
    -o smtpd_relay_restrictions= -o smtpd_recipient_restrictions=permit_mynetworks,reject -o mynetworks=127.0.0.0/8
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8"""


def make(directory: Path) -> tuple[Path, Path]:
    """The programs: of the filter that speaks SMTP, and of the simple one."""
    return (_executable(directory / "smtp-filter", SMTP_FILTER),
            _executable(directory / "simple-filter", SIMPLE_FILTER))


def _executable(path: Path, text: str) -> Path:
    path.write_text(text, encoding="ascii")
    path.chmod(0o755)
    return path
