# SPDX-License-Identifier: GPL-3.0-or-later
"""The store's file: millracectl store, beside a control plane that uses it and without one; and a control plane that is killed
in the midst of changes."""
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from suite import Suite, find_program
from test_cli import Terminal
from test_control import request

KEYS = '/api/v1/servers/localhost/tsigkeys'
ZONE = '$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\n'
SECRET = 'kp4/24gyYsEzbuTVJRUMoqGFmN3LYgVDzJ/3oRSP7ys='


def ctl(s, *words):
    return subprocess.run([find_program(s.build, 'millracectl'), 'store'] + [str(w) for w in words], capture_output=True, text=True,
                          timeout=60)


@pytest.fixture
def suite(build):
    s = Suite(build, {'example': ZONE}).start()
    try:
        yield s
    finally:
        s.remove()


def wait_for_store(s, seconds=20):
    """Until the control plane answers and its store is open."""
    end = time.monotonic() + seconds
    while True:
        try:
            if request(s, 'GET', KEYS)[0] == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < end, s.log_text()
        time.sleep(0.05)


def add_key(s, name):
    return request(s, 'POST', KEYS, json.dumps({'name': name, 'algorithm': 'hmac-sha256', 'key': SECRET}))[0]


def key_names(s):
    status, _, text = request(s, 'GET', KEYS)
    assert status == 200, text
    return {k['name'].rstrip('.') for k in json.loads(text)}


def test_a_snapshot_of_a_store_in_use_is_restored(suite, tmp_path):
    wait_for_store(suite)
    copy = tmp_path / 'copy.mdb'
    path = ('--path', suite.store_path)
    assert add_key(suite, 'first') == 201
    r = ctl(suite, 'snapshot', *path, copy)
    assert r.returncode == 0, r.stderr
    assert add_key(suite, 'second') == 201
    r = ctl(suite, 'verify', *path)
    assert r.returncode == 1 and 'writes to it' in r.stderr
    r = ctl(suite, 'restore', '--yes', *path, copy)
    assert r.returncode == 1 and 'writes to it' in r.stderr
    assert key_names(suite) == {'first', 'second'}

    suite.stop()
    r = ctl(suite, 'verify', '--json', *path)
    assert r.returncode == 0 and json.loads(r.stdout)['ok'] is True
    r = ctl(suite, 'restore', '--yes', *path, copy)
    assert r.returncode == 0, r.stderr
    suite.start()
    wait_for_store(suite)
    assert key_names(suite) == {'first'}
    assert add_key(suite, 'third') == 201

    suite.stop()
    os.truncate(copy, os.path.getsize(copy) // 2)
    r = ctl(suite, 'restore', '--yes', *path, copy)
    assert r.returncode == 1 and 'is damaged' in r.stderr
    assert ctl(suite, 'verify', *path).returncode == 0
    assert sorted(p.name for p in suite.store_path.parent.iterdir()) == ['store.mdb', 'store.mdb-lock', 'store.mdb-writer']
    suite.start()


def test_verify_shows_its_progress_on_a_terminal_only(suite, tmp_path):
    wait_for_store(suite)
    path = tmp_path / 'many.example.zone'
    path.write_text(ZONE + ''.join('n%d A 192.0.2.1\n' % i for i in range(5000)))
    suite.ctl('zone', 'import', str(path))
    suite.ctl('store', 'snapshot', str(tmp_path / 'copy.mdb'))
    program, words = find_program(suite.build, 'millracectl'), ['store', 'verify', '--path', str(tmp_path / 'copy.mdb')]
    t = Terminal([program, *words], dict(os.environ, TERM='dumb'), tmp_path)
    try:
        assert t.read_until('copy.mdb: OK'), t.text
        assert re.search(r'\[[#.]{24}\] [\d,]+/[\d,]+ entries, \d+/s', t.text), t.text
    finally:
        t.close()
    r = ctl(suite, *words[1:])
    assert (r.returncode, r.stdout, r.stderr) == (0, '%s: OK\n' % (tmp_path / 'copy.mdb'), '')


NOBODY = 65534


def test_root_restores_the_store_of_another_user(build, tmp_path):
    """As docs/store.md has it: the control plane runs as a user of its own, millracectl as root."""
    if os.geteuid() != 0:
        pytest.skip('only root works on what is another user\'s')
    s = Suite(build, {'example': ZONE}, prefix=['setpriv', '--reuid', str(NOBODY), '--regid', str(NOBODY), '--clear-groups'])
    for where, _, files in os.walk(s.dir):
        for path in [where] + [os.path.join(where, f) for f in files]:
            os.chown(path, NOBODY, NOBODY)
    copy, path = tmp_path / 'copy.mdb', ('--path', s.store_path)
    beside = [s.store_path.with_name('store.mdb' + end) for end in ('', '-lock', '-writer')]

    def whose():
        return {p.name: (p.stat().st_uid, p.stat().st_gid, p.stat().st_mode & 0o777) for p in beside if p.exists()}
    try:
        s.start()
        wait_for_store(s)
        assert add_key(s, 'first') == 201
        s.stop()
        for p in beside[1:]:        # docs/store.md: may be deleted
            p.unlink()
        r = ctl(s, 'snapshot', *path, copy)
        assert r.returncode == 0, r.stderr
        assert ctl(s, 'verify', *path).returncode == 0
        assert set(whose().values()) == {(NOBODY, NOBODY, 0o600)}, whose()
        s.start()
        wait_for_store(s)
        assert add_key(s, 'second') == 201
        s.stop()
        os.chmod(s.store_path, 0o640)
        beside[2].unlink()
        r = ctl(s, 'restore', '--yes', *path, copy)
        assert r.returncode == 0, r.stderr
        assert set(whose().values()) == {(NOBODY, NOBODY, 0o640), (NOBODY, NOBODY, 0o600)}, whose()
        s.start()
        wait_for_store(s)
        assert key_names(s) == {'first'} and add_key(s, 'third') == 201
        s.stop()
        # where there is none it is the folder's owner's
        for p in beside:
            p.unlink()
        r = ctl(s, 'restore', '--yes', *path, copy)
        assert r.returncode == 0, r.stderr
        s.start()
        wait_for_store(s)
        assert key_names(s) == {'first'} and add_key(s, 'third') == 201
    finally:
        s.remove()


def test_what_was_acknowledged_survives_kills(suite):
    wait_for_store(suite)
    acknowledged, asked, end = set(), set(), threading.Event()

    def change(number):
        i = 0
        while not end.is_set():
            i += 1
            name = 'key-%d-%d' % (number, i)
            asked.add(name)
            try:
                if add_key(suite, name) == 201:
                    acknowledged.add(name)
            except (OSError, http.client.HTTPException):    # the control plane is gone, perhaps in the midst of its answer
                time.sleep(0.01)

    threads = [threading.Thread(target=change, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    try:
        for n in range(6):
            time.sleep(0.15 + 0.07 * n)
            pid = suite.pid('controlplane')
            if pid:
                os.kill(pid, signal.SIGKILL)
            until = time.monotonic() + 20
            while suite.pid('controlplane') in (0, pid):        # the launcher starts it again
                assert time.monotonic() < until, suite.log_text()
                time.sleep(0.02)
            wait_for_store(suite)
    finally:
        end.set()
        for t in threads:
            t.join()
    wait_for_store(suite)
    there = key_names(suite)
    assert len(acknowledged) > 50
    assert not acknowledged - there, 'acknowledged, and lost'
    assert not there - asked
    suite.forgiven.append('controlplane died: signal 9')
    suite.stop()
    assert ctl(suite, 'verify', '--path', suite.store_path).returncode == 0
    suite.start()
