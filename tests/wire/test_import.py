# SPDX-License-Identifier: GPL-3.0-or-later
"""`millracectl import powerdns`, from real databases with PowerDNS's own schemas and from a real PowerDNS: what
it says that it cannot carry over, and that all the rest is served and shown as PowerDNS has it."""
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile

import dns.message
import dns.query
import dns.rdatatype
import pytest

import pdns_sources
import powerdns
from suite import find_program
from test_control import UnixConnection

pytestmark = pytest.mark.skipif(not pathlib.Path(pdns_sources.SCHEMA % ('sqlite3', 'sqlite3')).exists(),
                                reason="PowerDNS's schemas are not installed (pdns-backend-sqlite3)")

# line by line, whatever the source
LEFT = [
    'zone example.org.: alias.example.org. ALIAS: ALIAS records are not served',
    'zone example.org.: lua.example.org. LUA: LUA records are not served',
    'zone example.org.: comment \'of nothing\' of gone.example.org',
    'zone empty.example.: it has no SOA',
    'zone signed.example.: DNSSEC key 1 (flags 257, active) is not carried over',
]
# what came over and does nothing
IDLE = [
    'without effect: 2 zones (empty.example., signed.example.) of kind Primary: ',
    'without effect: 1 zone (second.example.) of kind Secondary: ',
    'without effect: 1 zone (example.org.) with ALLOW-AXFR-FROM: ',
    'without effect: 1 autoprimary (192.0.2.53) ',
]
LEFT_SQL = LEFT + [
    "zone example.org.: bad.example.org. A: '192.0.2.300'",
    'zone example.org.: elsewhere.example.net A: the name lies outside the zone',
    'zone example.org.: mixed.example.org. A: records of one RRset have TTLs',
    'zone signed.example.: its catalog options',
]


@pytest.fixture
def target(make_suite):
    s = make_suite({})
    s.start()
    s.wait_ready()
    return s


def get(suite, path):
    c = UnixConnection(str(suite.run_dir / 'api.sock'))
    c.request('GET', '/api/v1/servers/localhost' + path)
    r = c.getresponse()
    text = r.read()
    c.close()
    assert r.status == 200, text
    return json.loads(text)


def theirs_of(pdns, path):
    status, answer = pdns.request('GET', '/api/v1/servers/localhost' + path)
    assert status == 200, answer
    return answer


def run_import(build, *args, suite=None):
    where = ['--run-dir', str(suite.run_dir)] if suite else ['--dry-run']
    return subprocess.run([find_program(build, 'millracectl'), 'import', 'powerdns', *args, *where, '--json'],
                          capture_output=True, text=True, timeout=180)


def check_report(result, expected):
    lines = result.stderr.splitlines()
    expected = expected + IDLE
    for text in expected:
        assert sum(text in line for line in lines) == 1, (text, result.stderr)
    assert len(lines) == len(expected), result.stderr
    assert result.returncode == 3


def answer(port, name, rdtype):
    q = dns.message.make_query(name, rdtype)
    q.flags &= ~dns.flags.RD
    return dns.query.tcp(q, '127.0.0.1', port=port, timeout=5)


def rrsets(section):
    return sorted((s.name.to_text().lower(), s.rdtype, s.ttl, sorted(r.to_text() for r in s)) for s in section)


@pytest.mark.parametrize('kind', ['gsqlite3', 'gpgsql', 'gmysql'])
def test_from_a_database(build, target, tmp_path, kind):
    needs = {'gpgsql': pdns_sources.PG_BIN / 'initdb', 'gmysql': '/usr/bin/mariadb-install-db', 'gsqlite3': '/'}
    if not pathlib.Path(needs[kind]).exists():
        pytest.skip('%s is not installed' % needs[kind])
    server = {'gpgsql': pdns_sources.Postgres, 'gmysql': pdns_sources.MariaDB}.get(kind)
    # not below pytest's folder, which any other pytest makes unreachable for the servers' users
    folder = tempfile.TemporaryDirectory(prefix='mt-import-')
    db = server(pathlib.Path(folder.name)) if server else None
    try:
        where = db.fill() if db else pdns_sources.make_sqlite(tmp_path / 'pdns.sqlite3')
        dry = run_import(build, '--' + kind, where)
        check_report(dry, LEFT_SQL)
        assert json.loads(dry.stdout)['dry_run']
        r = run_import(build, '--' + kind, where, suite=target)
    finally:
        if db:
            db.end()
        folder.cleanup()
    check_report(r, LEFT_SQL)
    summary = json.loads(r.stdout)
    assert (summary['zones'], summary['zones_left'], summary['findings'], summary['without_effect']) == (5, 0, len(LEFT_SQL), len(IDLE))
    assert summary['records'] == json.loads(dry.stdout)['records']
    assert rrsets(target.ask('mixed.example.org').answer) == [('mixed.example.org.', 1, 60, ['192.0.2.81', '192.0.2.82'])]
    for i in (0, 4999, 5000, 10999):      # all pieces of a zone that came in several
        assert target.ask('h%05d.large.example' % i).answer, i
    if not db:      # a second time nothing is overwritten, and it is said
        again = run_import(build, '--' + kind, where, suite=target)
        assert again.returncode == 3 and json.loads(again.stdout)['zones_left'] == 5
        assert again.stderr.count('refused (409)') >= 5


@pytest.mark.skipif(shutil.which('pdns_server') is None, reason='pdns-server is not installed')
def test_from_a_running_server_everything_is_as_there(build, target, tmp_path):
    db = pdns_sources.make_sqlite(tmp_path / 'pdns.sqlite3', broken=False)
    pdns = powerdns.PowerDNS(['launch=gsqlite3', 'gsqlite3-database=' + db, 'gsqlite3-dnssec=yes'],
                             ['cache-ttl=0', 'query-cache-ttl=0', 'negquery-cache-ttl=0'])
    try:
        pdns.start()
        r = run_import(build, '--api', pdns.url, '--source-key-file', str(pdns.key_file), suite=target)
        check_report(r, LEFT)
        # what clients see of it by DNS
        for _, name, rdtype, _, _, _, disabled in pdns_sources.RECORDS[:40]:
            if rdtype in ('ALIAS', 'LUA') or name in pdns_sources.BROKEN or name.startswith('mixed'):
                continue
            theirs, ours = answer(pdns.port, name, rdtype or 'A'), answer(target.port, name, rdtype or 'A')
            assert ours.rcode() == theirs.rcode(), name
            if disabled or rdtype is None:
                assert not ours.answer
            assert rrsets(ours.answer) == rrsets(theirs.answer), (name, rdtype)
        for name in ('example.org.', 'second.example.', 'large.example.'):
            theirs, ours = theirs_of(pdns, '/zones/' + name), get(target, '/zones/' + name)
            for member in ('name', 'kind', 'account', 'serial', 'soa_edit_api', 'masters'):
                assert ours[member] == theirs[member], (name, member)
            mine = {(s['name'], s['type']): s for s in ours['rrsets']}
            for s in theirs['rrsets']:
                if s['type'] in ('ALIAS', 'LUA') or not s['records']:
                    continue
                got = mine.pop((s['name'], s['type']))
                assert got['ttl'] == s['ttl']
                key = lambda r: r['content']    # noqa: E731
                assert [(r['content'], r['disabled']) for r in sorted(got['records'], key=key)] == \
                    [(r['content'], r['disabled']) for r in sorted(s['records'], key=key)]
                assert [(c['content'], c['account'], c['modified_at']) for c in got.get('comments', [])] == \
                    [(c['content'], c['account'], c['modified_at']) for c in s.get('comments', [])]
            assert not mine
            # a key's name has its final dot here; an empty value says the same as none
            theirs, ours = ({m['kind']: [v.rstrip('.') for v in m['metadata']] for m in all if m['metadata'] != ['']}
                            for all in (theirs_of(pdns, '/zones/%s/metadata' % name), get(target, '/zones/%s/metadata' % name)))
            assert ours == theirs
        assert get(target, '/tsigkeys/transfer.')['key'] == pdns_sources.TSIG[0][2]
        assert [(a['ip'], a['nameserver'], a['account']) for a in get(target, '/autoprimaries')] == pdns_sources.AUTOPRIMARIES
    finally:
        pdns.remove()


@pytest.mark.skipif(shutil.which('pdns_server') is None or not pathlib.Path('/usr/lib/x86_64-linux-gnu/pdns/liblmdbbackend.so').exists(),
                    reason='pdns-server or its LMDB backend is not installed')
def test_from_a_server_with_lmdb(build, target, tmp_path):
    pdns = powerdns.PowerDNS(['launch=lmdb', 'lmdb-filename=%s' % (tmp_path / 'pdns.lmdb'), 'lmdb-shards=1', 'lmdb-map-size=100'])
    try:
        for args in (['create-zone', 'lmdb.example', 'ns1.lmdb.example'], ['add-record', 'lmdb.example', 'ns1', 'A', '300', '192.0.2.1']):
            assert pdns.util(*args).returncode == 0
        pdns.start()
        r = run_import(build, '--api', pdns.url, '--source-key-file', str(pdns.key_file), suite=target)
    finally:
        pdns.remove()
    # that backend has no autoprimaries, and PowerDNS 4.7 answers 500 when it is asked for them
    assert [line for line in r.stderr.splitlines() if 'autoprimaries cannot be read' not in line] == []
    assert json.loads(r.stdout)['zones'] == 1
    assert rrsets(target.ask('ns1.lmdb.example').answer) == [('ns1.lmdb.example.', 1, 300, ['192.0.2.1'])]


# a value for each kind of metadata that docs/api-reference.md calls without effect; what is left out altogether
VALUES = {'ALLOW-AXFR-FROM': 'AUTO-NS', 'ALLOW-DNSUPDATE-FROM': '192.0.2.0/24', 'FORWARD-DNSUPDATE': '1', 'GSS-ACCEPTOR-PRINCIPAL': 'a@b',
          'GSS-ALLOW-AXFR-PRINCIPAL': 'a@b', 'IXFR': '1', 'NOTIFY-DNSUPDATE': '1', 'PUBLISH-CDNSKEY': '1', 'PUBLISH-CDS': '2',
          'RFC1123-CONFORMANCE': '0', 'SIGNALING-ZONE': '1', 'SLAVE-RENOTIFY': '1', 'SOA-EDIT-DNSUPDATE': 'INCREASE',
          'TSIG-ALLOW-AXFR': 'transfer', 'TSIG-ALLOW-DNSUPDATE': 'transfer'}
LEFT_OUT = {'ENABLE-LUA-RECORDS': '1', 'LUA-AXFR-SCRIPT': '/x', 'NSEC3NARROW': '1', 'NSEC3PARAM': '1 0 0 -'}
TOLD_BY_ZONE = {'PRESIGNED': '1'}
TOLD_BY_KIND = {'CATALOG-HASH': 'abc'}      # of producer zones
OF_THE_API = {'API-RECTIFY'}                # whether a change of PowerDNS's own tables is followed by another


def database(path, zones, metadata):
    """Only zones (id, name, kind, catalog), each with its SOA, and metadata."""
    db = sqlite3.connect(str(path))
    db.executescript(powerdns.sqlite_schema())
    db.executemany('INSERT INTO domains (id, name, type, catalog) VALUES (?, ?, ?, ?)', zones)
    db.executemany('INSERT INTO records (domain_id, name, type, content, ttl, disabled) VALUES (?, ?, ?, ?, 300, 0)',
                   [(z[0], z[1], 'SOA', 'ns.example.org h.example.org 1 2 3 4 5') for z in zones])
    db.executemany('INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, ?, ?)', metadata)
    db.executemany('INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)', pdns_sources.TSIG)
    db.commit()
    db.close()
    return str(path)


@pytest.mark.parametrize('dry', [False, True])
def test_what_has_no_effect_is_a_line_for_all_zones(build, target, tmp_path, dry):
    zones = [(i, 'z%02d.example' % i, 'SLAVE', None) for i in range(12)] + \
        [(20, 'producer.example', 'PRODUCER', None), (21, 'consumer.example', 'CONSUMER', None),
         (22, 'member.example', 'NATIVE', 'producer.example'), (23, 'plain.example', 'NATIVE', None)]
    metadata = [(i, kind, value) for i in range(12) for kind, value in VALUES.items()] + [(20, 'CATALOG-HASH', 'abc'), (23, 'X-MINE', 'a'),
                                                                                          (0, 'ALLOW-AXFR-FROM', '192.0.2.1')]
    r = run_import(build, '--gsqlite3', database(tmp_path / 'db', zones, metadata), suite=None if dry else target)
    lines = r.stderr.splitlines()
    many = 'without effect: 12 zones (z00.example., z01.example., z02.example., ...) '
    expected = [many + 'of kind Secondary'] + [many + 'with %s: kept' % kind for kind in VALUES] + \
        ['1 zone (producer.example.) of kind Producer', 'CATALOG-HASH', '1 zone (consumer.example.) of kind Consumer',
         '1 zone (member.example.) in a catalog']
    for text in expected:
        assert sum(text in line for line in lines) == 1, (text, r.stderr)
    assert len(lines) == len(VALUES) + 4, r.stderr
    assert r.returncode == 0, 'all of it came over'
    assert json.loads(r.stdout)['findings'] == 0 and json.loads(r.stdout)['without_effect'] == len(lines)


@pytest.mark.parametrize('dry', [False, True])
def test_metadata_that_does_not_come_over_is_told(build, target, tmp_path, dry):
    db = database(tmp_path / 'db', [(1, 'a.example', 'NATIVE', None), (2, 'b.example', 'NATIVE', None)],
                  [(i, kind, value) for i in (1, 2) for kind, value in {**LEFT_OUT, **TOLD_BY_ZONE}.items()])
    r = run_import(build, '--gsqlite3', db, suite=None if dry else target)
    lines = r.stderr.splitlines()
    for kind in LEFT_OUT:
        assert sum('left out: 2 zones (a.example., b.example.) with %s: ' % kind in line for line in lines) == 1, r.stderr
    assert sum('PRESIGNED' in line for line in lines) == 2 and len(lines) == len(LEFT_OUT) + 2 and r.returncode == 3, r.stderr


def test_the_report_knows_all_metadata_without_effect():
    page = (pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'api-reference.md').read_text()
    idle = set(re.findall(r'^\| `([A-Z0-9-]+)` \|.*\| no \|$', page[page.index('## Kinds of metadata'):], re.M))
    assert idle == set(VALUES) | set(LEFT_OUT) | set(TOLD_BY_ZONE) | set(TOLD_BY_KIND) | OF_THE_API


def test_a_source_that_cannot_be_read_is_named(build, tmp_path):
    r = run_import(build, '--gsqlite3', str(tmp_path / 'none.sqlite3'))
    assert r.returncode == 1 and 'unable to open database file' in r.stderr
    (tmp_path / 'text').write_text('this is no database\n' * 100)
    r = run_import(build, '--gsqlite3', str(tmp_path / 'text'))
    assert r.returncode == 1 and 'file is not a database' in r.stderr
    r = run_import(build, '--api', 'http://127.0.0.1:1')
    assert r.returncode == 1 and 'Failed to connect' in r.stderr
    r = run_import(build, '--gmysql', 'hots=x')
    assert r.returncode == 1 and 'write host=' in r.stderr
    r = run_import(build)
    assert r.returncode == 2 and 'exactly one' in r.stderr


def test_the_target_away_is_said(build, tmp_path):
    db = pdns_sources.make_sqlite(tmp_path / 'pdns.sqlite3')
    r = subprocess.run([find_program(build, 'millracectl'), 'import', 'powerdns', '--gsqlite3', db, '--run-dir', str(tmp_path)],
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 1 and 'Millrace does not answer' in r.stderr
