#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the results of one run: meson's JSON lines or JUnit XML.

  results.py FILE          prints "PASSED FAILED SKIPPED"
  results.py --skips FILE  prints a line for each reason why tests were skipped, and for each test that passed only
                           at the second try (tests/lib/twice)
"""
import collections
import json
import sys
import xml.etree.ElementTree as ET


def meson(path):
    for text in open(path):
        d = json.loads(text)
        result = {'OK': 'pass', 'EXPECTEDFAIL': 'pass', 'SKIP': 'skip'}.get(d['result'], 'fail')
        reason = (d.get('stdout') or '').strip().splitlines()
        if d.get('second'):
            result = 'second'
        yield d['name'], result, reason[-1] if reason else ''


def junit(path):
    for case in ET.parse(path).iter('testcase'):
        name = '%s.%s' % (case.get('classname', ''), case.get('name', ''))
        skip = case.find('skipped')
        if case.find('failure') is not None or case.find('error') is not None:
            yield name, 'fail', ''
        elif skip is not None:
            yield name, 'skip', skip.get('message', '')
        elif case.get('second'):
            yield name, 'second', ''
        else:
            yield name, 'pass', ''


def main():
    skips = sys.argv[1] == '--skips'
    path = sys.argv[-1]
    rows = list((junit if path.endswith('.xml') else meson)(path))
    if skips:
        reasons = collections.Counter(reason for _, result, reason in rows if result == 'skip')
        for reason, n in reasons.items():
            print('    skipped %d: %s' % (n, reason))
        for name, result, _ in rows:
            if result == 'second':
                print('    passed only at the second try: %s' % name)
        return
    count = collections.Counter(result for _, result, _ in rows)
    print(count['pass'] + count['second'], count['fail'], count['skip'])


main()
