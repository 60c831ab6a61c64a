#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the seed corpus of fuzz_frame (see there for the format): one frame for each kind of header."""
import os
import socket
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus', 'fuzz_frame')
IP_GOOD, UDP_GOOD, PARTIAL_OK, FILTER = 1, 2, 4, 8
MACS = bytes.fromhex('020000000001020000000002')
V4 = socket.inet_aton('192.0.2.1') + socket.inet_aton('192.0.2.2')
V6 = socket.inet_pton(socket.AF_INET6, '2001:db8::1') + socket.inet_pton(socket.AF_INET6, '2001:db8::2')


def checksum(data):
    data += b'\0' * (len(data) % 2)
    s = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def query(name, qtype, edns=False):
    labels = b''.join(bytes([len(x)]) + x.encode() for x in name.split('.') if x) + b'\0'
    opt = b'\0' + struct.pack('!HHIH', 41, 1232, 0, 0) if edns else b''
    return struct.pack('!6H', 0x1234, 0x0100, 1, 0, 0, 1 if edns else 0) + labels + struct.pack('!2H', qtype, 1) + opt


def udp(addresses, dns, sport=40000, dport=53, length=None, total=None, partial=False):
    n = 8 + len(dns) if length is None else length
    pseudo = addresses + struct.pack('!2H', 17, n)
    head = struct.pack('!3H', sport, dport, n)
    if total is None:
        total = checksum(pseudo + head + b'\0\0' + dns) or 0xffff
    if partial:
        total = ~checksum(pseudo) & 0xffff
    return head + struct.pack('!H', total) + dns


def tcp(addresses):
    """A SYN whose checksum is left to hardware."""
    pseudo = addresses + struct.pack('!2H', 6, 20)
    return struct.pack('!2H2I2B3H', 40000, 179, 1, 0, 0x50, 2, 65535, ~checksum(pseudo) & 0xffff, 0)


def ip4(payload, options=b'', proto=17, fragment=0x4000, addresses=V4, total=None):
    length = 20 + len(options) + len(payload) if total is None else total
    head = struct.pack('!2B3H2BH', 0x45 + len(options) // 4, 0, length, 7, fragment, 57, proto, 0) + addresses + options
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + payload


def ip6(payload, first=17, extension=b'', addresses=V6):
    return struct.pack('!IHBB', 0x60012345, len(extension) + len(payload), first, 60) + addresses + extension + payload


def ether(payload, kind, tags=()):
    return MACS + b''.join(struct.pack('!2H', t, 0x2064) for t in tags) + struct.pack('!H', kind) + payload


def f4(packet, **more):
    return ether(packet, 0x0800, **more)


def f6(packet, **more):
    return ether(packet, 0x86dd, **more)


Q = query('x.w.t', 16)
PADN = bytes([1, 4, 0, 0, 0, 0])
SEEDS = {
    'v4': (0, f4(ip4(udp(V4, Q)))), 'v6': (0, f6(ip6(udp(V6, Q)))),
    'v4-edns': (0, f4(ip4(udp(V4, query('b.t', 16, True))))), 'v6-edns': (0, f6(ip6(udp(V6, query('x.c.t', 28, True))))),
    'v4-trusted': (IP_GOOD | UDP_GOOD, f4(ip4(udp(V4, query('t', 6), total=1)))),
    'v6-trusted': (UDP_GOOD, f6(ip6(udp(V6, query('a.t', 1), total=1)))),
    'v4-partial': (PARTIAL_OK, f4(ip4(udp(V4, Q, partial=True)))), 'v6-partial': (PARTIAL_OK, f6(ip6(udp(V6, Q, partial=True)))),
    'v4-none': (0, f4(ip4(udp(V4, Q, total=0)))), 'v6-none': (0, f6(ip6(udp(V6, Q, total=0)))),
    'v4-filter': (FILTER, f4(ip4(udp(V4, Q)))), 'v6-filter': (FILTER, f6(ip6(udp(V6, Q, dport=5353)))),
    'v4-options': (0, f4(ip4(udp(V4, Q), options=b'\x94\x04\0\0' + b'\1' * 8))), 'v4-tag': (0, f4(ip4(udp(V4, Q)), tags=(0x8100,))),
    'v6-tags': (0, f6(ip6(udp(V6, Q)), tags=(0x88a8, 0x8100))), 'tags': (0, f4(ip4(udp(V4, Q)), tags=(0x8100,) * 3)),
    'v4-fragment': (0, f4(ip4(udp(V4, Q), fragment=0x2000))), 'v4-tcp': (0, f4(ip4(b'\0' * 20, proto=6))),
    'v4-padded': (0, f4(ip4(udp(V4, Q[:12]))) + b'\0' * 20), 'v4-long': (0, f4(ip4(udp(V4, Q, length=400)))),
    'v4-short': (0, f4(ip4(udp(V4, Q), total=27))), 'v4-port0': (0, f4(ip4(udp(V4, Q, sport=0)))),
    'v4-loopback': (0, f4(ip4(udp(b'\x7f\0\0\1' + V4[4:], Q), addresses=b'\x7f\0\0\1' + V4[4:]))),
    'v6-hop': (0, f6(ip6(udp(V6, Q), 0, bytes([17, 0]) + PADN))),
    'v6-chain': (0, f6(ip6(udp(V6, Q), 0, bytes([60, 0]) + PADN + bytes([43, 0]) + PADN + bytes([17, 0, 0, 0, 0, 0, 0, 0])))),
    'v6-route': (0, f6(ip6(udp(V6, Q), 43, bytes([17, 0, 0, 1, 0, 0, 0, 0])))),
    'v6-fragment': (0, f6(ip6(udp(V6, Q), 44, bytes([17, 0, 0, 1, 0, 0, 0, 1])))),
    'v6-esp': (0, f6(ip6(b'\0' * 16, 50))), 'arp': (0, ether(b'\0\1\x08\0\6\4\0\1' + b'\0' * 20, 0x0806)), 'runt': (0, MACS),
    'tcp4-partial': (PARTIAL_OK, f4(ip4(tcp(V4), proto=6))), 'tcp6-partial': (PARTIAL_OK, f6(ip6(tcp(V6), 6), tags=(0x88a8, 0x8100))),
    'icmp6': (0, f6(ip6(bytes([135, 0, 0, 0]) + b'\0' * 20, 58))), 'lldp': (0, ether(b'\2\7\4' + b'\0' * 20, 0x88cc)),
    'response': (0, f4(ip4(udp(V4, Q[:2] + b'\x81' + Q[3:])))), 'empty': (0, f4(ip4(udp(V4, b'')))),
}
os.makedirs(HERE, exist_ok=True)
for name, (flags, frame) in SEEDS.items():
    with open(os.path.join(HERE, name), 'wb') as out:
        out.write(bytes([flags]) + frame)
