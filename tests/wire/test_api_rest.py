# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of PowerDNS's API that are not zones and records: what they answer, good and bad requests, and whether PowerDNS
itself answers the same request with the same status and shape."""
import json

import pytest

import powerdns_server
from suite import Suite
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


@pytest.fixture(scope='module')
def pdns():
    if not powerdns_server.is_there():
        pytest.skip('no pdns_server with its sqlite3 backend')
    p = powerdns_server.PowerDns()
    try:
        yield p
    finally:
        p.remove()


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
    assert value['socket-dir'] == str(server.run_dir) and value['default-ttl'] == '3600' and value['api-key'] == '***'


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
