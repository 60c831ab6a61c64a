# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of PowerDNS's API that are not zones and records: what they answer, good and bad requests, and whether PowerDNS
itself answers the same request with the same status and shape."""
import json
import pathlib

import pytest

from suite import Suite, free_port
from test_control import request, zone

BASE = '/api/v1/servers/localhost'


@pytest.fixture(scope='module')
def server(build):
    s = Suite(build, {'one.example': zone(11)})
    try:
        s.start()
        s.wait_answer('one.example.')
        yield s
    finally:
        s.remove()


def ask(server, method, path, body=None):
    """-> status, JSON or text"""
    status, headers, text = request(server, method, path, None if body is None else json.dumps(body))
    return status, json.loads(text) if headers.get('Content-Type') == 'application/json' and text else text


def shape(value):
    """What clients rely on: types and names of members, not values. Of an array the first element."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(v) for v in value[:1]]
    return type(value).__name__


def same(server, pdns, method, path, body=None, status=None):
    """Both answer alike: status, shape, and an error's text. -> our JSON"""
    ours, theirs = ask(server, method, path, body), pdns.request(method, path, body)
    assert ours[0] == theirs[0], (ours, theirs)
    if status is not None:
        assert ours[0] == status, ours
    if ours[0] < 400:
        assert shape(ours[1]) == shape(theirs[1]), (ours, theirs)
    else:
        assert ours[1] == theirs[1], (ours, theirs)
    return ours[1]


# --- the server

def test_discovery_is_powerdnss(server, pdns):
    assert same(server, pdns, 'GET', '/api', status=200) == [{'url': '/api/v1', 'version': 1}]
    assert same(server, pdns, 'GET', '/api/v1', status=200) == pdns.request('GET', '/api/v1')[1]


def test_the_server_object(server, pdns):
    for path, pick in ((BASE, lambda x: x), ('/api/v1/servers', lambda x: x[0])):
        ours, theirs = pick(ask(server, 'GET', path)[1]), pick(pdns.request('GET', path)[1])
        assert {k: v for k, v in ours.items() if k != 'version'} == {k: v for k, v in theirs.items() if k != 'version'}


def test_the_version_is_one_that_clients_can_read(server):
    version = ask(server, 'GET', BASE)[1]['version']
    # octoDNS's way: the first three parts, each up to a '-'
    assert [int(p.split('-')[0]) for p in version.split('.')[:3]] >= [5, 0, 2]
    assert 'millrace' in version


def test_another_server_is_not_found(server, pdns):
    assert ask(server, 'GET', '/api/v1/servers/other')[0] == pdns.request('GET', '/api/v1/servers/other')[0] == 404


# --- settings

def test_settings_have_powerdnss_shape_and_names(server, pdns):
    ours, theirs = ask(server, 'GET', BASE + '/config'), pdns.request('GET', BASE + '/config')
    assert ours[0] == theirs[0] == 200 and shape(ours[1]) == shape(theirs[1])
    names = [s['name'] for s in ours[1]]
    assert names == sorted(names) and all(s['type'] == 'ConfigSetting' for s in ours[1])
    assert set(names) - {s['name'] for s in theirs[1]} <= {'views', 'geoip-database-files', 'default-soa-edit-api'}       # newer, or only with its backend


def test_settings_that_clients_look_at(server):
    value = {s['name']: s['value'] for s in ask(server, 'GET', BASE + '/config')[1]}
    # octoDNS: geographic records only with launch=geoip and its files; LUA records only if they are enabled
    assert value['launch'].split(',')[0] == 'lmdb' and 'geoip' not in value['launch']
    assert value['geoip-database-files'] == '' and value['enable-lua-records'] == 'no'
    assert value['local-address'] == ', '.join('[%s]:%d' % (a, server.port) if ':' in a else '%s:%d' % (a, server.port) for a in server.addresses)
    assert value['socket-dir'] == str(server.run_dir) and value['default-ttl'] == '3600' and value['api-key'] == ''


def test_settings_of_the_api_and_of_backends(build):
    port = free_port(first=5450, last=5499)
    s = Suite(build, {'one.example': zone(1)}, {
        'api': ['listen: ["127.0.0.1:%d"]' % port, 'key: "open sesame"', 'allow-from: ["127.0.0.0/8"]', 'max-body: 3MiB'],
        'backends': ['- {name: customers, type: zonefile, options: [{name: directory, value: %s}]}' % pathlib.Path(__file__).parent]})
    try:
        s.start()
        s.wait_answer('one.example.')
        settings = ask(s, 'GET', BASE + '/config')[1]
        value = {x['name']: x['value'] for x in settings}
        assert value['launch'] == 'lmdb,bind,bind:customers' and 'open sesame' not in str(settings)
        assert value['api-key'] == '***' and value['webserver'] == 'yes' and value['webserver-address'] == '127.0.0.1:%d' % port
        assert value['webserver-allow-from'] == '127.0.0.0/8' and value['webserver-max-bodysize'] == '3'
    finally:
        s.remove()


def test_one_setting(server):
    status, one = ask(server, 'GET', BASE + '/config/launch')
    assert status == 200 and one in ask(server, 'GET', BASE + '/config')[1]
    status, error = ask(server, 'GET', BASE + '/config/no-such-setting')
    assert status == 404 and "'no-such-setting'" in error['error']
    assert ask(server, 'PUT', BASE + '/config/launch', {'value': 'bind'})[0] == 405


# --- cache, statistics

def test_flushing_a_cache_that_there_is_not(server, pdns):
    assert same(server, pdns, 'PUT', BASE + '/cache/flush?domain=one.example.', status=200) == {'count': 0, 'result': 'Flushed cache.'}
    same(server, pdns, 'PUT', BASE + '/cache/flush?domain=one.example', status=422)
    same(server, pdns, 'PUT', BASE + '/cache/flush', status=422)
    assert ask(server, 'PUT', BASE + '/cache/flush?domain=a..b.')[0] == pdns.request('PUT', BASE + '/cache/flush?domain=a..b.')[0] == 422
    assert ask(server, 'GET', BASE + '/cache/flush?domain=one.example.')[0] == 405


def test_statistics(server, pdns):
    ours, theirs = ask(server, 'GET', BASE + '/statistics')[1], pdns.request('GET', BASE + '/statistics')[1]
    for kind in ('StatisticItem', 'MapStatisticItem'):
        first = [next(i for i in items if i['type'] == kind) for items in (ours, theirs)]
        assert {k: type(v) for k, v in first[0].items()} == {k: type(v) for k, v in first[1].items()}
    mine = {i['name'] for i in ours if not i['name'].startswith('millrace-')}
    assert mine <= {i['name'] for i in theirs} | {'zone-cache-size'}
    same(server, pdns, 'GET', BASE + '/statistics?statistic=uptime', status=200)
    same(server, pdns, 'GET', BASE + '/statistics?statistic=none', status=422)
    assert {i['name'] for i in ask(server, 'GET', BASE + '/statistics?includerings=false')[1]} == {i['name'] for i in ours}
    assert ask(server, 'GET', BASE + '/statistics?statistic=')[0] == 200
    assert ask(server, 'GET', BASE + '/statistics?includerings=perhaps')[0] == 400


# --- TSIG keys

@pytest.fixture
def no_keys(server, pdns):
    """Both begin without keys."""
    for ask_one in (lambda *a: ask(server, *a), pdns.request):
        for key in ask_one('GET', BASE + '/tsigkeys')[1]:
            ask_one('DELETE', BASE + '/tsigkeys/' + key['id'])


def test_a_keys_life(server, pdns, no_keys):
    assert same(server, pdns, 'GET', BASE + '/tsigkeys', status=200) == []
    key = {'name': 'key.example', 'algorithm': 'hmac-sha256', 'key': 'Zm9vYmFy'}
    made = same(server, pdns, 'POST', BASE + '/tsigkeys', key, status=201)
    assert made == {**key, 'id': 'key.example.', 'type': 'TSIGKey'}
    for path in ('key.example.', 'key.example'):
        assert same(server, pdns, 'GET', BASE + '/tsigkeys/' + path, status=200) == made
    assert ask(server, 'GET', BASE + '/tsigkeys/KEY.example.') == (200, made)
    assert same(server, pdns, 'GET', BASE + '/tsigkeys', status=200) == [{**made, 'key': ''}]
    changed = same(server, pdns, 'PUT', BASE + '/tsigkeys/key.example.', {'key': 'c2VjcmV0'}, status=200)
    assert changed == {**made, 'key': 'c2VjcmV0'}
    changed = ask(server, 'PUT', BASE + '/tsigkeys/key.example.', {'algorithm': 'HMAC-SHA512.'})
    assert changed == (200, {**made, 'key': 'c2VjcmV0', 'algorithm': 'hmac-sha512'})
    renamed = ask(server, 'PUT', BASE + '/tsigkeys/key.example.', {'name': 'Other.Example.'})
    assert renamed == (200, {**changed[1], 'name': 'other.example', 'id': 'other.example.'})
    assert ask(server, 'GET', BASE + '/tsigkeys/key.example.')[0] == 404
    assert ask(server, 'DELETE', BASE + '/tsigkeys/other.example.') == (204, '')
    assert ask(server, 'GET', BASE + '/tsigkeys') == (200, [])


def test_a_key_is_made_when_none_is_given(server, pdns, no_keys):
    lengths = {}
    for algorithm in ('hmac-md5', 'hmac-sha1', 'hmac-sha224', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'):
        made = same(server, pdns, 'POST', BASE + '/tsigkeys', {'name': 'k-' + algorithm, 'algorithm': algorithm}, status=201)
        theirs = pdns.request('GET', BASE + '/tsigkeys/k-%s.' % algorithm)[1]
        assert len(made['key']) == len(theirs['key']) and made['key'] != theirs['key'] and made['algorithm'] == theirs['algorithm']
        lengths[made['key']] = algorithm
    assert len(lengths) == 6


@pytest.mark.parametrize('body,status', [
    ({'name': 'taken.', 'algorithm': 'hmac-sha256', 'key': 'Zm9v'}, 409),
    ({'name': 'k2', 'algorithm': 'hmac-foo', 'key': 'Zm9v'}, 422),
    ({'name': 'k2', 'algorithm': 'hmac-foo'}, 400),
    ({'name': 'k2', 'algorithm': 'hmac-sha256', 'key': '!!'}, 422),
    ({'name': 'k2', 'key': 'Zm9v'}, 422),
    ({'name': 7, 'algorithm': 'hmac-md5'}, 422),
    ({'algorithm': 'hmac-md5'}, 422)])
def test_bad_new_keys(server, pdns, no_keys, body, status):
    for ask_one in (lambda *a: ask(server, *a), pdns.request):
        assert ask_one('POST', BASE + '/tsigkeys', {'name': 'taken', 'algorithm': 'hmac-md5'})[0] == 201
    ours, theirs = ask(server, 'POST', BASE + '/tsigkeys', body), pdns.request('POST', BASE + '/tsigkeys', body)
    assert ours[0] == theirs[0] == status and ours[1]['error']
    assert not isinstance(theirs[1], dict) or ours[1] == theirs[1]      # what 4.7 says in text is JSON since 4.8
    assert [k['id'] for k in ask(server, 'GET', BASE + '/tsigkeys')[1]] == ['taken.']


@pytest.mark.parametrize('body,status', [
    ({'algorithm': 'x'}, 422), ({'key': '??'}, 422), ({'key': 7}, 200), ({}, 200), ([], 422), ({'name': 'taken'}, 409), ({'name': 'a..b'}, 422)])
def test_bad_changes_of_keys(server, pdns, no_keys, body, status):
    for name in ('one', 'taken'):
        assert ask(server, 'POST', BASE + '/tsigkeys', {'name': name, 'algorithm': 'hmac-md5'})[0] == 201
    before = ask(server, 'GET', BASE + '/tsigkeys/one.')[1]
    answer = ask(server, 'PUT', BASE + '/tsigkeys/one.', body)
    assert answer[0] == status and (status == 200 or answer[1]['error'])
    assert ask(server, 'GET', BASE + '/tsigkeys/one.')[1] == before
    if status != 409 and body != [] and body != {'name': 'a..b'}:
        pdns.request('POST', BASE + '/tsigkeys', {'name': 'one', 'algorithm': 'hmac-md5', 'key': before['key']})
        assert answer == pdns.request('PUT', BASE + '/tsigkeys/one.', body)


def test_keys_that_there_are_not(server, pdns):
    for method in ('GET', 'PUT', 'DELETE'):
        ours = ask(server, method, BASE + '/tsigkeys/none.example.', {} if method == 'PUT' else None)
        assert ours[0] == pdns.request(method, BASE + '/tsigkeys/none.example.', {})[0] == 404 and 'none.example' in ours[1]['error']
        assert ask(server, method, BASE + '/tsigkeys/a..b', {} if method == 'PUT' else None)[0] == 422
    assert ask(server, 'POST', BASE + '/tsigkeys')[0] == 400 and request(server, 'POST', BASE + '/tsigkeys', b'{"a":')[0] == 400


# --- autoprimaries

def test_autoprimaries(server, pdns):
    assert same(server, pdns, 'GET', BASE + '/autoprimaries', status=200) == []
    one = {'ip': '192.0.2.1', 'nameserver': 'ns.example', 'account': 'me'}
    assert same(server, pdns, 'POST', BASE + '/autoprimaries', one, status=201) == ''
    two = {'ip': '2001:db8::1', 'nameserver': 'ns2.example'}
    same(server, pdns, 'POST', BASE + '/autoprimaries', two, status=201)
    assert same(server, pdns, 'GET', BASE + '/autoprimaries', status=200) == [one, {**two, 'account': ''}]
    assert ask(server, 'POST', BASE + '/autoprimaries', {'ip': '192.0.2.1', 'nameserver': 'NS.example.'})[0] == 409
    same(server, pdns, 'DELETE', BASE + '/autoprimaries/192.0.2.1/ns.example', status=204)
    same(server, pdns, 'DELETE', BASE + '/autoprimaries/192.0.2.1/ns.example', status=204)
    assert ask(server, 'DELETE', BASE + '/autoprimaries/2001:DB8:0::1/ns2.example.') == (204, '')
    assert ask(server, 'GET', BASE + '/autoprimaries') == (200, [])


@pytest.mark.parametrize('body', [{'ip': '', 'nameserver': 'ns.example'}, {'ip': '192.0.2.1', 'nameserver': ''}, {'nameserver': 'ns.example'},
                                  {'ip': '192.0.2.1'}])
def test_bad_autoprimaries(server, pdns, body):
    same(server, pdns, 'POST', BASE + '/autoprimaries', body, status=422)


def test_autoprimaries_that_powerdns_takes_for_good(server):
    for body in ({'ip': 'rubbish', 'nameserver': 'ns.example'}, {'ip': '192.0.2.1', 'nameserver': 'a..b'},
                 {'ip': '192.0.2.1', 'nameserver': 'a', 'account': 'x' * 300}):
        assert ask(server, 'POST', BASE + '/autoprimaries', body)[0] == 422
    assert ask(server, 'DELETE', BASE + '/autoprimaries/rubbish/ns.example')[0] == 422
    assert ask(server, 'GET', BASE + '/autoprimaries') == (200, [])
