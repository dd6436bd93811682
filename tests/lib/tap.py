# SPDX-License-Identifier: Apache-2.0
"""tap: names each case and says how it went, one TAP line each."""
import sys
import traceback


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, name, function, *arguments):
        """Run function; an exception is the failure."""
        self.count += 1
        try:
            function(*arguments)
        except Exception:  # whatever it is, it is this case's failure
            self.failed += 1
            print(f'not ok {self.count} - {name}')
            for line in traceback.format_exc().splitlines():
                print(f'# {line}')
        else:
            print(f'ok {self.count} - {name}')
        sys.stdout.flush()

    def finish(self):
        print(f'1..{self.count}')
        sys.exit(1 if self.failed or not self.count else 0)


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f'found  {found!r}\n       wanted {wanted!r}')
