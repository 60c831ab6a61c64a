# SPDX-License-Identifier: GPL-3.0-or-later
"""What one request may cost: there is one thread that changes the store, and nobody may keep it for himself. Each of these took from ten
seconds to hours, with the square of its size."""
import json
import time

import pytest

from test_api_access import BASE, KEY, Server

ZONE = BASE + '/zones/big.example.'
SECONDS = 15            # of a sanitizer build on a busy machine; a release build takes a tenth of it


@pytest.fixture(scope='module')
def server(build):
    with Server(build, ['key: ' + KEY, 'max-body: 32MiB']) as s:
        made = {'name': 'big.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.'], 'soa_edit_api': 'INCREASE'}
        assert s.ask('POST', BASE + '/zones', json.dumps(made))[0] == 201
        yield s


def ask(server, method, path, body=None):
    """-> status, text; within the time"""
    since = time.monotonic()
    status, _, text = server.ask(method, path, json.dumps(body) if body else None)
    assert time.monotonic() - since < SECONDS, text[:200]
    return status, text


def addresses(third):
    return [{'content': '10.%d.%d.%d' % (third, i >> 8, i & 255)} for i in range(60000)]


def patch(server, kind, records, name='many.big.example.'):
    return ask(server, 'PATCH', ZONE, {'rrsets': [{'name': name, 'type': 'A', 'ttl': 60, 'changetype': kind, 'records': records}]})


def shown(server, name):
    rrsets = json.loads(ask(server, 'GET', ZONE + '?rrset_name=' + name)[1])['rrsets']
    return {r['content'] for s in rrsets for r in s['records']}


def serial(server):
    return json.loads(ask(server, 'GET', ZONE + '?rrsets=false')[1])['serial']


def test_many_records_are_added_to_many_and_taken_away(server):
    for third in range(3):
        assert patch(server, 'EXTEND', addresses(third))[0] == 204
    assert len(shown(server, 'many.big.example.')) == 180000
    before = serial(server)
    assert patch(server, 'PRUNE', addresses(1) + [{'content': '192.0.2.1'}])[0] == 204
    assert shown(server, 'many.big.example.') == {r['content'] for t in (0, 2) for r in addresses(t)}
    status, text = ask(server, 'POST', BASE + '/millrace/zones/big.example./revert?serial=%d' % before)
    assert status == 200, text
    assert len(shown(server, 'many.big.example.')) == 180000
    assert ask(server, 'PATCH', ZONE, {'rrsets': [{'name': 'many.big.example.', 'type': 'A', 'changetype': 'DELETE'}]})[0] == 204


def test_a_large_zone_is_replaced_by_a_small_one(server):
    apex = [{'name': 'big.example.', 'type': t, 'ttl': 60, 'records': [{'content': c}]}
            for t, c in (('SOA', 'a. b. 1 2 3 4 5'), ('NS', 'ns1.example.net.'))]
    names = [{'name': 'n%d.big.example.' % i, 'type': 'A', 'ttl': 60, 'records': [{'content': '192.0.2.1'}]} for i in range(100000)]
    assert ask(server, 'PUT', ZONE, {'rrsets': apex + names})[0] == 204
    assert ask(server, 'PUT', ZONE, {'rrsets': apex})[0] == 204
    assert len(json.loads(ask(server, 'GET', ZONE)[1])['rrsets']) == 2


def test_a_name_has_not_any_number_of_rrsets(server):
    def types(n):
        return {'rrsets': [{'name': 'types.big.example.', 'type': 'TYPE%d' % (300 + i), 'ttl': 60, 'changetype': 'REPLACE',
                            'records': [{'content': '\\# 1 00'}]} for i in range(n)]}
    status, text = ask(server, 'PATCH', ZONE, types(20000))
    assert status == 422 and 'at most 1000 RRsets' in text
    assert shown(server, 'types.big.example.') == set()
    assert ask(server, 'PATCH', ZONE, types(1000))[0] == 204


def test_metadata_has_not_any_number_of_values(server):
    for method, path, more in (('PUT', '/metadata/X-MANY', {}), ('POST', '/metadata', {'kind': 'X-MANY'})):
        status, text = ask(server, method, ZONE + path, {'metadata': ['%x' % i for i in range(200000)], **more})
        assert status == 422 and "'X-MANY' cannot have 200000 values" in text
    assert ask(server, 'PUT', ZONE + '/metadata/X-MANY', {'metadata': ['%x' % i for i in range(1024)]})[0] == 200
    assert ask(server, 'POST', ZONE + '/metadata', {'kind': 'X-MANY', 'metadata': ['one more']})[0] == 422


def test_a_search_finds_not_any_amount(server):
    text = ' '.join(['"%s"' % ('x' * 250)] * 240)
    for first in range(0, 1200, 400):
        body = {'rrsets': [{'name': 'long%d.big.example.' % i, 'type': 'TXT', 'ttl': 60, 'changetype': 'REPLACE', 'records': [{'content': text}]}
                           for i in range(first, first + 400)]}
        assert ask(server, 'PATCH', ZONE, body)[0] == 204
    status, found = ask(server, 'GET', BASE + '/search-data?q=long*.big.example&max=100000')
    assert status == 422 and 'longer than 64 MiB' in json.loads(found)['error']
    status, found = ask(server, 'GET', BASE + '/search-data?q=long*.big.example&max=500')
    assert status == 200 and len(json.loads(found)) == 500
    assert ask(server, 'GET', BASE + '/search-data?q=long7.big.example&max=100000')[0] == 200


def test_a_key_has_not_any_name(server):
    """A name of 255 octets, each of which is written with four."""
    long = '.'.join(['\\001' * 60] * 4) + '.'
    status, text = ask(server, 'POST', BASE + '/tsigkeys', {'name': long, 'algorithm': 'hmac-sha256'})
    assert status == 422 and 'longer than the 480 octets' in text
    assert ask(server, 'POST', BASE + '/tsigkeys', {'name': '.'.join(['a' * 60] * 4) + '.', 'algorithm': 'hmac-sha256'})[0] == 201
