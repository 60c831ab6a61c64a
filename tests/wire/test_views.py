# SPDX-License-Identifier: GPL-3.0-or-later
"""Views and networks: clients at other addresses of 127/8 see other variants of zones, over UDP and TCP, at once, over restarts of
every process; and what the API says about it, beside PowerDNS's documentation (docs/http-api/views.rst and networks.rst)."""
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import dns.message
import pytest

from suite import alive, find_program, has_ipv6, recv_tcp, send_udp
from test_api_access import BASE, KEY, METHODS, TOKENS, Server, make_token
from test_api_audit import audit
from test_api_zones import Api, replace, rrset

INSIDE, OTHER, NOWHERE = '127.0.0.2', '127.0.0.3', '127.0.0.1'
FILE = '$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\nwww A 192.0.2.53\n'
SECONDS = 20


class Views(Api):
    def view(self, view, *names):
        for name in names:
            self.ok('POST', '/views/' + view, {'name': name}, 204)

    def network(self, network, view):
        self.ok('PUT', '/networks/' + network, {'view': view}, 204)

    def make(self, name, apex, address, **more):
        """A zone or a variant of it, with www.APEX."""
        below = '' if apex == '.' else apex
        return self.create(name, nameservers=['ns1.' + below], rrsets=[rrset('www.' + below, 'A', address)], **more)

    def asked(self, name, source, qtype='A', tcp=False):
        """-> dns.message.Message, as a client at this address gets it"""
        wire = dns.message.make_query(name, qtype).to_wire()
        server = self.suite.server()
        if tcp:
            with socket.create_connection(server, 3, source_address=(source, 0)) as s:
                s.sendall(struct.pack('!H', len(wire)) + wire)
                got = recv_tcp(s)
        else:
            got = send_udp(server, wire, source=(source, 0))
        assert got is not None, 'no answer to %s from %s\n%s' % (name, source, self.suite.log_text())
        return dns.message.from_wire(got)

    def seen(self, name, source):
        """The addresses of a name, or its rcode; the same over UDP and TCP."""
        said = []
        for tcp in (False, True):
            m = self.asked(name, source, tcp=tcp)
            said.append(sorted(r.to_text() for s in m.answer if s.rdtype == 1 for r in s) or m.rcode())
        assert said[0] == said[1]
        return said[0]

    def serial(self, zone, source):
        m = self.asked(zone, source, 'SOA')
        return m.answer[0][0].serial if m.answer else -m.rcode()


@pytest.fixture
def api(make_suite):
    s = make_suite({'file.example': FILE})
    s.start()
    s.wait_answer('file.example.')
    return Views(s)


@pytest.fixture
def split(api):
    """example.org has a variant that clients at INSIDE see; hidden.example is a variant and nothing else."""
    api.make('example.org.', 'example.org.', '192.0.2.1')
    api.make('example.org..internal', 'example.org.', '10.0.0.1')
    api.make('hidden.example..only', 'hidden.example.', '10.0.0.9')
    api.view('inside', 'example.org..internal', 'hidden.example..only')
    api.network(INSIDE + '/32', 'inside')
    return api


def check_split(api):
    assert api.seen('www.example.org.', INSIDE) == ['10.0.0.1']
    assert api.seen('www.example.org.', OTHER) == ['192.0.2.1']
    assert api.seen('www.hidden.example.', INSIDE) == ['10.0.0.9']
    assert api.seen('www.hidden.example.', OTHER) == 5          # REFUSED: there is no such zone
    for source in (INSIDE, OTHER):
        assert api.seen('www.file.example.', source) == ['192.0.2.53']


def restart(suite, name, how=signal.SIGKILL):
    suite.forgiven += [r'killed by signal', r'\bdied: ', 'signal 9']
    pid = suite.pid(name)
    os.kill(pid, how)
    end = time.monotonic() + SECONDS
    while alive(pid) or not suite.pid(name):
        assert time.monotonic() < end, suite.log_text()
        time.sleep(0.02)


# --- who sees what

def test_a_client_sees_the_variant_of_its_view(split):
    check_split(split)
    # owners are under the real apex, in the section that a negative answer has too
    m = split.asked('none.example.org.', INSIDE)
    assert m.rcode() == 3 and str(m.authority[0].name) == 'example.org.'
    # and no name leads to a variant by another way
    for name in (b'\x09\x00internal\x07example\x03org\x00', b'\x05\x00only\x06hidden\x07example\x00'):
        for source in (INSIDE, OTHER):
            wire = send_udp(split.suite.server(), b'\x12\x34\0\0\0\1\0\0\0\0\0\0' + name + b'\0\1\0\1', source=(source, 0))
            m = dns.message.from_wire(wire)
            assert not m.answer and m.rcode() in (3, 5), m


@pytest.mark.skipif(not has_ipv6(), reason='no IPv6 here')
def test_clients_of_ipv6(split):
    def seen():
        return {tcp: split.suite.ask('www.example.org.', a='::1', tcp=tcp).answer[0][0].to_text() for tcp in (False, True)}
    assert seen() == {False: '192.0.2.1', True: '192.0.2.1'}
    split.network('::/64', 'inside')
    assert seen() == {False: '10.0.0.1', True: '10.0.0.1'}
    split.network('::1/128', 'nothing')
    assert seen() == {False: '192.0.2.1', True: '192.0.2.1'}
    split.network('::/0', 'inside')
    assert split.seen('www.example.org.', OTHER) == ['192.0.2.1']       # IPv4 is not in it


def test_dig_from_another_address(split):
    for source, want in ((INSIDE, '10.0.0.1'), (OTHER, '192.0.2.1')):
        for more in ([], ['+tcp']):
            r = subprocess.run(['dig', '-b', source, '@127.0.0.1', '-p', str(split.suite.port), '+short', 'www.example.org', *more],
                               capture_output=True, text=True, timeout=20)
            assert r.stdout.split() == [want], r


def test_a_burst_of_clients_is_told_apart(split):
    """Queries of both kinds lie in one burst of a worker, one behind the other."""
    sockets = {}
    for source, want in ((INSIDE, '10.0.0.1'), (OTHER, '192.0.2.1')):
        sockets[want] = s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((source, 0))
        s.settimeout(5)
    wire = dns.message.make_query('www.example.org.', 'A').to_wire()
    for _ in range(20):
        for _ in range(16):
            for s in sockets.values():
                s.sendto(wire, split.suite.server())
        for want, s in sockets.items():
            for _ in range(16):
                assert dns.message.from_wire(s.recv(4096)).answer[0][0].to_text() == want
    for s in sockets.values():
        s.close()


def test_the_narrowest_network_counts(split):
    split.make('example.org..wide', 'example.org.', '10.0.0.2')
    split.view('outside', 'example.org..wide')
    split.network('127.0.0.0/8', 'outside')
    assert [split.seen('www.example.org.', a) for a in (INSIDE, OTHER, '127.9.9.9')] == [['10.0.0.1'], ['10.0.0.2'], ['10.0.0.2']]
    # bits behind the length do not count; a narrower network with an empty view sees what everybody sees
    split.network('127.0.0.3/30', 'empty')
    assert split.request('GET', '/networks/127.0.0.0/30') == (200, {'networks': [{'network': '127.0.0.0/30', 'view': 'empty'}]})
    assert [split.seen('www.example.org.', a) for a in (INSIDE, OTHER, '127.9.9.9')] == [['10.0.0.1'], ['192.0.2.1'], ['10.0.0.2']]
    split.network('127.0.0.0/30', '')
    split.network(INSIDE + '/32', '')
    assert [split.seen('www.example.org.', a) for a in (INSIDE, OTHER, '127.9.9.9')] == [['10.0.0.2']] * 3
    split.network('127.0.0.0/8', '')
    assert [split.seen('www.example.org.', a) for a in (INSIDE, OTHER, '127.9.9.9')] == [['192.0.2.1']] * 3


def test_the_longest_zone_comes_before_the_view(split):
    """A zone below the one that has a variant, with and without variants of its own."""
    split.make('sub.example.org.', 'sub.example.org.', '192.0.2.3')
    assert split.seen('www.sub.example.org.', INSIDE) == ['192.0.2.3']           # not a name of example.org..internal
    split.make('sub.example.org..x', 'sub.example.org.', '10.0.0.3')
    split.view('inside', 'sub.example.org..x')
    assert split.seen('www.sub.example.org.', INSIDE) == ['10.0.0.3']
    assert split.seen('www.sub.example.org.', OTHER) == ['192.0.2.3']
    # a variant that only the view has, below a zone that all see
    split.make('deep.file.example..x', 'deep.file.example.', '10.0.0.4')
    split.view('inside', 'deep.file.example..x')
    assert split.seen('www.deep.file.example.', INSIDE) == ['10.0.0.4']
    assert split.seen('www.deep.file.example.', OTHER) == 3                      # NXDOMAIN of file.example
    # a variant that is in the view and not there: for this view the zone is not, as in PowerDNS
    split.view('inside', 'sub.example.org..gone')
    assert split.seen('www.sub.example.org.', INSIDE) == 3                       # of example.org..internal
    assert split.seen('www.sub.example.org.', OTHER) == ['192.0.2.3']
    # DS belongs to the parent, of the view
    split.patch('example.org..internal', replace('sub.example.org.', 'NS', 'ns1.sub.example.org.'),
                replace('sub.example.org.', 'DS', '1 13 2 ' + 64 * '0'))
    split.view('inside', 'sub.example.org..x')
    assert split.asked('sub.example.org.', INSIDE, 'DS').answer[0][0].key_tag == 1
    assert split.asked('sub.example.org.', OTHER, 'DS').rcode() == 3


def test_a_chain_of_cnames_stays_in_the_view(split):
    for zone in ('example.org.', 'example.org..internal'):
        split.patch(zone, replace('alias.example.org.', 'CNAME', 'www.hidden.example.'))
    split.patch('hidden.example..only', replace('back.hidden.example.', 'CNAME', 'www.example.org.'))
    assert split.seen('alias.example.org.', INSIDE) == ['10.0.0.9']
    assert split.seen('back.hidden.example.', INSIDE) == ['10.0.0.1']
    m = split.asked('alias.example.org.', OTHER)
    assert [s.rdtype for s in m.answer] == [5] and m.rcode() == 0


def test_the_root_has_variants_too(split):
    split.make('..top', '.', '10.0.0.7')
    split.view('inside', '..top')
    assert split.ok('GET', '/views/inside')['zones'] == ['..top', 'example.org..internal', 'hidden.example..only']
    z = split.ok('GET', '/zones/..top')
    assert (z['id'], z['name'], z['url']) == ('=2E.top', '..top', '/api/v1/servers/localhost/zones/=2E.top')
    assert split.ok('GET', '/zones/=2E.top')['name'] == '..top'
    assert split.seen('www.', INSIDE) == ['10.0.0.7']
    assert split.seen('www.', OTHER) == 5
    check_split(split)


# --- at run time, and after it

def test_changes_hold_for_the_next_query(split):
    for i in range(20):
        split.view('inside', 'example.org.')                    # the zone without a variant: as if it were not in the view
        assert split.seen('www.example.org.', INSIDE) == ['192.0.2.1']
        split.view('inside', 'example.org..internal')
        assert split.seen('www.example.org.', INSIDE) == ['10.0.0.1' if i == 0 else '10.0.1.%d' % (i - 1)]
        split.ok('DELETE', '/views/inside/example.org..internal', status=204)
        assert split.seen('www.example.org.', INSIDE) == ['192.0.2.1']
        split.view('inside', 'example.org..internal')
        split.patch('example.org..internal', replace('www.example.org.', 'A', '10.0.1.%d' % i))
        assert split.seen('www.example.org.', INSIDE) == ['10.0.1.%d' % i]
        split.network(INSIDE + '/32', '')
        assert split.seen('www.example.org.', INSIDE) == ['192.0.2.1']
        split.network(INSIDE + '/32', 'inside')
    assert split.seen('www.example.org.', OTHER) == ['192.0.2.1']
    # the variant goes: nothing is left of it, and the zone is as it was
    split.ok('DELETE', '/zones/example.org..internal', status=204)
    assert split.request('GET', '/zones/example.org..internal')[0] == 404
    assert split.seen('www.example.org.', INSIDE) == 5 and split.seen('www.example.org.', OTHER) == ['192.0.2.1']
    split.make('example.org..internal', 'example.org.', '10.0.0.1')
    check_split(split)


def test_a_zone_that_is_large_enough_to_be_patched(split):
    """Changes of a variant with thousands of names rewrite a chunk of it, not all."""
    sets = [rrset('n%d.example.org.' % i, 'A', '10.1.%d.%d' % (i // 256, i % 256)) for i in range(3000)]
    split.ok('DELETE', '/zones/example.org..internal', status=204)
    split.create('example.org..internal', nameservers=['ns1.example.org.'], rrsets=sets + [rrset('www.example.org.', 'A', '10.0.0.1')])
    check_split(split)
    for i in range(5):
        split.patch('example.org..internal', replace('n7.example.org.', 'A', '10.9.9.%d' % i))
        assert split.seen('n7.example.org.', INSIDE) == ['10.9.9.%d' % i]
        assert split.seen('n2999.example.org.', INSIDE) == ['10.1.11.183']
        assert split.seen('n7.example.org.', OTHER) == 3
    restart(split.suite, 'controlplane')
    split.suite.wait_ready()
    assert split.seen('n7.example.org.', INSIDE) == ['10.9.9.4']


@pytest.mark.parametrize('process', ['controlplane', 'dataplane', 'stream'])
def test_views_outlive_every_process(split, process):
    restart(split.suite, process)
    split.suite.wait_ready()
    check_split(split)
    split.patch('example.org..internal', replace('new.example.org.', 'A', '10.0.0.8'))
    assert split.seen('new.example.org.', INSIDE) == ['10.0.0.8'] and split.seen('new.example.org.', OTHER) == 3
    split.network(OTHER + '/32', 'inside')
    assert split.seen('www.example.org.', OTHER) == ['10.0.0.1']


def test_views_are_served_while_the_control_plane_is_away(split):
    stop = threading.Event()
    wrong = []

    def ask():
        while not stop.is_set():
            for source, want in ((INSIDE, ['10.0.0.1']), (OTHER, ['192.0.2.1'])):
                m = split.asked('www.example.org.', source)
                got = sorted(r.to_text() for s in m.answer for r in s)
                if got != want:
                    wrong.append((source, got, m.rcode()))
    t = threading.Thread(target=ask)
    t.start()
    try:
        for _ in range(3):
            restart(split.suite, 'controlplane')
            split.suite.wait_ready()
            time.sleep(0.5)
    finally:
        stop.set()
        t.join()
    assert not wrong, wrong[:5]


def test_views_come_back_with_the_whole_suite_and_with_a_snapshot(split):
    suite = split.suite
    snapshot = suite.dir / 'snapshot.mdb'
    suite.ctl('store', 'snapshot', str(snapshot))
    split.network(INSIDE + '/32', '')
    split.ok('DELETE', '/zones/example.org..internal', status=204)
    suite.stop()
    for path in suite.run_dir.glob('*'):            # no arena either: everything from the store
        path.unlink()
    suite.start()
    suite.wait_answer('example.org.')
    assert split.seen('www.example.org.', INSIDE) == ['192.0.2.1']
    suite.stop()
    suite.ctl('store', 'verify', '--path', str(suite.store_path))
    suite.ctl('store', 'restore', str(snapshot), '--yes')
    suite.start()
    suite.wait_answer('example.org.')
    end = time.monotonic() + SECONDS
    while split.seen('www.example.org.', INSIDE) != ['10.0.0.1']:   # zones are loaded beside one another
        assert time.monotonic() < end, suite.log_text()
        time.sleep(0.02)
    suite.wait_ready()
    check_split(split)


# --- variants of zones are zones

def test_notify_names_the_zone(split):
    """A NOTIFY of a variant is about the zone: its peer knows no variants."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(('127.0.0.1', 0))
        peer.settimeout(10)
        split.ok('PUT', '/zones/example.org..internal', {'kind': 'Master'}, 204)
        split.ok('PUT', '/zones/example.org..internal/metadata/ALSO-NOTIFY', {'metadata': ['127.0.0.1:%d' % peer.getsockname()[1]]}, 200)
        split.ok('PUT', '/zones/example.org..internal/notify')
        m = dns.message.from_wire(peer.recv(4096))
        assert (m.opcode(), str(m.question[0].name)) == (4, 'example.org.')


@pytest.mark.skipif(os.geteuid() != 0, reason='NOTIFY of name servers goes to port 53')
def test_notify_of_a_variant_asks_itself_for_addresses(split):
    """Its name servers' addresses are its own, and not those of the zone that everybody sees; in a zone below it they are that one's."""
    split.create('deep.example.org.', nameservers=['ns.deep.example.org.'])
    peers = {}
    try:
        for name, owner, address in (('example.org.', 'ns.', '127.0.0.11'), ('example.org..internal', 'ns.', '127.0.0.12'), ('deep.example.org.', 'ns.deep.', '127.0.0.13')):
            split.ok('PATCH', '/zones/' + name, {'rrsets': [replace(owner + 'example.org.', 'A', address)]}, 204)
            peers[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            peers[address].bind((address, 53))
            peers[address].settimeout(5)
        split.ok('PATCH', '/zones/example.org..internal', {'rrsets': [replace('example.org.', 'NS', 'ns.example.org.', 'ns.deep.example.org.')]}, 204)
        split.ok('PUT', '/zones/example.org..internal', {'kind': 'Master'}, 204)
        split.ok('PUT', '/zones/example.org..internal/notify')
        for address in ('127.0.0.12', '127.0.0.13'):
            assert dns.message.from_wire(peers[address].recv(4096)).opcode() == 4
        peers['127.0.0.11'].settimeout(0.5)
        with pytest.raises(TimeoutError):
            peers['127.0.0.11'].recv(4096)
    finally:
        for s in peers.values():
            s.close()


# --- the API's own words

def test_views_and_networks_as_documented(split):
    assert split.ok('GET', '/views') == {'views': ['inside']}
    assert split.ok('GET', '/views/inside') == {'zones': ['example.org..internal', 'hidden.example..only']}
    assert split.ok('GET', '/networks') == {'networks': [{'network': INSIDE + '/32', 'view': 'inside'}]}
    assert split.ok('GET', '/networks/%s/32' % INSIDE) == {'networks': [{'network': INSIDE + '/32', 'view': 'inside'}]}
    assert split.request('POST', '/views/trusted', {'name': 'example.org..trusted'}) == (204, '')
    assert split.request('PUT', '/networks/192.168.0.0/16', {'view': 'trusted'}) == (204, '')
    assert split.request('PUT', '/networks/2001:DB8::/32', {'view': 'trusted'}) == (204, '')
    assert split.request('PUT', '/networks/20.0.0.0/8', {'view': 'nobody has it'}) == (204, '')
    assert [n['network'] for n in split.ok('GET', '/networks')['networks']] == ['20.0.0.0/8', INSIDE + '/32', '192.168.0.0/16', '2001:db8::/32']
    assert split.ok('GET', '/views') == {'views': ['inside', 'trusted']}
    # one variant of a zone in a view: the last one
    split.view('trusted', 'example.org..other')
    assert split.ok('GET', '/views/trusted') == {'zones': ['example.org..other']}
    split.view('trusted', 'example.org.')
    assert split.ok('GET', '/views/trusted') == {'zones': ['example.org.']}
    # whichever it is, it is the zone that is taken out; the view goes with its last zone
    split.ok('DELETE', '/views/trusted/example.org.', status=204)
    assert split.request('GET', '/views/trusted')[0] == 404
    split.ok('DELETE', '/views/trusted/example.org.', status=204)
    assert split.ok('GET', '/views') == {'views': ['inside']}
    assert split.request('GET', '/networks/192.0.2.0/24')[0] == 404
    # views that begin alike are not taken for one another
    split.view('insid', 'example.org..z')
    assert split.ok('GET', '/views/insid') == {'zones': ['example.org..z']}
    assert split.ok('GET', '/views') == {'views': ['insid', 'inside']}


def test_bad_requests(api):
    for method, path, body, want in (
            ('POST', '/views/inside', {'name': 'one.example'}, "DNS Name 'one.example' is not canonical"),
            ('POST', '/views/inside', {}, "Key 'name' not present or not a String"),
            ('POST', '/views/inside', [], 'must be an object'),
            ('POST', '/views/.inside', {'name': 'one.example.'}, 'must not begin with a dot'),
            ('POST', '/views/%FF', {'name': 'one.example.'}, 'must be UTF-8'),
            ('POST', '/views/a%C0%AF', {'name': 'one.example.'}, 'must be UTF-8'),
            ('DELETE', '/views/%FF/one.example.', None, 'must be UTF-8'),
            ('POST', '/views/' + 253 * 'v', {'name': 'one.example.'}, 'too long'),
            ('POST', '/views/' + 250 * 'v', {'name': 4 * ('a' * 60 + '.')}, 'too long together'),
            ('DELETE', '/views/.inside/one.example.', None, 'must not begin with a dot'),
            ('DELETE', '/views/inside/a..B', None, 'Unable to parse zone id'),
            ('PUT', '/networks/192.0.2.0/33', {'view': 'inside'}, 'is no network'),
            ('PUT', '/networks/192.0.2.0/-1', {'view': 'inside'}, 'is no network'),
            ('PUT', '/networks/rubbish/24', {'view': 'inside'}, 'is no network'),
            ('PUT', '/networks/2001:db8::/129', {'view': 'inside'}, 'is no network'),
            ('PUT', '/networks/192.0.2.0/24', {'view': 'a/b'}, "must have no '/'"),
            ('PUT', '/networks/192.0.2.0/24', {'view': 4}, "Key 'view' not present or not a String"),
            ('GET', '/networks/192.0.2.0/x', None, 'is no network')):
        status, answer = api.request(method, path, body)
        assert status == 422 and want in answer['error'], (method, path, answer)
    assert api.request('GET', '/views/%FF')[0] == 404
    assert api.ok('GET', '/views') == {'views': []} and api.ok('GET', '/networks') == {'networks': []}


def test_there_are_bounds(api):
    for i in range(250):
        api.view('v%d' % i, 'example.org..x')
    status, answer = api.request('POST', '/views/v250', {'name': 'example.org..x'})
    assert status == 422 and answer['error'] == 'Failed to add example.org. to view v250: no more views are allowed'
    api.view('v249', 'example.net..x')                              # another zone of a view that is there
    api.ok('DELETE', '/views/v249/example.net.', status=204)
    assert api.request('POST', '/views/v250', {'name': 'example.org..x'})[0] == 422
    api.ok('DELETE', '/views/v249/example.org.', status=204)        # now it is gone, and another one has room
    api.view('v250', 'example.org..x')
    api.ok('DELETE', '/views/v250/example.org.', status=204)
    api.view('v249', 'example.org..x', 'example.net..x')
    api.make('example.org..x', 'example.org.', '10.0.0.1')
    for i in (0, 6, 7, 8, 249):
        api.network('127.0.1.%d/32' % i, 'v%d' % i)
    for i in (0, 6, 7, 8, 249):
        assert api.seen('www.example.org.', '127.0.1.%d' % i) == ['10.0.0.1']
    assert api.seen('www.example.org.', '127.0.1.1') == 5


def test_networks_may_name_more_views_than_there_are(split):
    """250 views are allowed, but a view that has no zone is none: networks that name others must not cost anybody theirs."""
    for i in range(251):
        split.network('10.0.%d.0/24' % i, 'v%d' % i)
    split.network(OTHER + '/32', 'inside')
    assert split.seen('www.example.org.', OTHER) == ['10.0.0.1']
    split.ok('DELETE', '/views/inside/example.org.', status=204)
    assert split.seen('www.example.org.', OTHER) == ['192.0.2.1']
    split.view('inside', 'example.org..internal')
    suite = split.suite
    suite.stop()
    for path in suite.run_dir.glob('*'):            # no arena either: everything from the store
        path.unlink()
    suite.start()
    suite.wait_ready()
    assert split.seen('www.example.org.', INSIDE) == split.seen('www.example.org.', OTHER) == ['10.0.0.1']
    assert split.seen('www.example.org.', NOWHERE) == ['192.0.2.1']


def test_who_may(build):
    """Views are the server's, as all that is no zone's; a token for a zone is not one for its variants."""
    with Server(build, ['key: ' + KEY]) as server:
        api = Views(server.suite)
        for name in ('one.org.', 'one.org..in', 'below.one.org..in'):
            api.make(name, name.split('..')[0].rstrip('.') + '.', '192.0.2.1')
        allowed = {'plain': (['one.org.'], ['one.org.']), 'variant': (['one.org..in'], ['one.org..in']),
                   'below': (['*.one.org.'], ['below.one.org..in']), 'all': (['*'], ['one.org.', 'one.org..in', 'below.one.org..in'])}
        for name, (zones, seen) in allowed.items():
            secret, _ = make_token(server, name, zones=zones, methods=METHODS)
            for zone in ('one.org.', 'one.org..in', 'below.one.org..in'):
                assert server.ask('GET', BASE + '/zones/' + zone, key=secret)[0] == (200 if zone in seen else 403), (name, zone)
            assert sorted(z['name'] for z in json.loads(server.ask('GET', BASE + '/zones', key=secret)[2])
                          if z['name'] != 'one.example.') == sorted(seen)
            assert server.ask('GET', BASE + '/views', key=secret)[0] == 403
            assert server.ask('PUT', BASE + '/networks/192.0.2.0/24', '{"view": "x"}', key=secret)[0] == 403
        reader, _ = make_token(server, 'reader', server=True, methods=METHODS)
        assert server.ask('GET', BASE + '/views', key=reader)[0] == 200
        assert server.ask('POST', BASE + '/views/x', '{"name": "one.org..in"}', key=reader)[0] == 403
        assert server.ask('DELETE', BASE + '/views/x/one.org.', key=reader)[0] == 403
        assert server.ask('PUT', BASE + '/networks/192.0.2.0/24', '{"view": "x"}')[0] == 204
        assert server.ask('PUT', BASE + '/networks/192.0.2.0/24', '{"view": ""}', key=None)[0] == 401
        (row,) = [e for e in audit(server, '?limit=100')['entries'] if e['action'] == 'network']
        assert (row['who'], row['key'], row['before'], row['after']) == ('api-key', '192.0.2.0/24', None, 'x')
        for bad in ({'zones': ['*.one.org..in']}, {'zones': ['*'], 'owners': ['a.org..x']}):
            status, _, text = server.over_unix('POST', TOKENS, json.dumps(dict(bad, name='bad')))
            assert status == 422 and 'is no name or pattern' in text, text


# --- the commands

def test_commands(split):
    suite = split.suite
    assert suite.ctl('view', 'list-all').stdout.split() == ['inside']
    assert suite.ctl('view', 'list', 'inside').stdout.split() == ['example.org..internal', 'hidden.example..only']
    suite.ctl('zone', 'create', 'example.net..lab')
    suite.ctl('rrset', 'add', 'example.net..lab', 'www', 'A', '10.0.0.6')
    said = suite.ctl('view', 'add-zone', 'inside', 'example.net..lab').stdout
    assert 'inside' in said and 'not' not in said
    assert split.seen('www.example.net.', INSIDE) == ['10.0.0.6'] and split.seen('www.example.net.', OTHER) == 5
    said = suite.ctl('view', 'add-zone', 'inside', 'example.info..lab').stdout
    assert 'inside has example.info..lab; the zone does not exist yet' in said
    suite.ctl('network', 'set', OTHER + '/32', 'inside')
    assert split.seen('www.example.net.', OTHER) == ['10.0.0.6']
    rows = [line.split() for line in suite.ctl('network', 'list').stdout.splitlines()]
    assert [INSIDE + '/32', 'inside'] in rows and [OTHER + '/32', 'inside'] in rows
    assert json.loads(suite.ctl('--json', 'network', 'list').stdout)['networks'][0] == {'network': INSIDE + '/32', 'view': 'inside'}
    suite.ctl('network', 'set', OTHER)                              # an address alone is that one; no view: none
    assert split.seen('www.example.net.', OTHER) == 5
    suite.ctl('view', 'del-zone', 'inside', 'example.net..lab')
    assert split.seen('www.example.net.', INSIDE) == 5
    r = suite.ctl('view', 'list', 'nobody', check=False)
    assert r.returncode != 0 and "There is no view 'nobody'" in r.stderr
    r = suite.ctl('network', 'set', 'rubbish', 'inside', check=False)
    assert r.returncode != 0 and 'rubbish' in r.stderr
    text = suite.ctl('zone', 'export', 'example.org..internal').stdout
    assert '10.0.0.1' in text
    assert '10.0.0.1' in suite.ctl('zone', 'show', 'example.org..internal').stdout
    image = [find_program(suite.build, 'millrace-image'), '--arena', str(suite.run_dir / 'arena')]
    said = subprocess.run(image + ['list'], capture_output=True, text=True, timeout=20).stdout
    assert {'example.org.', 'example.org..internal', 'hidden.example..only'} <= {line.split()[0] for line in said.splitlines()}
    said = subprocess.run(image + ['dump', 'example.org..internal', 'www.example.org'], capture_output=True, text=True, timeout=20).stdout
    assert '10.0.0.1' in said and '192.0.2.1' not in said
    r = subprocess.run(image + ['verify'], capture_output=True, text=True, timeout=20)
    assert r.returncode == 0 and ' 0 damaged' in r.stdout
    assert subprocess.run(image + ['show', 'example.org..none'], capture_output=True, timeout=20).returncode != 0
    path = suite.dir / 'lab.zone'
    path.write_text('$ORIGIN example.net.\n' + FILE)
    suite.ctl('zone', 'import', str(path), '--origin', 'example.net..file')
    assert split.contents('example.net..file', 'www.example.net.', 'A') == ['192.0.2.53']
    assert 'example.net..file' in suite.ctl('zone', 'list').stdout
    suite.ctl('zone', 'delete', 'example.net..file', '--yes')
    assert split.request('GET', '/zones/example.net..file')[0] == 404


def pdnsutil(suite, *args):
    link = suite.dir / 'pdnsutil'
    if not link.exists():
        link.symlink_to(find_program(suite.build, 'millracectl'))
    return subprocess.run([str(link), '--socket', str(suite.run_dir / 'api.sock'), *args], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL)


def test_pdnsutil(split):
    """With the output of PowerDNS's pdnsutil."""
    suite = split.suite
    assert pdnsutil(suite, 'view', 'list-all').stdout == 'inside\n'
    assert pdnsutil(suite, 'view', 'list', 'inside').stdout == 'example.org..internal\nhidden.example..only\n'
    r = pdnsutil(suite, 'view', 'add-zone', 'inside', 'example.info..lab')
    assert (r.returncode, r.stdout) == (0, "Zone 'example.info..lab' does not exist yet.\n"
                                           "Consider creating it with 'pdnsutil zone create example.info..lab'\n"), r
    assert pdnsutil(suite, 'zone', 'create', 'example.info..lab').returncode == 0
    r = pdnsutil(suite, 'view', 'add-zone', 'inside', 'example.info..lab')
    assert (r.returncode, r.stdout) == (0, '')
    assert pdnsutil(suite, 'rrset', 'add', 'example.info..lab', 'www', 'A', '10.0.0.6').returncode == 0
    assert split.seen('www.example.info.', INSIDE) == ['10.0.0.6']
    assert pdnsutil(suite, 'view', 'del-zone', 'inside', 'example.info..lab').returncode == 0
    assert pdnsutil(suite, 'network', 'set', '192.168.0.0/16', 'inside').returncode == 0
    assert pdnsutil(suite, 'network', 'list').stdout == '%s/32\tinside\n192.168.0.0/16\tinside\n' % INSIDE
    assert pdnsutil(suite, 'network', 'set', '192.168.0.0/16').returncode == 0
    assert pdnsutil(suite, 'list-networks').stdout == '%s/32\tinside\n' % INSIDE
    assert 'example.info..lab' in pdnsutil(suite, 'zone', 'list-all').stdout.split()
