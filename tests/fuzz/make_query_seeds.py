#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the seed corpus of fuzz_query (see there for the format): one query for each branch of the engine."""
import os
import struct

import dns.name

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus', 'fuzz_query')
STREAM, IPV6, DAMAGE, BURST = 1, 2, 4, 8
OPT = b'\0' + struct.pack('!HHIH', 41, 1232, 0, 0)


def opt(payload=1232, ttl=0, options=b''):
    return b'\0' + struct.pack('!HHIH', 41, payload, ttl, len(options)) + options


def option(code, data=b''):
    return struct.pack('!HH', code, len(data)) + data


def query(name, qtype, extra=b'', flags=0x0100, qclass=1, qd=1, ar=None):
    n = dns.name.from_text(name).to_wire()
    ar = (1 if extra else 0) if ar is None else ar
    return struct.pack('!6H', 0x1234, flags, qd, 0, 0, ar) + n + struct.pack('!HH', qtype, qclass) + extra


A, NS, CNAME, SOA, MX, TXT, DNAME, DS, ANY, SVCB, SRV = 1, 2, 5, 6, 15, 16, 39, 43, 255, 64, 33
COOKIE = option(10, b'clientck')
SEEDS = {
    'apex-soa': (0, query('t', SOA)), 'apex-ns': (IPV6, query('t', NS, OPT)), 'case': (0, query('D.T', A)),
    'mx': (0, query('t', MX, opt(4096, 0x8000))), 'chain': (0, query('a.t', A)), 'loop': (0, query('l.t', A)),
    'chain-out': (0, query('x.t', A)), 'chain-zone': (0, query('y.t', A)), 'wild': (BURST, query('q.w.t', TXT)),
    'wild-deep': (0, query('a.b.c.w.t', MX)), 'wild-cname': (0, query('q.v.t', A)), 'wild-loop': (0, query('q.i.t', A)),
    'ent': (0, query('p.p.t', A)), 'nxdomain': (BURST, query('nx.t', A, OPT)), 'nx-deep': (0, query('1.2.3.nx.t', A)),
    'nodata': (0, query('d.t', TXT)), 'any': (0, query('t', ANY)), 'referral': (0, query('x.c.t', A, OPT)),
    'ds': (0, query('c.t', DS)), 'glue': (0, query('ns.c.t', A)), 'cut-occluded': (0, query('f.e.t', TXT)),
    'dname': (0, query('t.g.t', A)), 'dname-zone': (0, query('d.j.t', A)), 'dname-self': (0, query('x.q.t', A)),
    'yxdomain': (0, query('y' * 60 + '.' + 'y' * 60 + '.z.t', A)), 'dname-owner': (0, query('g.t', DNAME)),
    'nested': (0, query('d.u.t', A)), 'nested-cut': (0, query('x.ns.u.t', A)), 'outside': (0, query('example', A)),
    'unavailable': (0, query('x.n.t', A, OPT)), 'root': (0, query('.', NS)), 'svcb': (0, query('r.t', SVCB)),
    'srv': (0, query('_s._t.t', SRV)), 'unknown': (0, query('o.t', 65280)),
    'big-udp': (0, query('t.b', TXT)), 'big-edns': (0, query('t.b', TXT, opt(4096))), 'big-tcp': (STREAM, query('t.b', TXT)),
    'big-referral': (0, query('x.c.b', A)), 'big-mx': (0, query('m.b', MX, OPT)), 'big-mx-tcp': (STREAM | IPV6, query('m.b', MX)),
    'badvers': (0, query('t', SOA, opt(ttl=1 << 16))), 'two-opt': (0, query('t', SOA, OPT + OPT, ar=2)),
    'nsid': (0, query('t', SOA, opt(options=option(3)))), 'cookie': (0, query('t', SOA, opt(options=COOKIE))),
    'cookie-full': (IPV6, query('t', SOA, opt(options=option(10, b'clientck\1\0\0\0\x65\x53\xf1\0hashhash')))),
    'cookie-only': (0, struct.pack('!6H', 1, 0, 0, 0, 0, 1) + opt(options=COOKIE)),
    'keepalive': (STREAM, query('t', SOA, opt(options=option(11)))), 'padding': (0, query('t', SOA, opt(options=option(12, b'\0' * 9)))),
    'unknown-option': (0, query('t', SOA, opt(options=option(65001, b'x') + option(65002)))),
    'version': (0, query('version.bind', TXT, qclass=3)), 'identity': (0, query('id.server', TXT, OPT, qclass=3)),
    'class-any': (0, query('t', SOA, qclass=255)), 'notify': (0, query('t', SOA, flags=0x2400)),
    'update': (0, query('t', SOA, flags=0x2800)), 'response': (0, query('t', SOA, flags=0x8000)),
    'qd0': (0, query('t', SOA, qd=0)), 'qd2': (0, query('t', SOA, b'\0\0\1\0\1', qd=2, ar=0)),
    'trailing': (0, query('t', SOA, b'xyz', ar=0)), 'tsig': (0, query('t', SOA, b'\1k\0' + struct.pack('!HHIH', 250, 255, 0, 0))),
    'compressed': (0, struct.pack('!6H', 1, 0, 1, 0, 0, 0) + b'\1a\xc0\x0c\0\1\0\1'),
    'additional': (0, query('t', SOA, b'\0' + struct.pack('!HHIH', 65280, 1, 0, 2) + b'ab' + OPT, ar=2)),
}
# one word of the arena overwritten: the header's directory, and places all over the images
for i, (at, width, value) in enumerate([(0x40, 2, 0xffffff), (0x40, 2, 0x200), (0x1000, 2, 0xffffffff), (0x1200, 1, 0xffff), (0x2000, 0, 0xff), (0x3000, 2, 8)]):
    body = struct.pack('<I', at)[:3] + bytes([width]) + struct.pack('<I', value)
    SEEDS['damage-%d' % i] = (DAMAGE, b'\1' + body + query(['a.t', 'x.c.t', 'nx.t', 't.b', 'q.w.t', 't.g.t'][i], A, OPT))

os.makedirs(HERE, exist_ok=True)
for name, (mode, octets) in SEEDS.items():
    with open(os.path.join(HERE, name), 'wb') as f:
        f.write(bytes([mode]) + octets)
