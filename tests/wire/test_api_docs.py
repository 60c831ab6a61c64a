# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAPI document of the API (/api/docs): valid by the official schema and strict rules of our own, and held
against the server: every operation is there, and what GET answers has the shape that the document says.

data/openapi-3.1-schema.json is https://spec.openapis.org/oas/3.1/schema/2026-08-03 (Apache-2.0), as its publisher has it."""
import json
import pathlib
import re

import jsonschema
import pytest

from suite import Suite
from test_control import UnixConnection, request, zone

OFFICIAL = json.loads((pathlib.Path(__file__).parent / 'data' / 'openapi-3.1-schema.json').read_text())

# what stands for parameters of paths and queries when operations are tried
PATH_VALUES = {'server_id': 'localhost', 'zone_id': 'one.example.', 'config_setting_name': 'launch'}
QUERY_VALUES = {'address': '192.0.2.1', 'domain': 'one.example.', 'q': 'one*', 'from': '1', 'serial': '1'}
ENDLESS = {'capturePackets'}        # goes on until it is told to end: test_capture.py


@pytest.fixture(scope='module')
def server(build):
    s = Suite(build, {'one.example': zone(11), 'bad.example': zone(1, 'x A 1.2.3\n')})
    try:
        s.start()
        s.wait_answer('one.example.')
        yield s
    finally:
        s.remove()


@pytest.fixture(scope='module')
def document(server):
    status, headers, text = request(server, 'GET', '/api/docs')
    assert status == 200 and headers['Content-Type'] == 'application/json'
    return json.loads(text, object_pairs_hook=no_doubles)


def no_doubles(pairs):
    keys = [k for k, _ in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)


def operations(document):
    """-> full path template, method, operation"""
    for path, item in document['paths'].items():
        base = item['servers'][0]['url'].rstrip('/') if 'servers' in item else document['servers'][0]['url']
        for method, op in item.items():
            if method in ('get', 'put', 'post', 'patch', 'delete'):
                yield base + path, method.upper(), op


def fill(path, op):
    """A request for this operation, with something for each parameter that must be there."""
    query = []
    for p in op['parameters']:
        if p['in'] == 'path':
            path = path.replace('{%s}' % p['name'], PATH_VALUES.get(p['name'], 'none'))
        elif p['required']:
            query.append('%s=%s' % (p['name'], QUERY_VALUES[p['name']]))
    assert '{' not in path
    return path + ('?' + '&'.join(query) if query else '')


def refs(node):
    if isinstance(node, dict):
        if isinstance(node.get('$ref'), str):
            yield node['$ref']
        for v in node.values():
            yield from refs(v)
    elif isinstance(node, list):
        for v in node:
            yield from refs(v)


def validator(document, schema):
    """A schema of the document, with its references within reach."""
    whole = dict(schema, components=document['components'])
    return jsonschema.Draft202012Validator(whole)


def test_it_is_valid_by_the_official_schema(document):
    errors = list(jsonschema.Draft202012Validator(OFFICIAL).iter_errors(document))
    assert not errors, errors[0]
    broken = json.loads(json.dumps(document))
    broken['paths']['/servers']['get']['responses'] = []
    assert list(jsonschema.Draft202012Validator(OFFICIAL).iter_errors(broken)), 'the validator sees nothing'


def test_schemas_are_schemas(document):
    for name, schema in document['components']['schemas'].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        for f in schema.get('required', []):
            assert f in schema['properties'], name


def test_references_lead_somewhere_and_everything_is_used(document):
    found = set(refs(document))
    for ref in found:
        node = document
        for part in ref.removeprefix('#/').split('/'):
            assert part in node, ref
            node = node[part]
    for name in document['components']['schemas']:
        assert '#/components/schemas/' + name in found, 'nobody uses ' + name


def test_operations_are_told_apart_and_have_their_parameters(document):
    ids = [op['operationId'] for _, _, op in operations(document)]
    assert len(ids) == len(set(ids))
    tags = {t['name'] for t in document['tags']}
    for path, method, op in operations(document):
        assert set(op['tags']) <= tags and op['summary'] and op['description']
        in_path = {p['name'] for p in op['parameters'] if p['in'] == 'path'}
        assert in_path == set(re.findall(r'\{(\w+)\}', path)), path
        assert len({(p['in'], p['name']) for p in op['parameters']}) == len(op['parameters'])
        assert all(p['description'] for p in op['parameters'])
        if method in ('GET', 'DELETE'):
            assert 'requestBody' not in op
    assert {op for op in ids if op in ENDLESS} == ENDLESS


def test_every_operation_is_there(server, document):
    for path, method, op in operations(document):
        if op['operationId'] in ENDLESS:
            continue
        path = fill(path, op).replace('one.example.', 'nothing.here.')
        assert request(server, 'PROPFIND', path)[0] == 405, 'there is no such path: ' + path
        assert request(server, method, path)[0] != 405, (method, path)


def test_every_route_is_there(document):
    """A unit test keeps docs/api-reference.md as the table of routes is."""
    reference = (pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'api-reference.md').read_text()
    routes = re.findall(r'^\| `([A-Z]+) (/[^`]*)` \|', reference, re.M)
    assert len(routes) == len(set(routes)) > 20
    assert set(routes) == {(method, path.replace('{server_id}', 'localhost')) for path, method, _ in operations(document)}


def test_what_get_answers_fits_its_schema(server, document):
    n = 0
    for path, method, op in operations(document):
        if method != 'GET' or op['operationId'] in ENDLESS:
            continue
        status, headers, text = request(server, 'GET', fill(path, op))
        assert str(status) in op['responses'] or 'default' in op['responses'], (path, status)
        answer = op['responses'].get(str(status), {'content': {'application/json': {'schema': {'$ref': '#/components/schemas/Error'}}}})
        ((media, content),) = answer['content'].items()
        assert headers['Content-Type'].split(';')[0] == media, path
        if media == 'application/json':
            errors = list(validator(document, content['schema']).iter_errors(json.loads(text)))
            assert not errors, (path, errors[0])
        n += status == 200
    assert n > 10


def test_states_of_zones_fit_their_schema(server, document):
    """A secondary zone before its first transfer, and one that is being retrieved."""
    body = json.dumps({'name': 'empty.example.', 'kind': 'Slave', 'masters': ['127.0.0.1:1'], 'nameservers': []})
    assert request(server, 'POST', '/api/v1/servers/localhost/zones', body)[0] == 201
    try:
        for path, schema in (('/zones/empty.example.', 'Zone'), ('/zones', None)):
            status, _, text = request(server, 'GET', '/api/v1/servers/localhost' + path)
            zones = json.loads(text) if schema is None else [json.loads(text)]
            state = [z['millrace'] for z in zones if z['name'] == 'empty.example.'][0]
            assert status == 200 and state['state'] == 'empty'
            for z in zones:
                validator(document, {'$ref': '#/components/schemas/Zone'}).validate(z)
        states = document['components']['schemas']['ZoneState']['properties']['state']['enum']
        page = (pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'control.md').read_text()
        table = page[page.index('## States'):page.index('## Reloads')]
        assert set(re.findall(r'^\| `(\w+)` \|', table, re.M)) == set(states), 'docs/control.md has them all'
    finally:
        assert request(server, 'DELETE', '/api/v1/servers/localhost/zones/empty.example.')[0] == 204


def test_errors_fit_theirs(server, document):
    for path in ('/nothing', '/api/v1/servers/localhost/zones/none.example.', '/api/v1/servers/localhost/zones?dnssec=perhaps'):
        status, headers, text = request(server, 'GET', path)
        assert status >= 400
        validator(document, {'$ref': '#/components/schemas/Error'}).validate(json.loads(text))


def test_yaml_for_who_asks_for_it(server):
    yaml = pytest.importorskip('yaml')
    c = UnixConnection(str(server.run_dir / 'api.sock'))
    try:
        c.request('GET', '/api/docs', headers={'Accept': 'application/x-yaml'})
        r = c.getresponse()
        assert r.status == 200 and 'yaml' in r.getheader('Content-Type')
        assert yaml.safe_load(r.read())['openapi'].startswith('3.1')
    finally:
        c.close()
