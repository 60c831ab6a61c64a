# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones and RRsets of the HTTP API, against the running suite, with answers on the wire after each change."""
import json
import threading
import time

import dns.rdatatype
import pytest

from suite import Suite
from test_control import request, zone

BASE = '/api/v1/servers/localhost'


def rrset(name, rrtype, *contents, ttl=60, **more):
    return {'name': name, 'type': rrtype, 'ttl': ttl, 'records': [{'content': c, 'disabled': False} for c in contents], **more}


def replace(name, rrtype, *contents, **more):
    return rrset(name, rrtype, *contents, changetype='REPLACE', **more)


def delete(name, rrtype):
    return {'name': name, 'type': rrtype, 'changetype': 'DELETE'}


class Api:
    def __init__(self, suite):
        self.suite = suite
        self.headers = {}

    def request(self, method, path, body=None):
        """-> status, JSON or text"""
        status, self.headers, text = request(self.suite, method, BASE + path, None if body is None else json.dumps(body))
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def ok(self, method, path, body=None, status=200):
        got = self.request(method, path, body)
        assert got[0] == status, (method, path, body, got)
        return got[1]

    def create(self, name, **more):
        return self.ok('POST', '/zones', {'name': name, 'kind': 'Native', 'nameservers': ['ns1.' + name], **more}, 201)

    def patch(self, name, *rrsets):
        self.ok('PATCH', '/zones/' + name, {'rrsets': list(rrsets)}, 204)

    def rrsets(self, name, **query):
        q = '&'.join('%s=%s' % i for i in query.items())
        return {(s['name'], s['type']): s for s in self.ok('GET', '/zones/%s?%s' % (name, q))['rrsets']}

    def contents(self, zone, name, rrtype):
        sets = self.rrsets(zone)
        return [r['content'] for r in sets[name, rrtype]['records']] if (name, rrtype) in sets else None

    def answers(self, name, rrtype='A'):
        m = self.suite.ask(name, rrtype)
        return sorted(r.to_text() for s in m.answer if s.rdtype == dns.rdatatype.from_text(rrtype) for r in s)


@pytest.fixture(scope='module')
def server(build):
    s = Suite(build, {'file.example': zone(11)})
    try:
        s.start()
        s.wait_answer('file.example.')
        yield s
    finally:
        s.remove()


@pytest.fixture(scope='module')
def api(server):
    return Api(server)


names = iter('zone%d.example.' % i for i in range(1000))


@pytest.fixture
def name(api):
    n = next(names)
    api.create(n)
    return n


# --- what is answered is served

def test_a_new_zone_is_served_when_it_is_answered(api):
    z = api.create('new.example.', rrsets=[rrset('www.new.example.', 'A', '192.0.2.1', '192.0.2.2')])
    assert api.headers['Location'] == BASE + '/zones/new.example.'
    assert api.answers('www.new.example.') == ['192.0.2.1', '192.0.2.2']
    soa = api.suite.ask('new.example.', 'SOA').answer[0][0]
    assert soa.serial == z['serial'] == z['edited_serial'] == int(time.strftime('%Y%m%d01', time.gmtime()))
    assert api.answers('new.example.', 'NS') == ['ns1.new.example.']
    assert [x['name'] for x in api.ok('GET', '/zones?zone=new.example')] == ['new.example.']
    assert 'new.example.' in [x['name'] for x in api.ok('GET', '/zones')]


def test_a_change_is_served_when_it_is_answered(api, name):
    for i in range(20):
        api.patch(name, replace('www.' + name, 'A', '192.0.2.%d' % i))
        assert api.answers('www.' + name) == ['192.0.2.%d' % i]
    api.patch(name, delete('www.' + name, 'A'), replace('w.' + name, 'TXT', '"a b"', ttl=5))
    assert api.suite.ask('www.' + name, 'A').rcode() == 3
    m = api.suite.ask('w.' + name, 'TXT')
    assert m.answer[0].ttl == 5 and m.answer[0][0].to_text() == '"a b"'


def test_a_deleted_zone_is_gone_when_it_is_answered(api, name):
    assert api.suite.ask(name, 'SOA').answer
    api.ok('DELETE', '/zones/' + name, status=204)
    m = api.suite.ask(name, 'SOA')
    assert m.rcode() == 5 and not m.answer
    assert api.request('GET', '/zones/' + name)[0] == 404
    assert name not in [x['name'] for x in api.ok('GET', '/zones')]
    api.create(name)
    assert api.suite.ask(name, 'SOA').answer


def test_extend_and_prune(api, name):
    www = 'www.' + name
    api.patch(name, rrset(www, 'A', '192.0.2.1', changetype='EXTEND'))
    api.patch(name, rrset(www, 'A', '192.0.2.2', '192.0.2.1', changetype='EXTEND'))
    assert api.answers(www) == ['192.0.2.1', '192.0.2.2']
    serial = api.ok('GET', '/zones/' + name)['serial']
    api.patch(name, rrset(www, 'A', '192.0.2.2', changetype='EXTEND'))      # nothing new
    assert api.ok('GET', '/zones/' + name)['serial'] == serial
    api.patch(name, rrset(www, 'A', '192.0.2.1', '192.0.2.9', changetype='PRUNE'))
    assert api.answers(www) == ['192.0.2.2']
    api.patch(name, rrset(www, 'A', '192.0.2.2', changetype='PRUNE'))
    assert (www, 'A') not in api.rrsets(name)


def test_comments_stay_with_their_rrset(api, name):
    www = 'www.' + name
    api.patch(name, replace(www, 'A', '192.0.2.1', comments=[{'content': 'x "\u00e4"', 'account': 'me', 'modified_at': 7}]))
    assert api.rrsets(name)[www, 'A']['comments'] == [{'content': 'x "\u00e4"', 'account': 'me', 'modified_at': 7}]
    api.patch(name, replace(www, 'A', '192.0.2.2'))
    assert api.rrsets(name)[www, 'A']['comments'][0]['content'] == 'x "\u00e4"'
    api.patch(name, {'name': www, 'type': 'A', 'changetype': 'REPLACE', 'comments': [{'content': 'y', 'account': ''}]})
    s = api.rrsets(name)[www, 'A']
    assert s['records'][0]['content'] == '192.0.2.2' and [c['content'] for c in s['comments']] == ['y']
    assert abs(s['comments'][0]['modified_at'] - time.time()) < 60
    api.patch(name, delete(www, 'A'))
    assert (www, 'A') not in api.rrsets(name)


def test_disabled_records_are_kept_and_not_served(api, name):
    www = 'www.' + name
    api.patch(name, {'name': www, 'type': 'A', 'ttl': 60, 'changetype': 'REPLACE', 'records': [
        {'content': '192.0.2.1', 'disabled': True}, {'content': '192.0.2.2', 'disabled': False}]})
    assert api.answers(www) == ['192.0.2.2']
    assert {r['content']: r['disabled'] for r in api.rrsets(name)[www, 'A']['records']} == {'192.0.2.1': True, '192.0.2.2': False}
    assert [r['content'] for r in api.rrsets(name, include_disabled='false')[www, 'A']['records']] == ['192.0.2.2']
    status, text = api.request('GET', '/zones/%s/export' % name)
    assert '192.0.2.2' in text and '192.0.2.1' not in text


def test_a_change_is_made_as_a_whole_or_not_at_all(api, name):
    before = api.ok('GET', '/zones/' + name)
    status, answer = api.request('PATCH', '/zones/' + name, {'rrsets': [
        replace('a.' + name, 'A', '192.0.2.1'), replace('b.' + name, 'A', 'nonsense')]})
    assert status == 422 and "Record b.%s/A 'nonsense'" % name in answer['error']
    status, answer = api.request('PATCH', '/zones/' + name, {'rrsets': [
        replace('a.' + name, 'A', '192.0.2.1'), replace(name, 'CNAME', 'x.')]})
    assert status == 422 and 'Conflicts with' in answer['error']
    after = api.ok('GET', '/zones/' + name)
    assert before['serial'] == after['serial'] and before['rrsets'] == after['rrsets']


def test_serials_are_told_in_headers(api, name):
    before = api.ok('GET', '/zones/' + name)['serial']
    api.patch(name, replace('www.' + name, 'A', '192.0.2.1'))
    assert api.headers['X-PDNS-Old-Serial'] == str(before) and api.headers['X-PDNS-New-Serial'] == str(before + 1)
    assert api.suite.ask(name, 'SOA').answer[0][0].serial == before + 1


@pytest.mark.parametrize('kind,expected', [('INCREASE', 8), ('OFF', 7), ('', 7)])
def test_soa_edit_api(api, kind, expected):
    n = next(names)
    api.create(n, soa_edit_api=kind, rrsets=[rrset(n, 'SOA', 'a. b. 7 2 3 4 5')])
    first = api.ok('GET', '/zones/' + n)
    assert first['soa_edit_api'] == kind
    api.patch(n, replace('www.' + n, 'A', '192.0.2.1'))
    assert api.ok('GET', '/zones/' + n)['serial'] == first['serial'] + (kind == 'INCREASE')
    assert first['serial'] in (expected, 7)


def test_properties(api, name):
    api.ok('PUT', '/zones/' + name, {'kind': 'Primary', 'account': 'me', 'catalog': 'cat.example', 'soa_edit': 'EPOCH', 'soa_edit_api': 'EPOCH',
                                     'api_rectify': True, 'masters': ['192.0.2.1', '[2001:DB8::1]:5300', '2001:db8::2']}, 204)
    z = api.ok('GET', '/zones/%s?rrsets=false' % name)
    assert 'rrsets' not in z
    assert (z['kind'], z['account'], z['catalog'], z['soa_edit'], z['soa_edit_api'], z['api_rectify']) == (
        'Master', 'me', 'cat.example.', 'EPOCH', 'EPOCH', True)
    assert z['masters'] == ['192.0.2.1', '[2001:db8::1]:5300', '2001:db8::2']
    assert abs(z['edited_serial'] - time.time()) < 60
    api.ok('PUT', '/zones/' + name, {'account': ''}, 204)
    z = api.ok('GET', '/zones/' + name)
    assert (z['kind'], z['account'], z['catalog']) == ('Master', '', 'cat.example.')


def test_a_zone_from_a_text(api):
    api.create('text.example.', nameservers=[], soa_edit_api='OFF', zone='$TTL 5\n@ SOA a b 77 2 3 4 5\n@ NS ns.other.\nwww 30 A 192.0.2.1\n')
    assert api.answers('www.text.example.') == ['192.0.2.1']
    assert api.ok('GET', '/zones/text.example.')['serial'] == 77
    # PowerDNS gives it what is missing
    api.create('part.example.', zone='www 30 A 192.0.2.1\n')
    assert api.answers('part.example.', 'NS') == ['ns1.part.example.'] and api.answers('www.part.example.') == ['192.0.2.1']
    status, answer = api.request('POST', '/zones', {'name': 'bad.example.', 'kind': 'Native', 'zone': '@ SOA a b 1 2 3 4 5\n@ NS x\nfoo bar baz\n'})
    assert status == 422 and answer['error'].startswith('An error occurred while parsing the zonedata: zone:3: ')


def test_export_is_a_zone_file(api, name):
    api.patch(name, replace('www.' + name, 'A', '192.0.2.1'), replace('t.' + name, 'TXT', r'"a\"b\\c"', ttl=9))
    status, text = api.request('GET', '/zones/%s/export' % name)
    assert api.headers['Content-Type'] == 'text/plain; charset=us-ascii'
    lines = text.splitlines()
    assert lines[0].split('\t')[:4] == [name, '3600', 'IN', 'SOA']
    assert 't.%s\t9\tIN\tTXT\t%s' % (name, r'"a\"b\\c"') in lines and len(lines) == 4
    from test_control import UnixConnection
    c = UnixConnection(str(api.suite.run_dir / 'api.sock'))
    c.request('GET', '%s/zones/%s/export' % (BASE, name), headers={'Accept': 'application/json'})
    assert json.loads(c.getresponse().read()) == {'zone': text}
    c.close()
    again = next(names)
    api.create(again, nameservers=[], zone=text.replace(name, again))
    assert [s['records'] for s in api.rrsets(again).values()][3:] == [s['records'] for s in api.rrsets(name).values()][3:]
    assert api.answers('t.' + again, 'TXT') == [r'"a\"b\\c"']


def test_rrsets_are_filtered(api, name):
    www = 'www.' + name
    api.patch(name, replace(www, 'A', '192.0.2.1'), replace(www, 'TXT', '"x"'), replace('a.' + www, 'A', '192.0.2.2'))
    assert set(api.rrsets(name, rrset_name=www)) == {(www, 'A'), (www, 'TXT')}
    assert set(api.rrsets(name, rrset_name='WWW.' + name, rrset_type='A')) == {(www, 'A')}
    assert set(api.rrsets(name, rrset_type='A')) == {(www, 'A'), ('a.' + www, 'A')}
    assert api.rrsets(name, rrset_name='none.' + name) == {}
    assert api.ok('GET', '/zones/%s?record_count=true&rrsets=false' % name)['record_count'] == 5


def test_zones_of_files_show_their_records(api):
    sets = api.rrsets('file.example.')
    assert sets['a.file.example.', 'A']['records'] == [{'content': '192.0.2.1', 'disabled': False}]
    assert list(sets) == [('file.example.', 'NS'), ('file.example.', 'SOA'), ('a.file.example.', 'A')]
    text = api.ok('GET', '/zones/file.example./export')
    assert text.splitlines()[0] == 'file.example.\t60\tIN\tSOA\ta.file.example. b.file.example. 11 2 3 4 5'
    assert api.request('DELETE', '/zones/file.example.')[0] == 422
    assert api.request('POST', '/zones', {'name': 'file.example.', 'kind': 'Native'})[0] == 409
    assert api.request('PUT', '/zones/file.example.', {'kind': 'Master'})[0] == 422


def test_a_large_zone_is_sent_in_pieces(api):
    n = next(names)
    sets = [rrset('h%d.%s' % (i, n), 'A', '192.0.2.%d' % (i % 250)) for i in range(5000)]
    api.create(n, rrsets=sets)
    got = api.rrsets(n)
    assert api.headers.get('Content-Length') is None and len(got) == 5002
    assert got['h4999.' + n, 'A']['records'][0]['content'] == '192.0.2.249'
    assert api.answers('h4999.' + n) == ['192.0.2.249']
    text = api.ok('GET', '/zones/%s/export' % n)
    assert len(text.splitlines()) == 5002
    assert len(api.rrsets(n, rrset_name='h7.' + n)) == 1


# --- many at a time

def test_concurrent_changes_lose_and_double_nothing(api, name):
    errors = []

    def work(i):
        a = Api(api.suite)
        try:
            for j in range(4):
                a.patch(name, rrset('many.' + name, 'A', '192.0.%d.%d' % (j, i), changetype='EXTEND'))
                a.patch(name, replace('own%d.%s' % (i, name), 'TXT', '"%d"' % j))
        except Exception as e:      # noqa: BLE001
            errors.append(e)
    before = api.ok('GET', '/zones/' + name)['serial']
    threads = [threading.Thread(target=work, args=(i,)) for i in range(64)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors[:3]
    expected = sorted('192.0.%d.%d' % (j, i) for i in range(64) for j in range(4))
    assert sorted(api.contents(name, 'many.' + name, 'A')) == expected
    m = api.suite.ask('many.' + name, 'A', tcp=True)
    assert sorted(r.to_text() for r in m.answer[0]) == expected
    for i in range(64):
        assert api.contents(name, 'own%d.%s' % (i, name), 'TXT') == ['"3"']
    assert api.ok('GET', '/zones/' + name)['serial'] == before + 64 * 8


# --- search

def test_search(api):
    api.create('search-me.example.', rrsets=[rrset('needle.search-me.example.', 'A', '198.51.100.77',
                                                  comments=[{'content': 'hay needle hay', 'account': ''}])])
    found = api.ok('GET', '/search-data?q=search-me*')
    assert found == [{'name': 'search-me.example.', 'object_type': 'zone', 'zone_id': 'search-me.example.'}] + [
        f for f in found if f['object_type'] != 'zone'] and {f['name'] for f in found} == {'search-me.example.'}
    found = api.ok('GET', '/search-data?q=198.51.100.7?&object_type=record')
    assert found == [{'content': '198.51.100.77', 'disabled': False, 'name': 'needle.search-me.example.', 'object_type': 'record', 'ttl': 60,
                      'type': 'A', 'zone': 'search-me.example.', 'zone_id': 'search-me.example.'}]
    found = api.ok('GET', '/search-data?q=*NEEDLE*&object_type=comment')
    assert [(f['object_type'], f['content']) for f in found] == [('comment', 'hay needle hay')]
    assert len(api.ok('GET', '/search-data?q=*&max=3')) == 3
    assert 'file.example.' in [f['name'] for f in api.ok('GET', '/search-data?q=file*&object_type=zone')]
    assert api.ok('GET', '/search-data?q=nothing-like-this') == []


# --- the journal

def test_history_difference_and_going_back(api, name):
    own = '/millrace/zones/' + name
    www = 'www.' + name
    first = api.ok('GET', '/zones/' + name)
    api.patch(name, replace(www, 'A', '192.0.2.1'), replace(www, 'TXT', '"x"'))
    second = api.ok('GET', '/zones/' + name)
    api.patch(name, replace(www, 'A', '192.0.2.2', '192.0.2.3', ttl=7), delete(www, 'TXT'))
    third = api.ok('GET', '/zones/' + name)
    history = api.ok('GET', own + '/history')
    assert history['serial'] == third['serial'] and len(history['changes']) == 3 and 'next_before' not in history
    newest = history['changes'][0]
    assert (newest['serial_before'], newest['serial_after'], newest['origin']) == (second['serial'], third['serial'], 'api')
    assert newest['who'].startswith('unix:') and abs(newest['at_ms'] / 1000 - time.time()) < 60
    removed = {(s['name'], s['type']): [r['content'] for r in s['records']] for s in newest['removed']}
    assert removed[www, 'A'] == ['192.0.2.1'] and removed[www, 'TXT'] == ['"x"']
    page = api.ok('GET', own + '/history?limit=1')
    assert len(page['changes']) == 1 and page['changes'][0] == newest
    assert api.ok('GET', own + '/history?limit=9&before=%d' % page['next_before'])['changes'] == history['changes'][1:]

    diff = api.ok('GET', own + '/diff?from=%d' % first['serial'])
    added = {(s['name'], s['type']): (s['ttl'], sorted(r['content'] for r in s['records'])) for s in diff['added']}
    assert added[www, 'A'] == (7, ['192.0.2.2', '192.0.2.3']) and (www, 'TXT') not in added
    assert [s['type'] for s in diff['removed']] == ['SOA']
    diff = api.ok('GET', own + '/diff?from=%d&to=%d' % (first['serial'], second['serial']))
    assert {(s['name'], s['type']) for s in diff['added']} == {(name, 'SOA'), (www, 'A'), (www, 'TXT')}
    assert api.ok('GET', own + '/diff?from=%d' % third['serial']) == {'from': third['serial'], 'to': third['serial'], 'removed': [], 'added': []}
    assert api.request('GET', own + '/diff?from=5')[0] == 404

    back = api.ok('POST', own + '/revert?serial=%d' % second['serial'])
    assert back['serial_before'] == third['serial'] and back['serial_after'] == third['serial'] + 1 and back['rrsets'] == 2
    now = api.ok('GET', '/zones/' + name)
    assert [s for s in now['rrsets'] if s['type'] != 'SOA'] == [s for s in second['rrsets'] if s['type'] != 'SOA']
    assert api.answers(www) == ['192.0.2.1'] and api.answers(www, 'TXT') == ['"x"']
    api.ok('POST', own + '/revert?serial=%d' % third['serial'])
    assert api.answers(www) == ['192.0.2.2', '192.0.2.3'] and api.suite.ask(www, 'A').answer[0].ttl == 7
    api.ok('POST', own + '/revert?serial=%d' % first['serial'])
    assert api.suite.ask(www, 'A').rcode() == 3
    assert api.ok('GET', own + '/history?limit=1')['changes'][0]['origin'] == 'revert'
    assert api.request('POST', own + '/revert?serial=5')[0] == 404
    assert api.request('POST', own + '/revert?serial=x')[0] == 422
    assert api.request('GET', '/millrace/zones/file.example./history')[0] == 422
    assert api.request('GET', '/millrace/zones/none.example./history')[0] == 404


def test_a_whole_zone_is_replaced_at_once(api):
    api.create('whole.example.', rrsets=[rrset('old.whole.example.', 'A', '192.0.2.1')])
    soa = api.rrsets('whole.example.')['whole.example.', 'SOA']
    api.ok('PUT', '/zones/whole.example.', {'rrsets': [soa, rrset('whole.example.', 'NS', 'ns.x.'),
                                                            rrset('new.whole.example.', 'A', '192.0.2.2')]}, 204)
    assert set(api.rrsets('whole.example.')) == {('whole.example.', 'SOA'), ('whole.example.', 'NS'), ('new.whole.example.', 'A')}
    assert api.answers('new.whole.example.') == ['192.0.2.2'] and api.suite.ask('old.whole.example.', 'A').rcode() == 3
    status, answer = api.request('PUT', '/zones/whole.example.', {'rrsets': [soa, rrset('x.whole.example.', 'CNAME', 'y.', 'z.')]})
    assert status == 422 and len(api.rrsets('whole.example.')) == 3
    status, answer = api.request('PUT', '/zones/whole.example.', {'rrsets': []})
    assert (status, answer['error']) == (422, 'Must give SOA record for zone when replacing all RR sets')


# --- extensions

@pytest.fixture(scope='module')
def extended(build):
    s = Suite(build, {'file.example': zone(11)}, {'api': ['extensions: true']})
    try:
        s.start()
        s.wait_answer('file.example.')
        yield Api(s)
    finally:
        s.remove()


def test_pages(extended):
    for i in range(7):
        extended.create('p%d.example.' % i)
    seen, query = [], ''
    while True:
        page = extended.ok('GET', '/zones?limit=3' + query)
        assert len(page) <= 3
        seen += [z['name'] for z in page]
        if 'X-Millrace-Cursor' not in extended.headers:
            break
        query = '&cursor=' + extended.headers['X-Millrace-Cursor']
    assert sorted(seen) == sorted(z['name'] for z in extended.ok('GET', '/zones')) and len(seen) == len(set(seen))
    assert extended.request('GET', '/zones?limit=0')[0] == 422 and extended.request('GET', '/zones?limit=3&cursor=x')[0] == 422


def test_entity_tags(extended):
    from test_control import UnixConnection

    def send(method, tag, body=None):
        c = UnixConnection(str(extended.suite.run_dir / 'api.sock'))
        c.request(method, BASE + '/zones/tag.example.', body and json.dumps(body), {'If-Match': tag} if tag else {})
        r = c.getresponse()
        r.read()
        c.close()
        return r.status, r.getheader('ETag')
    extended.create('tag.example.')
    tag = send('GET', None)[1]
    change = {'rrsets': [replace('www.tag.example.', 'A', '192.0.2.1')]}
    assert send('PATCH', tag, change)[0] == 204
    assert send('PATCH', tag, change)[0] == 412
    assert send('PUT', tag, {'account': 'x'})[0] == 412
    assert send('DELETE', tag)[0] == 412
    assert send('GET', None)[1] != tag
    # properties are changed by those who have seen them, too
    tag = send('GET', None)[1]
    assert send('PUT', tag, {'account': 'first'})[0] == 204
    assert send('PUT', tag, {'account': 'second'})[0] == 412
    assert send('PATCH', tag, change)[0] == 412
    for change in ({'account': 'second'}, {'kind': 'Master'}, {'soa_edit_api': 'INCREASE'}, {'api_rectify': True}, {'masters': ['192.0.2.1']}):
        before, tag = tag, send('GET', None)[1]
        assert tag != before and send('PUT', tag, change)[0] == 204
    # and what nobody changes does not change its tag
    tag = send('GET', None)[1]
    assert send('GET', None)[1] == tag and send('DELETE', '"1"')[0] == 412
    assert send('DELETE', send('GET', None)[1])[0] == 204


def test_without_extensions_powerdns_is_followed(api, name):
    before = api.ok('GET', '/zones/' + name)
    assert 'ETag' not in api.headers
    assert api.request('GET', '/zones?limit=1')[0] == 200 and 'X-Millrace-Cursor' not in api.headers
    assert api.ok('GET', '/zones/' + name) == before
