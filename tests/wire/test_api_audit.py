# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log of the HTTP API: who did what, and how it is asked."""
import concurrent.futures
import json
import time

from test_api_access import BASE, KEY, METHODS, TOKENS, Server, make_token


def audit(server, query=''):
    status, _, text = server.over_unix('GET', BASE + '/millrace/audit' + query)
    assert status == 200, text
    return json.loads(text)


def wait_audit(server, query, n):
    deadline = time.monotonic() + 5
    while len(audit(server, query)['entries']) < n:
        assert time.monotonic() < deadline, audit(server)
        time.sleep(.02)
    return audit(server, query)['entries']


def test_the_audit_log_tells_who_did_what(build):
    with Server(build, ['key: ' + KEY]) as server:
        secret, made = make_token(server, 'auditor', zones=['one.example.'], methods=METHODS)
        assert server.ask('PUT', BASE + '/zones/one.example./reload', 'x', key=secret)[0] == 200
        assert server.ask('PUT', BASE + '/reload', key=secret)[0] == 403
        assert server.ask('PUT', BASE + '/reload?wait=false')[0] == 202
        assert server.ask('PUT', BASE + '/reload', key='wrong')[0] == 401
        server.ask('PUT', TOKENS + '/' + made['id'], '{"name": "auditor", "zones": ["two.example."]}')
        rows = wait_audit(server, '', 5)
        by = {(e['action'], e['who'].split(':')[0], e.get('path', '')): e for e in rows}
        assert len(rows) == 5 and len(by) == 5, rows
        assert [e['sequence'] for e in rows] == sorted((e['sequence'] for e in rows), reverse=True)
        assert all(abs(e['at_ms'] / 1000 - time.time()) < 60 for e in rows)
        reload = by['request', 'token', BASE + '/zones/one.example./reload']
        assert reload['who'] == 'token:auditor' and reload['source'].startswith('127.0.0.1:') and reload['zone'] == 'one.example.'
        assert reload['status'] == 200 and reload['method'] == 'PUT'
        assert reload['body_sha256'] == '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'
        assert by['request', 'token', BASE + '/reload']['status'] == 403
        assert by['request', 'api-key', BASE + '/reload']['status'] == 202
        created, changed = by['token-create', 'unix', ''], by['token-change', 'api-key', '']
        assert created['before'] is None and created['after']['zones'] == ['one.example.'] and created['source'] == 'unix'
        assert changed['before']['zones'] == ['one.example.'] and changed['after']['zones'] == ['two.example.']
        assert 'digest' not in json.dumps(rows) and secret[17:] not in json.dumps(rows)
        # filters and pages
        assert [e['status'] for e in audit(server, '?who=token:auditor')['entries']] == [403, 200]
        assert [e['path'] for e in audit(server, '?zone=ONE.example')['entries']] == [BASE + '/zones/one.example./reload']
        now = int(time.time())
        assert audit(server, '?since=%d' % (now + 60))['entries'] == [] and audit(server, '?until=%d' % (now - 600))['entries'] == []
        assert len(audit(server, '?since=%d&until=%d' % (now - 600, now + 60))['entries']) == 5
        pages, cursor = [], ''
        while cursor is not None:
            page = audit(server, '?limit=2' + ('&cursor=%s' % cursor if cursor else ''))
            assert len(page['entries']) <= 2
            pages += page['entries']
            cursor = page['cursor']
        assert pages == audit(server)['entries']
        assert server.over_unix('GET', BASE + '/millrace/audit?limit=x')[0] == 400
        assert server.ask('GET', BASE + '/millrace/audit', key=secret)[0] == 403


def test_metadata_and_properties_are_told_with_what_was_before(build):
    with Server(build, ['key: ' + KEY]) as server:
        zone = BASE + '/zones/told.example.'
        assert server.ask('POST', BASE + '/zones', json.dumps({'name': 'told.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.']}))[0] == 201
        assert server.ask('PUT', zone + '/metadata/ALSO-NOTIFY', '{"metadata": ["192.0.2.1"]}')[0] == 200
        assert server.ask('POST', zone + '/metadata', '{"kind": "ALSO-NOTIFY", "metadata": ["192.0.2.2"]}')[0] == 201
        assert server.ask('DELETE', zone + '/metadata/ALSO-NOTIFY')[0] == 204
        assert server.ask('PUT', zone, '{"kind": "Slave", "masters": ["192.0.2.7"], "account": ""}')[0] == 204
        rows = audit(server, '?zone=told.example.')['entries']
        told = [(r['kind'], r['before'], r['after'], r['who']) for r in rows if r['action'] == 'metadata']
        one, two = ['192.0.2.1'], ['192.0.2.1', '192.0.2.2']
        assert told == [('ALSO-NOTIFY', two, [], 'api-key'), ('ALSO-NOTIFY', one, two, 'api-key'), ('ALSO-NOTIFY', [], one, 'api-key')]
        assert not [r for r in rows if '/metadata' in r.get('path', '')]       # once is enough
        (properties,) = [r for r in rows if r['action'] == 'zone properties']
        assert properties['who'] == 'api-key' and properties['detail'] == {
            'kind': {'before': 'Native', 'after': 'Slave'}, 'masters': {'before': '', 'after': '192.0.2.7'}}
        # what was refused is told as the request that it was
        assert server.ask('PUT', zone + '/metadata/IXFR', '{"metadata": ["2"]}')[0] == 422
        wait_audit(server, '?zone=told.example.', len(rows) + 1)
        assert audit(server, '?zone=told.example.')['entries'][0]['status'] == 422


def test_rows_of_the_server_are_told_with_what_was_before(build):
    with Server(build, ['key: ' + KEY]) as server:
        def ask(method, path, body=None):
            status, _, text = server.ask(method, BASE + path, json.dumps(body) if body else None)
            assert status in (200, 201, 204), (path, text)
            return text
        ask('POST', '/tsigkeys', {'name': 'k.example', 'algorithm': 'hmac-sha256', 'key': 'c2VjcmV0c2VjcmV0'})
        ask('PUT', '/tsigkeys/k.example.', {'algorithm': 'hmac-sha512'})
        ask('PUT', '/tsigkeys/k.example.', {'key': 'b3RoZXJvdGhlcg=='})
        ask('DELETE', '/tsigkeys/k.example.')
        ask('POST', '/autoprimaries', {'ip': '192.0.2.53', 'nameserver': 'ns.example.net', 'account': 'acme'})
        ask('DELETE', '/autoprimaries/192.0.2.53/ns.example.net')
        ask('DELETE', '/autoprimaries/192.0.2.53/ns.example.net')
        ask('POST', '/views/inside', {'name': 'example.org..internal'})
        ask('PUT', '/networks/192.0.2.0/24', {'view': 'inside'})
        ask('PUT', '/networks/192.0.2.0/24', {'view': 'outside'})
        ask('PUT', '/networks/192.0.2.0/24', {'view': 'outside'})
        ask('PUT', '/networks/192.0.2.0/24', {'view': ''})
        ask('DELETE', '/views/inside/example.org..internal')
        entries = wait_audit(server, '', 13)
        # the two that changed nothing are told as the requests that they were
        assert [e['method'] for e in entries if e['action'] == 'request'] == ['PUT', 'DELETE']
        rows = [(r['action'], r['key'], r['before'], r['after']) for r in entries[::-1] if r['action'] != 'request']

        def key(algorithm, **more):
            return dict(more, name='k.example.', algorithm=algorithm)
        acme = {'account': 'acme'}
        assert rows == [
            ('tsigkey', 'k.example.', None, key('hmac-sha256')),
            ('tsigkey', 'k.example.', key('hmac-sha256'), key('hmac-sha512')),
            ('tsigkey', 'k.example.', key('hmac-sha512'), key('hmac-sha512', secret='another one')),
            ('tsigkey', 'k.example.', key('hmac-sha512'), None),
            ('autoprimary', '192.0.2.53/ns.example.net', None, acme),
            ('autoprimary', '192.0.2.53/ns.example.net', acme, None),
            ('view', 'inside/example.org.', None, 'internal'),
            ('network', '192.0.2.0/24', None, 'inside'),
            ('network', '192.0.2.0/24', 'inside', 'outside'),
            ('network', '192.0.2.0/24', 'outside', None),
            ('view', 'inside/example.org.', 'internal', None)]
        assert all(r['who'] == 'api-key' and r['source'].startswith('127.0.0.1:') for r in audit(server)['entries'])
        assert 'c2Vjc' not in json.dumps(audit(server)) and 'b3RoZ' not in json.dumps(audit(server))


def test_two_tokens_made_at_once_do_not_get_one_name(build):
    with Server(build, ['key: ' + KEY]) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        for name in ('first', 'second', 'third'):
            made = list(pool.map(lambda _: server.ask('POST', TOKENS, json.dumps({'name': name, 'zones': ['one.example.'], 'methods': METHODS}))[0], range(16)))
            assert sorted(made) == [201] + [409] * 15, made
        # nor by a change
        ids = [t['id'] for t in json.loads(server.ask('GET', TOKENS)[2])]
        changed = list(pool.map(lambda i: server.ask('PUT', TOKENS + '/' + i, json.dumps({'name': 'one', 'zones': ['one.example.'], 'methods': METHODS}))[0], ids))
        assert sorted(changed) == [200, 409, 409], changed
