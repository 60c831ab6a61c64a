# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route of the HTTP API, as its OpenAPI document lists them: the good request, and requests that are bad in one way each.
Each status must be one that the document has for the operation, and each body of the schema that it gives.

The table GOOD has a row for each operation; an operation without a row fails here, so that none is forgotten."""
import contextlib
import http.client
import itertools
import json
import urllib.parse

import jsonschema
import pytest

from suite import Suite, free_port
from test_control import UnixConnection, request, zone

BASE = '/api/v1/servers/localhost'
KEY = 'routes'
METHODS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')
# statuses that docs/api-reference.md has for all of them
GENERAL = {401, 403, 405, 413, 414, 500, 503}
TEXT = '$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 127.0.0.1\n'
EXTENSIONS = {'X-Millrace-Extensions': 'true'}
SECRET = 'kp4/24gyYsEzbuTVJRUMoqGFmN3LYgVDzJ/3oRSP7ys='
names = ('r%d' % i for i in itertools.count())


# --- what the rows need beforehand: each makes something of its own, -> parameters

def a_zone(server, kind='Native', **more):
    name = next(names) + '.example.'
    server.must('POST', BASE + '/zones', dict(more, name=name, kind=kind, zone=TEXT) if kind != 'Slave' else dict(more, name=name, kind=kind))
    return {'zone_id': name}


def a_primary(server):
    return a_zone(server, 'Master')


def a_secondary(server):
    return a_zone(server, 'Slave', masters=['127.0.0.1:%d' % server.dead])


def rrset(path, content='192.0.2.7'):
    return {'name': 'www.' + path['zone_id'], 'type': 'A', 'ttl': 60, 'changetype': 'REPLACE', 'records': [{'content': content, 'disabled': False}]}


def a_changed_zone(server):
    """With two changesets, so that there is something to go back to."""
    path = a_zone(server)
    serials = []
    for i in range(2):
        server.must('PATCH', BASE + '/zones/' + path['zone_id'], {'rrsets': [rrset(path, '192.0.2.%d' % i)]})
        serials.append(server.must('GET', BASE + '/zones/' + path['zone_id'])['serial'])
    return dict(path, **{'from': serials[0], 'serial': serials[0]})


def some_metadata(server):
    path = dict(a_zone(server), metadata_kind='X-Kind')
    server.must('PUT', BASE + '/zones/%(zone_id)s/metadata/X-Kind' % path, {'metadata': ['a']})
    return path


def a_cryptokey(server):
    return dict(a_zone(server), cryptokey_id='1')


def a_tsigkey(server):
    return {'tsigkey_id': server.must('POST', BASE + '/tsigkeys', {'name': next(names), 'algorithm': 'hmac-sha256', 'key': SECRET})['id']}


def an_autoprimary(server):
    server.must('POST', BASE + '/autoprimaries', {'ip': '192.0.2.9', 'nameserver': next(names) + '.example'})
    return {'ip': '192.0.2.9', 'nameserver': 'r.example'}


def a_network(server):
    server.must('PUT', BASE + '/networks/192.0.2.0/24', {'view': 'inside'})
    return {'ip': '192.0.2.0', 'prefixlen': '24'}


def a_view(server):
    name = next(names)
    server.must('POST', BASE + '/views/' + name, {'name': 'one.example..inside'})
    return {'view': name, 'id': 'one.example..inside'}


def a_prefix(server):
    server.must('PUT', BASE + '/millrace/acl?prefix=192.0.2.0/24&action=deny')
    return {'prefix': '192.0.2.0/24'}


def a_token(server):
    return {'token_id': server.must('POST', BASE + '/millrace/tokens', {'name': next(names), 'zones': ['nothing.example.']})['id']}


class Row:
    """A good request of an operation. make: before it, gives parameters; query: names or values of parameters after '?'; body: what is
    sent, or a function of the parameters; status: of the good request; nothing: statuses where a thing of the path is not there, by the
    parameter's name; early: what is told without a store, else 503."""

    def __init__(self, make=None, path=None, query=None, body=None, status=200, nothing=None, early=()):
        self.make, self.path, self.query, self.body, self.status = make, path or {}, query or {}, body, status
        self.nothing, self.early = nothing or {}, early if isinstance(early, tuple) else (early,)


FILE = {'zone_id': 'one.example.'}

GOOD = {
    # the server
    'listVersions': Row(early=200), 'getVersion': Row(early=200), 'getDocument': Row(early=200), 'listServers': Row(early=200),
    'listServer': Row(early=200),
    'cacheFlushByName': Row(query={'domain': 'one.example.'}, early=200),
    'getConfig': Row(early=200),
    'getConfigSetting': Row(path={'config_setting_name': 'launch'}, early=200),
    'getStats': Row(early=200), 'getMetrics': Row(early=200),
    # zones
    'listZones': Row(early=200),
    'createZone': Row(body=lambda p: {'name': next(names) + '.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.']}, status=201),
    'listZone': Row(a_zone),
    'notifyZone': Row(a_primary),
    'axfrRetrieveZone': Row(a_secondary, body={}),
    'rectifyZone': Row(a_zone),
    'putZone': Row(a_zone, body={'account': 'someone'}, status=204),
    'patchZone': Row(a_zone, body=lambda p: {'rrsets': [rrset(p)]}, status=204),
    'deleteZone': Row(a_zone, status=204),
    'axfrExportZone': Row(a_zone),
    'searchData': Row(query={'q': 'one*'}, early=200),
    'reloadZone': Row(path=FILE, early=200),
    'reload': Row(early=200),
    'importZone': Row(a_zone, body=TEXT),
    'zoneHistory': Row(a_changed_zone),
    'zoneDiff': Row(a_changed_zone, query={'from': None}),
    'revertZone': Row(a_changed_zone, query={'serial': None}),
    # beside zones; of metadata one kind is as good as another
    'listMetadata': Row(some_metadata), 'getMetadata': Row(some_metadata, nothing={'metadata_kind': {200}}),
    'createMetadata': Row(a_zone, body={'kind': 'X-Kind', 'metadata': ['a', 'b']}, status=201),
    'modifyMetadata': Row(some_metadata, body={'metadata': ['c']}, nothing={'metadata_kind': {200}}),
    'deleteMetadata': Row(some_metadata, status=204, nothing={'metadata_kind': {204}}),
    # nothing puts a DNSSEC key into the store of this version, so there is none
    'listCryptokeys': Row(a_zone), 'getCryptokey': Row(a_cryptokey, status=404),
    'createCryptokey': Row(a_zone, body={'keytype': 'ksk', 'active': True}, status=501),
    'modifyCryptokey': Row(a_cryptokey, body={'active': False}, status=404),
    'deleteCryptokey': Row(a_cryptokey, status=404),
    'listTSIGKeys': Row(), 'getTSIGKey': Row(a_tsigkey),
    'createTSIGKey': Row(body=lambda p: {'name': next(names), 'algorithm': 'hmac-sha256'}, status=201),
    'putTSIGKey': Row(a_tsigkey, body={'algorithm': 'hmac-sha512'}),
    'deleteTSIGKey': Row(a_tsigkey, status=204),
    'getAutoprimaries': Row(),
    'createAutoprimary': Row(body=lambda p: {'ip': '192.0.2.8', 'nameserver': next(names) + '.example', 'account': ''}, status=201),
    'deleteAutoprimary': Row(an_autoprimary, status=204, nothing={'ip': {422}, 'nameserver': {204}}),
    'listNetworks': Row(a_network), 'getNetwork': Row(a_network),
    'setNetwork': Row(a_network, body={'view': 'inside'}, status=204),
    'listViews': Row(a_view), 'listView': Row(a_view),
    'addToView': Row(a_view, body={'name': 'one.example..other'}, status=204, nothing={'view': {204}}),
    'deleteFromView': Row(a_view, status=204, nothing={'view': {204}, 'id': {204}}),
    # the suite
    'getStatus': Row(early=200), 'getCounters': Row(early=200), 'listBackends': Row(early=200),
    'capturePackets': Row(query={'duration': 1}, early=200),
    'getConfiguration': Row(early=200), 'diffConfiguration': Row(early=200), 'reloadConfiguration': Row(early=200),
    'getAccessList': Row(early=200),
    'setAccess': Row(query={'prefix': '192.0.2.0/24', 'action': 'deny'}, early=200),
    'removeAccess': Row(a_prefix, query={'prefix': None}, early=(200, 404)),
    'reloadAccessList': Row(early=200),
    'checkAccess': Row(query={'address': '192.0.2.1'}, early=200),
    'getRateLimits': Row(early=200),
    'setRateLimits': Row(query={'rate': 100, 'slip': 2}, early=200),
    # access
    'listTokens': Row(a_token), 'getToken': Row(a_token),
    'createToken': Row(body=lambda p: {'name': next(names), 'zones': ['nothing.example.']}, status=201),
    'changeToken': Row(a_token, body=lambda p: {'name': next(names), 'zones': ['*']}),
    'deleteToken': Row(a_token, status=204),
    'rotateToken': Row(a_token, body={'grace': 0}),
    'getAudit': Row(),
}

# what is at no place of a path, by the parameter's name
NOTHING = {'zone_id': 'nothing.here.', 'config_setting_name': 'nothing', 'metadata_kind': 'X-Nothing', 'cryptokey_id': '4711', 'tsigkey_id': 'nothing.',
           'ip': 'nothing', 'nameserver': 'nothing.example', 'prefixlen': '99', 'view': 'nothing', 'id': 'nothing.here.', 'token_id': '0123456789ab'}
# what stands there where nothing could be made
SOMETHING = dict(NOTHING, ip='192.0.2.0', prefixlen='24', config_setting_name='launch')


class Operation:
    def __init__(self, path, method, op):
        self.path, self.method, self.op, self.id = path, method, op, op['operationId']
        self.in_path = [p['name'] for p in op['parameters'] if p['in'] == 'path' and p['name'] != 'server_id']
        self.in_query = {p['name']: p for p in op['parameters'] if p['in'] == 'query'}
        self.media = next(iter(op.get('requestBody', {}).get('content', {})), None)

    def target(self, values, query):
        path = self.path.replace('{server_id}', values.get('server_id', 'localhost'))
        for name in self.in_path:
            path = path.replace('{%s}' % name, urllib.parse.quote(str(values[name]), safe=''))
        return path + ('?' + urllib.parse.urlencode(query) if query else '')


class Server:
    """A suite, and who asks it."""

    def __init__(self, build, damage=False):
        self.port = free_port(first=5450, last=5499)
        self.dead = free_port(first=5450, last=5499)        # nobody is there
        self.suite = Suite(build, {'one.example': zone(11)}, yaml={'api': ['listen: ["127.0.0.1:%d"]' % self.port, 'key: ' + KEY]})
        if damage:
            self.suite.store_path.parent.mkdir()
            self.suite.store_path.write_bytes(b'this is no store' * 1000)
        self.suite.start()
        self.suite.wait_answer('one.example.')

    def ask(self, method, target, body=None, headers=None, tcp=False):
        """-> status, headers, octets"""
        body = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20) if tcp else UnixConnection(str(self.suite.run_dir / 'api.sock'))
        with contextlib.closing(c):
            c.request(method, target, body, headers or {})
            r = c.getresponse()
            return r.status, dict(r.getheaders()), r.read()

    def must(self, *args):
        status, _, octets = self.ask(*args)
        assert status < 300, (args, status, octets)
        return json.loads(octets) if octets else None

    def good(self, op):
        """-> values for the path, query, body of a request that is right"""
        row = GOOD[op.id]
        values = dict(row.path, **(row.make(self) if row.make else {}))
        return values, *self.rest(row, values)

    @staticmethod
    def rest(row, values):
        query = {k: values.get(k, 1) if v is None else v for k, v in row.query.items()}
        return query, row.body(values) if callable(row.body) else row.body


@pytest.fixture(scope='module')
def server(build):
    s = Server(build)
    yield s
    s.suite.remove()


@pytest.fixture(scope='module')
def document(server):
    return server.must('GET', '/api/docs')


@pytest.fixture(scope='module')
def operations(document):
    out = []
    for path, item in document['paths'].items():
        base = item['servers'][0]['url'].rstrip('/') if 'servers' in item else document['servers'][0]['url']
        out += [Operation(base + path, m.upper(), op) for m, op in item.items() if m.upper() in METHODS]
    assert len(out) > 60
    return out


def fits(document, op, answer, where):
    """The document has this status for the operation, and this body for the status. -> status"""
    status, headers, octets = answer
    listed = op.op['responses'].get(str(status))
    assert listed is not None or status in GENERAL, '%s: %d is not in the document: %s' % (where, status, octets[:300])
    content = (listed or document['components']['responses']['Error']).get('content')
    if content is None:
        assert octets == b'', '%s: %d has a body: %s' % (where, status, octets[:300])
        return status
    assert headers.get('Content-Type', '').split(';')[0] in content, (where, status, headers, octets[:300])
    media = headers['Content-Type'].split(';')[0]
    if media == 'application/json':
        schema = dict(content[media]['schema'], components=document['components'])
        errors = list(jsonschema.Draft202012Validator(schema).iter_errors(json.loads(octets)))
        assert not errors, '%s: %d: %s\n%s' % (where, status, errors[0], octets[:1000])
    return status


class Findings(list):
    """All that is wrong, not only the first."""

    def check(self, what, *args):
        try:
            what(*args)
        except AssertionError as e:
            self.append(str(e).split('\nassert')[0])


@contextlib.contextmanager
def findings():
    f = Findings()
    yield f
    assert not f, '%d of them:\n%s' % (len(f), '\n'.join(f))


def test_every_operation_has_a_row(operations):
    assert {op.id for op in operations} == set(GOOD)


def test_good_requests(server, document, operations):
    def one(op):
        values, query, body = server.good(op)
        target = op.target(values, query)
        where = '%s %s' % (op.method, target)
        status = fits(document, op, server.ask(op.method, target, body), where)
        assert status == GOOD[op.id].status, '%s: %d, not %d' % (where, status, GOOD[op.id].status)
    with findings() as f:
        for op in operations:
            f.check(one, op)


def test_head_is_get_without_a_body(server, operations):
    for op in operations:
        if op.method == 'GET' and op.id != 'capturePackets':
            values, query, _ = server.good(op)
            status, _, octets = server.ask('HEAD', op.target(values, query))
            assert (status, octets) == (GOOD[op.id].status, b''), op.path


def test_other_methods_are_refused(server, document, operations):
    known = {}
    for op in operations:
        known.setdefault(op.path, {})[op.method] = op
    for path, ops in known.items():
        op = next(iter(ops.values()))
        target = op.target(SOMETHING, {})
        for method in METHODS + ('PROPFIND', 'OPTIONS'):
            if method in ops:
                continue
            answer = server.ask(method, target)
            assert fits(document, op, answer, (method, target)) == 405
            assert set(answer[1]['Allow'].split(', ')) == set(ops) | ({'HEAD'} if 'GET' in ops else set()), (method, target)


def test_what_is_not_there_is_not_found(server, document, operations):
    def one(op, name):
        values, query, body = server.good(op)
        target = op.target(dict(values, **{name: NOTHING[name]}), query)
        where = '%s %s' % (op.method, target)
        status = fits(document, op, server.ask(op.method, target, body), where)
        right = GOOD[op.id].nothing.get(name, {404, 422})
        assert status in right, '%s: %d' % (where, status)
    with findings() as f:
        for op in operations:
            for name in op.in_path:
                if op.id != 'importZone':       # which makes it
                    f.check(one, op, name)
            if '{server_id}' in op.path:
                target = op.target(dict(SOMETHING, server_id='another'), {})
                status, _, octets = server.ask(op.method, target)
                assert (status, json.loads(octets)) == (404, {'error': 'Not Found'}), (op.method, target)


def test_parameters_of_a_wrong_type_are_refused(server, document, operations):
    def one(op, name, parameter):
        schema = parameter['schema']
        values, query, body = server.good(op)
        target = op.target(values, dict(query, **{name: 'perhaps'}))
        where = '%s %s' % (op.method, target)
        status = fits(document, op, server.ask(op.method, target, body, EXTENSIONS), where)
        if schema.get('type') in ('boolean', 'integer') or 'enum' in schema:
            assert status in (400, 422), '%s: %d' % (where, status)
    with findings() as f:
        for op in operations:
            for name, parameter in op.in_query.items():
                if op.id != 'capturePackets' or parameter['schema'].get('type') != 'string':
                    f.check(one, op, name, parameter)


def test_parameters_that_must_be_there(server, document, operations):
    for op in operations:
        for name in (n for n, p in op.in_query.items() if p['required']):
            values, query, body = server.good(op)
            query.pop(name)
            target = op.target(values, query)
            assert fits(document, op, server.ask(op.method, target, body), target) in (400, 422), target


@pytest.mark.parametrize('body', [b'', b'{', b'[1]', b'"text"', b'null', b'4711', b'\xff\xfe', b'{"a": 1}}', b'[' * 5000])
def test_bodies_that_are_no_object(server, document, operations, body):
    def one(op):
        values, query, _ = server.good(op)
        target = op.target(values, query)
        where = '%s %s' % (op.method, target)
        status = fits(document, op, server.ask(op.method, target, body), where)
        right = {GOOD[op.id].status} if GOOD[op.id].status >= 400 else {400, 422}
        if body == b'' and op.id in ('rotateToken', 'axfrRetrieveZone'):        # as if it were {}
            right = {200}
        assert status in right, '%s: %d' % (where, status)
    with findings() as f:
        for op in operations:
            if op.media == 'application/json':
                f.check(one, op)


def test_members_of_a_wrong_type(server, document, operations):
    """Each member of a good body, one after the other, is something else. PowerDNS overlooks some of these, and so do we."""
    def one(op, target, body, where):
        status = fits(document, op, server.ask(op.method, target, body), where)
        assert status not in (500, 503), '%s: %d' % (where, status)
    with findings() as f:
        for op in operations:
            if op.media != 'application/json':
                continue
            for name in document['components']['schemas'][op.op['requestBody']['content'][op.media]['schema']['$ref'].split('/')[-1]]['properties']:
                for wrong in ({'x': []}, [[]], 'perhaps', -1, 1.5, None, True, '', [''], [None]):
                    values, query, body = server.good(op)
                    target = op.target(values, query)
                    f.check(one, op, target, dict(body, **{name: wrong}), '%s %s %s=%s' % (op.method, target, name, wrong))


def test_nobody_without_a_key(server, document, operations):
    for op in operations:
        target = op.target(SOMETHING, {})
        for headers in ({}, {'X-API-Key': 'wrong'}):
            answer = server.ask(op.method, target, None, dict(headers, Accept='application/json'), tcp=True)
            # guesses too many are told to wait
            assert answer[0] in ((401, 429) if headers else (401,)), (target, answer)
            if answer[0] == 401:
                fits(document, op, answer, target)


def test_who_may_only_read_changes_nothing(server, document, operations):
    token = server.must('POST', BASE + '/millrace/tokens', {'name': next(names), 'zones': ['*'], 'server': True})['token']
    for op in operations:
        if op.method == 'GET':
            continue
        values, query, body = server.good(op)
        target = op.target(values, query)
        answer = server.ask(op.method, target, body, {'X-API-Key': token}, tcp=True)
        assert fits(document, op, answer, target) == 403, (op.method, target, answer)


def test_without_a_store(build, document, operations):
    """Its file is damaged: what needs it says so, and all else goes on."""
    damaged = Server(build, damage=True)
    damaged.suite.forgiven.append('is damaged')

    def one(op):
        row = GOOD[op.id]
        values = dict(SOMETHING, **row.path)
        query, body = damaged.rest(row, values)
        if 'prefix' in query:       # there or not, that is no matter of the store
            query['prefix'] = '192.0.2.0/24'
        target = op.target(values, query)
        where = '%s %s' % (op.method, target)
        answer = damaged.ask(op.method, target, body)
        status = fits(document, op, answer, where)
        assert status in (row.early or (503,)), '%s: %d %s' % (where, status, answer[2][:200])
        if status == 503:
            assert 'store' in json.loads(answer[2])['error'], where
    try:
        assert request(damaged.suite, 'GET', BASE + '/millrace/status')[0] == 200
        with findings() as f:
            for op in operations:
                f.check(one, op)
        assert damaged.suite.ask('a.one.example.').answer
    finally:
        damaged.suite.remove()
