# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones that are retrieved by AXFR from real primaries: Knot, NSD, BIND and PowerDNS, with and without TSIG; small ones,
large ones, changed ones; and what the API, the command line and the metrics tell of it."""
import time

import dns.rdatatype
import pytest

from primaries import KINDS, Primary, SECRET
from suite import Suite
from test_api_rest import BASE, ask
from test_control import request, zone

ZONE = 'small.example'
SMALL = '''$TTL 300
@ SOA ns.small.example. hostmaster.small.example. 2026112501 3600 900 604800 300
@ NS ns
@ NS ns.elsewhere.invalid.
ns A 192.0.2.1
ns AAAA 2001:db8::1
@ MX 10 mail
mail 60 A 192.0.2.25
mail 60 A 192.0.2.26
@ TXT "with \\"quotes\\"" "and two strings"
www CNAME web.deep.down
web.deep.down A 192.0.2.80
*.wild TXT "anything"
sub NS ns.sub
ns.sub A 192.0.2.53
sub DS 12345 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
_sip._tcp SRV 1 2 5060 mail
alias DNAME other.example.
MiXed CAA 0 issue "ca.example"
odd TYPE65300 \\# 4 01020304
long TXT "%s" "%s" "%s"
''' % ('a' * 255, 'b' * 255, 'c' * 255)
LARGE = 'large.example'
LARGE_NAMES = 60000


def large(serial, step=1):
    return '$TTL 3600\n@ SOA ns.large.example. h.large.example. %d 3600 900 604800 300\n@ NS ns\nns A 192.0.2.1\n' % serial + ''.join(
        'h%d A 10.%d.%d.%d\n' % (i, i >> 16, i >> 8 & 255, (i + step) % 256) for i in range(LARGE_NAMES))


@pytest.fixture(scope='module')
def server(build):
    s = Suite(build, {'file.example': zone(1)}, {'transfer': ['timeout: 5s']})
    try:
        s.start()
        s.wait_answer('file.example')
        yield s
    finally:
        s.remove()


def make_secondary(server, name, *masters, **more):
    status, answer = ask(server, 'POST', BASE + '/zones', {'name': name + '.', 'kind': 'Slave', 'masters': list(masters), **more})
    assert status == 201, answer


def transfer_of(server, name):
    return ask(server, 'GET', BASE + '/zones/%s.?rrsets=false' % name)[1]['millrace'].get('transfer', {})


def wait_over(server, name, seconds=60):
    end = time.monotonic() + seconds
    while True:
        t = transfer_of(server, name)
        if t and t['state'] == 'idle':
            return t
        assert time.monotonic() < end, (t, server.log_text())
        time.sleep(0.02)


def retrieve(server, name, body=None, seconds=60):
    """-> millrace.transfer of the zone, when it is over"""
    status, answer = ask(server, 'PUT', BASE + '/zones/%s./axfr-retrieve' % name, body)
    assert status == 200 and answer['result'].startswith("Added retrieval request for '%s.' from primary " % name), answer
    return wait_over(server, name, seconds)


def stored(server, name):
    """{(owner, type, TTL, content)} of the API"""
    z = ask(server, 'GET', BASE + '/zones/%s.' % name)[1]
    return {(s['name'].lower(), s['type'], s['ttl'], r['content']) for s in z['rrsets'] for r in s['records']}, z['serial']


def plain(records):
    """As both write it: dnspython and we differ in the case of hex digits and of unknown types alone."""
    return {(o, t, ttl, c.lower() if t in ('DS', 'TYPE65300') else c.strip()) for o, t, ttl, c in records}


def same_answers(server, primary, names):
    for name, qtype in names:
        ours, theirs = server.ask(name, qtype, tcp=True), primary.ask(name, qtype)
        assert ours.rcode() == theirs.rcode(), (name, qtype, ours, theirs)
        assert {(r.name, r.rdtype, r.ttl, frozenset(r)) for r in ours.answer} == {(r.name, r.rdtype, r.ttl, frozenset(r)) for r in theirs.answer}, (
            name, qtype, ours, theirs)


@pytest.mark.parametrize('key', [None, ('transfer.key', 'hmac-sha256'), ('transfer.key', 'hmac-sha512'), ('transfer.key', 'hmac-md5')],
                         ids=['unsigned', 'sha256', 'sha512', 'md5'])
@pytest.mark.parametrize('kind', KINDS)
def test_a_zone_of_a_real_primary(server, kind, key):
    primary = Primary(kind, {ZONE: SMALL, LARGE: large(1)} if key is None or key[1] == 'hmac-sha256' else {ZONE: SMALL}, key)
    try:
        primary.start()
        more = {}
        if key is not None:
            status, answer = ask(server, 'POST', BASE + '/tsigkeys', {'name': key[0], 'algorithm': key[1], 'key': SECRET})
            assert status == 201, answer
            more['slave_tsig_key_ids'] = [key[0] + '.']
        for name in primary.zones:
            make_secondary(server, name, '127.0.0.1:%d' % primary.port, **more)
            assert server.ask(name, 'SOA').rcode() == 2     # nothing to serve yet
            told = retrieve(server, name)
            theirs, serial = primary.records(name)
            assert told['result'] == 'replaced' and told['last_error'] == '' and told['serial'] == serial, (told, server.log_text())
            assert told['records'] == len(theirs) and told['dropped'] == 0 and told['primary'] == '127.0.0.1:%d' % primary.port
            ours, serial_now = stored(server, name)
            assert plain(ours) == plain(theirs) and serial_now == serial
            # again: nothing has changed, and nothing is written
            assert retrieve(server, name)['result'] == 'unchanged'
        same_answers(server, primary, [(name, t) for name in (
            'small.example', 'ns.small.example', 'mail.small.example', 'www.small.example', 'x.wild.small.example', 'MIXED.small.example', 'odd.small.example',
            'long.small.example', 'deep.down.small.example', 'nothing.small.example', 'x.alias.small.example', '_sip._tcp.small.example')
            for t in ('A', 'AAAA', 'NS', 'SOA', 'MX', 'TXT', 'SRV', 'CAA', 'CNAME', 'TYPE65300')
            if not (kind == 'pdns' and 'alias' in name)])        # PowerDNS does no DNAMEs by default
        if LARGE in primary.zones:
            same_answers(server, primary, [('h%d.large.example' % i, 'A') for i in range(0, LARGE_NAMES, 997)])
    finally:
        for name in primary.zones:
            request(server, 'DELETE', BASE + '/zones/%s.' % name)
        request(server, 'DELETE', BASE + '/tsigkeys/transfer.key.')
        primary.remove()
