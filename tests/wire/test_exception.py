# SPDX-License-Identifier: GPL-3.0-or-later
"""The exception path: what is not DNS reaches the server's kernel through the port's twin, and what the kernel says comes
back; DNS never goes that way (docs/ports.md)."""
import socket
import struct
import subprocess
import time

import dns.message
import pytest

import netns
from netns import CLIENT4, CLIENT6, SERVER4, SERVER6, ip
from suite import Suite, send_tcp, send_udp
from taplab import PORT_IF, TWIN, MemifLab, TapLab
from test_dpdk import QUERY, checksum, udp4, udp6
from test_stats import counters

VLAN, OUTER = 7, 5
PEER_ZONE = '@ 60 SOA a b 1 2 3 4 5\n@ 60 NS a\na 60 A 192.0.2.1\n'
ETH_P_ALL = socket.htons(3)


def port_lines(*more, device=TapLab.device):
    return ['ports:', '  - device: "%s"' % device, '    addresses: ["%s:53", "[%s]:53"]' % (SERVER4, SERVER6),
            '    exception: tap', '    exception-interface: %s' % TWIN, *('    ' + m for m in more)]


def start(suite, lab, mtu=1500):
    suite.start()
    lab.connect(mtu)
    end = time.monotonic() + 20
    while not lab.as_client(send_udp, (SERVER4, 53), QUERY, 0.5, 1):
        suite.must_run()
        assert time.monotonic() < end, 'no answer through the port\n' + suite.log_text()


def make_lab(kind, *args):
    try:
        return kind(*args)
    except (PermissionError, subprocess.CalledProcessError, FileNotFoundError) as e:
        pytest.skip('network namespaces are not permitted here: %s' % netns.reason(e))


@pytest.fixture(scope='module')
def tap_lab():
    n = make_lab(TapLab)
    try:
        yield n
    finally:
        n.remove()


@pytest.fixture(scope='module')
def memif_lab(build):
    n = make_lab(MemifLab, lambda namespace, lines: Suite(build, {'peer.test': PEER_ZONE}, {}, ['127.0.0.1'], 53, ['ip', 'netns', 'exec', namespace], lines))
    try:
        yield n
    finally:
        n.remove()


@pytest.fixture(scope='module', params=['tap', 'memif'])
def port(request, build, zone_texts):
    """-> (suite, lab) with a running exception path."""
    lab = request.getfixturevalue(request.param + '_lab')
    s = Suite(build, zone_texts, {}, [SERVER4], 53, lab.serve(), port_lines('mtu: 9000', device=lab.device))
    try:
        start(s, lab, 9000)
        yield s, lab
    finally:
        s.remove()


# --- what a client does

def echo(address, octets=32, seconds=5.0):
    """An ICMP echo request of so many octets, and whether all of them came back."""
    six = ':' in address
    body = bytes(i & 255 for i in range(octets))
    head = struct.pack('!BBHHH', 128 if six else 8, 0, 0, 0x4d52, 1)
    if not six:     # the kernel makes it for ICMPv6
        head = head[:2] + struct.pack('!H', checksum(head + body)) + head[4:]
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    with socket.socket(family, socket.SOCK_RAW, protocol) as s:
        s.sendto(head + body, (address, 0))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            s.settimeout(max(0.001, end - time.monotonic()))
            try:
                b = s.recv(65535)
            except socket.timeout:
                return False
            b = b if six else b[20:]
            if b[0] == (129 if six else 0) and b[4:6] == b'\x4d\x52':
                return b[8:] == body
    return False


def neighbours(namespace, interface):
    """{address: MAC} of those that answered."""
    out = subprocess.run(['ip', '-n', namespace, 'neigh', 'show', 'dev', interface], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return {r[0]: bytes.fromhex(r[r.index('lladdr') + 1].replace(':', '')) for r in rows if 'lladdr' in r and 'FAILED' not in r}


def receive(s):
    """The next frame that is not our own, with its VLAN tag, which the kernel hands over beside it."""
    while True:
        b, aux, _, where = s.recvmsg(65535, 256)
        if where[2] == socket.PACKET_OUTGOING:
            continue
        for level, kind, data in aux:
            status, _, _, _, _, tci, tpid = struct.unpack('=IIIHHHH', data[:20])
            if (level, kind) == (263, 8) and status & 0x10:     # SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID
                return b[:12] + struct.pack('!HH', tpid if status & 0x40 else 0x8100, tci) + b[12:]
        return b


def packet_socket(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ETH_P_ALL)
    s.setsockopt(263, 8, 1)
    s.bind((interface, 0))
    return s


def exchange(interface, frame, is_reply, seconds=5.0):
    """Send a frame; the first frame that is the reply, or None."""
    with packet_socket(interface) as s:
        s.send(frame)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            s.settimeout(max(0.001, end - time.monotonic()))
            try:
                b = receive(s)
            except socket.timeout:
                return None
            if is_reply(b):
                return b
    return None


def tagged(frame, *tags):
    return frame[:12] + b''.join(struct.pack('!HH', *t) for t in tags) + frame[12:]


# --- the kernel's part

@pytest.mark.parametrize('client,server', [(CLIENT4, SERVER4), (CLIENT6, SERVER6)])
def test_neighbours_are_found(port, client, server):
    s, lab = port
    for n, i in ((lab.client, PORT_IF), (lab.server, TWIN)):
        ip('-n', n, 'neigh', 'flush', 'dev', i)
    assert lab.as_client(send_udp, (server, 53), QUERY, 5, 1), s.log_text()
    assert neighbours(lab.client, PORT_IF)[server] == lab.server_mac
    # and the other way round
    ip('-n', lab.server, 'neigh', 'flush', 'dev', TWIN)
    assert lab.inside(lab.server, echo, client)
    assert neighbours(lab.server, TWIN)[client] == lab.client_mac


@pytest.mark.parametrize('address', [SERVER4, SERVER6])
def test_echo_is_answered(port, address):
    s, lab = port
    assert lab.as_client(echo, address), s.log_text()
    assert lab.as_client(echo, address, 1400)


@pytest.mark.parametrize('address', [SERVER4, SERVER6])
def test_tcp_is_answered(port, address):
    s, lab = port
    octets = lab.as_client(send_tcp, (address, 53), QUERY)
    assert octets is not None, s.log_text()
    assert dns.message.from_wire(octets).answer


def test_dig_over_tcp(port):
    s, lab = port
    r = subprocess.run(['ip', 'netns', 'exec', lab.client, 'dig', '+tcp', '+short', '+time=5', '+tries=1', '@' + SERVER4, 'www.example', 'A'],
                       capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
    assert r.returncode == 0 and '192.0.2.80' in r.stdout.split(), r.stdout + r.stderr


def passed(now):
    return now['exception_packets_total', 'to-kernel']


@pytest.mark.parametrize('address', [SERVER4, SERVER6])
def test_dns_over_udp_does_not_go_that_way(port, address):
    s, lab = port
    assert lab.as_client(echo, address)     # neighbours know one another
    before = counters(s)
    n = 200

    def ask():
        return sum(send_udp((address, 53), struct.pack('!H', i) + QUERY[2:], 5, 1) is not None for i in range(n))
    assert lab.as_client(ask) == n
    after = counters(s)
    transport = 'udp6' if ':' in address else 'udp4'
    assert after['queries_total', transport] - before['queries_total', transport] == n
    assert passed(after) - passed(before) < n / 10, 'the kernel may talk of neighbours and groups meanwhile, no more'


@pytest.mark.parametrize('claim,make,reason', [
    ('a wrong UDP checksum', lambda lab: udp4(lab, udp_sum=0x1234), 'udp-checksum'),
    ('a wrong IPv4 checksum', lambda lab: udp4(lab, ip_sum=0x1234), 'ip-checksum'),
    ('source port 0', lambda lab: udp4(lab, sport=0), 'source-port-0'),
    ('a UDP length beyond the packet', lambda lab: udp4(lab, udp_len=500), 'udp-length'),
    ('IPv6 without a UDP checksum', lambda lab: udp6(lab, udp_sum=0), 'udp-checksum'),
], ids=lambda x: x if isinstance(x, str) else None)
def test_damaged_dns_is_still_dropped(port, claim, make, reason):
    s, lab = port
    before = counters(s)
    assert not lab.as_client(exchange, PORT_IF, make(lab), lambda b: b[12:14] in (b'\x08\0', b'\x86\xdd') and b[23] == 17, 0.3)
    end = time.monotonic() + 5
    while counters(s)['drops_total', reason] == before['drops_total', reason]:
        assert time.monotonic() < end, reason
        time.sleep(0.05)


def arp_request(lab):
    return (b'\xff' * 6 + lab.client_mac + b'\x08\x06' + struct.pack('!HHBBH', 1, 0x0800, 6, 4, 1) + lab.client_mac + socket.inet_aton(CLIENT4)
            + bytes(6) + socket.inet_aton('198.18.0.9'))


OTHERS = [
    ('a fragment', lambda lab: udp4(lab, fragment=0x2000), b'\x08\0'),
    ('UDP to another port', lambda lab: udp4(lab, dport=9953), b'\x08\0'),
    ('UDP to another address', lambda lab: udp4(lab, dst='198.18.0.77'), b'\x08\0'),
    ('an unknown EtherType', lambda lab: lab.server_mac + lab.client_mac + b'\x88\xb5' + b'experiment' * 5, b'\x88\xb5'),
    ('LLDP, to a group', lambda lab: bytes.fromhex('0180c200000e') + lab.client_mac + b'\x88\xcc' + b'\0' * 46, b'\x88\xcc'),
    ('ESP over IPv6', lambda lab: udp6(lab, next_header=50), b'\x86\xdd'),
    ('ARP with a VLAN tag', lambda lab: tagged(arp_request(lab), (0x8100, VLAN)), b'\x81\0'),
    ('ARP with two', lambda lab: tagged(arp_request(lab), (0x88a8, OUTER), (0x8100, VLAN)), b'\x88\xa8'),
    ('three VLAN tags', lambda lab: tagged(udp4(lab), (0x88a8, 1), (0x8100, 2), (0x8100, 3)), b'\x88\xa8'),
    ('a large frame', lambda lab: lab.server_mac + lab.client_mac + b'\x88\xb5' + bytes(range(250)) * 32, b'\x88\xb5'),
]


@pytest.mark.parametrize('claim,make,kind', OTHERS, ids=[o[0] for o in OTHERS])
def test_all_else_reaches_the_kernel_as_it_was(port, claim, make, kind):
    s, lab = port
    frame = make(lab)

    def listen():
        with packet_socket(TWIN) as twin:
            twin.settimeout(10)
            lab.as_client(send_frames, [frame])
            while True:
                b = receive(twin)
                if b[12:14] == kind and b[:len(frame)] == frame:
                    return True
    assert lab.inside(lab.server, listen)


def send_frames(frames, interface=PORT_IF):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((interface, 0))
        for f in frames:
            s.send(f)


# --- VLAN tags

TAGS = [[(0x8100, VLAN)], [(0x88a8, OUTER), (0x8100, VLAN)], [(0x8100, OUTER), (0x8100, VLAN)], [(0x8100, 0x2000 | VLAN)]]


@pytest.mark.parametrize('tags', TAGS, ids=['802.1Q', '802.1ad', 'two of 802.1Q', 'with a priority'])
@pytest.mark.parametrize('make', [udp4, udp6])
def test_a_query_with_tags_is_answered_with_them(port, tags, make):
    s, lab = port
    head = lab.client_mac + lab.server_mac + b''.join(struct.pack('!HH', *t) for t in tags)
    response = lab.as_client(exchange, PORT_IF, tagged(make(lab), *tags), lambda b: b[:len(head)] == head)
    assert response is not None, s.log_text()
    at = len(head) + 2 + (28 if make is udp4 else 48)
    m = dns.message.from_wire(response[at:at + struct.unpack('!H', response[at - 4:at - 2])[0] - 8])
    assert m.answer and m.id == 0x4d52


def add_vlan(namespace, parent, name, protocol, number, address):
    ip('-n', namespace, 'link', 'add', 'link', parent, 'name', name, 'type', 'vlan', 'proto', protocol, 'id', str(number))
    ip('-n', namespace, 'link', 'set', name, 'up')
    if address:
        ip('-n', namespace, 'addr', 'add', address, 'dev', name)


def test_the_kernel_has_vlans_over_the_twin(port):
    """Interfaces for 802.1Q, and for 802.1Q in 802.1ad, on the twin: ARP and ICMP with tags both ways."""
    s, lab = port
    try:
        add_vlan(lab.server, TWIN, 'mtq', '802.1Q', VLAN, '198.18.7.1/24')
    except subprocess.CalledProcessError as e:
        pytest.skip('this kernel has no VLAN interfaces: %s' % netns.reason(e))
    try:
        add_vlan(lab.client, PORT_IF, 'mtq', '802.1Q', VLAN, '198.18.7.2/24')
        for n, parent, last in ((lab.server, TWIN, 1), (lab.client, PORT_IF, 2)):
            add_vlan(n, parent, 'mto', '802.1ad', OUTER, None)
            add_vlan(n, 'mto', 'mtqq', '802.1Q', VLAN, '198.18.57.%d/24' % last)
        assert lab.as_client(echo, '198.18.7.1'), s.log_text()
        assert lab.as_client(echo, '198.18.57.1'), s.log_text()
    finally:
        for n in (lab.server, lab.client):
            for i in ('mtqq', 'mto', 'mtq'):
                subprocess.run(['ip', '-n', n, 'link', 'delete', i], capture_output=True)


# --- large frames

def padded_query(octets):
    """A query with an EDNS padding option (RFC 7830) that makes it so long."""
    padding = octets - len(QUERY) - 15
    opt = b'\0' + struct.pack('!HHIHHH', 41, 1232, 0, padding + 4, 12, padding) + bytes(padding)
    return QUERY[:11] + b'\1' + QUERY[12:] + opt


@pytest.mark.parametrize('octets', [1473, 2500, 8000])
def test_a_query_in_a_jumbo_frame_is_answered(port, octets):
    s, lab = port
    octets = lab.as_client(send_udp, (SERVER4, 53), padded_query(octets), 5, 1)
    assert octets is not None, s.log_text()
    assert dns.message.from_wire(octets).answer


def test_a_large_echo_request_reaches_the_kernel(port):
    """Its reply comes in fragments: a tap of DPDK sends no frames above 1522 octets."""
    s, lab = port
    ip('-n', lab.server, 'link', 'set', TWIN, 'mtu', '1500')
    try:
        assert lab.as_client(echo, SERVER4, 8000), s.log_text()
    finally:
        ip('-n', lab.server, 'link', 'set', TWIN, 'mtu', '9000')
