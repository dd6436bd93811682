# SPDX-License-Identifier: Apache-2.0
"""report: figures beside their limits."""
import re
import statistics

SAME = (0.9, 1.1)  # what is equal, and what is not too noisy


class Report:
    """Prints figures with their limits, and remembers whether all were met."""

    def __init__(self):
        self.is_met = True

    def _judge(self, is_met):
        self.is_met = self.is_met and is_met
        return 'met' if is_met else 'not met'

    def ratio(self, what, limit, ratio, noise, same='null', bounds=SAME):
        """noise: what should be 1, of one and the same thing measured twice, and is too noisy beyond bounds."""
        if not bounds[0] <= noise <= bounds[1]:
            self.is_met = False
            judgement = 'too noisy'
        else:
            judgement = self._judge(ratio <= limit)
        print(f'{what}: ratio {ratio:.2f}, limit {limit:.2f}: {judgement} ({same} / {same} {noise:.2f})')

    def fail(self, what):
        print(f'{what}: {self._judge(False)}')

    def same(self, what, ratio):
        print(f'{what}: ratio {ratio:.2f}, limit {SAME[0]} to {SAME[1]}: {self._judge(SAME[0] <= ratio <= SAME[1])}')

    def size(self, what, n_bytes, limit):
        print(f'{what}: {n_bytes / 1e6:.2f} MB, limit {limit / 1e6:g} MB: {self._judge(n_bytes <= limit)}')

    def libraries(self, names):
        is_met = all(re.fullmatch(r'lib(glib-2\.0|c)\.so\.\d+', name) for name in names)
        print(f'libraries: {", ".join(names)}; limit GLib and libc: {self._judge(is_met)}')


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]
