# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones whose names are made of three labels and the asterisk, so that owners, cuts, aliases, wildcards, DNAMEs, empty
non-terminals and nested zones meet everywhere; and every name to ask for. Deterministic by seed."""
import collections
import itertools
import random

LABELS = 'abc'
TYPES = ['A', 'TXT', 'NS', 'DS', 'CNAME', 'DNAME', 'MX', 'SOA', 'HTTPS']
DS = '1 8 2 ' + 'ab' * 32


def names(depth, labels):
    """All names of 1 to depth labels, as tuples."""
    return [n for d in range(1, depth + 1) for n in itertools.product(labels, repeat=d)]


def text(name):
    return '.'.join(name) + '.'


class Maker:
    def __init__(self, seed):
        self.dice = random.Random('small-%d' % seed)
        nested = self.dice.sample(names(3, 'ab'), self.dice.randint(0, 3))
        self.cnames, self.dnames = self.dice.choice([(0.18, 0.12), (0.18, 0.12), (0.4, 0.05), (0.2, 0.3)])    # shares of the names
        self.apexes = sorted({('z',), *(n + ('z',) for n in nested), *([('y',)] if self.dice.random() < 0.4 else [])}, key=len)

    def target(self, apex):
        if self.dice.random() < 0.08:
            return 'out.test.'
        if self.dice.random() < 0.4:
            apex = self.dice.choice(self.apexes)
        return text(tuple(self.dice.choice(LABELS) for _ in range(self.dice.randint(0, 3))) + apex)

    def cut(self, apex, owner, records):
        at = records[owner]
        at['NS'] = [self.target(apex) for _ in range(self.dice.randint(1, 3))]
        if self.dice.random() < 0.6:
            inside = (self.dice.choice(LABELS),) + owner
            at['NS'].append(text(inside))
            records[inside].setdefault('A', ['192.0.2.77'])
        if self.dice.random() < 0.4:
            at['DS'] = [DS]
        if self.dice.random() < 0.2:
            at['TXT'] = ['"occluded"']

    def data(self, apex, at):
        dice = self.dice
        made = {
            'A': ['192.0.2.%d' % dice.randint(1, 250) for _ in range(dice.randint(1, 2))],
            'AAAA': ['2001:db8::%x' % dice.randint(1, 9)],
            'TXT': ['"%d"' % dice.randint(0, 99)],
            'MX': ['10 ' + self.target(apex)],
            'SRV': ['1 2 3 ' + self.target(apex)],
            'HTTPS': ['1 ' + (self.target(apex) if dice.random() < 0.7 else '.')],
            'SVCB': ['%d %s' % (dice.randint(0, 1), self.target(apex))],
        }
        for kind in dice.sample(sorted(made), dice.randint(1, 3)):
            at[kind] = made[kind]

    def zone(self, apex):
        """{owner: {type: RDATAs}} below the apex of a zone."""
        dice = self.dice
        records = collections.defaultdict(dict)
        for owner in dice.sample([n + apex for n in names(3, LABELS + '*')], dice.randint(4, 22)):
            at, kind = records[owner], dice.random()
            if kind < self.cnames and not at:
                at['CNAME'] = [self.target(apex)]
            elif kind < self.cnames + self.dnames and owner[0] != '*' and not any(a[-len(owner):] == owner for a in self.apexes):
                at['DNAME'] = [self.target(apex)]
                if dice.random() < 0.4:
                    at['A'] = ['192.0.2.4']
            elif kind < self.cnames + self.dnames + 0.18 and owner[0] != '*':
                self.cut(apex, owner, records)
            else:
                self.data(apex, at)
        return records

    def zones(self):
        """{apex as a tuple: lines}. Every server loads them: Knot and NSD refuse data below a DNAME, NSD that of another zone, too."""
        made = {apex: self.zone(apex) for apex in self.apexes}
        dnames = {owner for records in made.values() for owner, sets in records.items() if 'DNAME' in sets and 'CNAME' not in sets}
        out = {}
        for apex, records in made.items():
            out[apex] = ['%s 300 SOA ns.out. host.out. 1 2 3 4 %d' % (text(apex), self.dice.choice([60, 900])), '%s 300 NS ns.out.' % text(apex)]
            for owner, sets in records.items():
                if any(owner[i:] in dnames for i in range(1, len(owner))):
                    continue
                if 'CNAME' in sets:
                    sets = {'CNAME': sets['CNAME']}
                elif 'DNAME' in sets:
                    sets = {k: v for k, v in sets.items() if k not in ('NS', 'DS')}
                out[apex] += ['%s 300 %s %s' % (text(owner), kind, r) for kind, rdatas in sets.items() for r in sorted(set(rdatas))]
        return out

    def questions(self, most):
        """Names to ask for, each with every one of TYPES."""
        found = set()
        for apex in self.apexes:
            found |= {apex, ('x',) + apex, *(n + apex for n in names(4 if len(apex) < 3 else 3, LABELS) + names(2, 'ab*'))}
        found = sorted(found)
        self.dice.shuffle(found)
        return found[:most]


def zone_of(apexes, name, kind):
    """The zone that answers for a name; a DS belongs to the one above."""
    above = [name[i:] for i in range(len(name)) if name[i:] in apexes]
    if kind == 'DS' and len(above) > 1 and above[0] == name:
        above = above[1:]
    return above[0] if above else None
