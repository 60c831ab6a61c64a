# SPDX-License-Identifier: GPL-3.0-or-later
"""Primaries that do what they should not: whatever comes, what was served stays served, the error says what was wrong, and the next
primary is asked."""
import os
import struct
import time

import pytest

from hostile_primary import (A, CNAME, KEY, NAME, NS, SECRET, SOA, HostilePrimary, Signer, a, frame, good, message, ns, rr, soa, wire_name)
from suite import Suite, has_ipv6
from test_api_rest import BASE, ask
from test_control import request, zone
from test_transfer import make_secondary, retrieve, stored, transfer_of, wait_over

ZONE = NAME.rstrip('.')
POINTER = b'\xc0\x0c'       # the question's name


@pytest.fixture(scope='module')
def server(build):
    s = Suite(build, {'file.example': zone(1)}, {'transfer': [
        'timeout: 1s', 'time-max: 3s', 'octets-max: 256KiB', 'records-max: 3000', 'memory-max: 2MiB']})
    try:
        s.start()
        s.wait_answer('file.example')
        assert ask(s, 'POST', BASE + '/tsigkeys', {'name': KEY, 'algorithm': 'hmac-sha256', 'key': SECRET})[0] == 201
        yield s
    finally:
        s.remove()


@pytest.fixture(scope='module')
def shared_peer():
    p = HostilePrimary()
    yield p
    p.stop()


@pytest.fixture
def peer(server, shared_peer):
    """The zone is there, with serial 4 and www at 192.0.2.4."""
    shared_peer.sends(lambda q: message(q, good(4, 4)))
    shared_peer.peers.clear()
    make_secondary(server, ZONE, '127.0.0.1:%d' % shared_peer.port)
    assert retrieve(server, ZONE)['result'] == 'replaced'
    yield shared_peer
    request(server, 'DELETE', BASE + '/zones/' + NAME)


def use_key(server):
    assert ask(server, 'PUT', BASE + '/zones/' + NAME, {'slave_tsig_key_ids': [KEY]})[0] == 204


def address(server):
    return [str(r) for s in server.ask('www.' + NAME).answer for r in s]


def still_served(server, told, result, text):
    assert told['result'] == result and text in told['last_error'], told
    assert told['serial'] == 4 and told['last_success'] <= told['last_check']
    assert address(server) == ['192.0.2.4']
    assert ask(server, 'GET', BASE + '/zones/%s?rrsets=false' % NAME)[1]['serial'] == 4
    assert len(ask(server, 'GET', BASE + '/millrace/zones/%s/history' % NAME)[1]['changes']) == 1
    assert told['last_error'] in server.log_text()


# --- messages that are none of a transfer

def garbage(q):
    return q[:2] + os.urandom(400)


BAD = {
    'another ID': (lambda q: message(q, good(), qid=struct.unpack('!H', q[:2])[0] ^ 1), 'malformed', 'another ID'),
    'another name': (lambda q: message(q, good(), question=wire_name('evim.example.') + struct.pack('!HH', 252, 1)), 'malformed', 'answers another question'),
    'a longer name': (lambda q: message(q, good(), question=wire_name('other.example.') + struct.pack('!HH', 252, 1)), 'malformed', 'answers another question'),
    'another type': (lambda q: message(q, good(), question=wire_name(NAME) + struct.pack('!HH', 6, 1)), 'malformed', 'answers another question'),
    'another class': (lambda q: message(q, good(), question=wire_name(NAME) + struct.pack('!HH', 252, 3)), 'malformed', 'answers another question'),
    'no question': (lambda q: message(q, good(), question=b''), 'malformed', 'no question'),
    'a query': (lambda q: q, 'malformed', 'no answer'),
    'an answer to a NOTIFY': (lambda q: message(q, good(), flags=0xa400), 'malformed', 'no answer'),
    'truncated': (lambda q: message(q, good(), flags=0x8600), 'malformed', '(TC)'),
    'REFUSED': (lambda q: message(q, [], flags=0x8405), 'refused', 'REFUSED'),
    'NOTAUTH': (lambda q: message(q, [], flags=0x8409), 'refused', 'NOTAUTH'),
    'SERVFAIL with records': (lambda q: message(q, good(), flags=0x8402), 'refused', 'SERVFAIL'),
    'RCODE 15': (lambda q: message(q, [], flags=0x840f), 'refused', 'unknown RCODE'),
    'empty': (lambda q: message(q, []), 'malformed', "does not begin with the zone's SOA"),
    'no SOA first': (lambda q: message(q, good()[1:]), 'malformed', "does not begin with the zone's SOA"),
    "another zone's SOA": (lambda q: message(q, [soa(owner='other.example.'), *good()[1:]]), 'malformed', "does not begin with the zone's SOA"),
    'another SOA last': (lambda q: message(q, [*good()[:-1], soa(6)]), 'malformed', 'another SOA'),
    'another MNAME last': (lambda q: message(q, [*good()[:-1], soa(5, mname='nt.' + NAME)]), 'malformed', 'another SOA'),
    'records behind it': (lambda q: message(q, [*good(), a('more')]), 'malformed', 'behind the last SOA'),
    'a third SOA': (lambda q: message(q, [*good(), soa()]), 'malformed', 'behind the last SOA'),
    'class CH': (lambda q: message(q, [*good()[:-1], a('odd', rclass=3), soa()]), 'malformed', 'record odd.evil.example. A is of class 3, not IN'),
    'type ANY': (lambda q: message(q, [*good()[:-1], rr(NAME, 255, b'x'), soa()]), 'malformed', 'no zone has'),
    'type AXFR': (lambda q: message(q, [*good()[:-1], rr(NAME, 252, b'x'), soa()]), 'malformed', 'no zone has'),
    'type 0': (lambda q: message(q, [*good()[:-1], rr(NAME, 0, b'x'), soa()]), 'malformed', 'no zone has'),
    'OPT among the records': (lambda q: message(q, [*good()[:-1], rr('.', 41, b''), soa()]), 'malformed', ''),
    'TSIG among the records': (lambda q: message(q, [*good()[:-1], rr(KEY, 250, b'x' * 40, 0, 255), soa()]), 'malformed', ''),
    'a pointer to itself': (lambda q: message(q, [soa(), rr(struct.pack('!H', 0xc000 | 12 + 18 + len(soa())), A, b'\1\2\3\4'), soa()]), 'malformed', 'parsed'),
    'pointers in a ring': (lambda q: message(q, [rr(b'\1a' + struct.pack('!H', 0xc000 | 12 + 18), SOA, b''), soa()]), 'malformed', 'parsed'),
    'a pointer forward': (lambda q: message(q, [soa(), rr(b'\xff\xff', A, b'\1\2\3\4'), soa()]), 'malformed', 'parsed'),
    'a pointer in RDATA to itself': (lambda q: message(q, [rr(NAME, NS, struct.pack('!H', 0xc000 | 12 + 18 + 14 + 10)), soa()]), 'malformed', 'parsed'),
    'a label of 64 octets': (lambda q: message(q, [soa(), rr(b'\x40' + b'a' * 64 + POINTER, A, b'\1\2\3\4'), soa()]), 'malformed', 'parsed'),
    'a name of 300 octets': (lambda q: message(q, [soa(), rr((b'\x3f' + b'a' * 63) * 5 + POINTER, A, b'\1\2\3\4'), soa()]), 'malformed', 'parsed'),
    'RDLENGTH beyond the end': (lambda q: message(q, good())[:-3], 'malformed', 'parsed'),
    'more counted than there are': (lambda q: message(q, good(), counts=(1, 60000, 0, 0)), 'malformed', 'parsed'),
    'fewer counted than there are': (lambda q: message(q, good(), counts=(1, 2, 0, 0)), 'malformed', 'parsed'),
    'two questions': (lambda q: message(q, good(), counts=(2, 5, 0, 0)), 'malformed', 'parsed'),
    'an A of 3 octets': (lambda q: message(q, [*good()[:-1], rr('x.' + NAME, A, b'\1\2\3'), soa()]), 'malformed', 'parsed'),
    'an SOA without numbers': (lambda q: message(q, [rr(NAME, SOA, b'\0\0')]), 'malformed', 'parsed'),
    'garbage': (garbage, 'malformed', ''),
    'a header alone': (lambda q: q[:2] + b'\x84\0' + bytes(8), 'malformed', 'no question'),
    'half a header': (lambda q: q[:2], 'malformed', 'shorter than its header'),
    'no octets': (lambda q: b'', 'malformed', 'shorter than its header'),
    'signed, though nobody asked': (lambda q: message(q, good())[:10] + b'\0\1' + message(q, good())[12:] + rr(
        KEY, 250, wire_name('hmac-sha256') + struct.pack('!HIHH', 0, int(time.time()), 300, 32) + bytes(32) + q[:2] + bytes(4), 0, 255),
        'unauthentic', 'though the question was not'),
    # what the checks of every change refuse
    'CNAME and other data': (lambda q: message(q, [*good()[:-1], rr('www.' + NAME, CNAME, wire_name('x.' + NAME)), soa()]), 'invalid', 'RRset www.evil.example. IN '),
    'two CNAMEs': (lambda q: message(q, [*good()[:-1], *(rr('c.' + NAME, CNAME, wire_name(n)) for n in ('x.', 'y.')), soa()]), 'invalid',
                   'RRset c.evil.example. IN CNAME has more than one record'),
    'ALIAS': (lambda q: message(q, [*good()[:-1], rr('al.' + NAME, 65401, wire_name('x.')), soa()]), 'invalid', 'RRset al.evil.example. IN '),
    'an SOA below the apex': (lambda q: message(q, [*good()[:-1], soa(owner='sub.' + NAME), soa()]), 'invalid', 'RRset sub.evil.example. IN SOA is only allowed at apex'),
}


@pytest.mark.parametrize('what', BAD)
def test_one_message(server, peer, what):
    make, result, text = BAD[what]
    peer.sends(make)
    still_served(server, retrieve(server, ZONE), result, text)


LATER = {      # behind a first message that is good
    'another ID': (lambda q: message(q, good()[3:], qid=struct.unpack('!H', q[:2])[0] ^ 1), 'malformed', 'another ID'),
    'another question': (lambda q: message(q, good()[3:], question=wire_name('x.' + NAME) + struct.pack('!HH', 252, 1)), 'malformed', 'answers another question'),
    'an error': (lambda q: message(q, [], flags=0x8402), 'refused', 'SERVFAIL'),
    'garbage': (garbage, 'malformed', ''),
    'another SOA': (lambda q: message(q, [soa(7)]), 'malformed', 'another SOA'),
}


@pytest.mark.parametrize('what', LATER)
def test_a_later_message(server, peer, what):
    make, result, text = LATER[what]
    peer.sends(lambda q: message(q, good()[:3]), make)
    still_served(server, retrieve(server, ZONE), result, text)


# --- connections

def first_part(q):
    return frame(message(q, good()[:3]))


def behave_closed(c, q):
    pass


def behave_half_way(c, q):
    c.sendall(first_part(q) + frame(message(q, good()[3:]))[:20])


def behave_no_end(c, q):
    c.sendall(first_part(q))


def behave_reset(c, q):
    c.setsockopt(1, 13, struct.pack('ii', 1, 0))       # SO_LINGER: RST
    c.sendall(first_part(q))
    time.sleep(0.2)


def behave_silent(c, q):
    time.sleep(5)


def behave_stuck(c, q):
    c.sendall(first_part(q))
    time.sleep(5)


def behave_drops(c, q):
    for octet in first_part(q):
        c.sendall(bytes((octet,)))
        time.sleep(0.2)


def behave_crawling(c, q):
    c.sendall(frame(message(q, [soa()])))
    for i in range(100):
        c.sendall(frame(message(q, [a('x%d' % i)])))
        time.sleep(0.1)


def behave_for_ever(c, q):
    text = (b'\xff' + b't' * 255) * 8
    c.sendall(frame(message(q, [soa()])))
    for i in range(100):
        c.sendall(frame(message(q, [rr('t%d.' % i + NAME, 16, text)])))
        time.sleep(0.1)


def behave_nothing_to_say(c, q):
    c.sendall(frame(message(q, [soa()])))
    for _ in range(100):
        c.sendall(frame(message(q, [])))
        time.sleep(0.1)


CONNECTION = {
    'closed at once': (behave_closed, 'unreachable', 'without an answer'),
    'closed half-way': (behave_half_way, 'unreachable', 'before the last SOA'),
    'no second SOA': (behave_no_end, 'unreachable', 'before the last SOA'),
    'reset': (behave_reset, 'unreachable', 'connection broke'),
    'silent': (behave_silent, 'unreachable', 'no whole message with records within'),
    'stuck': (behave_stuck, 'unreachable', 'no whole message with records within'),
    'an octet at a time': (behave_drops, 'unreachable', 'no whole message with records within'),
    'messages without records': (behave_nothing_to_say, 'unreachable', 'no whole message with records within'),
    'a message now and then': (behave_crawling, 'unreachable', "slower than 8 KiB within each 'transfer.timeout'"),
    'messages for ever': (behave_for_ever, 'too-large', "'transfer.time-max'"),
}


@pytest.mark.parametrize('what', CONNECTION)
def test_connections(server, peer, what):
    behave, result, text = CONNECTION[what]
    peer.behave = behave
    at = time.monotonic()
    told = retrieve(server, ZONE)
    assert time.monotonic() - at < 4.5
    still_served(server, told, result, text)


def test_nobody_is_there(server, peer):
    assert ask(server, 'PUT', BASE + '/zones/' + NAME, {'masters': ['127.0.0.1:1']})[0] == 204
    still_served(server, retrieve(server, ZONE), 'unreachable', 'no connection: connection refused')


# --- sizes

def test_too_many_records(server, peer):
    peer.sends(lambda q: message(q, [soa()]), *[
        (lambda q, i=i: message(q, [rr(b'\2%02x' % (i * 100 + n & 255) + POINTER, A, struct.pack('!I', i * 100 + n)) for n in range(100)])) for i in range(31)])
    still_served(server, retrieve(server, ZONE), 'too-large', "3000 records ('transfer.records-max')")


def test_too_many_records_outside_the_zone(server, peer):
    peer.sends(lambda q: message(q, [soa()]), *[
        (lambda q, i=i: message(q, [rr('o.', A, struct.pack('!I', i * 100 + n)) for n in range(100)])) for i in range(31)])
    still_served(server, retrieve(server, ZONE), 'too-large', "3000 records ('transfer.records-max')")


def test_too_much_memory(server, peer):
    """Owners of 250 octets, of which the message has 6 each."""
    long = (b'\x3f' + b'l' * 63) * 3
    where = 12 + 18 + len(soa())
    peer.sends(*[(lambda q, i=i: message(q, [soa()] * (i == 0) + [rr(long + POINTER, A, bytes(4))] + [
        rr(b'\3%03x' % n + struct.pack('!H', 0xc000 | where - (len(soa()) if i else 0)), A, bytes(4)) for n in range(i * 990, i * 990 + 990)])) for i in range(3)])
    still_served(server, retrieve(server, ZONE), 'too-large', "octets of memory ('transfer.memory-max')")


def test_too_many_octets(server, peer):
    text = (b'\xff' + b't' * 255) * 200
    peer.sends(lambda q: message(q, [soa()]), *[(lambda q, i=i: message(q, [rr('t%d.' % i + NAME, 16, text)])) for i in range(8)])
    still_served(server, retrieve(server, ZONE), 'too-large', "('transfer.octets-max')")


# --- what is put right

def test_records_outside_the_zone_are_dropped(server, peer):
    peer.sends(lambda q: message(q, [soa(), ns(), rr('www.other.example.', A, bytes(4)), rr('example.', NS, wire_name('x.')), a('www', 5), rr('xevil.example.', A, bytes(4)), soa()]))
    told = retrieve(server, ZONE)
    assert told['result'] == 'replaced' and told['dropped'] == 3 and told['records'] == 3
    assert '3 records outside the zone were dropped, the first: www.other.example. A' in server.log_text()
    assert {o for o, *_ in stored(server, ZONE)[0]} == {NAME, 'www.' + NAME} and address(server) == ['192.0.2.5']


def test_doubles_and_different_ttls(server, peer):
    peer.sends(lambda q: message(q, [soa(), ns(), a('WWW', 5, 300), a('www', 5, 200), a('www', 6, 100), a('t', 1, 0x80000001), soa()]))
    told = retrieve(server, ZONE)
    assert told['result'] == 'replaced' and told['records'] == 5
    assert stored(server, ZONE)[0] >= {('www.' + NAME, 'A', 100, '192.0.2.5'), ('www.' + NAME, 'A', 100, '192.0.2.6'), ('t.' + NAME, 'A', 0, '192.0.2.1')}


def test_one_record_a_message_and_all_at_once(server, peer):
    """However it is cut, and with the question in the first message alone."""
    for serial, messages in ((5, [lambda q: message(q, good(5, 5)[:1])] + [(lambda q, r=r: message(q, [r], question=b'')) for r in good(5, 5)[1:]]),
                             (6, [lambda q: message(q, good(6, 6))])):
        peer.sends(*messages)
        told = retrieve(server, ZONE)
        assert told['result'] == 'replaced' and told['serial'] == serial and address(server) == ['192.0.2.%d' % serial]


def test_older_and_equal_serials_are_taken(server, peer):
    peer.sends(lambda q: message(q, good(4, 44)))
    assert retrieve(server, ZONE)['result'] == 'replaced' and address(server) == ['192.0.2.44']
    peer.sends(lambda q: message(q, good(2, 22)))
    told = retrieve(server, ZONE)
    assert told['result'] == 'replaced' and told['serial'] == 2 and address(server) == ['192.0.2.22']
    assert 'serial 4 -> 2 (an older one)' in server.log_text()


def test_what_is_gone_is_gone_and_comments_stay(server, peer):
    assert ask(server, 'PATCH', BASE + '/zones/' + NAME, {'rrsets': [
        {'name': 'www.' + NAME, 'type': 'A', 'changetype': 'REPLACE', 'comments': [{'content': 'why', 'account': 'me'}]},
        {'name': 'own.' + NAME, 'type': 'TXT', 'ttl': 1, 'changetype': 'REPLACE', 'records': [{'content': '"x"', 'disabled': True}]}]})[0] == 204
    peer.sends(lambda q: message(q, good(9, 9)))
    assert retrieve(server, ZONE)['result'] == 'replaced'
    z = ask(server, 'GET', BASE + '/zones/' + NAME)[1]
    www = [s for s in z['rrsets'] if s['name'] == 'www.' + NAME]
    assert [c['content'] for c in www[0]['comments']] == ['why'] and www[0]['records'][0]['content'] == '192.0.2.9'
    assert not [s for s in z['rrsets'] if s['name'] == 'own.' + NAME] and z['serial'] == 9


# --- primaries

def test_the_next_primary_is_asked(server, peer):
    second = HostilePrimary()
    try:
        assert ask(server, 'PUT', BASE + '/zones/' + NAME, {'masters': ['127.0.0.1:1', '127.0.0.1:%d' % peer.port, '127.0.0.1:%d' % second.port]})[0] == 204
        peer.sends(BAD['CNAME and other data'][0])
        second.sends(lambda q: message(q, good(8, 8)))
        told = retrieve(server, ZONE)
        assert told['result'] == 'replaced' and told['primary'] == '127.0.0.1:%d' % second.port and address(server) == ['192.0.2.8']
        assert 'zone %s: transfer from 127.0.0.1:1: no connection' % NAME in server.log_text()
        # and one that is named is the only one
        peer.sends(lambda q: message(q, good(9, 9)))
        told = retrieve(server, ZONE, {'primary': '127.0.0.1:%d' % peer.port})
        assert told['result'] == 'replaced' and told['serial'] == 9 and len(second.queries) == 1
        assert retrieve(server, ZONE, {'primary': '127.0.0.1:1'})['result'] == 'unreachable'
    finally:
        second.stop()


def test_all_primaries_together_have_the_time_of_one_transfer(server, peer):
    """time-max is 3s: two of 2s each, and the third is not asked for longer than what is left."""
    others = [HostilePrimary(), HostilePrimary()]
    try:
        for p in (peer, *others):
            p.behave = behave_crawling
        assert ask(server, 'PUT', BASE + '/zones/' + NAME, {'masters': ['127.0.0.1:%d' % p.port for p in (peer, *others)]})[0] == 204
        at = time.monotonic()
        told = retrieve(server, ZONE)
        assert 2.5 < time.monotonic() - at < 4
        still_served(server, told, 'too-large', "longer than 'transfer.time-max'")
        assert not others[1].queries
    finally:
        for p in others:
            p.stop()


def test_a_slow_primary_leaves_a_slot_to_others(server, peer):
    """Two slots. Zones of 127.0.0.1, which says nothing for a second each, wait in front of one of 127.0.0.2."""
    other = HostilePrimary('127.0.0.2')
    slow = ['slow%d.example' % i for i in range(6)]
    try:
        for name in slow:
            make_secondary(server, name, '127.0.0.1:%d' % peer.port)
        make_secondary(server, 'quick.example', '127.0.0.2:%d' % other.port)
        peer.behave, n = behave_silent, len(peer.queries)
        other.sends(lambda q: message(q, [soa(1, 'quick.example.'), soa(1, 'quick.example.')]))
        for name in [*slow, 'quick.example']:
            assert ask(server, 'PUT', BASE + '/zones/%s./axfr-retrieve' % name)[0] == 200
        at = time.monotonic()
        assert wait_over(server, 'quick.example')['result'] == 'replaced'
        assert time.monotonic() - at < 1.8 and len(peer.queries) - n <= 4
        for name in slow:
            assert wait_over(server, name)['result'] == 'unreachable'
        assert len(peer.queries) - n == 6
    finally:
        other.stop()
        for name in [*slow, 'quick.example']:
            request(server, 'DELETE', BASE + '/zones/%s.' % name)


def test_a_zone_that_moves_on_to_a_busy_primary_waits_there(server, peer):
    """Its first primary is dead, its second one has the slot that it may have while others wait: it is put back, and asks that one alone later."""
    other = HostilePrimary('127.0.0.2')
    names = ['slow.example', 'hold.example', 'dead.example', 'wait.example']
    try:
        make_secondary(server, 'slow.example', '127.0.0.1:%d' % peer.port)
        make_secondary(server, 'dead.example', '127.0.0.3:1', '127.0.0.1:%d' % peer.port)
        for name in ('hold.example', 'wait.example'):
            make_secondary(server, name, '127.0.0.2:%d' % other.port)
        asked = []
        peer.behave = lambda c, q: (asked.append('slow'), time.sleep(5))
        other.behave = lambda c, q: (asked.append('other'), time.sleep(0.4))
        for name in names:      # the first two have both slots until hold.example is over
            assert ask(server, 'PUT', BASE + '/zones/%s./axfr-retrieve' % name)[0] == 200
            end = time.monotonic() + 5
            while name == names[0] and not asked and time.monotonic() < end:
                time.sleep(0.01)
        told = wait_over(server, 'dead.example')
        assert told['primary'] == '127.0.0.1:%d' % peer.port and 'no whole message' in told['last_error']
        assert asked == ['slow', 'other', 'other', 'slow']
        assert server.log_text().count('zone dead.example.: transfer from 127.0.0.3:1: no connection') == 1
    finally:
        other.stop()
        for name in names:
            request(server, 'DELETE', BASE + '/zones/%s.' % name)


def test_ipv6_and_the_source(server, peer):
    assert ask(server, 'PUT', BASE + '/zones/%s/metadata/AXFR-SOURCE' % NAME, {'metadata': ['127.0.0.9']})[0] == 200
    peer.peers.clear()
    assert retrieve(server, ZONE)['result'] == 'unchanged' and peer.peers[0][0] == '127.0.0.9'
    if not has_ipv6():
        return
    six = HostilePrimary('::1')
    try:
        six.sends(lambda q: message(q, good(7, 7)))
        assert ask(server, 'PUT', BASE + '/zones/' + NAME, {'masters': ['[::1]:%d' % six.port]})[0] == 204
        still_served(server, retrieve(server, ZONE), 'failed', 'other address family')
        assert request(server, 'DELETE', BASE + '/zones/%s/metadata/AXFR-SOURCE' % NAME)[0] in (200, 204)
        told = retrieve(server, ZONE)
        assert told['result'] == 'replaced' and told['primary'] == '[::1]:%d' % six.port and address(server) == ['192.0.2.7']
        assert ask(server, 'PUT', BASE + '/zones/%s/metadata/AXFR-SOURCE' % NAME, {'metadata': ['2001:db8::1']})[0] == 200
        told = retrieve(server, ZONE)
        assert told['result'] == 'failed' and 'AXFR-SOURCE is no address of this machine' in told['last_error']
    finally:
        six.stop()


def test_bodies_that_are_wrong(server, peer):
    for body, status, text in (({'primary': 'nobody'}, 422, 'is no address'), ({'primary': 7}, 422, 'not a String'), ([], 422, 'must be an object')):
        got = ask(server, 'PUT', BASE + '/zones/%s/axfr-retrieve' % NAME, body)
        assert got[0] == status and text in got[1]['error'], got


def test_asked_while_it_runs_it_is_retrieved_once_more(server, peer):
    n = len(peer.queries)

    def slowly(c, q):
        time.sleep(0.5)
        c.sendall(frame(message(q, good(4, 4))))
        peer.hold(c)
    peer.behave = slowly
    for _ in range(5):
        assert ask(server, 'PUT', BASE + '/zones/%s/axfr-retrieve' % NAME)[0] == 200
        time.sleep(0.05)
    end = time.monotonic() + 10
    while len(peer.queries) < n + 2 and time.monotonic() < end:
        time.sleep(0.05)
    wait_over(server, ZONE)
    time.sleep(0.7)
    assert len(peer.queries) == n + 2


# --- TSIG

def signed_stream(q, n_unsigned, last_signed=True, between=None, **sign):
    """SOA signed, then unsigned messages, then the end."""
    s = Signer(q, **{k: v for k, v in sign.items() if k in ('name', 'secret', 'shift_s')})
    how = {k: v for k, v in sign.items() if k not in ('name', 'secret', 'shift_s')}
    out = [s.signed(message(q, [soa(5), ns()]), **how)]
    for i in range(n_unsigned):
        out.append(s.unsigned(message(q, [a('n%d' % i, i % 250)])))
    end = message(q, [a('www', 5), soa(5)])
    out.append(s.signed(end) if last_signed else end)
    return out


def whole(q, **sign):
    """In one message."""
    s = Signer(q, **{k: v for k, v in sign.items() if k in ('name', 'secret', 'shift_s')})
    return [s.signed(message(q, good(5, 5)), **{k: v for k, v in sign.items() if k not in ('name', 'secret', 'shift_s')})]


def changed_between(q):
    out = signed_stream(q, 3)
    out[2] = out[2].replace(bytes((192, 0, 2, 1)), bytes((192, 0, 2, 66)))
    return out


def changed_last(q):
    out = signed_stream(q, 0)
    out[-1] = out[-1].replace(bytes((192, 0, 2, 5)), bytes((192, 0, 2, 66)))
    return out


def swapped(q):
    out = signed_stream(q, 3)
    return [out[0], out[2], out[1], *out[3:]]


def bad_key_answer(q):
    m = message(q, [], flags=0x8409)
    return [Signer(q).put(m, wire_name('hmac-sha256') + struct.pack('!HIHH', 0, int(time.time()), 300, 0) + q[:2] + struct.pack('!HH', 17, 0))]


def wrong_last(q):
    s = Signer(q)
    return [s.signed(message(q, [soa(5), ns()])), s.signed(message(q, [a('www', 5), soa(5)]), spoil=True)]


def repeated(q):
    """The signature of the first message on the second."""
    s = Signer(q)
    first = s.signed(message(q, [soa(5), ns()]))
    again = Signer(q).signed(message(q, [a('www', 5), soa(5)]))
    return [first, again]


TSIG_BAD = {
    'not signed': (lambda q: [message(q, good(5, 5))], 'the first message is not signed'),
    'a wrong signature': (lambda q: whole(q, spoil=True), 'BADSIG'),
    'another secret': (lambda q: whole(q, secret='YW5vdGhlciBzZWNyZXQ='), 'BADSIG'),
    'another key': (lambda q: whole(q, name='other.key.'), 'BADKEY'),
    'half a signature': (lambda q: whole(q, cut=16), '16 octets instead of 32'),
    'no signature in it': (lambda q: whole(q, cut=0), '0 octets instead of 32'),
    'an hour ago': (lambda q: whole(q, shift_s=-3600), 'BADTIME'),
    'in an hour': (lambda q: whole(q, shift_s=3600), 'BADTIME'),
    'the last not signed': (lambda q: signed_stream(q, 0, last_signed=False), 'the last message is not signed'),
    'a wrong last one': (wrong_last, 'BADSIG'),
    'one changed between': (changed_between, 'BADSIG'),
    'the last one changed': (changed_last, 'BADSIG'),
    'two swapped': (swapped, 'BADSIG'),
    'a signature again': (repeated, 'BADSIG'),
    '100 unsigned in a row': (lambda q: signed_stream(q, 100), 'more than 99 messages without'),
    'it does not know the key': (bad_key_answer, 'BADKEY: it has no such key'),
}


@pytest.mark.parametrize('what', TSIG_BAD)
def test_signatures_that_are_wrong(server, peer, what):
    make, text = TSIG_BAD[what]
    use_key(server)

    def behave(c, q):
        for m in make(q):
            c.sendall(frame(m))
        peer.hold(c)
    peer.behave = behave
    still_served(server, retrieve(server, ZONE), 'unauthentic', text)


@pytest.mark.parametrize('n_unsigned', [0, 1, 99])
def test_signatures_that_are_right(server, peer, n_unsigned):
    use_key(server)

    def behave(c, q):
        for m in signed_stream(q, n_unsigned):
            c.sendall(frame(m))
        peer.hold(c)
    peer.behave = behave
    told = retrieve(server, ZONE)
    assert told['result'] == 'replaced' and told['records'] == 3 + n_unsigned, (told, server.log_text())
    assert address(server) == ['192.0.2.5']


def test_signatures_now_and_then(server, peer):
    """Groups of messages, each with a signature at its end."""
    use_key(server)

    def behave(c, q):
        s = Signer(q)
        c.sendall(frame(s.signed(message(q, [soa(5), ns()]))))
        for i, n in enumerate((3, 0, 1, 40)):
            for k in range(n):
                c.sendall(frame(s.unsigned(message(q, [a('n%d-%d' % (i, k))]))))
            c.sendall(frame(s.signed(message(q, [a('s%d' % i)]))))
        c.sendall(frame(s.signed(message(q, [a('www', 5), soa(5)]))))
        peer.hold(c)
    peer.behave = behave
    told = retrieve(server, ZONE)
    assert told['result'] == 'replaced' and told['records'] == 3 + 44 + 4, (told, server.log_text())


def test_a_key_that_is_not_there(server, peer):
    assert ask(server, 'POST', BASE + '/tsigkeys', {'name': 'gone.', 'algorithm': 'hmac-sha256', 'key': SECRET})[0] == 201
    assert ask(server, 'PUT', BASE + '/zones/' + NAME, {'slave_tsig_key_ids': ['gone.']})[0] == 204
    assert request(server, 'DELETE', BASE + '/tsigkeys/gone.')[0] == 204
    still_served(server, retrieve(server, ZONE), 'failed', "names the TSIG key 'gone")
