#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Summarise a dnsdiff JSONL: groups by server/category/field/(got,want) with one example each.
   difftop.py FILE [server] [n]"""
import collections, json, sys
c, ex = collections.Counter(), {}
for l in open(sys.argv[1]):
    d = json.loads(l)
    if len(sys.argv) > 2 and sys.argv[2] != '*' and d.get('server') != sys.argv[2]:
        continue
    if 'field' in d:
        k = (d['server'], d['cat'], d['field'], str(d.get('got', '+%d' % len(d.get('extra', []))))[:24], str(d.get('want', '-%d' % len(d.get('missing', []))))[:24])
    elif 'invariant' in d:
        k = (d['server'], d['cat'], 'INV', d['invariant'][:40], '')
    else:
        k = (d.get('server'), d.get('cat'), 'dead', '', '')
    c[k] += 1
    ex.setdefault(k, d)
for k, n in c.most_common(int(sys.argv[3]) if len(sys.argv) > 3 else 40):
    d = ex[k]
    print(n, *k, '|', d.get('q'))
    for f in ('extra', 'missing'):
        if d.get(f):
            print('      ', f, [x[:90] for x in d[f][:3]])
    if 'votes' in d:
        print('       votes', {a: (b if not isinstance(b, list) else '..') for a, b in d['votes'].items()})
