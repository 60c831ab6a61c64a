# SPDX-License-Identifier: GPL-3.0-or-later
"""millracectl's verbs for zones, records, metadata and keys, against the running suite on its socket, and against Debian's
PowerDNS through --server: what the API is called by is the same there."""
import json
import os
import re
import subprocess

import pytest

import powerdns
from suite import Suite, find_program
from test_cli import Terminal

FILE = '$TTL 300\n@ SOA ns1.%s. hostmaster.%s. 7 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.53\nwww A 192.0.2.1\n'


class Millrace:
    name = 'millrace'

    def __init__(self, build):
        self.suite = Suite(build, {})
        self.suite.start()
        self.suite.wait_ready()
        self.where = ['--socket', str(self.suite.run_dir / 'api.sock')]

    def remove(self):
        self.suite.remove()


class Power:
    name = 'powerdns'

    def __init__(self, build):
        self.server = powerdns.PowerDNS().start()
        self.where = ['--server', self.server.url, '--token-file', str(self.server.key_file)]

    def remove(self):
        self.server.remove()


@pytest.fixture(scope='module', params=[Millrace, Power], ids=lambda s: s.name)
def server(request, build):
    if request.param is Power:
        powerdns.need()
    s = request.param(build)
    s.program = find_program(build, 'millracectl')
    try:
        yield s
    finally:
        s.remove()


@pytest.fixture
def ctl(server):
    def run(*args, check=True, env=None, **kwargs):
        r = subprocess.run([server.program, *server.where, *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                           env=dict(os.environ, **(env or {})), **kwargs)
        assert not check or r.returncode == 0, '%s: status %d\n%s%s' % (args, r.returncode, r.stdout, r.stderr)
        return r
    return run


names = iter('zone%d.example' % i for i in range(1000))


@pytest.fixture
def zone(ctl, tmp_path):
    """A zone of the test's own, made from a file."""
    name = next(names)
    path = tmp_path / 'db'
    path.write_text(FILE % (name, name))
    ctl('zone', 'create', name, '--file', str(path))
    return name


def contents(ctl, zone, name, rrtype):
    sets = json.loads(ctl('rrset', 'list', zone, name, rrtype, '--json').stdout)
    return sorted(r['content'] for s in sets if s['type'] == rrtype for r in s['records'])


# --- zones

def test_zone_create_show_set_delete(ctl):
    name = next(names)
    r = ctl('zone', 'create', name, '--ns', 'ns1.example.net', '--ns', 'ns2.example.net.', '--account', 'shop', '--kind', 'primary')
    assert re.fullmatch(r'Created %s\., serial \d+\n' % re.escape(name), r.stdout)
    text = ctl('zone', 'show', name).stdout
    assert re.search(r'^kind +primary$', text, re.M) and re.search(r'^account +shop$', text, re.M)
    assert re.search(r'^%s\. +\d+ +NS +ns1\.example\.net\.$' % re.escape(name), text, re.M) and 'ns2.example.net.' in text
    shown = json.loads(ctl('zone', 'show', name, '--json').stdout)
    assert shown['name'] == name + '.' and {s['type'] for s in shown['rrsets']} == {'SOA', 'NS'}
    r = ctl('zone', 'create', name, check=False)
    assert r.returncode == 1 and r.stdout == '' and r.stderr.startswith('millracectl: ')
    ctl('zone', 'set', name, '--account', 'other', '--kind', 'native', '--soa-edit-api', 'INCREASE')
    text = ctl('zone', 'show', name).stdout
    assert re.search(r'^account +other$', text, re.M) and re.search(r'^soa-edit-api +INCREASE$', text, re.M)
    assert name + '.' in ctl('zone', 'list').stdout
    assert ctl('zone', 'delete', name).stdout == 'Deleted %s\n' % name
    r = ctl('zone', 'show', name, check=False)
    assert r.returncode == 1 and r.stderr and name + '.' not in ctl('zone', 'list').stdout


def test_zone_has_the_key_that_its_transfers_are_signed_with(ctl):
    name, key = next(names), 'key-of-' + next(names)
    ctl('tsig', 'generate', key)
    ctl('zone', 'create', name, '--kind', 'secondary', '--primary', '192.0.2.1', '--tsig-key', key)
    keys = lambda: json.loads(ctl('zone', 'show', name, '--json').stdout)['slave_tsig_key_ids']     # noqa: E731
    assert keys() == [key + '.'] and re.search(r'^tsig-key +%s\.$' % re.escape(key), ctl('zone', 'show', name).stdout, re.M)
    assert ctl('metadata', 'get', name, 'AXFR-MASTER-TSIG').stdout.rstrip('.\n') == key
    ctl('zone', 'set', name, '--account', 'other')
    assert keys() == [key + '.'], 'what is not named stays'
    ctl('zone', 'set', name, '--tsig-key', '')
    assert keys() == []
    r = ctl('zone', 'set', name, '--tsig-key', 'nobody.example', check=False)
    assert r.returncode == 1 and 'nobody.example' in r.stderr
    ctl('zone', 'set', name, '--tsig-key', key + '.')
    assert keys() == [key + '.']
    ctl('zone', 'delete', name)
    ctl('tsig', 'delete', key, '--yes')


@pytest.mark.parametrize('args, text', [
    (['zone', 'create', 'x.example', '--kind', 'nothing'], 'native'), (['zone', 'set', 'x.example'], 'what is to be set'),
    (['zone', 'set', 'x.example', '--api-rectify', 'perhaps'], 'yes or no'), (['zone', 'show', 'x.example', '--type', 'A'], '--name'),
    (['tsig', 'import', 'x.example'], '--secret-file')])
def test_mistakes_are_usage(ctl, args, text):
    r = ctl(*args, check=False)
    assert r.returncode == 2 and text in r.stderr and r.stdout == ''


def test_export_diff_and_import(ctl, zone, tmp_path):
    path = tmp_path / 'out.zone'
    ctl('zone', 'export', zone, '-o', str(path))
    assert 'www.%s.' % zone in path.read_text() and ctl('zone', 'export', zone).stdout == path.read_text()
    assert json.loads(ctl('zone', 'export', zone, '--json').stdout)['rrsets']
    r = ctl('zone', 'diff', zone, str(path))
    assert (r.returncode, r.stdout) == (0, '')
    path.write_text(path.read_text().replace('192.0.2.1', '192.0.2.99') + 'new.%s. 60 TXT "a b"\n' % zone)
    r = ctl('zone', 'diff', zone, str(path), check=False)
    lines = r.stdout.splitlines()
    assert r.returncode == 1 and '-www.%s. 300 A 192.0.2.1' % zone in lines and '+www.%s. 300 A 192.0.2.99' % zone in lines
    assert '+new.%s. 60 TXT "a b"' % zone in lines and '\033' not in r.stdout and len(lines) == 5
    changes = json.loads(ctl('zone', 'diff', zone, str(path), '--json', check=False).stdout)
    assert {(c['name'], c['type'], c['before'] is None) for c in changes} == {
        ('www.%s.' % zone, 'A', False), ('new.%s.' % zone, 'TXT', True)}
    assert ctl('zone', 'diff', zone, str(tmp_path / 'missing'), check=False).returncode == 2


def test_import_of_a_folder(ctl, server, tmp_path):
    folder = tmp_path / 'zones'
    folder.mkdir()
    made = [next(names) for _ in range(40)]
    for n in made:
        (folder / (n + '.zone')).write_text(FILE % (n, n))
    (folder / 'README').write_text('no zone')
    r = ctl('zone', 'import', str(folder), '--account', 'moved')
    assert re.fullmatch(r'40 zones: 40 created, 0 replaced, 0 failed; 160 records, [\d.]+ s\n', r.stdout) and r.stderr == ''
    assert contents(ctl, made[7], 'www', 'A') == ['192.0.2.1']
    (folder / (made[3] + '.zone')).write_text('@ SOA only. one. 1 2 3 4 5\nbad A 1.2.3\n')
    r = ctl('zone', 'import', str(folder), '--create-only', '--json', check=False)
    told = json.loads(r.stdout)
    assert r.returncode == 1 and len(told) == 40 and {t['result'] for t in told} == {'failed', 'refused'}
    assert [t['file'] for t in told if t['result'] == 'refused'] == [str(folder / (made[3] + '.zone'))]
    assert made[3] + '.zone:2:' in r.stderr
    if server.name == 'millrace':           # PowerDNS 4.7 does not replace records by PUT
        (folder / (made[3] + '.zone')).write_text('$TTL 60\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.54\nnew A 192.0.2.77\n')
        r = ctl('zone', 'import', str(folder / (made[3] + '.zone')))
        assert '1 replaced' in r.stdout and contents(ctl, made[3], 'new', 'A') == ['192.0.2.77']
        assert contents(ctl, made[3], 'www', 'A') == [], 'the whole zone is replaced'
    r = ctl('zone', 'import', str(tmp_path / 'nothing'), check=False)
    assert r.returncode == 2 and 'nothing' in r.stderr


# --- records

def test_rrset_verbs(ctl, server, zone):
    ctl('rrset', 'replace', zone, 'api', 'A', '192.0.2.10', '192.0.2.11', '--ttl', '600')
    sets = json.loads(ctl('rrset', 'list', zone, 'api', '--json').stdout)
    assert [(s['name'], s['type'], s['ttl']) for s in sets] == [('api.%s.' % zone, 'A', 600)]
    assert contents(ctl, zone, 'api.' + zone, 'A') == ['192.0.2.10', '192.0.2.11']
    ctl('rrset', 'replace', zone, 'api.%s.' % zone, 'a', '192.0.2.12')
    assert json.loads(ctl('rrset', 'list', zone, 'api', '--json').stdout)[0]['ttl'] == 600, 'the TTL stays'
    ctl('rrset', 'replace', zone, '@', 'TXT', '"v=spf1 -all"')
    assert contents(ctl, zone, '@', 'TXT') == ['"v=spf1 -all"']
    ctl('rrset', 'replace', zone, 'off', 'A', '192.0.2.13', '--disabled')
    assert re.search(r'^off\.%s\. +3600 +A +192\.0\.2\.13  \(disabled\)$' % re.escape(zone), ctl('zone', 'show', zone).stdout, re.M)
    ctl('rrset', 'comment', zone, 'api', 'A', 'moves in May', '--account', 'anna')
    assert '; api.%s. A: moves in May (anna)' % zone in ctl('rrset', 'list', zone).stdout
    assert contents(ctl, zone, 'api', 'A') == ['192.0.2.12'], 'a comment changes no record'
    if server.name == 'millrace':           # PowerDNS has EXTEND and PRUNE since 4.9
        ctl('rrset', 'add', zone, 'api', 'A', '192.0.2.14', '192.0.2.15')
        assert contents(ctl, zone, 'api', 'A') == ['192.0.2.12', '192.0.2.14', '192.0.2.15']
        ctl('rrset', 'delete', zone, 'api', 'A', '192.0.2.14')
        assert contents(ctl, zone, 'api', 'A') == ['192.0.2.12', '192.0.2.15']
    r = ctl('rrset', 'replace', zone, 'api', 'A', '192.0.2', check=False)
    assert r.returncode == 1 and '192.0.2' in r.stderr
    ctl('rrset', 'delete', zone, 'api', 'A')
    assert contents(ctl, zone, 'api', 'A') == []
    assert ctl('rrset', 'replace', zone, 'x', 'A', '192.0.2.1', '--ttl', 'long', check=False).returncode == 1


def test_metadata_verbs(ctl, zone):
    ctl('metadata', 'set', zone, 'ALLOW-AXFR-FROM', 'AUTO-NS', '192.0.2.0/24')
    assert ctl('metadata', 'get', zone, 'allow-axfr-from').stdout == 'AUTO-NS\n192.0.2.0/24\n'
    ctl('metadata', 'add', zone, 'X-OWN', 'one')
    assert re.search('^X-OWN +one$', ctl('metadata', 'list', zone).stdout, re.M)
    kinds = {m['kind']: m['metadata'] for m in json.loads(ctl('metadata', 'list', zone, '--json').stdout)}
    assert kinds['X-OWN'] == ['one'] and kinds['ALLOW-AXFR-FROM'] == ['AUTO-NS', '192.0.2.0/24']
    ctl('metadata', 'delete', zone, 'X-OWN')
    assert 'X-OWN' not in ctl('metadata', 'list', zone).stdout


def test_tsig_verbs(ctl, tmp_path):
    r = ctl('tsig', 'generate', 'one.key', '--algorithm', 'hmac-sha512')
    assert re.search(r'^secret +\S{20,}$', r.stdout, re.M)
    secret = tmp_path / 'secret'
    secret.write_text('c2VjcmV0IG9mIGEga2V5IGZvciB0ZXN0cw==\n')
    ctl('tsig', 'import', 'two.key', '--secret-file', str(secret))
    assert secret.read_text().strip() in ctl('tsig', 'show', 'two.key').stdout
    text = ctl('tsig', 'list').stdout
    assert re.search(r'^one\.key\.? +hmac-sha512$', text, re.M) and re.search(r'^two\.key\.? +hmac-sha256$', text, re.M)
    assert secret.read_text().strip() not in text
    assert len(json.loads(ctl('tsig', 'list', '--json').stdout)) == 2
    for name in ('one.key', 'two.key'):
        ctl('tsig', 'delete', name)
    assert ctl('tsig', 'show', 'one.key', check=False).returncode == 1


def test_search_and_cache(ctl, zone):
    r = ctl('search', 'www.' + zone)
    assert re.search(r'^record +www\.%s\. +A +192\.0\.2\.1 +%s\.$' % (re.escape(zone), re.escape(zone)), r.stdout, re.M)
    assert json.loads(ctl('search', '*' + zone, '--json', '--type', 'zone').stdout)[0]['object_type'] == 'zone'
    assert re.fullmatch(r'\d+ entries flushed\n', ctl('cache', 'flush', zone).stdout)


# --- edit

def editor(tmp_path, script):
    path = tmp_path / ('editor%d' % len(list(tmp_path.glob('editor*'))))
    path.write_text('#!/bin/sh\nset -e\n' + script)
    path.chmod(0o755)
    return {'EDITOR': str(path), 'VISUAL': '', 'TMPDIR': str(tmp_path)}


def left(tmp_path):
    return list(tmp_path.glob('millrace-*.zone'))


def test_edit_applies_one_change(ctl, zone, tmp_path):
    ctl('rrset', 'replace', zone, 'off', 'A', '192.0.2.13', '--disabled')
    before = json.loads(ctl('zone', 'show', zone, '--json').stdout)['serial']
    env = editor(tmp_path, 'stat -c %%a "$1" >%s/mode\nsed -i -e s/192.0.2.1$/192.0.2.8/ "$1"\necho "more 60 A 192.0.2.9" >>"$1"\n' % tmp_path)
    r = ctl('zone', 'edit', zone, '--yes', env=env)
    assert '-www.%s. 300 A 192.0.2.1' % zone in r.stdout and '+www.%s. 300 A 192.0.2.8' % zone in r.stdout
    assert '+more.%s. 60 A 192.0.2.9' % zone in r.stdout and '\033' not in r.stdout
    after = json.loads(ctl('zone', 'show', zone, '--json').stdout)
    assert after['serial'] == before + 1 and 'serial %d, was %d' % (before + 1, before) in r.stdout
    assert (tmp_path / 'mode').read_text() == '600\n' and left(tmp_path) == []
    assert [x['records'][0]['disabled'] for x in after['rrsets'] if x['name'].startswith('off.')] == [True], 'what is disabled stays'
    r = ctl('zone', 'edit', zone, '--yes', env=editor(tmp_path, 'true'))
    assert 'othing is different' in r.stderr and left(tmp_path) == []


def test_edit_that_is_refused_is_kept(ctl, zone, tmp_path):
    r = ctl('zone', 'edit', zone, '--yes', check=False, env=editor(tmp_path, 'echo "bad A 1.2.3" >>"$1"\n'))
    kept = left(tmp_path)
    assert r.returncode == 1 and len(kept) == 1 and str(kept[0]) in r.stderr and 'bad A 1.2.3' in kept[0].read_text()
    assert re.search(r'error: .*\.zone:\d+: ', r.stderr) and contents(ctl, zone, 'bad', 'A') == []
    kept[0].unlink()
    r = ctl('zone', 'edit', zone, check=False, env=editor(tmp_path, 'echo "good A 192.0.2.3" >>"$1"\n'))
    assert r.returncode == 1 and '--yes' in r.stderr and contents(ctl, zone, 'good', 'A') == [] and len(left(tmp_path)) == 1
    r = ctl('zone', 'edit', zone, '--yes', check=False, env=editor(tmp_path, 'exit 3\n'))
    assert r.returncode == 1 and 'editor' in r.stderr and 'nothing was changed' in r.stderr


def test_a_concurrent_change_is_not_overwritten(ctl, server, zone, tmp_path):
    other = ' '.join([server.program, *server.where, 'rrset', 'replace', zone, 'theirs', 'A', '192.0.2.66'])
    r = ctl('zone', 'edit', zone, '--yes', check=False, env=editor(tmp_path, 'echo "mine 60 A 192.0.2.9" >>"$1"\n%s\n' % other))
    kept = left(tmp_path)
    assert r.returncode == 1 and 'somebody else' in r.stderr and len(kept) == 1 and str(kept[0]) in r.stderr
    assert 'mine 60 A 192.0.2.9' in kept[0].read_text()
    assert contents(ctl, zone, 'theirs', 'A') == ['192.0.2.66'] and contents(ctl, zone, 'mine', 'A') == []


def test_edit_on_a_terminal_merges_a_concurrent_change(ctl, server, zone, tmp_path):
    """The first time somebody else changes two names while the editor is open: one of them is ours too."""
    other = '; '.join(' '.join([server.program, *server.where, 'rrset', 'replace', zone, n, 'A', a, '--ttl', '60'])
                      for n, a in (('theirs', '192.0.2.66'), ('both', '192.0.2.67')))
    env = editor(tmp_path, 'cp "$1" %s/seen\n[ -e %s/once ] && exit 0\ntouch %s/once\necho "mine 60 A 192.0.2.9" >>"$1"\n'
                 'echo "both 60 A 192.0.2.10" >>"$1"\n%s\n' % (tmp_path, tmp_path, tmp_path, other))
    t = Terminal([server.program, *server.where, 'zone', 'edit', zone], dict(os.environ, **env, TERM='dumb'), tmp_path)
    try:
        assert t.read_until(r'Apply\? \[y\]es, \[e\]dit again, \[N\]o: '), t.text
        assert '\033[32m+mine.' in t.text
        t.text = ''
        t.send('y\n')
        assert t.read_until(r'\[m\]erge or \[a\]bort\? '), t.text
        t.text = ''
        t.send('m\n')
        assert t.read_until(r'Apply\? '), t.text
        assert '1 RRsets were changed by both' in t.text and 'theirs' not in t.text.split('+++')[1]
        seen = (tmp_path / 'seen').read_text()
        assert 'CONFLICT: both.%s. A' % zone in seen and '192.0.2.67' in seen and '192.0.2.66' in seen
        t.text = ''
        t.send('y\n')
        assert t.read_until(r'serial \d+, was \d+'), t.text
    finally:
        t.close()
    assert contents(ctl, zone, 'theirs', 'A') == ['192.0.2.66'] and contents(ctl, zone, 'mine', 'A') == ['192.0.2.9']
    assert contents(ctl, zone, 'both', 'A') == ['192.0.2.10'] and left(tmp_path) == []


def test_destructive_verbs_ask_on_a_terminal(ctl, server, zone, tmp_path):
    for answer, there in (('n', True), ('\n', True), ('y', False)):
        t = Terminal([server.program, *server.where, 'zone', 'delete', zone], dict(os.environ, TERM='dumb'), tmp_path)
        try:
            assert t.read_until(r'Delete %s and all its records\? \[y/N\] ' % re.escape(zone)), t.text
            t.send(answer.strip() + '\n')
            assert t.read_until('Nothing was changed' if there else 'Deleted'), t.text
        finally:
            t.close()
        assert (ctl('zone', 'show', zone, check=False).returncode == 0) == there


def test_import_shows_its_progress_on_a_terminal_only(ctl, server, tmp_path):
    folder = tmp_path / 'many'
    folder.mkdir()
    for n in [next(names) for _ in range(60)]:
        (folder / (n + '.zone')).write_text(FILE % (n, n))
    t = Terminal([server.program, *server.where, 'zone', 'import', str(folder)], dict(os.environ, TERM='dumb'), tmp_path)
    try:
        assert t.read_until(r'60 zones: 60 created'), t.text
        assert re.search(r'\[[#.]{24}\] \d+/60 zones, \d+/s', t.text), t.text
    finally:
        t.close()


BAR = r'\[[#.]{24}\] ([\d,]+)/([\d,]+) %s, \d+/s'


def seen(program, words, folder, end):
    """What a command writes on a terminal, until the end comes: as (done, total) of each bar, and all of it."""
    t = Terminal([program, *map(str, words)], dict(os.environ, TERM='dumb'), folder)
    try:
        assert t.read_until(end), t.text
        return t.text
    finally:
        t.close()


def bars(what, text):
    return [tuple(int(n.replace(',', '')) for n in pair) for pair in re.findall(BAR % what, text)]


def test_check_shows_its_progress_on_a_terminal_only(build, tmp_path):
    program, files = find_program(build, 'millracectl'), []
    for n in range(40):
        files.append(tmp_path / ('c%d.example.zone' % n))
        files[-1].write_text(FILE % (n, n))
    octets = sum(f.stat().st_size for f in files)
    # many files; each of them is told, and the bar stands behind it
    found = bars('octets', seen(program, ['zone', 'check', *files], tmp_path, r'zone c39\.example\.: OK'))
    assert found and all(total == octets and 0 < done < total for done, total in found) and found == sorted(found), found
    # a large one
    large = tmp_path / 'large.example.zone'
    large.write_text(FILE % ('a', 'a') + ''.join('a-rather-long-name-%d A 192.0.2.1\n' % i for i in range(100000)))
    text = seen(program, ['zone', 'check', large], tmp_path, r'zone large\.example\.: OK')
    found = bars('octets', text)
    assert found and all(total == large.stat().st_size and 0 < done < total for done, total in found), text
    assert re.search(r', \d+ s left', text)
    # a small one is not worth a bar, and a file gets none
    assert not bars('octets', seen(program, ['zone', 'check', files[0]], tmp_path, r'zone c0\.example\.: OK'))
    r = subprocess.run([program, 'zone', 'check', *map(str, files), str(large)], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0 and r.stderr == '' and '/s' not in r.stdout
