# SPDX-License-Identifier: GPL-3.0-or-later
"""What PowerDNS's API keeps with a zone or has it do: metadata, cryptokeys, notify, axfr-retrieve, rectify."""
import concurrent.futures
import pathlib
import re
import socket

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest

from suite import Suite
from test_api_rest import BASE, ask, same
from test_control import request, zone

FILE_ZONE = 'file.example.'     # of a zone file: not in the store
FAILED_ZONE = 'failed.example.'


@pytest.fixture(scope='module')
def server(build):
    s = Suite(build, {'file.example': zone(11), 'failed.example': zone(1, 'x A 1.2.3\n')})
    try:
        s.start()
        s.wait_answer(FILE_ZONE)
        yield s
    finally:
        s.remove()


NAMES = iter('z%d.example.' % i for i in range(1000))


@pytest.fixture
def name(server, pdns):
    """A zone of its own in the store, and the same at PowerDNS."""
    n = next(NAMES)
    for ask_one in (lambda *a: ask(server, *a), pdns.request):
        status, answer = ask_one('POST', BASE + '/zones', {'name': n, 'kind': 'Master', 'nameservers': ['ns.elsewhere.invalid.']})
        assert status == 201, answer
    return n


@pytest.fixture
def url(name):
    return BASE + '/zones/' + name


# --- metadata

def test_metadata_of_a_zone(server, pdns, url):
    def kinds():
        return {m['kind']: m['metadata'] for m in same(server, pdns, 'GET', url + '/metadata', status=200)}
    assert 'X-foo' not in kinds()
    assert same(server, pdns, 'POST', url + '/metadata', {'kind': 'X-foo', 'metadata': ['a', 'b', 'a']}, 201)['metadata'] == ['a', 'b']
    assert same(server, pdns, 'POST', url + '/metadata', {'kind': 'X-foo', 'metadata': ['b', 'c']}, 201)['metadata'] == ['a', 'b', 'c']
    same(server, pdns, 'PUT', url + '/metadata/ALSO-NOTIFY', {'metadata': ['192.0.2.1', '[2001:db8::1]:5300']}, 200)
    assert kinds()['X-foo'] == ['a', 'b', 'c'] and kinds()['ALSO-NOTIFY'] == ['192.0.2.1', '[2001:db8::1]:5300']
    assert same(server, pdns, 'GET', url + '/metadata/X-foo', status=200) == {'kind': 'X-foo', 'metadata': ['a', 'b', 'c'], 'type': 'Metadata'}
    assert same(server, pdns, 'PUT', url + '/metadata/X-foo', {'metadata': ['z']}, 200)['metadata'] == ['z']
    assert ask(server, 'DELETE', url + '/metadata/X-foo') == (204, '')      # Debian's PowerDNS says 200, its document and 5.0 say 204
    assert ask(server, 'DELETE', url + '/metadata/X-foo') == (204, '')
    assert ask(server, 'GET', url + '/metadata/X-foo')[1]['metadata'] == []
    assert 'X-foo' not in {m['kind'] for m in ask(server, 'GET', url + '/metadata')[1]}
    assert ask(server, 'PUT', url + '/metadata/ALSO-NOTIFY', {'metadata': []}) == (200, {'kind': 'ALSO-NOTIFY', 'metadata': [], 'type': 'Metadata'})


@pytest.mark.parametrize('method,path,body', [
    ('GET', '/metadata/FOO', None), ('GET', '/metadata/x-foo', None), ('GET', '/metadata/SOA-EDIT-API', None), ('GET', '/metadata/API-RECTIFY', None),
    ('POST', '/metadata', {'metadata': ['a']}), ('POST', '/metadata', {'kind': 7, 'metadata': ['a']}), ('POST', '/metadata', {'kind': 'FOO', 'metadata': ['a']}),
    ('POST', '/metadata', {'kind': 'X-a'}), ('POST', '/metadata', {'kind': 'API-RECTIFY', 'metadata': ['1']}),
    ('PUT', '/metadata/X-foo', {'metadata': 'z'}), ('PUT', '/metadata/X-foo', {'metadata': [1]}), ('PUT', '/metadata/X-foo', {}),
    ('PUT', '/metadata/X-foo', []), ('PUT', '/metadata/NSEC3PARAM', {'metadata': ['1 0 0 -']}), ('PUT', '/metadata/PRESIGNED', {'metadata': ['1']}),
    ('DELETE', '/metadata/NSEC3NARROW', None), ('DELETE', '/metadata/FOO', None)])
def test_bad_metadata_is_refused_as_powerdns_refuses_it(server, pdns, url, method, path, body):
    ours, theirs = ask(server, method, url + path, body), pdns.request(method, url + path, body)
    assert ours[0] == 422 and ours[1]['error']
    assert ours == theirs or method == 'DELETE'


def rows():
    """Kinds as the reference has them: kind, through /metadata, values."""
    text = (pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'api-reference.md').read_text()
    text = text[text.index('## Kinds of metadata'):text.index('## Types')]
    return re.findall(r'^\| `([A-Z0-9-]+)` \| ([^|]*) \| ([^|]*) \|', text, re.M)


GOOD = {'text': 'whatever', '0 or 1': '1', 'ADDRESS or ADDRESS/LENGTH': '192.0.2.1/24', 'ADDRESS, ADDRESS/LENGTH or AUTO-NS': 'AUTO-NS', 'ADDRESS': '2001:db8::1',
        'ADDRESS or ADDRESS:PORT': '192.0.2.1:5300', 'domain name': 'key.example', 'DEFAULT, INCREASE, EPOCH, SOA-EDIT, SOA-EDIT-INCREASE': 'EPOCH',
        'numbers': '1,2'}
BAD = {'0 or 1': 'yes', 'ADDRESS or ADDRESS/LENGTH': '192.0.2.1/33', 'ADDRESS, ADDRESS/LENGTH or AUTO-NS': 'auto', 'ADDRESS': '192.0.2.1:53',
       'ADDRESS or ADDRESS:PORT': '192.0.2.1:x', 'domain name': 'a..b', 'DEFAULT, INCREASE, EPOCH, SOA-EDIT, SOA-EDIT-INCREASE': 'epoch', 'numbers': ''}


@pytest.mark.parametrize('kind,access,values', rows())
def test_each_kind(server, url, kind, access, values):
    path, several = url + '/metadata/' + kind, values.endswith(', more than one')
    values = values.removesuffix(', more than one')
    assert ask(server, 'GET', path)[0] == (422 if access.startswith('only') else 200)
    if access != 'read, set':
        assert ask(server, 'PUT', path, {'metadata': [GOOD[values]]})[1] == {'error': "Unsupported metadata kind '%s'" % kind}
        return
    assert ask(server, 'PUT', path, {'metadata': [GOOD[values]]}) == (200, {'kind': kind, 'metadata': [GOOD[values]], 'type': 'Metadata'})
    if values in BAD:
        status, answer = ask(server, 'PUT', path, {'metadata': [BAD[values]]})
        assert status == 422 and "'%s' is not valid; it must be" % BAD[values] in answer['error']
    two = ask(server, 'PUT', path, {'metadata': [GOOD[values], '2' if values in ('numbers', 'text') else '0' if values == '0 or 1' else '192.0.2.99'
                                                 if values.startswith('ADDRESS') else 'DEFAULT' if 'EPOCH' in values else 'other.']})
    assert two[0] == (200 if several else 422), two
    assert len(ask(server, 'GET', path)[1]['metadata']) == (2 if several else 1)


def test_metadata_is_bounded(server, url):
    assert ask(server, 'PUT', url + '/metadata/X-a', {'metadata': ['x' * 65535]})[0] == 200
    assert ask(server, 'PUT', url + '/metadata/X-a', {'metadata': ['x' * 65536]})[0] == 422
    assert ask(server, 'PUT', url + '/metadata/X-a', {'metadata': [str(i) for i in range(1025)]})[0] == 422
    assert ask(server, 'PUT', url + '/metadata/X-' + 'a' * 100, {'metadata': ['b']})[0] == 422
    assert len(ask(server, 'GET', url + '/metadata/X-a')[1]['metadata'][0]) == 65535
    assert ask(server, 'PUT', url + '/metadata/X-a', {'metadata': ['\u00e4\u20ac \U0001f600 "\\']})[0] == 200
    assert ask(server, 'GET', url + '/metadata/X-a')[1]['metadata'] == ['\u00e4\u20ac \U0001f600 "\\']


def test_changes_at_once_lose_nothing(server, url):
    values = ['v%d' % i for i in range(60)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert {s for s, _ in pool.map(lambda v: ask(server, 'POST', url + '/metadata', {'kind': 'X-all', 'metadata': [v]}), values)} == {201}
    assert sorted(ask(server, 'GET', url + '/metadata/X-all')[1]['metadata']) == sorted(values)


def test_metadata_survives_a_restart(server, url):
    assert ask(server, 'PUT', url + '/metadata/X-kept', {'metadata': ['yes']})[0] == 200
    assert ask(server, 'POST', BASE + '/tsigkeys', {'name': 'kept', 'algorithm': 'hmac-md5', 'key': 'Zm9v'})[0] in (201, 409)
    server.stop()
    server.start()
    server.wait_answer(FILE_ZONE)
    assert ask(server, 'GET', url + '/metadata/X-kept')[1]['metadata'] == ['yes']
    assert ask(server, 'GET', BASE + '/tsigkeys/kept.')[1]['key'] == 'Zm9v'


# --- zones that are not in the store, or not at all

@pytest.mark.parametrize('method,path,body', [
    ('GET', '/metadata', None), ('POST', '/metadata', {'kind': 'X-a', 'metadata': []}), ('GET', '/metadata/X-a', None),
    ('PUT', '/metadata/X-a', {'metadata': []}), ('DELETE', '/metadata/X-a', None), ('GET', '/cryptokeys', None), ('POST', '/cryptokeys', {'keytype': 'ksk'}),
    ('GET', '/cryptokeys/1', None), ('PUT', '/cryptokeys/1', {'active': True}), ('DELETE', '/cryptokeys/1', None), ('PUT', '/notify', None),
    ('PUT', '/axfr-retrieve', None), ('PUT', '/rectify', None)])
def test_of_no_zone(server, pdns, method, path, body):
    status, answer = ask(server, method, BASE + '/zones/none.example.' + path, body)
    assert status == pdns.request(method, BASE + '/zones/none.example.' + path, body)[0] == 404
    assert answer == {'error': "Could not find domain 'none.example.'"}
    assert ask(server, method, BASE + '/zones/a..B' + path, body)[0] == 422


def test_a_zone_of_a_file_keeps_nothing(server):
    url = BASE + '/zones/' + FILE_ZONE
    assert ask(server, 'GET', url + '/metadata') == (200, []) and ask(server, 'GET', url + '/cryptokeys') == (200, [])
    assert ask(server, 'GET', url + '/metadata/ALSO-NOTIFY')[1]['metadata'] == []
    for method, path, body in (('POST', '/metadata', {'kind': 'X-a', 'metadata': ['b']}), ('PUT', '/metadata/X-a', {'metadata': ['b']}), ('DELETE', '/metadata/X-a', None),
                               ('PUT', '/notify', None)):
        status, answer = ask(server, method, url + path, body)
        assert status == 422 and 'not in the store' in answer['error']


# --- cryptokeys: not in this version

def test_there_are_no_cryptokeys(server, pdns, url):
    assert same(server, pdns, 'GET', url + '/cryptokeys', status=200) == []
    for method, path in (('GET', '/1'), ('PUT', '/1'), ('DELETE', '/1'), ('GET', '/x'), ('GET', '/4294967297')):
        assert ask(server, method, url + '/cryptokeys' + path, {'active': True} if method == 'PUT' else None)[0] == 404
    status, answer = ask(server, 'POST', url + '/cryptokeys', {'keytype': 'csk', 'active': True})
    assert status == 501 and 'DNSSEC' in answer['error']
    assert ask(server, 'GET', url + '/cryptokeys') == (200, [])


# --- what a zone is told to do

def take_notify(listener):
    octets, peer = listener.recvfrom(512)
    return dns.message.from_wire(octets), peer


def test_notify_is_sent_until_it_is_answered(server, name, url):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        s.settimeout(10)
        assert ask(server, 'PUT', url + '/metadata/ALSO-NOTIFY', {'metadata': ['127.0.0.1:%d' % s.getsockname()[1]]})[0] == 200
        before = ask(server, 'GET', url)[1]
        assert before['notified_serial'] == 0
        assert ask(server, 'PUT', url + '/notify') == (200, {'result': 'Notification queued'})
        first, peer = take_notify(s)
        assert first.opcode() == dns.opcode.NOTIFY and first.flags & dns.flags.AA and not first.flags & dns.flags.QR
        assert first.question[0].to_text() == name + ' IN SOA'
        again, peer = take_notify(s)                # it was not answered
        assert again == first
        s.sendto(dns.message.make_response(again).to_wire(), peer)
        s.settimeout(2.5)                           # the next one would have come 2 s after the second
        with pytest.raises(socket.timeout):
            take_notify(s)
        assert ask(server, 'GET', url)[1]['notified_serial'] == before['serial']
    assert 'zone %s: NOTIFY to 127.0.0.1' % name not in server.log_text()


def test_notify_goes_to_name_servers_of_our_own_zones(server):
    """Addresses of NS come from our zones, be they in the zone itself or in another one; port 53 of an address of this machine."""
    try:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(('127.0.53.53', 53))
    except OSError:
        pytest.skip('port 53 cannot be had')
    with s:
        s.settimeout(10)
        assert ask(server, 'POST', BASE + '/zones', {'name': 'addresses.example.', 'kind': 'Native', 'nameservers': ['ns.addresses.example.'], 'rrsets': [
            {'name': 'ns.addresses.example.', 'type': 'A', 'ttl': 60, 'records': [{'content': '127.0.53.53', 'disabled': False}]}]})[0] == 201
        assert ask(server, 'POST', BASE + '/zones', {'name': 'told.example.', 'kind': 'Master', 'nameservers': ['NS.addresses.example.']})[0] == 201
        assert ask(server, 'PUT', BASE + '/zones/told.example./notify')[0] == 200
        message, peer = take_notify(s)
        assert message.question[0].to_text() == 'told.example. IN SOA'
        s.sendto(dns.message.make_response(message).to_wire(), peer)


def test_nobody_to_notify(server):
    assert ask(server, 'POST', BASE + '/zones', {'name': 'lonely.example.', 'kind': 'Master', 'nameservers': ['a.lonely.example.']})[0] == 201
    status, answer = ask(server, 'PUT', BASE + '/zones/lonely.example./notify')
    assert status == 200 and answer['result'].startswith('Nobody to notify')


def test_axfr_retrieve_answers_as_powerdns(server, pdns, url):
    """What comes of it: test_transfer.py. Port 1: nobody is there."""
    def both(path, status):
        ours, theirs = ask(server, 'PUT', path), pdns.request('PUT', path)
        assert ours[0] == theirs[0] == status, (ours, theirs)
        # the words of 5.0, whose version we tell
        return ours[1], {k: v.replace('slave', 'secondary').replace('master', 'primary') for k, v in theirs[1].items()}
    ours, theirs = both(url + '/axfr-retrieve', 422)
    assert ours == theirs and 'is not a secondary domain (or has no primary defined)' in ours['error']
    for masters in (['127.0.0.1:1'], ['[::1]:1'], ['127.0.0.1'], ['::1']):
        for ask_one in (lambda *a: ask(server, *a), pdns.request):
            assert ask_one('POST', BASE + '/zones', {'name': 'secondary.example.', 'kind': 'Slave', 'masters': masters})[0] == 201
        ours, theirs = both(BASE + '/zones/secondary.example./axfr-retrieve', 200)
        assert ours == theirs, masters
        for ask_one in (lambda *a: ask(server, *a), pdns.request):
            assert ask_one('DELETE', BASE + '/zones/secondary.example.')[0] == 204
    path = BASE + '/zones/nowhere.example./axfr-retrieve'
    assert ask(server, 'PUT', path)[0] == pdns.request('PUT', path)[0] == 404


def test_rectify(server, pdns, url):
    assert same(server, pdns, 'PUT', url + '/rectify', status=200) == {'result': 'Rectified'}
    assert ask(server, 'PUT', BASE + '/zones/%s/rectify' % FILE_ZONE) == (200, {'result': 'Rectified'})
    status, answer = ask(server, 'PUT', BASE + '/zones/%s/rectify' % FAILED_ZONE)
    assert status == 422 and answer['error'].startswith("Failed to rectify 'failed.example.'") and ':5: ' in answer['error']


# --- without a store

def test_without_a_store_the_rest_goes_on(build):
    s = Suite(build, {'file.example': zone(11)}, {'store': ['path: /proc/no/such/folder/store.mdb']})
    try:
        s.start()
        s.wait_answer(FILE_ZONE)
        for method, path, body in (('GET', '/tsigkeys', None), ('POST', '/tsigkeys', {'name': 'k', 'algorithm': 'hmac-md5'}), ('GET', '/autoprimaries', None),
                                   ('POST', '/autoprimaries', {'ip': '192.0.2.1', 'nameserver': 'ns'}), ('PUT', '/zones/%s/metadata/X-a' % FILE_ZONE, {'metadata': []})):
            status, answer = ask(s, method, BASE + path, body)
            assert status == 503 and 'store' in answer['error'], (method, path, answer)
        assert request(s, 'GET', BASE + '/config')[0] == 200 and s.ask('a.file.example').answer
    finally:
        s.remove()
