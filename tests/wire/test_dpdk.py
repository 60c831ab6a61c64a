# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite on a DPDK port: AF_XDP and AF_PACKET on a veth in a namespace of the test's own, asked from
another namespace, with frames made by hand where sockets cannot make them."""
import socket
import struct
import time

import dns.flags
import dns.message
import pytest

import netns
from suite import Suite, send_tcp, send_udp

DEVICES = {
    'af_packet': 'net_af_packet0,iface=mts',
    'af_xdp': 'net_af_xdp0,iface=mts',
}
QUERY = dns.message.make_query('www.example', 'A', id=0x4d52).to_wire()


@pytest.fixture(scope='module', params=DEVICES)
def port(request, build, zone_texts, lab):
    """-> (suite, lab) with the suite running on a DPDK port in the lab's server namespace."""
    dataplane = ['ports:', '  - device: "%s"' % DEVICES[request.param], '    addresses: ["%s:53", "[%s]:53"]' % (netns.SERVER4, netns.SERVER6)]
    s = Suite(build, zone_texts, {}, [netns.SERVER4], 53, lab.serve(), dataplane)
    try:
        s.start(wait=False)
        try:
            s.wait_ready()
        except AssertionError:
            if 'af_xdp' in request.param and any(x in s.log_text() for x in ('EPERM', 'Operation not permitted', 'Operation not supported', 'not available')):
                pytest.skip('AF_XDP is not permitted here')
            raise
        end = time.monotonic() + 20
        while not lab.as_client(send_udp, (netns.SERVER4, 53), QUERY, 0.5, 1):
            s.must_run()
            assert time.monotonic() < end, 'no answer through the port\n' + s.log_text()
        yield s, lab
    finally:
        s.remove()


@pytest.mark.parametrize('address', [netns.SERVER4, netns.SERVER6])
def test_udp_is_answered_through_the_port(port, address):
    s, lab = port
    for name, qtype in (('www.example', 'A'), ('x.wild.example', 'TXT'), ('host.delegated.example', 'A'), ('nx.example', 'A')):
        query = dns.message.make_query(name, qtype)
        octets = lab.as_client(send_udp, (address, 53), query.to_wire())
        assert octets is not None, s.log_text()
        assert query.is_response(dns.message.from_wire(octets))


@pytest.mark.parametrize('address', [netns.SERVER4, netns.SERVER6])
def test_tcp_goes_past_it_to_the_stream_process(port, address):
    s, lab = port
    octets = lab.as_client(send_tcp, (address, 53), QUERY)
    assert octets is not None, s.log_text()
    assert dns.message.from_wire(octets).answer


def test_a_thousand_queries_from_as_many_ports(port):
    s, lab = port

    def ask():
        lost = 0
        for i in range(1000):
            lost += send_udp((netns.SERVER4, 53), struct.pack('!H', i) + QUERY[2:], 1, 1) is None
        return lost
    assert lab.as_client(ask) == 0


# --- frames by hand

def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp4(lab, payload=QUERY, sport=40000, dport=53, src=netns.CLIENT4, dst=netns.SERVER4, options=b'', fragment=0, vlan=None,
         udp_sum=None, ip_sum=None, udp_len=None, ttl=64):
    source, target = socket.inet_aton(src), socket.inet_aton(dst)
    length = 8 + len(payload) if udp_len is None else udp_len
    udp = struct.pack('!4H', sport, dport, length, 0) + payload
    total = checksum(source + target + struct.pack('!BBH', 0, 17, 8 + len(payload)) + udp) or 0xffff
    udp = udp[:6] + struct.pack('!H', total if udp_sum is None else udp_sum) + payload
    ihl = 5 + len(options) // 4
    head = struct.pack('!BBHHHBBH4s4s', 0x40 | ihl, 0, 4 * ihl + len(udp), 7, fragment, ttl, 17, 0, source, target) + options
    head = head[:10] + struct.pack('!H', checksum(head) if ip_sum is None else ip_sum) + head[12:]
    tag = b'' if vlan is None else struct.pack('!HH', 0x8100, vlan)
    return lab.server_mac + lab.client_mac + tag + b'\x08\x00' + head + udp


def udp6(lab, payload=QUERY, sport=40000, extensions=b'', next_header=17, udp_sum=None, src=netns.CLIENT6, dst=netns.SERVER6):
    source, target = socket.inet_pton(socket.AF_INET6, src), socket.inet_pton(socket.AF_INET6, dst)
    udp = struct.pack('!4H', sport, 53, 8 + len(payload), 0) + payload
    total = checksum(source + target + struct.pack('!IHBB', len(udp), 0, 0, 17) + udp) or 0xffff
    udp = udp[:6] + struct.pack('!H', total if udp_sum is None else udp_sum) + payload
    head = struct.pack('!IHBB', 6 << 28, len(extensions) + len(udp), next_header, 64) + source + target
    return lab.server_mac + lab.client_mac + b'\x86\xdd' + head + extensions + udp


def is_response(frame):
    """UDP from port 53; not what the kernel says in ICMP about the query, which it sees as well on AF_PACKET."""
    if frame[12:14] == b'\x08\x00':
        return frame[23] == 17 and frame[34:36] == b'\0\x35'
    return frame[12:14] == b'\x86\xdd' and frame[20] == 17 and frame[54:56] == b'\0\x35'


def exchange_frames(interface, frames, wait=0.5):
    """Send each frame; -> for each, the response frame from port 53 or None."""
    out = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
        s.bind((interface, 0))
        for f in frames:
            while True:
                s.setblocking(False)
                try:
                    s.recv(65535)
                except BlockingIOError:
                    break
            s.setblocking(True)
            s.send(f)
            found, end = None, time.monotonic() + wait
            while found is None and time.monotonic() < end:
                s.settimeout(max(0.001, end - time.monotonic()))
                try:
                    b, where = s.recvfrom(65535)
                except socket.timeout:
                    break
                if where[2] != socket.PACKET_OUTGOING and is_response(b):
                    found = b
            out.append(found)
    return out


FRAMES = [
    # claim, how to make it, answered (or by which device alone)
    ('an ordinary query', lambda lab: udp4(lab), True),
    ('IPv4 options', lambda lab: udp4(lab, options=b'\x01\x01\x01\x00'), True),
    ('a UDP checksum of zero, which IPv4 allows', lambda lab: udp4(lab, udp_sum=0), True),
    ('padding behind the packet', lambda lab: udp4(lab) + b'\0' * 7, True),
    ('source port 0', lambda lab: udp4(lab, sport=0), False),
    ('a wrong UDP checksum', lambda lab: udp4(lab, udp_sum=0x1234), False),
    ('a wrong IPv4 checksum', lambda lab: udp4(lab, ip_sum=0x1234), False),
    ('a first fragment', lambda lab: udp4(lab, fragment=0x2000), False),
    ('a later fragment', lambda lab: udp4(lab, fragment=0x0008), False),
    ('a UDP length longer than the packet', lambda lab: udp4(lab, udp_len=500), False),
    ('a UDP length shorter than its header', lambda lab: udp4(lab, udp_len=7), False),
    ('an address that is not ours', lambda lab: udp4(lab, dst='198.18.0.77'), False),
    ('a broadcast source address', lambda lab: udp4(lab, src='255.255.255.255'), False),
    ('a response', lambda lab: udp4(lab, payload=QUERY[:2] + b'\x80' + QUERY[3:]), False),
    ('IPv6', lambda lab: udp6(lab), True),
    ('IPv6 with a hop-by-hop header', lambda lab: udp6(lab, extensions=b'\x11\0\1\4\0\0\0\0', next_header=0), 'af_packet'),     # AF_XDP's filter program leaves these to the kernel
    ('IPv6 with two extension headers', lambda lab: udp6(lab, extensions=b'\x3c\0\1\4\0\0\0\0' + b'\x11\0\1\4\0\0\0\0', next_header=0), 'af_packet'),
    ('IPv6 with a fragment header', lambda lab: udp6(lab, extensions=b'\x11\0\0\1\0\0\0\7', next_header=44), False),
    ('IPv6 without a UDP checksum', lambda lab: udp6(lab, udp_sum=0), False),
]


@pytest.mark.parametrize('claim,make,answered', FRAMES, ids=[f[0] for f in FRAMES])
def test_frame(port, claim, make, answered):
    s, lab = port
    if isinstance(answered, str):
        answered = answered in s.dataplane[1]
    # a good query behind it proves that the port still answers
    response, after = lab.as_client(exchange_frames, lab.client_if, [make(lab), udp4(lab, sport=40001)])
    assert after is not None, 'the next query was not answered\n' + s.log_text()
    assert (response is not None) == answered
    if not answered:
        return
    assert response[:6] == lab.client_mac and response[6:12] == lab.server_mac
    if response[12:14] == b'\x08\x00':
        ihl = (response[14] & 15) * 4
        assert checksum(response[14:14 + ihl]) == 0, 'IPv4 checksum'
        assert response[26:30] == socket.inet_aton(netns.SERVER4) and response[30:34] == socket.inet_aton(netns.CLIENT4)
        total = struct.unpack('!H', response[16:18])[0]
        udp = response[14 + ihl:14 + total]
        pseudo = response[26:34] + struct.pack('!BBH', 0, 17, len(udp))
    else:
        assert response[22:38] == socket.inet_pton(socket.AF_INET6, netns.SERVER6)
        udp = response[54:54 + struct.unpack('!H', response[18:20])[0]]
        pseudo = response[22:54] + struct.pack('!IHBB', len(udp), 0, 0, 17)
    assert struct.unpack('!2H', udp[:4]) == (53, 40000)
    assert udp[6:8] == b'\0\0' or checksum(pseudo + udp) == 0, 'UDP checksum'
    assert dns.message.from_wire(udp[8:]).flags & dns.flags.QR


def ping(address):
    """An ICMP echo, and whether it came back; ARP goes before it."""
    body = struct.pack('!BBHHH', 8, 0, 0, 0x4d52, 1) + b'echo' * 8
    body = body[:2] + struct.pack('!H', checksum(body)) + body[4:]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.sendto(body, (address, 0))
        end = time.monotonic() + 2
        while time.monotonic() < end:
            s.settimeout(max(0.001, end - time.monotonic()))
            try:
                b = s.recv(4096)
            except socket.timeout:
                return False
            if b[20] == 0 and b[24:26] == b'\x4d\x52':
                return True
    return False


def test_what_is_not_dns_reaches_the_kernel(port):
    """A suite on AF_XDP or AF_PACKET does not take ARP and ICMP away."""
    s, lab = port
    assert lab.as_client(ping, netns.SERVER4)
