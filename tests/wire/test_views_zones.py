# SPDX-License-Identifier: GPL-3.0-or-later
"""A variant of a zone is a zone like any other: serial, metadata, journal, export, import, transfer."""
import time

import pytest

from primaries import Primary
from test_api_zones import replace, rrset
from test_views import FILE, INSIDE, OTHER, SECONDS, api, split  # noqa: F401


def test_a_variant_is_a_zone_of_its_own(split):
    z = split.ok('GET', '/zones/example.org..internal')
    assert (z['id'], z['name']) == ('example.org..internal', 'example.org..internal')
    assert z['url'] == '/api/v1/servers/localhost/zones/example.org..internal'
    assert {s['name'] for s in z['rrsets']} == {'example.org.', 'www.example.org.'}
    assert [x['name'] for x in split.ok('GET', '/zones')] == ['hidden.example..only', 'example.org.', 'example.org..internal',
                                                              'file.example.']
    assert [x['name'] for x in split.ok('GET', '/zones?zone=example.org..internal')] == ['example.org..internal']
    assert split.request('POST', '/zones', {'name': 'example.org..internal', 'kind': 'Native', 'nameservers': []}) == (
        409, {'error': "Domain 'example.org..internal' already exists"})
    # its own serial, metadata, journal, export; the others' are as they were
    before = split.serial('example.org.', OTHER)
    split.patch('example.org..internal', replace('www.example.org.', 'A', '10.0.0.5'), replace('mail.example.org.', 'MX', '5 www.example.org.'))
    assert split.serial('example.org.', OTHER) == before < split.serial('example.org.', INSIDE)
    split.ok('PUT', '/zones/example.org..internal/metadata/ALSO-NOTIFY', {'metadata': ['192.0.2.7']}, 200)
    assert split.ok('GET', '/zones/example.org./metadata/ALSO-NOTIFY')['metadata'] == []
    assert split.ok('GET', '/zones/example.org..internal/metadata/ALSO-NOTIFY')['metadata'] == ['192.0.2.7']
    text = split.ok('GET', '/zones/example.org..internal/export')
    assert 'www.example.org.\t60\tIN\tA\t10.0.0.5' in text and 'internal' not in text, text
    status, answer = split.request('PATCH', '/zones/example.org..internal', {'rrsets': [replace('www.example.net.', 'A', '10.0.0.5')]})
    assert (status, answer['error']) == (422, 'RRset www.example.net. IN A: Name is out of zone')
    status, answer = split.request('PATCH', '/zones/example.org..internal', {'rrsets': [
        replace('example.org.', 'CNAME', 'a.example.org.')]})
    assert status == 422 and 'Conflicts with pre-existing RRset' in answer['error']
    split.ok('PUT', '/zones/example.org..internal', {'account': 'us'}, 204)
    assert [split.ok('GET', '/zones/' + z)['account'] for z in ('example.org.', 'example.org..internal')] == ['', 'us']
    found = split.ok('GET', '/search-data?q=www.example.org&max=10')
    assert sorted((x['zone'], x['content']) for x in found) == [('example.org.', '192.0.2.1'), ('example.org..internal', '10.0.0.5')]
    assert {x['zone_id'] for x in found} == {'example.org.', 'example.org..internal'}
    # what happened to it, and back
    own = '/millrace/zones/example.org..internal'
    history = split.ok('GET', own + '/history')['changes']
    assert len(history) >= 2 and history[0]['serial_before'] < history[0]['serial_after'], history
    split.ok('POST', own + '/revert?serial=%d' % history[0]['serial_before'])
    assert split.seen('www.example.org.', INSIDE) == ['10.0.0.1'] and split.seen('mail.example.org.', INSIDE) == 3
    # the whole of it
    z = split.ok('GET', '/zones/example.org..internal')
    sets = [s for s in z['rrsets'] if s['type'] in ('SOA', 'NS')] + [rrset('www.example.org.', 'A', '10.0.0.6')]
    split.ok('PUT', '/zones/example.org..internal', {'rrsets': sets}, 204)
    assert split.seen('www.example.org.', INSIDE) == ['10.0.0.6'] and split.seen('www.example.org.', OTHER) == ['192.0.2.1']
    status, answer = split.request('PUT', '/zones/example.org..internal', {'rrsets': [s for s in sets if s['type'] != 'SOA']})
    assert status == 422 and 'SOA' in answer['error'], answer
    split.patch('example.org..internal', replace('www.example.org.', 'A', '10.0.0.1'))
    # a zone as a text, and one with nothing but a name
    split.ok('POST', '/zones', {'name': 'example.org..text', 'kind': 'Native', 'zone': FILE}, 201)
    assert split.contents('example.org..text', 'www.example.org.', 'A') == ['192.0.2.53']
    z = split.ok('POST', '/zones', {'name': 'example.org..bare', 'kind': 'Native', 'nameservers': []}, 201)
    assert [s['records'][0]['content'] for s in z['rrsets']] == ['a.misconfigured.dns.server.invalid. hostmaster.example.org. '
                                                                 '%d 10800 3600 604800 3600' % z['serial']]


def test_a_variant_is_imported_from_a_file(split, tmp_path):
    """As JSON, and as a file that is larger than that: names are below the apex, whatever the variant is called."""
    for i, filling in enumerate(('', ''.join('name-number-%d A 192.0.2.9\n' % n for n in range(8000)))):
        path = tmp_path / 'example.org..internal.zone'
        path.write_text('$TTL 60\n@ SOA a b %d 2 3 4 5\n@ NS a\nwww A 10.0.1.%d\nfull.example.org. A 10.0.2.%d\n' % (90 + i, i, i) + filling)
        r = split.suite.ctl('zone', 'import', str(path))
        assert '1 replaced' in r.stdout, r
        assert split.seen('www.example.org.', INSIDE) == ['10.0.1.%d' % i] and split.seen('full.example.org.', INSIDE) == ['10.0.2.%d' % i]
        assert split.seen('www.example.org.', OTHER) == ['192.0.2.1'] and split.seen('full.example.org.', OTHER) == 3
    assert split.seen('name-number-7999.example.org.', INSIDE) == ['192.0.2.9']
    assert split.seen('name-number-7999.example.org.', OTHER) == 3
    # one that is new, and what is out of it
    split.suite.ctl('zone', 'import', str(path), '--origin', 'example.org..other')
    split.view('inside', 'example.org..other')
    assert split.seen('name-number-0.example.org.', INSIDE) == ['192.0.2.9']
    n = path.read_text().count('\n')
    path.write_text(path.read_text() + 'example.net. A 192.0.2.1\n')
    warning = 'warning: %s:%d: example.net. is outside the zone and is ignored' % (path, n + 1)
    assert warning in split.suite.ctl('zone', 'import', str(path)).stderr
    assert warning in split.suite.ctl('zone', 'check', str(path)).stdout
    assert 'zone example.org..internal: OK' in split.suite.ctl('zone', 'check', '--origin', 'example.org..internal', str(path)).stdout


def test_a_variant_is_transferred_from_its_primary(split):
    """The primary knows the zone by its apex."""
    primary = Primary('knot', {'example.org': '$TTL 60\n@ SOA a b 77 2 3 4 5\n@ NS a\nwww A 10.0.3.1\nmore A 10.0.3.2\n'}, None)
    try:
        primary.start()
        zone = '/zones/example.org..internal'
        split.ok('PUT', zone, {'kind': 'Slave', 'masters': ['127.0.0.1:%d' % primary.port]}, 204)
        split.ok('PUT', zone + '/axfr-retrieve')
        end = time.monotonic() + SECONDS
        while split.serial('example.org.', INSIDE) != 77:
            assert time.monotonic() < end, (split.ok('GET', zone + '?rrsets=false'), split.suite.log_text())
            time.sleep(0.05)
        assert split.seen('more.example.org.', INSIDE) == ['10.0.3.2']
        assert split.seen('www.example.org.', INSIDE) == ['10.0.3.1'] and split.seen('www.example.org.', OTHER) == ['192.0.2.1']
        assert split.seen('more.example.org.', OTHER) == 3
        told = split.ok('GET', zone + '?rrsets=false')['millrace']['transfer']
        assert told['result'] == 'replaced' and told['records'] == 4, told
    finally:
        primary.remove()


@pytest.mark.parametrize('name', ['example.org..', 'example.org..Internal', 'example.org..a.b', 'example.org..a.', 'example.org..a b',
                                  'example.org..' + 63 * 'x', 'example.org...x', '\\000internal.example.org.', 'a..b.example.org.'])
def test_names_that_are_no_variants(api, name):
    status, answer = api.request('POST', '/zones', {'name': name, 'kind': 'Native', 'nameservers': []})
    assert status == 422 and 'error' in answer, answer
    status, answer = api.request('POST', '/views/inside', {'name': name})
    assert status == 422 and 'error' in answer, answer
    assert api.ok('GET', '/views') == {'views': []}
