# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries from millrace-bench, which counts each of them, while a test does things to the suite: at a fixed rate, or (rate None) as
many as are answered."""
import json
import subprocess

from suite import find_program

# No figure hangs on the rate: it is low enough for a sanitizer build on a busy machine, and a query
# may take so long that only one that never comes counts as lost.
RATE = 1000
PATIENCE_S = 8
WINDOW = 64             # queries outstanding at full load: fewer than a socket's buffer holds


class Load:
    """with Load(suite, seconds) as load: ...; load.result() -> millrace-bench's JSON"""

    def __init__(self, suite, seconds, rate=RATE, queries=('a.z A', 'z SOA', 'nix.z A'), extra=(), prefix=()):
        self.command = [*prefix, find_program(suite.build, 'millrace-bench'), '--json', *(('--rate', str(rate)) if rate else ('--window', str(WINDOW))),
                        '--duration', str(seconds), '--timeout', str(PATIENCE_S), '--server', '%s:%d' % suite.server(), *extra]
        for q in queries:
            self.command += ['--query', q]
        self.process = None
        self.out = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *exception):
        if exception[0] is not None:
            self.process.kill()
        self.out, self.err = self.process.communicate(timeout=120)

    def result(self):
        assert self.out.strip(), self.err
        return json.loads(self.out.strip().splitlines()[-1])

    def nothing_lost(self):
        r = self.result()
        assert r['sent'] > 0 and r['lost'] == 0 and r['received'] == r['sent'], r
        return r
