# SPDX-License-Identifier: GPL-3.0-or-later
"""pdnsutil and pdns_control: ours beside Debian's, the same commands to both, the same answers from both. Ours speaks once to the
running suite, once to a PowerDNS of its own."""
import os
import re
import socket
import subprocess

import pytest

import powerdns
from suite import find_program
from test_cli_zones import Millrace, Power

LOADED = '$ORIGIN loaded.example.\n$TTL 300\n@ SOA ns1 h 5 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.5\n'

# What is run, in order. A set of words behind it: what of it need not be the same, and why.
SAME = [
    ('create-zone', 'example.org', 'ns1.example.org'),
    ('create-zone', 'example.org'),
    ('create-secondary-zone', 'slave.example', '192.0.2.1', '192.0.2.9'),
    ('replace-rrset', 'example.org', 'ns1', 'A', '192.0.2.53'),
    ('replace-rrset', 'example.org', 'www', 'A', '300', '192.0.2.1'),
    ('replace-rrset', 'example.org', 'www', 'A', '600', '192.0.2.7', '192.0.2.8'),
    ('replace-rrset', 'example.org', '@', 'MX', '10 mail.example.org'),
    ('replace-rrset', 'example.org', '', 'TXT', '"v=spf1 -all"'),
    ('replace-rrset', 'example.org', 'mail', 'AAAA', '2001:db8::25'),
    ('replace-rrset', 'nothing.example', 'x', 'A', '192.0.2.1'),
    ('list-zone', 'example.org', {'serial'}),
    ('list-zone', 'nothing.example'),
    ('list-all-zones', {'empty'}),
    ('list-all-zones', 'native'),
    ('show-zone', 'example.org', {'metadata'}),
    ('show-zone', 'nothing.example'),
    ('check-zone', 'example.org'),
    ('check-zone', 'nothing.example'),
    ('delete-rrset', 'example.org', 'mail', 'AAAA'),
    ('delete-rrset', 'example.org', 'nosuch', 'A'),
    ('replace-rrset', 'example.org', '@', 'MX', '10 ns1.example.org'),
    ('increase-serial', 'example.org', {'serial'}),
    ('set-account', 'example.org', 'shop'),
    ('set-kind', 'example.org', 'primary'),
    ('set-kind', 'example.org', 'native'),
    ('show-zone', 'example.org', {'metadata'}),
    ('change-secondary-zone-primary', 'slave.example', '192.0.2.2', '192.0.2.3'),
    ('show-zone', 'slave.example', {'metadata'}),
    ('set-meta', 'example.org', 'ALLOW-AXFR-FROM', 'AUTO-NS', '192.0.2.0/24'),
    ('add-meta', 'example.org', 'ALLOW-AXFR-FROM', '10.0.0.0/8'),
    ('get-meta', 'example.org', 'ALLOW-AXFR-FROM', 'X-NONE'),
    ('set-meta', 'example.org', 'ALLOW-AXFR-FROM'),
    ('get-meta', 'nothing.example'),
    ('import-tsig-key', 'k2', 'hmac-md5', 'c2VjcmV0'),
    ('list-tsig-keys', {'algorithm-dot'}),
    ('activate-tsig-key', 'example.org', 'k2', 'primary'),
    ('deactivate-tsig-key', 'example.org', 'k2', 'primary'),
    ('delete-tsig-key', 'k2'),
    ('delete-tsig-key', 'k9'),
    ('list-tsig-keys',),
    ('add-autoprimary', '192.0.2.9', 'ns.example.net', 'acc'),
    ('list-autoprimaries',),
    ('remove-autoprimary', '192.0.2.9', 'ns.example.net'),
    ('list-autoprimaries',),
    ('load-zone', 'loaded.example', 'FILE'),
    ('list-zone', 'loaded.example'),
    ('check-all-zones', {'secondary'}),
    ('delete-zone', 'loaded.example'),
    ('delete-zone', 'loaded.example'),
    ('ipencrypt', '1.2.3.4', 'pw'),
    ('ipdecrypt', '91.222.155.220', 'pw'),
    ('ipencrypt', '2001:db8::1', 'pw'),
    ('ipdecrypt', '2001:db8::1', 'pw'),
    ('raw-lua-from-content', 'A', '1.2.3.4'),
    ('raw-lua-from-content', 'MX', '10 mail.example.org'),
    ('bogus-verb',),
]


def normalised(text, but):
    """PowerDNS's SQLite keeps a serial of 0 where the API makes one from the date."""
    text = re.sub(r'(?m)^(\S+\t\d+\tIN\tSOA\t\S+ \S+) \d+ ', r'\1 SERIAL ', text)
    if 'serial' in but:
        text = re.sub(r'set to \d+', 'set to SERIAL', text)
    if 'metadata' in but:                   # of zones made by the API: SOA-EDIT-API
        text = re.sub(r'(?s)Metadata items:.*', '', text)
        text = re.sub(r'No SOA serial found in database|SOA serial in database: \d+', 'SOA', text)
    if 'algorithm-dot' in but:
        text = text.replace('hmac-md5.sig-alg.reg.int.', 'hmac-md5.')
    if 'empty' in but:                      # PowerDNS leaves out zones without a SOA
        text = text.replace('slave.example\n', '')
    if 'secondary' in but:
        text = re.sub(r'(?m)^.*slave\.example.*\n|^Checked \d+ zones, .*\n', '', text)
    return text


@pytest.fixture(scope='module', params=[Millrace, Power], ids=lambda s: s.name)
def ours(request, build, tmp_path_factory):
    powerdns.need()
    folder = tmp_path_factory.mktemp('bin')
    for name in ('pdnsutil', 'pdns_control', 'millrace-pdnsutil'):
        (folder / name).symlink_to(find_program(build, 'millracectl'))
    s = request.param(build)

    def run(program, *args, **kwargs):
        return subprocess.run([str(folder / program), *s.where, *args], capture_output=True, text=True, timeout=60, **kwargs)
    s.util = lambda *args, **kwargs: run('pdnsutil', *args, **kwargs)
    s.control = lambda *args: run('pdns_control', *args)
    s.folder = folder
    try:
        yield s
    finally:
        s.remove()


@pytest.fixture(scope='module')
def theirs(ours):
    """As fresh as ours is."""
    s = powerdns.PowerDNS().start()
    try:
        yield s
    finally:
        s.remove()


def test_the_same_commands_give_the_same(ours, theirs, tmp_path):
    (tmp_path / 'file').write_text(LOADED)
    different = []
    for row in SAME:
        but = row[-1] if isinstance(row[-1], set) else set()
        args = [str(tmp_path / 'file') if a == 'FILE' else a for a in row if not isinstance(a, set)]
        a, b = theirs.util(*args), ours.util(*args)
        if (a.returncode, normalised(a.stdout, but)) != (b.returncode, normalised(b.stdout, but)):
            different.append('%s\n  theirs %d %r %r\n  ours   %d %r %r' % (args, a.returncode, a.stdout, a.stderr, b.returncode, b.stdout, b.stderr))
    assert not different, '\n'.join(different)


NEW = [('zone create', 'create-zone'), ('zone list-all', 'list-all-zones'), ('record replace', 'replace-rrset'), ('meta set', 'set-meta'),
       ('meta-data get', 'get-meta'), ('tsig list', 'list-tsig-keys'), ('tsig-key delete', 'delete-tsig-key'),
       ('zone change-primary', 'change-slave-zone-master'), ('autoprimary list', 'list-autoprimaries'), ('zone secure', 'secure-zone')]


@pytest.mark.parametrize('new, old', NEW)
def test_both_spellings_are_the_same_verb(ours, new, old):
    a, b = ours.util(*new.split(), '--help'), ours.util(old, '--help')
    assert a.stdout == b.stdout and a.stdout.startswith('usage: pdnsutil ') and a.returncode == 0


def test_every_verb_of_theirs_is_known(ours, theirs):
    """The verbs that Debian's pdnsutil lists; none of them is "Unknown command" here."""
    listed = re.findall(r'^([a-z][a-z0-9-]+)(?: [A-Z{\[]|  )', theirs.util('help').stdout, re.M)
    assert len(listed) > 60
    for verb in set(listed) - {'pdnsutil'}:
        r = ours.util(verb, '--help')
        assert r.returncode == 0 and r.stdout.startswith('usage: pdnsutil') and 'VERB' not in r.stdout.split('\n')[0], verb
    for verb in re.findall(r'^([a-z-]+) ', theirs.control('help').stdout, re.M):
        r = ours.control(verb, '--help')
        assert r.returncode == 0 and r.stdout.startswith('usage: pdns_control ' + verb), verb


def test_what_there_is_not_says_so(ours):
    for args in (['secure-zone', 'example.org'], ['zone', 'set-nsec3', 'example.org'], ['list-algorithms'], ['b2b-migrate', 'a', 'b'],
                 ['create-bind-db', '/tmp/x'], ['hsm', 'assign', 'x']):
        r = ours.util(*args)
        assert r.returncode == 1 and r.stdout == '' and r.stderr.startswith('pdnsutil: '), args
    for args in (['notify-host', 'example.org', '192.0.2.1'], ['cycle'], ['quit'], ['token-login', 'a', '1', '2']):
        r = ours.control(*args)
        assert r.returncode == 1 and r.stderr.startswith('pdns_control: '), args
    assert 'ALSO-NOTIFY' in ours.control('notify-host', 'example.org', '192.0.2.1').stderr
    assert 'catalog zones' in ours.util('set-option', 'example.org', 'producer', 'group', 'x').stderr
    r = ours.control('--remote-address=192.0.2.1', '--secret=x', 'rping')
    assert r.returncode != 0 and '--server' in r.stderr, 'another server is not silently this one'


def test_verbs_that_debians_does_not_have(ours, tmp_path):
    ours.util('create-zone', 'five.example', 'ns1.five.example')
    ours.util('replace-rrset', 'five.example', 'ns1', 'A', '192.0.2.53')
    assert ours.util('zone', 'copy', 'five.example', 'six.example').returncode == 0
    assert 'ns1.six.example\t3600\tIN\tA\t192.0.2.53' in ours.util('zone', 'list', 'six.example').stdout
    assert ours.util('rrset', 'add-comment', 'five.example', 'ns1', 'A', 'in rack 5', 'anna').returncode == 0
    assert re.search(r'^ns1\.five\.example\.\tA\tin rack 5\tanna\t\d+$', ours.util('rrset', 'list-comments', 'five.example').stdout, re.M)
    r = ours.util('clear-zone', 'six.example')
    assert r.returncode == 0 and 'ns1.six.example\t3600\tIN\tA' not in ours.util('zone', 'list', 'six.example').stdout
    r = ours.util('hash-password', input='secret\n')
    assert re.fullmatch(r'\$scrypt\$ln=10,p=1,r=8\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=\n', r.stdout)
    assert ours.util('hash-password', '1000', input='secret\n').returncode == 1
    env = dict(os.environ, EDITOR='sed -i s/192.0.2.53/192.0.2.54/', TMPDIR=str(tmp_path))
    r = ours.util('edit-zone', 'five.example', '--yes', env=env)
    assert r.returncode == 0 and '192.0.2.54' in ours.util('list-zone', 'five.example').stdout
    for zone in ('five.example', 'six.example'):
        assert ours.util('zone', 'delete', zone).returncode == 0


# --- pdns_control

@pytest.mark.parametrize('args', [['rping'], ['show', 'bogus'], ['notify', 'nothing.example'], ['bogus'], ['xfr-queue'], ['purge', 'example.org'],
                                  ['purge', 'example.org$'], ['purge'], ['reload'], ['rediscover'], ['remotes']])
def test_control_says_the_same(ours, theirs, args):
    if ours.name == 'powerdns' and args[0] in ('reload', 'rediscover'):
        pytest.skip('the route is ours')
    a, b = theirs.control(*args), ours.control(*args)
    if args[0] == 'notify':                 # a failure is one
        assert b.stdout.startswith('Failed to add to the queue - ') and b.returncode == 1
    elif args[0] == 'bogus':
        assert b.stderr.startswith('Unknown command: ') and a.stderr.startswith('Unknown command: ') and b.returncode == a.returncode == 1
    else:
        assert (b.returncode, b.stdout, b.stderr) == (a.returncode, a.stdout, a.stderr)


def test_control_retrieve(ours, theirs):
    """Nobody is at those addresses; what comes of a transfer: test_transfer.py."""
    for s in (ours, theirs):
        assert s.util('create-secondary-zone', 'fetched.example', '127.0.0.1:1').returncode == 0
        assert s.util('create-zone', 'native.example', 'ns1.native.example').returncode == 0
    try:
        for args, status in ((['fetched.example'], 0), (['native.example'], 1), (['nowhere.example'], 1), (['fetched.example', '127.0.0.1'], 0),
                             (['fetched.example', '127.0.0.1:2'], 0), (['fetched.example', 'nobody'], 1)):
            a, b = theirs.control('retrieve', *args), ours.control('retrieve', *args)
            if ours.name == 'powerdns' and len(args) > 1:       # 4.7's API asks the zone's own
                continue
            assert (b.returncode, b.stdout, b.stderr) == (status, a.stdout, '')
    finally:
        for s in (ours, theirs):
            for zone in ('fetched.example', 'native.example'):
                s.util('delete-zone', zone)


def test_control_shows_what_waits_to_be_retrieved(ours, theirs):
    """Primaries that take the connection and say nothing: two zones are being retrieved (transfer.parallel), others wait."""
    if ours.name == 'powerdns':
        pytest.skip("PowerDNS's API does not tell it")
    silent = socket.create_server(('127.0.0.1', 0), backlog=16)
    there = '127.0.0.1:%d' % silent.getsockname()[1]
    zones = ['queue%d.example' % i for i in range(5)]
    try:
        for zone in zones:
            assert ours.util('create-secondary-zone', zone, there).returncode == 0
        for zone in zones[:3]:
            assert ours.control('retrieve', zone).returncode == 0
        assert ours.control('retrieve', zones[3], '[::1]:5301').returncode == 0
        assert ours.control('show', 'xfr-queue').stdout == '2\n'
        lines = ours.control('xfr-queue').stdout.split('\n')
        assert lines == ['queue2.example. 127.0.0.1', 'queue3.example. ::1', '', ''], lines
    finally:
        for zone in zones:
            ours.util('delete-zone', zone)
        silent.close()


def test_control_statistics(ours, theirs):
    value = ours.control('show', 'udp-queries').stdout
    assert re.fullmatch(r'\d+\n', value)
    form = r'([a-z0-9A-Z-]+=[0-9]+,)+\n'
    for args in (['list'], ['show', 'udp*'], ['show', '*']):
        assert re.fullmatch(form, ours.control(*args).stdout) and re.fullmatch(form, theirs.control(*args).stdout)
    assert all(p.startswith('udp') for p in ours.control('show', 'udp*').stdout.strip().split(',') if p)
    form = r'negative queries: \d+, queries: \d+packets: \d+\n'
    assert re.fullmatch(form, ours.control('ccounts').stdout) and re.fullmatch(form, theirs.control('ccounts').stdout)
    assert re.fullmatch(r'\d+\n\d+\n\d+ seconds\nPowerDNS daemon\n', ours.control('mrtg', 'udp-queries', 'tcp-queries').stdout)
    assert ours.control('mrtg', 'udp-queries').stdout.split('\n')[1] == '0'
    assert re.fullmatch(r'N:\d+:\d+\n', ours.control('rrd', 'udp-queries', 'tcp-queries').stdout)
    r = ours.control('rrd', 'udp-queries', 'bogus')
    assert r.returncode == 1 and r.stdout == '' and 'bogus' in r.stderr
    assert re.fullmatch(r'[\d.]+ (seconds|minutes)\n', ours.control('uptime').stdout)
    assert re.match(r'\d+\.\d+', ours.control('version').stdout) and ours.control('ping').stdout == 'PONG\n'
    assert re.search(r'(?m)^# Autogenerated configuration file based on running instance \(.*\)$', ours.control('current-config').stdout)
    assert re.search(r'(?m)^[a-z0-9-]+=', ours.control('current-config').stdout)


def test_control_list_zones(ours, theirs):
    for s in (ours, theirs):
        s.util('create-zone', 'listed.example', 'ns1.listed.example')
    try:
        for s in (ours, theirs):
            text = s.control('list-zones').stdout.splitlines()
            assert 'listed.example.' in text and re.fullmatch(r'All zonecount: \d+', text[-1])
            text = s.control('list-zones', 'primary').stdout
            assert re.search(r'^Master zonecount: \d+$', text, re.M) and 'listed.example.' not in text
    finally:
        for s in (ours, theirs):
            s.util('delete-zone', 'listed.example')
