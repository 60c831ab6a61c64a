# SPDX-License-Identifier: GPL-3.0-or-later
"""How messages are treated: EDNS, sizes, cookies, opcodes, and octets that are no proper query (RFC 8906)."""
import os
import shutil
import struct
import subprocess
import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

import siphash
from suite import free_port, has_ipv6, release_port, send_udp

NAME = b'\3www\7example\0'
QUESTION = NAME + b'\0\1\0\1'


def header(flags=0, qd=1, an=0, ns=0, ar=0, qid=0x4d52):
    return struct.pack('!6H', qid, flags, qd, an, ns, ar)


def opt(payload=1232, version=0, options=b'', owner=b'\0', flags=0):
    return owner + struct.pack('!HHBBHH', 41, payload, 0, version, flags, len(options)) + options


def option(code, data=b''):
    return struct.pack('!HH', code, len(data)) + data


def options_of(response, code):
    return [o for o in response.options if o.otype == code]


def rcode_of(octets):
    """RCODE with the OPT's upper bits, from the octets alone (malformed queries get minimal responses)."""
    try:
        return dns.rcode.to_text(dns.message.from_wire(octets).rcode())
    except ValueError:      # dnspython has no word for this opcode
        return dns.rcode.to_text(octets[3] & 15)


# claim, message, RCODE of the response ('' = none), whether the question is echoed
MESSAGES = [
    ('a query is answered', header() + QUESTION, 'NOERROR', True),
    ('no question', header(qd=0), 'FORMERR', False),
    ('no question but a COOKIE (RFC 7873 5.4)', header(qd=0, ar=1) + opt(options=option(10, b'clientck')), 'NOERROR', False),
    ('two questions', header(qd=2) + QUESTION + QUESTION, 'FORMERR', None),
    ('65535 questions', header(qd=65535) + QUESTION, 'FORMERR', None),
    ('octets behind the message', header() + QUESTION + b'G', 'FORMERR', None),
    ('octets behind the OPT', header(ar=1) + QUESTION + opt() + b'xyz', 'FORMERR', None),
    ('an OPT that is not counted', header() + QUESTION + opt(), 'FORMERR', None),
    ('an OPT that is counted and not there', header(ar=1) + QUESTION, 'FORMERR', None),
    ('a question cut short', header() + QUESTION[:-1], 'FORMERR', False),
    ('a question that is not there', header(), 'FORMERR', False),
    ('a name that runs past the end', header() + b'\x3fabc', 'FORMERR', False),
    ('a compressed question', header() + b'\3www\xc0\x0c\0\1\0\1', 'FORMERR', False),
    ('a question that points to itself', header() + b'\xc0\x0c\0\1\0\1', 'FORMERR', False),
    ('a label of an unknown kind', header() + b'\x41a\0\0\1\0\1', 'FORMERR', False),
    ('a name of 256 octets', header() + (b'\x3f' + b'a' * 63) * 3 + b'\x3e' + b'b' * 62 + b'\0\0\1\0\1', 'FORMERR', False),
    ('a name of 255 octets', header() + (b'\x3f' + b'a' * 63) * 3 + b'\x3d' + b'b' * 61 + b'\0\0\1\0\1', 'REFUSED', True),
    ('two OPT (RFC 6891 6.1.1)', header(ar=2) + QUESTION + opt() + opt(), 'FORMERR', None),
    ('an OPT that the root does not own', header(ar=1) + QUESTION + opt(owner=b'\1x\0'), 'FORMERR', None),
    ('an OPT in the answer section', header(an=1) + QUESTION + opt(), 'FORMERR', None),
    ('an option longer than its OPT', header(ar=1) + QUESTION + opt()[:-2] + b'\0\6\0\3\0\x20ab', 'FORMERR', None),
    ('a cookie of 4 octets (RFC 7873 5.2.2)', header(ar=1) + QUESTION + opt(options=option(10, b'1234')), 'FORMERR', None),
    ('an owner that points to itself', header(ar=1) + QUESTION + b'\xc0' + bytes([12 + len(QUESTION)]) + struct.pack('!HHIH', 65000, 1, 0, 0), 'FORMERR', None),
    ('an owner that points beyond the message', header(ar=1) + QUESTION + b'\1x\xff\0' + struct.pack('!HHIH', 65000, 1, 0, 0), 'FORMERR', None),
    ('an owner that points into the header', header(ar=1) + QUESTION + b'\xc0\4' + struct.pack('!HHIH', 65000, 1, 0, 0), 'FORMERR', None),
    ('an owner that points to the question', header(ar=1) + QUESTION + b'\xc0\x0c' + struct.pack('!HHIH', 65000, 1, 0, 0), 'NOERROR', True),
    ('EDNS version 1', header(ar=1) + QUESTION + opt(version=1), 'BADVERS', True),
    ('EDNS version 255 with options', header(ar=1) + QUESTION + opt(version=255, options=option(3)), 'BADVERS', True),
    ('unknown EDNS options', header(ar=1) + QUESTION + opt(options=option(65001, b'x') + option(65002)), 'NOERROR', True),
    ('unknown EDNS flags', header(ar=1) + QUESTION + opt(flags=0x7fff), 'NOERROR', True),
    ('a record beside the OPT', header(ar=2) + QUESTION + b'\0' + struct.pack('!HHIH', 65000, 1, 0, 1) + b'x' + opt(), 'NOERROR', True),
    ('unknown header flags', header(flags=0x0070) + QUESTION, 'NOERROR', True),
    ('an RCODE in the query', header(flags=0x000f) + QUESTION, 'NOERROR', True),
    ('opcode IQUERY', header(flags=1 << 11) + QUESTION, 'NOTIMP', None),
    ('opcode STATUS', header(flags=2 << 11) + QUESTION, 'NOTIMP', None),
    ('opcode 3', header(flags=3 << 11) + QUESTION, 'NOTIMP', None),
    ('opcode UPDATE', header(flags=5 << 11) + b'\7example\0\0\6\0\1', 'NOTIMP', None),
    ('opcode 15', header(flags=15 << 11) + QUESTION, 'NOTIMP', None),
    ('a response', header(flags=0x8000) + QUESTION, '', None),
    ('a response with everything set', header(flags=0xffff) + QUESTION, '', None),
    ('11 octets', header()[:11], '', None),
    ('1 octet', b'x', '', None),
]


@pytest.mark.parametrize('transport', ['udp', 'tcp'])
@pytest.mark.parametrize('claim,wire,rcode,echoed', MESSAGES, ids=[m[0] for m in MESSAGES])
def test_message(suite, claim, wire, rcode, echoed, transport):
    ask = suite.udp if transport == 'udp' else suite.tcp
    octets = ask(wire, timeout=0.4 if rcode == '' else 2.0)
    if rcode == '':
        assert octets is None
        assert suite.udp(header() + QUESTION) is not None, 'and the next query is answered'
        return
    assert octets is not None, 'no response'
    assert octets[:2] == wire[:2] and octets[2] & 0xf8 == 0x80 | wire[2] & 0x78, 'ID, QR and opcode'
    assert rcode_of(octets) == rcode
    if echoed is not None:
        assert octets[4:6] == struct.pack('!H', echoed)


@pytest.mark.parametrize('transport', ['udp', 'tcp'])
def test_only_a_malformed_option_brings_an_opt_with_formerr(suite, transport):
    """RFC 6891 7: that tells it from a server without EDNS. Other errors: as Knot, NSD and BIND, none."""
    ask = suite.udp if transport == 'udp' else suite.tcp
    for length in (0, 4, 7, 9, 15, 41):
        octets = ask(header(ar=1) + QUESTION + opt(options=option(65001, b'x') + option(10, b'c' * length) + option(10, b'clientck')))
        response = dns.message.from_wire(octets)
        assert response.rcode() == dns.rcode.FORMERR and response.edns == 0, length
    for wire in (header(ar=2) + QUESTION + opt() + opt(), header(ar=1) + QUESTION + opt() + b'x', header(ar=1) + QUESTION + opt(options=b'abc'),
                 header(ar=1) + QUESTION + opt(options=option(10, b'c') + b'abc')):
        response = dns.message.from_wire(ask(wire))
        assert response.rcode() == dns.rcode.FORMERR and response.edns == -1


def test_source_of_unknown_opcodes_keeps_being_served(suite):
    for opcode in range(16):
        suite.udp(header(flags=opcode << 11) + QUESTION, timeout=0.2, tries=1)
    assert suite.ask('www.example').answer


# --- sizes

@pytest.mark.parametrize('payload,limit', [(None, 512), (0, 512), (511, 512), (512, 512), (700, 700), (1232, 1232), (4096, 1232), (65535, 1232)])
@pytest.mark.parametrize('name,qtype', [('medium.example', 'TXT'), ('large.example', 'TXT'), ('x.manyglue.example', 'A')])
def test_udp_responses_keep_to_the_limit_and_tcp_has_the_rest(suite, name, qtype, payload, limit):
    query = dns.message.make_query(name, qtype, use_edns=0 if payload is not None else -1, payload=payload or 0)
    octets, whole = suite.udp(query), suite.tcp(query)
    assert len(octets) <= limit
    short, full = dns.message.from_wire(octets), dns.message.from_wire(whole)
    assert not full.flags & dns.flags.TC
    assert bool(short.flags & dns.flags.TC) == (len(whole) > limit), 'TC exactly when it does not fit'
    if not short.flags & dns.flags.TC:
        assert octets[2:] == whole[2:]


def test_optional_addresses_are_left_out_rather_than_truncating(make_suite):
    hosts = ''.join('@ MX %d m%d\nm%d AAAA 2001:db8::%x\n' % (i, i, i, i) for i in range(16))
    s = make_suite({'z': '$ORIGIN z.\n$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS m0\n' + hosts}).start()
    s.wait_answer('z.')
    response = dns.message.from_wire(s.udp(dns.message.make_query('z', 'MX')))
    assert not response.flags & dns.flags.TC and len(response.answer[0]) == 16
    assert 0 < len(response.additional) < 16


def test_our_opt_announces_our_own_limit(suite):
    for payload in (512, 4096):
        response = suite.ask('www.example', use_edns=0, payload=payload)
        assert response.edns == 0 and response.payload == 1232 and not response.ednsflags
    assert suite.ask('www.example', use_edns=0, want_dnssec=True).ednsflags == dns.flags.DO
    assert suite.ask('www.example', use_edns=-1).edns == -1, 'no OPT for those who sent none'


def test_a_large_set_over_tcp_up_to_65535_octets(make_suite):
    octets = 'x' * 250
    s = make_suite({'z': '$ORIGIN z.\n$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\n' +
                    ''.join('big TXT "%03d%s"\n' % (i, octets) for i in range(240))}).start()
    s.wait_answer('z.')
    assert dns.message.from_wire(s.udp(dns.message.make_query('big.z', 'TXT'))).flags & dns.flags.TC
    whole = s.tcp(dns.message.make_query('big.z', 'TXT'))
    assert len(whole) > 60000 and len(dns.message.from_wire(whole).answer[0]) == 240


# --- options

def test_nsid_is_given_to_those_who_ask(suite):
    response = suite.ask('www.example', use_edns=0, options=[dns.edns.GenericOption(dns.edns.NSID, b'')])
    assert [o.data for o in options_of(response, dns.edns.NSID)] == [b'wire-test']
    assert not options_of(suite.ask('www.example', use_edns=0), dns.edns.NSID)


def test_refused_says_why(suite):
    """RFC 8914 4.21: Not Authoritative."""
    response = suite.ask('www.elsewhere.test', use_edns=0)
    assert [o.code for o in options_of(response, dns.edns.EDE)] == [20]


def test_a_zone_that_cannot_be_loaded_is_servfail_and_says_so(make_suite):
    s = make_suite({'good': '$ORIGIN good.\n@ 60 SOA a b 1 2 3 4 5\n@ 60 NS a\na 60 A 192.0.2.1\n', 'bad': '@ 60 SOA this is not a zone\n'})
    s.start()
    s.wait_answer('good.')
    response = s.wait_answer('x.bad.', want=lambda m: m.rcode() == dns.rcode.SERVFAIL)
    assert not response.answer and not response.flags & dns.flags.AA
    response = s.ask('x.bad', use_edns=0)
    assert [o.code for o in options_of(response, dns.edns.EDE)] == [14], 'Not Ready (RFC 8914 4.15)'


def cookie_of(response):
    found = options_of(response, dns.edns.COOKIE)
    assert len(found) == 1
    return found[0].client + found[0].server if hasattr(found[0], 'client') else found[0].data


SECRET = bytes(range(16))


def test_siphash_of_this_test_agrees_with_rfc_9018():
    for secret, client, address, rest, cookie in siphash.RFC9018:
        assert siphash.server_cookie(secret, client, address, rest) == cookie


@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
def test_server_cookies_are_those_of_rfc_9018(suite, address):
    if address == '::1' and not has_ipv6():
        pytest.skip('this machine has no IPv6 loopback')
    client = b'\x24\x64\xc4\xab\xcf\x10\xc9\x57'
    cookie = cookie_of(suite.ask('www.example', a=address, use_edns=0, options=[dns.edns.GenericOption(10, client)]))
    assert cookie[:8] == client and cookie[8:12] == b'\1\0\0\0'
    stamp = struct.unpack('!I', cookie[12:16])[0]
    assert abs(stamp - time.time()) < 10
    assert cookie[16:] == siphash.server_cookie(SECRET, client, address, cookie[8:16])[8:]
    # ours comes back unchanged while it is young, and also over TCP
    for tcp in (False, True):
        again = suite.ask('www.example', a=address, tcp=tcp, use_edns=0, options=[dns.edns.GenericOption(10, cookie)])
        assert cookie_of(again) == cookie and again.answer


NSD = '''server:
 ip-address: 127.0.0.1@%d
 server-count: 1
 username: ""
 database: ""
 zonesdir: "%s"
 pidfile: "%s/pid"
 xfrdfile: "%s/xfrd"
 zonelistfile: "%s/list"
 xfrdir: "%s"
 answer-cookie: yes
 cookie-secret: "%s"
remote-control:
 control-enable: no
'''
KNOT = '''server:
 rundir: %s
 listen: 127.0.0.1@%d
database:
 storage: %s
mod-cookies:
 - id: c
   secret: 0x%s
template:
 - id: default
   global-module: mod-cookies/c
'''


@pytest.mark.parametrize('peer', ['nsd', 'knotd'])
def test_cookies_are_those_of_another_server_with_the_same_secret(suite, peer, tmp_path):
    program = shutil.which(peer, path=os.environ['PATH'] + ':/usr/sbin')
    if program is None:
        pytest.skip('%s is not installed' % peer)
    port = free_port(['127.0.0.1'], 15500, 15520)
    d = str(tmp_path)
    text = NSD % (port, d, d, d, d, d, SECRET.hex()) if peer == 'nsd' else KNOT % (d, port, d, SECRET.hex())
    (tmp_path / 'conf').write_text(text)
    other = subprocess.Popen([program, '-c', d + '/conf', *(['-d'] if peer == 'nsd' else [])], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=d)
    query = dns.message.make_query('www.example', 'A', use_edns=0, options=[dns.edns.GenericOption(10, b'\1\2\3\4\5\6\7\x08')])
    try:
        theirs = None
        for _ in range(50):
            octets = send_udp(('127.0.0.1', port), query.to_wire(), timeout=0.2, tries=1)
            if octets is not None:
                theirs = cookie_of(dns.message.from_wire(octets))
                break
        assert theirs is not None and len(theirs) == 24
        # a cookie that is known, and young, comes back as it is
        again = dns.message.make_query('www.example', 'A', use_edns=0, options=[dns.edns.GenericOption(10, theirs)])
        assert cookie_of(dns.message.from_wire(suite.udp(again))) == theirs
        forged = theirs[:-1] + bytes([theirs[-1] ^ 1])
        again = dns.message.make_query('www.example', 'A', use_edns=0, options=[dns.edns.GenericOption(10, forged)])
        ours = cookie_of(dns.message.from_wire(suite.udp(again)))
        assert ours != forged
        back = dns.message.make_query('www.example', 'A', use_edns=0, options=[dns.edns.GenericOption(10, ours)])
        assert cookie_of(dns.message.from_wire(send_udp(('127.0.0.1', port), back.to_wire()))) == ours, 'and ours is known there'
    finally:
        other.terminate()
        other.wait(10)
        release_port(port)


def test_cookies_that_are_wrong_or_old_get_a_new_one_and_an_answer(suite):
    client = b'client!!'
    for rest, hash_of in ((b'\1\0\0\0' + struct.pack('!I', int(time.time())), b'\0' * 8),
                          (b'\1\0\0\0' + struct.pack('!I', int(time.time()) - 7200), None), (b'\2\0\0\0\0\0\0\0', b'12345678')):
        old = client + (siphash.server_cookie(SECRET, client, '127.0.0.1', rest) if hash_of is None else rest + hash_of)
        response = suite.ask('www.example', use_edns=0, options=[dns.edns.GenericOption(10, old)])
        assert response.answer and cookie_of(response) != old and cookie_of(response)[:8] == client


def test_keepalive_is_for_tcp_alone(suite):
    """RFC 7828 3.2.1 and 3.2.2."""
    ask = [dns.edns.GenericOption(11, b'')]
    assert not options_of(suite.ask('www.example', use_edns=0, options=ask), 11)
    response = suite.ask('www.example', tcp=True, use_edns=0, options=ask)
    assert len(options_of(response, 11)) == 1 and len(options_of(response, 11)[0].data) == 2


def test_texts_that_are_not_configured_are_refused(make_suite):
    s = make_suite({'z': '$ORIGIN z.\n@ 60 SOA a b 1 2 3 4 5\n@ 60 NS a\na 60 A 192.0.2.1\n'}).start()
    s.wait_answer('z.')
    for name in ('version.bind', 'id.server', 'hostname.bind'):
        assert s.ask(name, 'TXT', 'CH').rcode() == dns.rcode.REFUSED
    assert not options_of(s.ask('z', 'SOA', use_edns=0, options=[dns.edns.GenericOption(3, b'')]), 3)
