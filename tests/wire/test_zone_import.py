# SPDX-License-Identifier: GPL-3.0-or-later
"""Zone files that are larger than any body: over the unix socket and TCP, as a whole or not at all, and nothing for who may not."""
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from suite import find_program
from test_api_access import BASE, KEY, Authority, Server, make_token
from test_api_zones import Api, replace
from test_cli import Terminal
from test_store_kill import wait_back

N = 60000
HEAD = '$TTL 60\n@ SOA ns host %d 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n'
IMPORT = BASE + '/millrace/zones/%s/import'


def zone_text(serial, n=N, last='10.0.0.1'):
    return HEAD % serial + ''.join('a-rather-long-name-%d A 192.0.2.%d\n' % (i, i % 250) for i in range(n)) + 'last A %s\n' % last


@pytest.fixture
def server(build):
    with Server(build, ['key: ' + KEY, 'max-import: 8MiB']) as s:
        s.api = Api(s.suite)
        s.key_file = s.suite.dir / 'key'
        s.key_file.write_text(KEY)
        s.key_file.chmod(0o600)
        s.program = find_program(build, 'millracectl')
        s.unix = ['--socket', str(s.suite.run_dir / 'api.sock')]
        s.tcp = ['--server', 'http://127.0.0.1:%d' % s.port, '--token-file', str(s.key_file)]
        yield s


def ctl(server, where, *args, check=True):
    r = subprocess.run([server.program, *where, *args], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert not check or r.returncode == 0, '%s: status %d\n%s%s' % (args, r.returncode, r.stdout, r.stderr)
    return r


def spools(server):
    """Files without a name that the control plane has open."""
    folder, found = '/proc/%d/fd' % server.suite.pid('controlplane'), []
    for fd in os.listdir(folder):
        try:
            at = os.readlink('%s/%s' % (folder, fd))
        except OSError:
            continue
        if '(deleted)' in at and '/#' in at:
            found.append(at)
    return found


@pytest.mark.parametrize('where', ['unix', 'tcp'])
def test_a_zone_larger_than_a_body_is_imported_and_replaced_as_a_whole(server, where, tmp_path):
    path, how = tmp_path / 'big.example.zone', getattr(server, where)
    path.write_text(zone_text(7))
    assert path.stat().st_size > 2 << 20        # api.max-body
    got = json.loads(ctl(server, how, 'zone', 'import', str(path), '--account', 'a & b', '--json').stdout)
    assert [(g['result'], g['records']) for g in got] == [('created', N + 4)]
    assert server.api.answers('last.big.example.') == ['10.0.0.1']
    zone = server.api.ok('GET', '/zones/big.example.?rrsets=false')
    assert zone['account'] == 'a & b' and zone['kind'] == 'Native'
    path.write_text(zone_text(8, N // 2, '10.0.0.2'))
    assert '1 replaced' in ctl(server, how, 'zone', 'import', str(path)).stdout
    assert server.api.answers('last.big.example.') == ['10.0.0.2']
    assert server.api.answers('a-rather-long-name-%d.big.example.' % (N - 1)) == []
    assert server.api.answers('a-rather-long-name-1.big.example.') == ['192.0.2.1']
    r = ctl(server, how, 'zone', 'import', str(path), '--create-only', check=False)
    assert r.returncode == 1 and 'already exists' in r.stderr
    wait_spools(server, 0)


def test_a_file_that_is_no_zone_changes_nothing(server, tmp_path):
    path = tmp_path / 'big.example.zone'
    path.write_text(zone_text(7))
    ctl(server, server.unix, 'zone', 'import', str(path))
    path.write_text(zone_text(8, last='10.0.0.2') + 'last A 10.0.0.256\n')
    r = ctl(server, server.unix, 'zone', 'import', str(path), check=False)
    assert r.returncode == 1 and ':%d:' % (N + 6) in r.stderr, r.stderr
    path.write_text(zone_text(8, last='10.0.0.2') + 'last CNAME other\n')
    r = ctl(server, server.unix, 'zone', 'import', str(path), check=False)
    assert r.returncode == 1 and 'CNAME' in r.stderr, r.stderr
    assert server.api.answers('last.big.example.') == ['10.0.0.1']
    path = tmp_path / 'new.example.zone'
    path.write_text('nothing A\n' * 50000)
    assert ctl(server, server.unix, 'zone', 'import', str(path), check=False).returncode == 1
    assert server.api.request('GET', '/zones/new.example.')[0] == 404


def test_what_is_too_long_is_refused_at_once_and_as_it_comes(server):
    assert server.ask('PUT', IMPORT % 'x.example.', b'x', {'Content-Length': str(20 << 20)})[0] == 413

    def pieces():
        for _ in range(600):        # 9.4 MiB, and nobody says so
            yield b';' + b'x' * 16382 + b'\n'
    c = http.client.HTTPConnection('127.0.0.1', server.port, timeout=20)
    c.request('PUT', IMPORT % 'x.example.', pieces(), {'X-API-Key': KEY}, encode_chunked=True)
    r = c.getresponse()
    text = r.read().decode()
    assert r.status == 413 and 'api.max-import' in text
    assert server.ask('PUT', IMPORT % 'x.example.', b'', {})[0] == 422
    wait_spools(server, 0)


def half(server, key, zone='x.example.'):
    """A body that never ends."""
    s = server.connect()
    s.sendall(b'PUT ' + (IMPORT % zone).encode() + b' HTTP/1.1\r\nHost: a\r\nX-API-Key: ' + key.encode() +
              b'\r\nContent-Length: 1000000\r\n\r\n' + b'; x\n' * 10000)
    return s


def wait_spools(server, n):
    end = time.monotonic() + 10
    while len(spools(server)) != n:
        assert time.monotonic() < end, spools(server)
        time.sleep(0.02)


def test_nothing_is_taken_from_whoever_may_not(server):
    token, _ = make_token(server, 'other', zones=['one.example.'], methods=['PUT'])
    allowed = [half(server, token, 'one.example.')]
    wait_spools(server, 1)          # of the zone that it may change: so the others were not just late
    for key in ('wrong', '', token):
        s = half(server, key)
        for _ in range(20):         # many times as long as the other took
            assert len(spools(server)) == 1
            time.sleep(0.02)
        s.sendall(b' ' * (1000000 - 40000))
        answer = s.recv(100)
        assert answer.split()[1] in (b'401', b'403'), answer
        assert len(spools(server)) == 1
        s.close()
    for s in allowed:
        s.close()
    wait_spools(server, 0)


def test_who_breaks_off_leaves_nothing_and_two_at_a_time_are_taken(server):
    two = [half(server, KEY), half(server, KEY)]
    wait_spools(server, 2)
    status, _, text = server.ask('PUT', IMPORT % 'x.example.', HEAD % 1)
    assert status == 503 and 'being imported' in text
    for s in two:
        s.close()
    wait_spools(server, 0)
    status, _, text = server.ask('PUT', IMPORT % 'x.example.', HEAD % 1)
    assert status == 200, text
    assert json.loads(text)['created'] is True
    assert json.loads(text)['records'] == 3


def test_progress_is_told_in_octets(server, tmp_path):
    path = tmp_path / 'big.example.zone'
    path.write_text(zone_text(7))
    t = Terminal([server.program, *server.unix, 'zone', 'import', str(path)], dict(os.environ, TERM='dumb'), tmp_path)
    try:
        assert t.read_until(r'1 zones: 1 created'), t.text
        assert re.search(r'\[[#.]{24}\] [\d,]+/%s octets, \d+/s' % format(path.stat().st_size, ','), t.text), t.text
    finally:
        t.close()


def test_a_file_that_includes_others_is_read_by_the_client(server, tmp_path):
    (tmp_path / 'more').write_text('included A 192.0.2.99\n')
    path = tmp_path / 'big.example.zone'
    path.write_text(HEAD % 1 + '; %s\n' % ('x' * 200000) + '$INCLUDE more\n')
    ctl(server, server.unix, 'zone', 'import', str(path))
    assert server.api.answers('included.big.example.') == ['192.0.2.99']


def test_other_zones_are_changed_while_one_is_imported(server, tmp_path):
    server.api.create('small.example.')
    path, n = tmp_path / 'big.example.zone', 0
    path.write_text(zone_text(7, 4 * N)[:8 << 20].rsplit('\n', 1)[0] + '\n')
    over = threading.Event()

    def bring():
        ctl(server, server.unix, 'zone', 'import', str(path))
        over.set()
    importer = threading.Thread(target=bring)
    importer.start()
    while not over.is_set():
        server.api.patch('small.example.', replace('www.small.example.', 'A', '192.0.2.%d' % (n % 250)))
        assert server.api.answers('www.small.example.') == ['192.0.2.%d' % (n % 250)]
        n += 1
    importer.join()
    assert n > 10, n
    assert server.api.answers('a-rather-long-name-0.big.example.') == ['192.0.2.0']


def test_over_tls(build, tmp_path):
    authority = Authority(tmp_path, 'root')
    cert, key = authority.sign('server')
    with Server(build, ['key: ' + KEY, 'tls-certificate: %s' % cert, 'tls-key: %s' % key]) as s:
        api, key_file, path = Api(s.suite), tmp_path / 'token', tmp_path / 'big.example.zone'
        key_file.write_text(KEY)
        key_file.chmod(0o600)
        path.write_text(zone_text(7))
        s.program = find_program(build, 'millracectl')
        where = ['--server', 'https://127.0.0.1:%d' % s.port, '--token-file', str(key_file), '--ca', str(authority.cert)]
        got = json.loads(ctl(s, where, 'zone', 'import', str(path), '--json').stdout)
        assert [(g['result'], g['records']) for g in got] == [('created', N + 4)]
        assert api.answers('last.big.example.') == ['10.0.0.1'] and api.answers('a-rather-long-name-0.big.example.') == ['192.0.2.0']


@pytest.mark.parametrize('after', [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6])
def test_a_killed_control_plane_leaves_the_whole_zone_or_the_one_before(server, tmp_path, after):
    """Killed while the body comes, is parsed, is written and is compiled: what is there afterwards is one of the two zones, and the new one if
    that was answered."""
    path = tmp_path / 'big.example.zone'
    path.write_text(zone_text(1, 1000, '10.0.0.1'))
    ctl(server, server.unix, 'zone', 'import', str(path))
    path.write_text(zone_text(2, N, '10.0.0.2'))
    server.suite.forgiven += ['controlplane died', 'signal 9']
    old = server.suite.pid('controlplane')
    p = subprocess.Popen([server.program, *server.unix, 'zone', 'import', str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(after)
    os.kill(old, signal.SIGKILL)
    p.communicate(timeout=60)
    wait_back(server.suite, old, zone='big.example.')
    zone = server.api.ok('GET', '/zones/big.example.')
    new = len(zone['rrsets']) == N + 4
    assert new or len(zone['rrsets']) == 1000 + 4
    assert new or p.returncode != 0
    last = ['10.0.0.2' if new else '10.0.0.1']
    assert [r['content'] for s in zone['rrsets'] if s['name'] == 'last.big.example.' for r in s['records']] == last
    end = time.monotonic() + 20
    while server.api.answers('last.big.example.') != last:
        assert time.monotonic() < end, server.suite.log_text()
        time.sleep(0.02)
    assert server.api.answers('a-rather-long-name-%d.big.example.' % (N - 1)) == (['192.0.2.%d' % ((N - 1) % 250)] if new else [])
    wait_spools(server, 0)


def test_a_large_zone_that_is_deleted_goes_by_and_by(server, tmp_path):
    """Others are changed meanwhile, the control plane is killed meanwhile, and one of the same name is made: there is never a fault in the store."""
    path, snapshot = tmp_path / 'big.example.zone', tmp_path / 'snapshot.mdb'

    def verify():
        snapshot.unlink(missing_ok=True)
        server.suite.ctl('store', 'snapshot', str(snapshot))
        server.suite.ctl('store', 'verify', '--path', str(snapshot))
    path.write_text(zone_text(7))
    ctl(server, server.unix, 'zone', 'import', str(path))
    server.api.create('small.example.')
    server.api.ok('DELETE', '/zones/big.example.', status=204)
    assert server.api.request('GET', '/zones/big.example.')[0] == 404
    verify()
    for n in range(20):
        server.api.patch('small.example.', replace('www.small.example.', 'A', '192.0.2.%d' % n))
    server.suite.forgiven += ['controlplane died', 'signal 9']
    old = server.suite.pid('controlplane')
    os.kill(old, signal.SIGKILL)
    wait_back(server.suite, old, zone='small.example.')
    assert server.api.answers('www.small.example.') == ['192.0.2.19']
    assert server.api.request('GET', '/zones/big.example.')[0] == 404
    verify()
    path.write_text(zone_text(8, 1000))
    ctl(server, server.unix, 'zone', 'import', str(path))
    assert len(server.api.ok('GET', '/zones/big.example.')['rrsets']) == 1004
    assert server.api.answers('a-rather-long-name-%d.big.example.' % (N - 1)) == []
    end = time.monotonic() + 60
    verify()
    while snapshot.stat().st_size > 2 << 20:      # of the 60,000 names nothing is left
        assert time.monotonic() < end, snapshot.stat().st_size
        verify()


def test_a_token_that_may_not_make_zones_makes_none_by_an_import(server):
    token, _ = make_token(server, 'editor', zones=['*.customers.example.'], methods=['GET', 'PUT', 'PATCH'])
    there, new = 'there.customers.example.', 'new.customers.example.'
    server.api.create(there)
    status, _, text = server.ask('PUT', IMPORT % new, HEAD % 1, key=token)
    assert status == 403 and 'POST' in text, text
    assert server.api.request('GET', '/zones/' + new)[0] == 404
    status, _, text = server.ask('PUT', IMPORT % there, HEAD % 1, key=token)
    assert status == 200, text
    token, _ = make_token(server, 'maker', zones=['*.customers.example.'], methods=['POST', 'PUT'])
    assert server.ask('PUT', IMPORT % new, HEAD % 1, key=token)[0] == 200


def test_a_file_with_the_serial_that_it_always_has(server):
    """It is kept in git with serial 1: what secondaries see only ascends, whatever else changes the zone."""
    def bring(last):
        status, _, text = server.ask('PUT', IMPORT % 'git.example.', zone_text(1, 3, last))
        assert status == 200, text
        return json.loads(text)['serial']
    seen = [bring('10.0.0.1'), bring('10.0.0.2')]
    for n in range(5):
        server.api.patch('git.example.', replace('www.git.example.', 'A', '192.0.2.%d' % n))
        seen.append(server.api.ok('GET', '/zones/git.example.')['serial'])
    seen.append(bring('10.0.0.3'))
    assert seen == list(range(seen[0], seen[0] + 8))
    assert bring('10.0.0.3') == seen[-1]        # nothing has changed
