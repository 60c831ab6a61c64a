# SPDX-License-Identifier: GPL-3.0-or-later
"""millracectl: versions of a zone, backends, a control plane elsewhere over TLS, and editors at once."""
import json
import os
import re
import subprocess
import threading
import time

import pytest

from suite import Suite, find_program, free_port

FILE = '$TTL 300\n@ SOA ns1 hostmaster 7 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\nwww A 192.0.2.1\n'


@pytest.fixture(scope='module')
def suite(build, tmp_path_factory):
    """A zone file of its own, and the API on the socket and over TLS."""
    folder = tmp_path_factory.mktemp('tls')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', str(folder / 'key'), '-out', str(folder / 'cert')],
                   check=True, capture_output=True)
    folder.chmod(0o755)
    (folder / 'key').chmod(0o644)
    port = free_port(('127.0.0.1',))
    s = Suite(build, {'file.example': FILE}, {'api': ['listen: ["127.0.0.1:%d"]' % port, 'tls-certificate: %s' % (folder / 'cert'),
                                                      'tls-key: %s' % (folder / 'key')]})
    s.url, s.ca = 'https://127.0.0.1:%d' % port, str(folder / 'cert')
    try:
        s.start()
        s.wait_ready()
        yield s
    finally:
        s.remove()


@pytest.fixture(scope='module')
def zone(suite, tmp_path_factory):
    path = tmp_path_factory.mktemp('zone') / 'db'
    path.write_text(FILE)
    suite.ctl('zone', 'create', 'kept.example', '--file', str(path))
    return 'kept.example'


def test_diff_of_versions(suite, zone):
    first = json.loads(suite.ctl('zone', 'show', zone, '--json').stdout)['serial']
    suite.ctl('rrset', 'replace', zone, 'www', 'A', '192.0.2.7')
    suite.ctl('rrset', 'add', zone, 'new', 'TXT', '"one"')
    last = json.loads(suite.ctl('zone', 'show', zone, '--json').stdout)['serial']
    assert last > first
    r = suite.ctl('zone', 'diff', zone, '--from', str(first), check=False)
    lines = r.stdout.splitlines()
    assert r.returncode == 1 and lines[:2] == ['--- kept.example. serial %d' % first, '+++ kept.example. serial %d' % last]
    assert '-www.kept.example. 300 A 192.0.2.1' in lines and '+www.kept.example. 300 A 192.0.2.7' in lines
    assert '+new.kept.example. 3600 TXT "one"' in lines
    assert json.loads(suite.ctl('zone', 'diff', zone, '--from', str(first), '--json', check=False).stdout)['from'] == first
    assert suite.ctl('zone', 'diff', zone, '--from', str(last), check=False).returncode == 0
    assert suite.ctl('zone', 'diff', zone, '--from', '99', check=False).returncode == 2
    assert suite.ctl('zone', 'diff', zone, check=False).returncode == 2
    suite.ctl('zone', 'revert', zone, str(first))
    shown = suite.ctl('zone', 'show', zone).stdout
    assert '192.0.2.1\n' in shown and 'new.kept' not in shown


def test_a_server_over_tls(suite, zone, tmp_path):
    secret = suite.ctl('token', 'create', 'certbot', '--zone', zone, '--owner', '_acme-challenge.*', '--type', 'TXT', '--method', 'GET',
                       '--method', 'PATCH').stdout.strip()
    path = tmp_path / 'token'
    path.write_text(secret + '\n')
    program = find_program(suite.build, 'millracectl')

    def remote(*args, ca=True):
        return subprocess.run([program, '--server', suite.url, '--token-file', str(path)] + ['--ca', suite.ca] * ca + list(args),
                              capture_output=True, text=True, timeout=60)
    r = remote('rrset', 'replace', zone, '_acme-challenge', 'TXT', '"x"', '--ttl', '60')
    assert r.returncode == 0, r.stderr
    assert '"x"' in suite.ctl('rrset', 'list', zone, '_acme-challenge').stdout
    r = remote('rrset', 'replace', zone, 'www', 'A', '192.0.2.99', '--ttl', '60')
    assert r.returncode == 1 and r.stderr.startswith('millracectl: ') and '192.0.2.99' not in suite.ctl('zone', 'show', zone).stdout
    r = remote('zone', 'list', ca=False)
    assert r.returncode == 1 and 'certificate' in r.stderr, 'a server that nobody vouches for is not spoken to'
    path.write_text('wrong\n')
    r = remote('zone', 'list')
    assert r.returncode == 1 and r.stderr.startswith('millracectl: ') and r.stdout == ''


def test_backend_verbs(suite):
    text = suite.ctl('backend', 'list').stdout
    assert re.search(r'^zone-files +zonefile +open ', text, re.M)
    listed = json.loads(suite.ctl('backend', 'list', '--json').stdout)
    assert [b['type'] for b in listed] == ['zonefile'] and 'apply' in listed[0]['capabilities']
    r = suite.ctl('backend', 'status', 'zone-files')
    assert re.search(r'^state +open$', r.stdout, re.M) and re.search(r'^can +list', r.stdout, re.M)
    assert suite.ctl('backend', 'status', 'nothing', check=False).returncode == 1


# --- zone edit: the condition is the server's, whatever the configuration says of extensions

@pytest.mark.parametrize('name', ['kept.example', 'file.example'])
def test_editors_at_once_lose_nothing(suite, zone, tmp_path, name):
    """Eight edits of one version, all of them sent at once: one of them is applied, none overwrites another."""
    program = find_program(suite.build, 'millracectl')
    env = dict(os.environ, TMPDIR=str(tmp_path), VISUAL='', EDITOR=str(tmp_path / 'editor'))
    (tmp_path / 'editor').write_text('#!/bin/sh\nset -e\necho "at-once-$N 60 A 192.0.2.$N" >>"$1"\ntouch %s/ready-$N\n'
                                     'while [ ! -e %s/go ]; do sleep 0.01; done\n' % (tmp_path, tmp_path))
    (tmp_path / 'editor').chmod(0o755)
    results = {}

    def edit(n):
        results[n] = subprocess.run([program, '--socket', str(suite.run_dir / 'api.sock'), 'zone', 'edit', name, '--yes'], capture_output=True, text=True,
                                    timeout=60, stdin=subprocess.DEVNULL, env=dict(env, N=str(n)))
    threads = [threading.Thread(target=edit, args=(n,)) for n in range(100, 108)]
    for t in threads:
        t.start()
    try:
        while len(list(tmp_path.glob('ready-*'))) < len(threads) and any(t.is_alive() for t in threads):
            time.sleep(0.01)
    finally:
        (tmp_path / 'go').touch()
        for t in threads:
            t.join()
    done = sorted(n for n, r in results.items() if r.returncode == 0)
    text = suite.ctl('zone', 'show', name).stdout
    assert [n for n in results if 'at-once-%d.' % n in text] == done and len(done) == 1, results
    kept = [p.read_text() for p in tmp_path.glob('millrace-*.zone')]
    assert len(kept) == 7 and all('somebody else' in r.stderr for n, r in results.items() if n not in done)
