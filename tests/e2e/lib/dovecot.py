# SPDX-License-Identifier: Apache-2.0
"""A real Dovecot behind a gateway: it takes mail by LMTP, and knows who may log in at the submission service.

Every user exists, with the password "secret".
"""

import os
import subprocess
from pathlib import Path

from .mailstore import MailStore
from .postfix import Postfix
from .process import is_listening
from .wait import until

PASSWORD = "secret"
LMTP_PORT = 24

_CONFIG = """\
protocols = lmtp
base_dir = {directory}/run
log_path = {directory}/log
listen = 127.0.0.1
ssl = no
mail_location = maildir:{directory}/mail/%u
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home={directory}/mail/%u allow_all_users=yes
}}
service lmtp {{
  inet_listener lmtp {{
    port = {port}
  }}
  unix_listener {private}/dovecot-lmtp {{
    mode = 0600
    user = postfix
  }}
}}
service auth {{
  unix_listener {private}/auth {{
    mode = 0660
    user = postfix
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class Dovecot:
    """Runs from the start, until stop(). It takes the place of the gateway's own store."""

    def __init__(self, directory: Path, gateway: Postfix) -> None:
        directory.mkdir()
        (directory / "mail").mkdir()
        (directory / "mail").chmod(0o777)
        gateway.store = MailStore(directory / "mail")
        self._config = directory / "dovecot.conf"
        self._config.write_text(_CONFIG.format(directory=directory, password=PASSWORD, port=LMTP_PORT,
                                               private=gateway.queue_dir / "private"))
        self._run()
        until(lambda: is_listening(os.getpid(), LMTP_PORT, "127.0.0.1"), "dovecot to listen")

    def stop(self) -> None:
        self._run("stop")

    def _run(self, *command: str) -> None:
        subprocess.run(["dovecot", "-c", self._config, *command], check=True,
                       stdin=subprocess.DEVNULL)
