# SPDX-License-Identifier: GPL-3.0-or-later
"""millracectl's verbs that PowerDNS's API has no word for: history, revert, tokens, the audit log."""
import json
import subprocess
import time

import pytest

from suite import find_program
from test_api_access import BASE, KEY, Server


@pytest.fixture(scope='module')
def server(build):
    with Server(build, ['key: ' + KEY]) as s:
        yield s


@pytest.fixture
def ctl(build, server):
    def run(*args, check=True):
        r = subprocess.run([find_program(build, 'millracectl'), '--run-dir', str(server.suite.run_dir), *args],
                           capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert not check or r.returncode == 0, r.stderr
        return r
    return run


def test_history_tells_and_revert_goes_back(ctl, server):
    ctl('zone', 'create', 'past.example', '--ns', 'ns1.past.example.')
    ctl('rrset', 'add', 'past.example', 'www', 'A', '192.0.2.7')
    ctl('rrset', 'replace', 'past.example', 'www', 'A', '192.0.2.8')
    changes = json.loads(ctl('zone', 'history', 'past.example', '--json').stdout)['changes']
    assert len(changes) == 3 and changes[0]['serial_after'] == changes[0]['serial_before'] + 1
    text = ctl('zone', 'history', 'past.example', '--max', '1').stdout
    assert '  - www.past.example. 3600 A 192.0.2.7\n' in text and '  + www.past.example. 3600 A 192.0.2.8\n' in text
    assert text.count('serial ') == 1
    ctl('zone', 'revert', 'past.example', str(changes[0]['serial_before']), '--yes')
    assert server.suite.ask('www.past.example').answer[0][0].to_text() == '192.0.2.7'
    r = ctl('zone', 'revert', 'past.example', '1', '--yes', check=False)
    assert r.returncode == 1 and r.stderr


def test_a_token_is_made_used_rotated_and_revoked(ctl, server):
    secret = ctl('token', 'create', 'robot', '--zone', 'one.example.', '--method', 'GET', '--days', '2').stdout.strip()
    path = BASE + '/zones/one.example.'
    assert server.ask('GET', path, key=secret)[0] == 200 and server.ask('DELETE', path, key=secret)[0] == 403
    listed = ctl('token', 'list').stdout.splitlines()
    assert [line.split()[0] for line in listed] == ['NAME', 'robot'] and 'one.example.' in listed[1] and secret not in listed[1]
    new = ctl('token', 'rotate', 'robot', '--grace', '1').stdout.strip()
    assert server.ask('GET', path, key=new)[0] == 200
    time.sleep(2.1)
    assert server.ask('GET', path, key=secret)[0] == 401 and server.ask('GET', path, key=new)[0] == 200
    assert json.loads(ctl('token', 'show', 'robot').stdout)['name'] == 'robot'
    ctl('token', 'revoke', 'robot', '--yes')
    assert server.ask('GET', path, key=new)[0] == 401
    r = ctl('token', 'revoke', 'robot', '--yes', check=False)
    assert r.returncode == 1 and "no token 'robot'" in r.stderr
    rows = ctl('audit', '--max', '3').stdout.splitlines()
    assert rows[0].split() == ['TIME', '(UTC)', 'WHO', 'ACTION', 'ZONE', 'WHAT'] and 'token-delete' in rows[1]


def test_the_audit_table_says_what_each_row_is_about(server, ctl):
    assert server.ask('PUT', BASE + '/networks/192.0.2.0/24', '{"view": "inside"}')[0] == 204
    assert server.ask('POST', BASE + '/zones', json.dumps({'name': 'told.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.']}))[0] == 201
    assert server.ask('PUT', BASE + '/zones/told.example./metadata/X-WHY', '{"metadata": ["because"]}')[0] == 200
    what = {r[18:].split()[1]: r.split(None, 4)[4] for r in ctl('audit').stdout.splitlines()[1:] if len(r.split(None, 4)) == 5}
    assert what['network'] == '192.0.2.0/24' and what['metadata'].split() == ['told.example.', 'X-WHY']
    assert ' RRsets, serial ' in what['edit']
