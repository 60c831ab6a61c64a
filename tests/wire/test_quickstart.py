# SPDX-License-Identifier: GPL-3.0-or-later
"""A new user's first command: tools/quickstart, twice, and the command that stops it. Then what README shows."""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
QUICKSTART = ROOT / 'tools' / 'quickstart'


def run(*args, timeout=600):
    r = subprocess.run([str(QUICKSTART), *args], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, cwd='/')
    return r.returncode, r.stdout + r.stderr


@pytest.fixture(autouse=True)
def stopped():
    if os.geteuid() != 0:
        pytest.skip('quickstart installs packages and makes a namespace: needs root')
    if not QUICKSTART.exists():
        pytest.skip('there is no tools/quickstart')
    yield
    run('stop')


def test_quickstart_answers_twice_and_stops():
    for _ in range(2):
        status, text = run()
        assert status == 0, text
        # one question over UDP and one over TCP, with dig's own words
        assert len(re.findall(r'status: NOERROR', text)) >= 2 or len(re.findall(r'192\.0\.2\.\d+', text)) >= 2, text
        assert re.search(r'\bTCP\b|\+tcp', text), text
        assert 'stop' in text, 'it says how to stop'
    status, text = run('stop')
    assert status == 0, text
    out = subprocess.run(['ps', '-eo', 'args'], capture_output=True, text=True).stdout
    left = [line for line in out.splitlines() if re.match(r'\S*millrace-(dataplane|controlplane|stream)\b', line) and str(ROOT) in line]
    assert not left
