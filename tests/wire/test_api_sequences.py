# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of programs that are not packaged here, as their sources make them (method, path, headers, body), and every member of the
answers that they read: external-dns (provider/pdns with pdns-go), octoDNS (octodns_powerdns), Terraform (pan-net/powerdns),
PowerDNS-Admin (models/domain.py, record.py, server.py)."""
import json
import urllib.parse

import pytest
import requests

from test_api_access import KEY, Server

V1 = '/api/v1'
HERE = V1 + '/servers/localhost'


class Client:
    """headers: what the program sends with each request; with_body: with those that have a body."""

    def __init__(self, server, headers, with_body=None):
        self.server, self.session, self.with_body = server, requests.Session(), with_body or {}
        self.session.headers.clear()
        self.session.headers.update({'X-API-Key': KEY, **headers})
        self.base = 'http://127.0.0.1:%d' % server.port

    def ask(self, method, path, body=None, expect=200):
        r = self.session.request(method, self.base + path, data=None if body is None else json.dumps(body), timeout=10,
                                 headers=self.with_body if body is not None else {})
        assert r.status_code == expect, (method, path, body, r.status_code, r.text)
        if r.status_code == 204:
            assert r.content == b''
            return {}
        assert 'json' in r.headers['content-type']
        return r.json()


@pytest.fixture(scope='module')
def server(build):
    with Server(build, ['key: ' + KEY]) as s:
        yield s


def is_typed(value, **types):
    """Decoders of Go take a member of another type for an error; one that is missing is its type's zero."""
    wrong = {k: value.get(k) for k, t in types.items() if not isinstance(value.get(k), t) or (t is int and isinstance(value[k], bool))}
    assert not wrong, (wrong, value)


ZONE_TYPES = dict(id=str, name=str, url=str, kind=str, serial=int, notified_serial=int, masters=list, dnssec=bool, account=str)


# --- external-dns

def test_external_dns(server):
    go = Client(server, {'Accept': 'application/json', 'User-Agent': 'Swagger-Codegen/1.0.0/go', 'Accept-Encoding': 'gzip'},
                {'Content-Type': 'application/json'})
    go.ask('POST', HERE + '/zones', {'name': 'ed.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.']}, 201)
    go.ask('POST', HERE + '/zones', {'name': 'sub.ed.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.']}, 201)

    def zones():
        all_of_them = go.ask('GET', HERE + '/zones')
        for z in all_of_them:
            is_typed(z, **ZONE_TYPES)
        # the longest name that fits gets the record
        return sorted(all_of_them, key=lambda z: -len(z['name']))

    def apply(change, *endpoints, expect=204):
        left = list(endpoints)
        for zone in zones():
            mine = [e for e in left if e[0] == zone['name'] or e[0].endswith('.' + zone['name'])]
            left = [e for e in left if e not in mine]
            rrsets = [{'name': n, 'type': t, **({'ttl': 300} if change == 'REPLACE' else {}), 'changetype': change,
                       'records': [{'content': c, 'disabled': False} for c in targets]} for n, t, targets in mine]
            if rrsets:
                answer = go.ask('PATCH', HERE + '/zones/' + zone['id'], {**zone, 'rrsets': rrsets}, expect)
        assert not left
        return answer

    def records():
        found = {}
        for zone in zones():
            for s in go.ask('GET', HERE + '/zones/' + zone['id'])['rrsets']:
                is_typed(s, name=str, type=str, ttl=int, records=list)
                found[s['name'], s['type']] = [r['content'] for r in s['records'] if not r['disabled']]
        return found
    owner = '"heritage=external-dns,external-dns/owner=default,external-dns/resource=service/default/nginx"'
    made = [('nginx.ed.example.', 'A', ['192.0.2.7', '192.0.2.8']), ('nginx.ed.example.', 'TXT', [owner]),
            ('a-nginx.ed.example.', 'TXT', [owner]), ('deep.sub.ed.example.', 'A', ['192.0.2.9']),
            ('alias.ed.example.', 'CNAME', ['nginx.ed.example.']), ('*.ed.example.', 'A', ['192.0.2.1']), ('six.ed.example.', 'AAAA', ['2001:db8::1'])]
    apply('REPLACE', *made)
    there = records()
    for name, kind, targets in made:
        assert sorted(there[name, kind]) == targets
    apply('REPLACE', ('nginx.ed.example.', 'A', ['192.0.2.8']))
    assert records()['nginx.ed.example.', 'A'] == ['192.0.2.8']
    # as it was, of what is there; and once more: it may have been told of a timeout
    for _ in range(2):
        apply('DELETE', *made)
    assert not {(n, t) for n, t, _ in made} & set(records())
    # what it tells its users by the words
    r = apply('REPLACE', ('bad.ed.example.', 'MX', ['10 mail.ed.example']), expect=422)
    assert 'Not in expected format (parsed as ' in r['error']
    apply('REPLACE', ('both.ed.example.', 'TXT', ['"x"']))
    r = apply('REPLACE', ('both.ed.example.', 'CNAME', ['nginx.ed.example.']), expect=422)
    assert 'Conflicts with pre-existing RRset' in r['error']


# --- octoDNS

def test_octodns(server):
    python = Client(server, {'User-Agent': 'python-requests/2.31.0', 'Accept': '*/*', 'Accept-Encoding': 'gzip, deflate', 'Connection': 'keep-alive'},
                    {'Content-Type': 'application/json'})
    version = [int(p.split('-')[0]) for p in python.ask('GET', HERE)['version'].split('.')[:3]]
    assert version >= [4, 3]
    assert python.ask('GET', HERE + '/zones/octo.example.', expect=404)['error']

    def mod(name, kind, *values, ttl=60, change='REPLACE'):
        return {'name': name, 'type': kind, 'ttl': ttl, 'changetype': change, 'records': [{'content': v, 'disabled': False} for v in values]}
    mods = [mod('octo.example.', 'NS', 'ns1.octo.example.', 'ns2.octo.example.'), mod('ns1.octo.example.', 'A', '192.0.2.1'),
            mod('octo.example.', 'CAA', '0 issue "letsencrypt.org"'), mod('octo.example.', 'MX', '10 mx1.octo.example.', '20 mx2.octo.example.'),
            mod('txt.octo.example.', 'TXT', '"v=DKIM1\\; k=rsa\\; p=' + 'A' * 300 + '"', '"plain"'),
            mod('loc.octo.example.', 'LOC', '31 58 52.100 S 115 49 11.700 E 20.00m 10.00m 10.00m 2.00m'),
            mod('naptr.octo.example.', 'NAPTR', '10 100 "S" "SIP+D2U" "!^.*$!sip:info@bar.example.com!" .'),
            mod('_srv._tcp.octo.example.', 'SRV', '10 20 30 foo-1.octo.example.'), mod('ptr.octo.example.', 'PTR', 'foo.bar.com.'),
            mod('sshfp.octo.example.', 'SSHFP', '1 1 bf6b6825d2977c511a475bbefb88aad54a92ac73'), mod('spf.octo.example.', 'SPF', '"v=spf1 -all"'),
            mod('tlsa._tcp.octo.example.', 'TLSA', '1 1 1 ' + 'ab' * 32), mod('www.octo.example.', 'CNAME', 'octo.example.')]
    mods.sort(key=lambda m: m['changetype'])
    assert python.ask('PATCH', HERE + '/zones/octo.example.', {'rrsets': mods}, 404)['error']
    python.ask('POST', HERE + '/zones', {'name': 'octo.example.', 'kind': 'master', 'masters': [], 'nameservers': [], 'rrsets': mods,
                                         'soa_edit_api': 'DEFAULT', 'serial': 0}, 201)

    def populate():
        rrsets = {(s['name'], s['type']): s for s in python.ask('GET', HERE + '/zones/octo.example.')['rrsets']}
        for s in rrsets.values():
            assert isinstance(s['ttl'], int) and all(isinstance(r['content'], str) for r in s['records'])
        return {k: [r['content'] for r in s['records']] for k, s in rrsets.items()}
    there = populate()
    assert set(there) == {(m['name'], m['type']) for m in mods} | {('octo.example.', 'SOA')}
    # how each is taken apart
    flags, tag, value = there['octo.example.', 'CAA'][0].split(' ', 2)
    assert (flags, tag, value[0], value[-1], value[1:-1]) == ('0', 'issue', '"', '"', 'letsencrypt.org')
    assert sorted(v.split(' ', 1)[1] for v in there['octo.example.', 'MX']) == ['mx1.octo.example.', 'mx2.octo.example.']
    assert [float(x) if '.' in x else x for x in there['loc.octo.example.', 'LOC'][0].replace('m', '').split(' ', 11)] == [
        '31', '58', 52.1, 'S', '115', '49', 11.7, 'E', 20.0, 10.0, 10.0, 2.0]
    order, preference, flags, service, regexp, replacement = there['naptr.octo.example.', 'NAPTR'][0].split(' ', 5)
    assert (flags[1:-1], service[1:-1], regexp[1:-1], replacement) == ('S', 'SIP+D2U', '!^.*$!sip:info@bar.example.com!', '.')
    assert there['_srv._tcp.octo.example.', 'SRV'][0].split(' ', 3)[3] == 'foo-1.octo.example.'
    assert len(there['sshfp.octo.example.', 'SSHFP'][0].split(' ', 2)) == 3
    # it takes the quotes at both ends away, and holds the rest against its own; a text in chunks is one to both sides
    long = next(v for v in there['txt.octo.example.', 'TXT'] if 'DKIM' in v)
    assert long[1:-1].replace('" "', '').replace('\\;', ';') == 'v=DKIM1; k=rsa; p=' + 'A' * 300
    # an A in place of a CNAME: deletions come first, with their old records
    python.ask('PATCH', HERE + '/zones/octo.example.', {'rrsets': [
        mod('www.octo.example.', 'CNAME', 'octo.example.', change='DELETE'), mod('www.octo.example.', 'A', '192.0.2.3')]}, 204)
    there = populate()
    assert there['www.octo.example.', 'A'] == ['192.0.2.3'] and ('www.octo.example.', 'CNAME') not in there
    with pytest.raises(AssertionError):
        Client(server, {'X-API-Key': 'wrong'}).ask('GET', HERE)


# --- Terraform

def test_terraform(server):
    go = Client(server, {'Accept': 'application/json', 'User-Agent': 'Go-http-client/1.1', 'Accept-Encoding': 'gzip'}, {'Content-Type': 'application/json'})
    assert len(go.ask('GET', V1 + '/servers')) == 1
    is_typed(go.ask('GET', HERE), config_url=str, daemon_type=str, id=str, type=str, url=str, version=str, zones_url=str)
    go.ask('GET', HERE + '/zones/tf.example.', expect=404)
    zone = {'id': '', 'name': 'tf.example.', 'url': '', 'kind': 'Native', 'dnsssec': False, 'serial': 0, 'account': '',
            'nameservers': ['ns1.tf.example.', 'ns2.tf.example.'], 'soa_edit_api': 'DEFAULT'}
    is_typed(go.ask('POST', HERE + '/zones', zone, 201), **ZONE_TYPES)
    assert 'already exists' in go.ask('POST', HERE + '/zones', zone, 409)['error']

    def records(name, kind):
        z = go.ask('GET', HERE + '/zones/tf.example.')
        is_typed(z, **ZONE_TYPES, soa_edit_api=str, rrsets=list)
        return sorted((r['content'], s['ttl']) for s in z['rrsets'] if (s['name'], s['type']) == (name, kind) for r in s['records'])
    assert [c for c, _ in records('tf.example.', 'NS')] == ['ns1.tf.example.', 'ns2.tf.example.']

    def replace(name, kind, ttl, *contents, **more):
        # each record repeats what its RRset says, as API v0 had it
        body = {'rrsets': [{'name': name, 'type': kind, 'changetype': 'REPLACE', 'ttl': ttl, 'records': [
            {'name': name, 'type': kind, 'content': c, 'ttl': ttl, 'disabled': False, 'set-ptr': False} for c in contents]}]}
        go.ask('PATCH', HERE + '/zones/tf.example.', body, **more)
    replace('www.tf.example.', 'A', 300, '192.0.2.2', '192.0.2.1', expect=204)
    assert records('www.tf.example.', 'A') == [('192.0.2.1', 300), ('192.0.2.2', 300)]
    replace('www.tf.example.', 'A', 60, '192.0.2.1', expect=204)
    assert records('www.tf.example.', 'A') == [('192.0.2.1', 60)]
    replace('tf.example.', 'SOA', 3600, 'ns1.tf.example. hostmaster.tf.example. 0 10800 3600 604800 3600', expect=204)
    (soa, ttl), = records('tf.example.', 'SOA')
    assert soa.split()[:2] == ['ns1.tf.example.', 'hostmaster.tf.example.'] and soa.split()[3:] == ['10800', '3600', '604800', '3600']
    go.ask('PATCH', HERE + '/zones/tf.example.', {'rrsets': [{'name': 'www.tf.example.', 'type': 'A', 'changetype': 'DELETE', 'ttl': 0}]}, 204)
    assert records('www.tf.example.', 'A') == []
    go.ask('PUT', HERE + '/zones/tf.example.', {**zone, 'kind': 'Master', 'account': 'ops', 'soa_edit_api': 'INCREASE'}, 204)
    z = go.ask('GET', HERE + '/zones/tf.example.')
    assert (z['kind'], z['account'], z['soa_edit_api']) == ('Master', 'ops', 'INCREASE')
    assert 'tf.example.' in [z['name'] for z in go.ask('GET', HERE + '/zones')]
    meta = HERE + '/zones/tf.example./metadata/ALSO-NOTIFY'
    assert go.ask('GET', meta)['metadata'] == []
    go.ask('PUT', meta, {'kind': 'ALSO-NOTIFY', 'metadata': ['192.0.2.1:5300'], 'type': ''})
    assert go.ask('GET', meta) == {'kind': 'ALSO-NOTIFY', 'metadata': ['192.0.2.1:5300'], 'type': 'Metadata'}
    go.ask('DELETE', meta, expect=204)
    go.ask('DELETE', HERE + '/zones/tf.example.', expect=204)
    assert go.ask('DELETE', HERE + '/zones/tf.example.', expect=404)['error']


# --- PowerDNS-Admin

def test_powerdns_admin(server):
    # fetch_remote() makes more headers and sends those of its caller
    flask = Client(server, {'User-Agent': 'python-requests/2.31.0', 'Accept': '*/*', 'Accept-Encoding': 'gzip, deflate', 'Connection': 'keep-alive'},
                   {'Content-Type': 'application/json'})

    def zone(name):         # mostly without its final dot
        return HERE + '/zones/' + urllib.parse.quote_plus(name)
    for name in ('pda.example', '0/26.2.0.192.in-addr.arpa', 'xn--bcher-kva.example'):
        flask.ask('POST', HERE + '/zones', {'name': name + '.', 'kind': 'Native', 'masters': [], 'nameservers': ['ns1.pda.example.'],
                                            'soa_edit_api': 'DEFAULT', 'account': None}, 201)
        assert flask.ask('GET', zone(name + '.'))['name'] == name + '.'
    flask.ask('POST', HERE + '/zones', {'name': 'pda.example.', 'kind': 'Native', 'masters': [], 'nameservers': [], 'soa_edit_api': '',
                                        'account': 'x'}, 409)
    listed = {z['name'].rstrip('.'): z for z in flask.ask('GET', HERE + '/zones')}
    for name in ('pda.example', 'xn--bcher-kva.example', '0/26.2.0.192.in-addr.arpa'):
        is_typed(listed[name], **ZONE_TYPES, last_check=int, catalog=str)

    def rrsets():
        found = []
        for r in flask.ask('GET', HERE + '/zones/pda.example')['rrsets']:
            if len(r['records']) == 0:
                continue
            while len(r['comments']) < len(r['records']):
                r['comments'].append({'content': '', 'account': ''})
            r['records'], r['comments'] = (list(t) for t in zip(*sorted(zip(r['records'], r['comments']), key=lambda e: e[0]['content'])))
            for c in r['comments']:
                c.pop('modified_at', None)
            found.append(r)
        return found

    def rrset(name, kind, *records, ttl=3600, comment=''):
        return {'name': name, 'type': kind, 'ttl': ttl, 'records': [{'content': c, 'disabled': not on} for c, on in records],
                'comments': [{'content': comment, 'account': ''}] + [{'content': '', 'account': ''}] * (len(records) - 1)}
    wanted = [rrset('pda.example.', 'NS', ('ns1.pda.example.', True)), rrset('www.pda.example.', 'A', ('192.0.2.1', True), ('192.0.2.2', False)),
              rrset('www.pda.example.', 'TXT', ('"a \\"b\\" c"', True), ttl=60, comment='who made this'), rrset('pda.example.', 'MX', ('10 mx.pda.example.', True))]
    # comments that say nothing are left out
    body = [{**r, 'changetype': 'REPLACE', 'comments': r['comments'] if r['comments'][0]['content'] else []} for r in wanted]
    flask.ask('PATCH', HERE + '/zones/pda.example', {'rrsets': body}, 204)
    # it finds what is to be changed by comparing: what it has just written must come back as it was
    there = rrsets()
    for r in wanted:
        assert r in there, (r, [t for t in there if (t['name'], t['type']) == (r['name'], r['type'])])
    body = [{'name': 'www.pda.example.', 'type': 'TXT', 'changetype': 'DELETE'},
            {**rrset('www.pda.example.', 'A', ('192.0.2.2', True)), 'changetype': 'REPLACE', 'comments': []}]
    flask.ask('PATCH', HERE + '/zones/pda.example', {'rrsets': body}, 204)
    assert rrset('www.pda.example.', 'A', ('192.0.2.2', True)) in rrsets() and 'www.pda.example.' not in [r['name'] for r in rrsets() if r['type'] == 'TXT']
    assert flask.ask('PATCH', HERE + '/zones/pda.example', {'rrsets': [{**rrset('x.pda.example.', 'A', ('x', True)), 'changetype': 'REPLACE'}]}, 422)['error']
    for change in ({'soa_edit_api': '', 'kind': 'Native'}, {'kind': 'Slave', 'masters': ['192.0.2.1']}, {'kind': 'Master', 'masters': []},
                   {'catalog': 'catalog.example.'}, {'catalog': ''}, {'account': 'team'}, {'api_rectify': True}, {'account': ''}):
        flask.ask('PUT', zone('pda.example'), change, 204)
        shown = flask.ask('GET', zone('pda.example.'))
        assert {k: shown[k] for k in change} == change
    assert flask.ask('GET', zone('pda.example') + '/cryptokeys') == []
    # of its own version it shows 'error' of what is 4xx, and fails for all else
    assert flask.ask('PUT', zone('pda.example') + '/axfr-retrieve', expect=422)['error']
    found = flask.ask('GET', HERE + '/search-data?object_type=all&q=*www.pda*')
    for item in found:
        is_typed(item, object_type=str, name=str, zone_id=str)
    assert [i['content'] for i in found if i['object_type'] == 'record'] == ['192.0.2.2']
    assert {c['name'] for c in flask.ask('GET', HERE + '/config')} > {'api'}
    statistics = {s['name']: s['value'] for s in flask.ask('GET', HERE + '/statistics')}
    assert int(statistics['uptime']) >= 0 and int(statistics['udp-queries']) >= 0 and 'corrupt-packets' in statistics
    for name in ('pda.example', '0/26.2.0.192.in-addr.arpa', 'xn--bcher-kva.example'):
        flask.ask('DELETE', zone(name), expect=204)
