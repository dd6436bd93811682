# SPDX-License-Identifier: Apache-2.0
"""A manual page in mdoc(7), as its sections, items and literal blocks.

It knows the few macros that items are told by; all others are text to it."""
import pathlib
import re
import subprocess

_PUNCTUATION = set('.,;:()')


def _split(line):
    return [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]


class Item:
    """An .It of a list. macro and name are those of "Cm NAME", "Fl NAME" or a plain NAME, note is what stands
    behind a Pq, body its lines, and items those of the lists within it."""

    def __init__(self, line):
        words = _split(line)[1:]
        self.macro = words.pop(0) if words[:1] in (['Cm'], ['Fl']) else ''
        self.name = words[0] if words else ''
        self.note = ' '.join(words[words.index('Pq') + 1:]) if 'Pq' in words else ''
        self.body = []
        self.items = []

    def arguments(self, phrase, macro='Cm'):
        """Those of macro behind each line that is phrase; .Va lines go on for as long as a comma ends them."""
        found, is_open = [], False
        for line in self.body:
            if line.startswith(f'.{macro} ') and is_open:
                found += [word for word in _split(line)[1:] if word not in _PUNCTUATION]
                is_open = line.rstrip().endswith(',') and macro == 'Va'
            else:
                is_open = line == phrase
        return found

    def words(self):
        """The words that a key takes: items of their own, or named behind "One of"."""
        return [item.name for item in self.items if item.macro == 'Cm'] or self.arguments('One of')


class Page:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.headings = []
        self._items = {}
        self._blocks = {}
        self._lines = [line for line in self.path.read_text().splitlines() if not line.startswith('.\\"')]
        self._parse()

    def _parse(self):
        lists, block = [], None
        for line in self._lines:
            macro = line.split(' ')[0]
            if macro in ('.Sh', '.Ss'):
                self.headings.append(' '.join(_split(line)[1:]))
                self._items[self.headings[-1]], self._blocks[self.headings[-1]] = [], []
            elif macro == '.Bd':
                block = []
            elif macro == '.Ed':
                self._blocks[self.headings[-1]].append('\n'.join(block).replace('\\e', '\\').replace('\\&', ''))
                block = None
            elif block is not None:
                block.append(line)
            elif macro == '.Bl':
                lists.append(lists[-1][-1].items if lists else self._items[self.headings[-1]])
            elif macro == '.El':
                lists.pop()
            elif macro == '.It':
                lists[-1].append(Item(line))
            elif lists and lists[-1]:
                lists[-1][-1].body.append(line)

    def items(self, heading, macro='Cm'):
        """{name: Item} of the keys, commands or options under a heading; none stands there twice."""
        named = [item for item in self._items[heading] if item.macro == macro]
        items = {item.name: item for item in named}
        if len(items) != len(named):
            raise AssertionError(f'two items of one name under {heading}')
        return items

    def synopsis(self):
        """The commands of the SYNOPSIS: the first word of each form that has one."""
        forms = '\n'.join(self._lines).split('.Sh SYNOPSIS\n')[1].split('.Sh ')[0].split('.Nm ')
        return [command for form in forms for command in re.findall(r'^\.Cm (\S+)$', form, re.M)]

    def blocks(self, heading):
        return self._blocks[heading]

    def parameters(self):
        """Every parameter of Postfix that the page marks as one."""
        return {word for line in self._lines if line.startswith('.Va ')
                for word in re.findall(r'[a-z][A-Za-z0-9_]{3,}', line)}

    def rendered(self):
        """As a terminal shows it, without bold and underlined."""
        run = subprocess.run(['mandoc', '-T', 'utf8', '-W', 'warning', self.path], capture_output=True, text=True,
                             timeout=60)
        if run.returncode or run.stderr:
            raise AssertionError(run.stderr)
        return re.sub('.\b', '', run.stdout)
