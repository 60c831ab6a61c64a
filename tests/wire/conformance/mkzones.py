#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate an awkward but loadable zone set, deterministic by seed.

  mkzones.py --seed N --out DIR [--sign none|nsec|nsec3|optout|mix] [--names 60] [--style plain|fancy] [--root]

Writes DIR/*.zone (what servers should load: signed if --sign), DIR/unsigned/*.zone (before signing) and
DIR/zones.json  {"zones":[{"name","file","unsigned","signed","denial"}...]}.
Signing: dnssec-signzone with an Ed25519 key derived from the seed and fixed validity (2020-2036), so the output
is byte-identical for the same seed and version of BIND.  Every file loads in BIND 9.18, Knot 3.2, NSD 4.6, PowerDNS 4.7.
"""
import argparse
import base64
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dnswire as W  # noqa: E402


def esc(label, rnd=None):
    """label bytes -> presentation; specials as \\c or \\DDD at random."""
    out = ''
    for c in label:
        ch = chr(c)
        if ch.isalnum() and c < 128 or ch in '-_*/':
            out += ch
        elif ch in '.\\"();@$' and rnd and rnd.random() < 0.5:
            out += '\\' + ch
        else:
            out += '\\%03d' % c
    return out


class Gen:
    def __init__(self, o):
        self.o = o
        self.r = random.Random('mkzones-%d' % o.seed)
        self.n = o.seed
        self.maxname = 253 if o.sign in ('nsec3', 'optout') else 255     # dnssec-signzone hashes *.name
        self.zones = {}          # labels -> list of (labels, ttl, type text, rdata text)

    # ---- names
    def label(self):
        r = self.r
        k = r.random()
        if k < 0.55:
            return bytes(r.choice(b'abcdefghijklmnopqrstuvwxyz') for _ in range(r.randint(1, 10)))
        if k < 0.65:
            return bytes(r.choice(b'ABCdefGHIjkl0189') for _ in range(r.randint(1, 12)))
        if k < 0.72:
            return b'_' + bytes(r.choice(b'abcdst') for _ in range(r.randint(1, 6)))
        if k < 0.77:
            return bytes(r.choice(b'az-09') for _ in range(63))
        if k < 0.82:
            return r.choice([b'a.b', b'back\\slash', b'qu"ote', b'semi;colon', b'par(en)', b'at@sign', b'dol$lar', b'sp ace', b'tab\tx', b'comma,', b"apo'", b'#hash', b'*x', b'x*', b'**'])
        if k < 0.87:
            return r.choice([b'\0', b'\0\0', b'\xff', b'\x7f', b'\x01a', b'nul\0in', b'\xc3\xa5\xc3\xa4', b'\x80\xc0', b'A\x80b', b'[', b'^', b'`', b'{', b'@'])
        if k < 0.93:
            return b'xn--' + bytes(r.choice(b'abcz09') for _ in range(r.randint(3, 9)))
        return str(r.randint(0, 99999)).encode()

    def name(self, zone, depth=None):
        return tuple(self.label() for _ in range(depth or self.r.choice([1, 1, 1, 2, 2, 3, 4, 6]))) + zone

    def t(self, n):
        """target name text, absolute"""
        return '.' if not n else '.'.join(esc(x) for x in n) + '.'

    # ---- rdata
    def ip4(self):
        return '.'.join(str(self.r.randint(0, 255)) for _ in range(4))

    def ip6(self):
        return ':'.join('%x' % self.r.choice([0, 0, 1, 0xdb8, self.r.randint(0, 65535)]) for _ in range(8))

    def b64(self, a, b):
        return base64.b64encode(self.r.randbytes(self.r.randint(a, b))).decode()

    def hx(self, a, b=None):
        return self.r.randbytes(self.r.randint(a, b or a)).hex()

    def cstr(self, lo=0, hi=255, printable=False):
        r = self.r
        n = r.choice([lo, 1, 5, 20, min(hi, 254), hi]) if hi > 20 else r.randint(lo, hi)
        n = max(lo, min(hi, n))
        b = bytes(r.randint(32, 126) for _ in range(n)) if printable or r.random() < 0.7 else r.randbytes(n)
        s = ''
        for c in b:
            if c in (0x22, 0x5c):
                s += '\\' + chr(c)
            elif 32 <= c < 127:
                s += chr(c)
            else:
                s += '\\%03d' % c
        return '"' + s + '"'

    def rr(self, typ, zone):
        r = self.r
        tgt = lambda: self.t(r.choice([self.name(zone, 1), (b'ns1',) + zone, (b'host1',) + zone, (b'out', b'side', b'example'), zone, ()]))
        G = lambda num, b: 'TYPE%d \\# %d %s' % (num, len(b), b.hex())
        n = lambda: W.enc_name(r.choice([self.name(zone, 1), (b'host1',) + zone, (b'out', b'side', b'example')]))
        d = {
            'A': lambda: 'A ' + self.ip4(), 'AAAA': lambda: 'AAAA ' + self.ip6(),
            'MX': lambda: 'MX %d %s' % (r.randint(0, 65535), tgt()),
            'TXT': lambda: 'TXT ' + ' '.join(self.cstr() for _ in range(r.choice([1, 1, 2, 3, 6]))),
            'SPF': lambda: 'SPF ' + self.cstr(), 'HINFO': lambda: 'HINFO %s %s' % (self.cstr(0, 20, True), self.cstr(0, 20, True)),
            'PTR': lambda: 'PTR ' + tgt(), 'RP': lambda: 'RP %s %s' % (tgt(), tgt()), 'MINFO': lambda: 'MINFO %s %s' % (tgt(), tgt()),
            'AFSDB': lambda: 'AFSDB %d %s' % (r.randint(0, 9), tgt()), 'KX': lambda: 'KX %d %s' % (r.randint(0, 9), tgt()),
            'RT': lambda: G(21, struct.pack('!H', r.randint(0, 9)) + n()),
            'SRV': lambda: 'SRV %d %d %d %s' % (r.randint(0, 65535), r.randint(0, 65535), r.randint(0, 65535), tgt()),
            'NAPTR': lambda: 'NAPTR %d %d "%s" "%s" "%s" %s' % (r.randint(0, 65535), r.randint(0, 100), r.choice(['', 'u', 's', 'A']), r.choice(['', 'E2U+sip', 'http']), r.choice(['', '!^.*$!sip:x@y.z!', '!^(\\\\\\\\d+)$!\\\\\\\\1!']), tgt()),
            'LOC': lambda: 'LOC %d %d %d.%03d %s %d %d %d.%03d %s %d.%02dm %dm %dm %dm' % (r.randint(0, 89), r.randint(0, 59), r.randint(0, 59), r.randint(0, 999), r.choice('NS'), r.randint(0, 179), r.randint(0, 59), r.randint(0, 59), r.randint(0, 999), r.choice('EW'), r.randint(-100, 5000), r.randint(0, 99), r.choice([1, 10, 20]), r.choice([100, 10000]), r.choice([10, 30])),
            'CERT': lambda: 'CERT %d %d %d %s' % (r.randint(1, 5), r.randint(0, 65535), r.randint(0, 15), self.b64(1, 60)),
            'SSHFP': lambda: 'SSHFP %d 2 %s' % (r.randint(1, 4), self.hx(32)), 'TLSA': lambda: 'TLSA %d %d 1 %s' % (r.randint(0, 3), r.randint(0, 1), self.hx(32)),
            'SMIMEA': lambda: 'SMIMEA %d %d 2 %s' % (r.randint(0, 3), r.randint(0, 1), self.hx(64)), 'DHCID': lambda: 'DHCID ' + self.b64(35, 35),
            'OPENPGPKEY': lambda: 'OPENPGPKEY ' + self.b64(20, 300), 'CAA': lambda: 'CAA %d %s %s' % (r.choice([0, 128]), r.choice(['issue', 'issuewild', 'iodef', 'x1']), self.cstr(0, 60, True)),
            'URI': lambda: 'URI %d %d %s' % (r.randint(0, 9), r.randint(0, 9), '"https://www.example.com/%s"' % self.hx(3)),
            'EUI48': lambda: 'EUI48 ' + '-'.join('%02x' % r.randint(0, 255) for _ in range(6)), 'EUI64': lambda: 'EUI64 ' + '-'.join('%02x' % r.randint(0, 255) for _ in range(8)),
            'DS': lambda: 'DS %d %d 2 %s' % (r.randint(0, 65535), r.choice([8, 13, 15, 250]), self.hx(32)),
            'CSYNC': lambda: 'CSYNC %d 3 A NS AAAA' % r.randint(0, 2 ** 32 - 1),
            'SVCB': lambda: 'SVCB %s' % self.svcb(tgt), 'HTTPS': lambda: 'HTTPS %s' % self.svcb(tgt),
            'APL': lambda: G(42, bytes([0, 1, 24, 3]) + r.randbytes(2) + bytes([r.randint(1, 255)])),
            'IPSECKEY': lambda: G(45, bytes([10, 1, 2]) + r.randbytes(4 + r.randint(1, 40))),
            'HIP': lambda: G(55, bytes([4, 2, 0, 8]) + r.randbytes(12)), 'KEY': lambda: G(25, b'\x02\0\3\1' + r.randbytes(20)),
            'PX': lambda: G(26, b'\0\1' + n() + n()), 'X25': lambda: G(19, b'\x0531150'), 'ISDN': lambda: G(20, b'\x05150-1\x03004'),
            'NID': lambda: G(104, r.randbytes(10)), 'L32': lambda: G(105, r.randbytes(6)), 'L64': lambda: G(106, r.randbytes(10)), 'LP': lambda: G(107, b'\0\1' + n()),
            'MB': lambda: G(7, n()), 'MG': lambda: G(8, n()), 'MR': lambda: G(9, n()), 'NULL': lambda: G(10, r.randbytes(r.randint(1, 50))),
            'TYPE65280': lambda: G(65280, r.randbytes(r.choice([0, 1, 17, 300]))), 'TYPE1234': lambda: G(1234, r.randbytes(r.randint(1, 9))), 'TYPE62347': lambda: G(62347, b''),
        }
        return d[typ]()

    def svcb(self, tgt):
        r = self.r
        if r.random() < 0.25:
            return '0 ' + tgt()
        p = []
        if r.random() < 0.7:
            p.append('alpn=' + r.choice(['h2', 'h2,h3', 'h3']))
        if r.random() < 0.5:
            p.append('port=%d' % r.randint(0, 65535))
        if r.random() < 0.4:
            p.append('ipv4hint=' + ','.join(self.ip4() for _ in range(r.randint(1, 3))))
        if r.random() < 0.3:
            p.append('ipv6hint=2001:db8::%x' % r.randint(1, 65535))
        return '%d %s %s' % (r.randint(1, 65535), tgt(), ' '.join(p))

    # ---- zones
    def add(self, zone, owner, rd, ttl=None):
        typ = rd.split()[0]
        z = self.zones[zone]
        key = (W.lower(owner), typ)
        ttl = z['ttl'].setdefault(key, ttl if ttl is not None else self.r.choice([0, 1, 60, 300, 3600, 86400, 604800]))
        if (key, rd.lower()) in z['seen']:
            return
        z['seen'].add((key, rd.lower()))
        z['rr'].append((owner, ttl, rd))
        z['own'].setdefault(key[0], set()).add(typ)

    def new(self, zone, ns=None, soattl=3600, minimum=300):
        self.zones[zone] = {'rr': [], 'ttl': {}, 'seen': set(), 'own': {}, 'cuts': set(), 'dn': set(), 'style': self.o.style}
        self.add(zone, zone, 'SOA %s %s %d 7200 3600 1209600 %d' % (self.t(ns[0] if ns else (b'ns1',) + zone), self.t((b'host.master',) + zone), 2026000000 + self.n, minimum), soattl)
        for x in ns or [(b'ns1',) + zone, (b'ns2',) + zone]:
            self.add(zone, zone, 'NS ' + self.t(x), 3600)
            if x[-len(zone):] == zone:
                self.add(zone, x, 'A ' + self.ip4())
                if self.r.random() < 0.5:
                    self.add(zone, x, 'AAAA ' + self.ip6())

    def free(self, zone, name):
        """may ordinary data live at this name?"""
        z = self.zones[zone]
        n = W.lower(name)
        if len(W.enc_name(n)) > self.maxname or z['own'].get(n, set()) & {'CNAME', 'DNAME'}:
            return False
        for i in range(1, len(n) - len(zone) + 1):
            if n[i:] in z['dn']:
                return False
        for i in range(0, len(n) - len(zone)):
            if n[i:] in z['cuts']:
                return False
        return True

    def cname(self, zone, owner, target):
        if W.lower(owner) not in self.zones[zone]['own'] and self.free(zone, owner):
            self.add(zone, owner, 'CNAME ' + self.t(target))

    def cut(self, zone, owner, ns, ds=None):
        if W.lower(owner) in self.zones[zone]['own'] or not self.free(zone, owner):
            return
        self.zones[zone]['cuts'].add(W.lower(owner))
        for x in ns:
            self.add(zone, owner, 'NS ' + self.t(x), 3600)
        for d in ds or []:
            self.add(zone, owner, d, 600)

    def main_zone(self, Z, other):
        r, add = self.r, self.add
        self.new(Z)
        z = self.zones[Z]
        L = lambda s: tuple(s.encode().split(b'.')) + Z
        add(Z, Z, 'MX 10 ' + self.t(L('mail')))
        add(Z, Z, 'TXT "v=spf1 -all"')
        add(Z, Z, 'CAA 0 issue "ca.example"')
        add(Z, Z, 'HTTPS 1 . alpn=h2')
        add(Z, L('mail'), 'A 192.0.2.25')
        add(Z, L('host1'), 'A 192.0.2.1')
        add(Z, L('HOST1'), 'A 192.0.2.2')
        add(Z, L('Host1'), 'AAAA 2001:db8::1')
        types = ['A', 'AAAA', 'MX', 'TXT', 'SPF', 'HINFO', 'PTR', 'RP', 'MINFO', 'AFSDB', 'KX', 'RT', 'SRV', 'NAPTR', 'LOC', 'CERT', 'SSHFP', 'TLSA', 'SMIMEA', 'DHCID', 'OPENPGPKEY', 'CAA', 'URI', 'EUI48', 'EUI64', 'CSYNC', 'SVCB', 'HTTPS', 'APL', 'IPSECKEY', 'HIP', 'KEY', 'PX', 'X25', 'ISDN', 'NID', 'L32', 'L64', 'LP', 'MB', 'MG', 'MR', 'NULL', 'TYPE65280', 'TYPE1234', 'TYPE62347']
        for i, ty in enumerate(types):                       # every type once at a name of its own
            for _ in range(r.choice([1, 1, 2, 4])):
                add(Z, (b't-' + ty.lower().encode(),) + Z, self.rr(ty, Z))
        for ty in types:                                     # and many types at one name
            if r.random() < 0.8:
                add(Z, L('alltypes'), self.rr(ty, Z))
        # delegations
        self.cut(Z, L('in'), [L('ns1.in'), L('ns2.in')])
        for h in ('ns1.in', 'ns2.in'):
            add(Z, L(h), 'A ' + self.ip4())
        add(Z, L('ns2.in'), 'AAAA ' + self.ip6())
        self.cut(Z, L('out'), [(b'ns', b'out', b'side', b'example'), (b'ns2', b'elsewhere', b'example')])
        self.cut(Z, L('mixed'), [L('ns.mixed'), L('ns1'), L('ns1.in'), (b'ns', b'out', b'side', b'example')])
        add(Z, L('ns.mixed'), 'A ' + self.ip4())
        self.cut(Z, L('noglue'), [L('ns1.noglue')])
        self.cut(Z, L('sib1'), [L('ns.sib2')])
        self.cut(Z, L('sib2'), [L('ns.sib1')])
        add(Z, L('ns.sib1'), 'A ' + self.ip4())
        add(Z, L('ns.sib2'), 'A ' + self.ip4())
        self.cut(Z, L('signed'), [L('ns.signed')], [self.rr('DS', Z), self.rr('DS', Z)])
        add(Z, L('ns.signed'), 'A ' + self.ip4())
        self.cut(Z, L('deep.ent.ent2.cut'), [L('ns.deep.ent.ent2.cut')])
        add(Z, L('ns.deep.ent.ent2.cut'), 'AAAA ' + self.ip6())
        self.cut(Z, L('selfns'), [L('selfns')])
        add(Z, L('selfns'), 'A ' + self.ip4())
        self.cut(Z, L('many'), [L('n%d.many' % i) for i in range(13)])
        for i in range(13):
            add(Z, L('n%d.many' % i), 'A ' + self.ip4())
            add(Z, L('n%d.many' % i), 'AAAA ' + self.ip6())
        # occluded data below a cut
        add(Z, L('txt.in'), 'TXT "occluded"')
        add(Z, L('a.b.in'), 'A 192.0.2.66')
        add(Z, L('*.in'), 'A 192.0.2.67')
        # wildcards at several levels
        add(Z, L('*.w1'), 'A 192.0.2.101')
        add(Z, L('*.w1'), 'TXT "wild one"')
        add(Z, L('host.w1'), 'A 192.0.2.102')
        add(Z, L('a.ent.w1'), 'A 192.0.2.103')
        add(Z, L('*.sub.w1'), 'MX 5 ' + self.t(L('x.w1')))
        add(Z, L('*.x.y.z.w1'), 'AAAA 2001:db8::77')
        add(Z, L('*.*.w2'), 'TXT "star star"')
        add(Z, L('foo.*.w2'), 'TXT "below star"')
        add(Z, L('*.wc'), 'CNAME ' + self.t(L('host1')))
        add(Z, L('*.wcx'), 'CNAME ' + self.t(other + ()))
        add(Z, L('*.wcnx'), 'CNAME ' + self.t(L('does.not.exist')))
        add(Z, L('*.wloop'), 'CNAME ' + self.t(L('a.wloop')))
        add(Z, L('*.wsrv'), 'SRV 0 0 443 ' + self.t(L('host1')))
        self.cut(Z, L('cut.w1'), [L('ns1')])
        add(Z, L('*.ent3.w3'), 'TXT "under ent"')
        # ENTs
        add(Z, L('leaf.e1.e2.e3.e4'), 'A 192.0.2.9')
        add(Z, L('leaf2.e2.e3.e4'), 'A 192.0.2.10')
        add(Z, L('_443._tcp.www'), 'TLSA 3 1 1 ' + self.hx(32))
        add(Z, L('www'), 'A 192.0.2.80')
        add(Z, L('_sip._udp'), 'SRV 10 20 5060 ' + self.t(L('host1')))
        # CNAMEs
        self.cname(Z, L('c1'), L('host1'))
        for i in range(2, 25):
            self.cname(Z, L('c%d' % i), L('c%d' % (i - 1)))
        self.cname(Z, L('loop1'), L('loop1'))
        self.cname(Z, L('loop2a'), L('loop2b'))
        self.cname(Z, L('loop2b'), L('loop2a'))
        for i in range(3):
            self.cname(Z, L('loop3%s' % 'abc'[i]), L('loop3%s' % 'bca'[i]))
        for nm, tg in (('cnx', L('nope.nope')), ('cwild', L('q.w1')), ('cwildnd', L('q.wsrv')), ('ccut', L('x.in')), ('cent', L('e3.e4')), ('cdn', L('foo.dn')), ('capex', Z), ('cother', other),
                       ('cothernx', (b'nx',) + other), ('coutside', (b'x', b'out', b'side', b'example')), ('croot', ()), ('cdeep', L('x.deep.ent.ent2.cut')), ('cback', (b'back',) + other), ('cglue', L('ns1.in')), ('cdsig', L('signed'))):
            self.cname(Z, L(nm), tg)
        # DNAMEs
        for nm, tg in (('dn', L('e3.e4')), ('dnx', (b'out', b'side', b'example')), ('dnother', other), ('dnw', L('w1')), ('dnself', L('a.dnself')), ('dnchain', L('dn')), ('dncut', L('in')),
                       ('dnlong', tuple(b'l' * 50 for _ in range(3)) + L('dnlt')), ('dnapex', Z), ('dnroot', ())):
            o = L(nm)
            z['dn'].add(W.lower(o))
            add(Z, o, 'DNAME ' + self.t(tg))
        add(Z, L('dn'), 'TXT "data at DNAME owner"')
        add(Z, tuple(b'l' * 50 for _ in range(3)) + L('dnlt'), 'A 192.0.2.201')
        # TXT extremes
        add(Z, L('txt'), 'TXT ' + ' '.join('"' + c * 255 + '"' for c in 'abcd'))
        add(Z, L('txt0'), 'TXT ""')
        add(Z, L('txt8'), 'TXT "' + ''.join('\\%03d' % i for i in range(255)) + '"')
        # long names: 255 octets exactly, and 254
        room = self.maxname - len(W.enc_name(Z))
        lab = []
        while room > 0:
            k = min(64, room)
            if room - k == 1:
                k -= 1
            lab.append(b'm' * (k - 1))
            room -= k
        add(Z, tuple(lab) + Z, 'A 192.0.2.255')
        add(Z, (lab[0][1:],) + tuple(lab[1:]) + Z, 'TXT "254 octets"')
        # sort-order neighbours for NSEC
        for lb in (b'\0', b'\0\0', b'\1', b'a', b'A', b'a\0', b'aa', b'Z', b'z', b'[', b'`', b'{', b'-', b'_', b'\x7f', b'\x80', b'\xff', b'\xff\xff'):
            if self.free(Z, (lb, b'ord') + Z):
                add(Z, (lb, b'ord') + Z, 'A ' + self.ip4(), 60)
        # random mass
        for _ in range(self.o.names):
            n = self.name(Z)
            if not self.free(Z, n):
                continue
            k = r.random()
            if k < 0.08:
                self.cname(Z, n, r.choice([L('host1'), self.name(Z), (b'nx',) + other, self.name(other, 1)]))
            elif k < 0.16:
                if len(n) > len(Z):
                    ns = (b'ns',) + n
                    if len(W.enc_name(ns)) <= self.maxname:
                        self.cut(Z, n, [ns, (b'ns', b'elsewhere', b'example')], [self.rr('DS', Z)] if r.random() < 0.5 else None)
                        if r.random() < 0.8 and W.lower(n) in z['cuts']:
                            add(Z, ns, 'A ' + self.ip4())
            elif k < 0.24:
                n = (b'*',) + n
                if self.free(Z, n) and len(W.enc_name(n)) <= self.maxname:
                    for _ in range(r.randint(1, 3)):
                        add(Z, n, self.rr(r.choice(types), Z))
            else:
                for _ in range(r.randint(1, 4)):
                    add(Z, n, self.rr(r.choice(types), Z))

    def build(self):
        n = str(self.n).encode()
        M, B = (b's' + n, b'test'), (b'b' + n, b'test')
        self.main_zone(M, B)
        # hosted children: secure and insecure delegation
        sec, ins = (b'sec',) + M, (b'ins',) + M
        for c in (sec, ins):
            self.cut(M, c, [(b'ns1',) + c, (b'ns1',) + M])
            self.new(c, [(b'ns1',) + c, (b'ns1',) + M], 600, 60)
            a = [x for x in self.zones[c]['rr'] if x[0] == (b'ns1',) + c]
            for owner, ttl, rd in a:
                self.add(M, owner, rd)
            self.add(c, c, 'A 192.0.2.50')
            self.add(c, (b'www',) + c, 'CNAME ' + self.t((b'host1',) + M))
            self.add(c, (b'*',) + c, 'TXT "child wildcard"')
            self.add(c, (b'up',) + c, 'CNAME ' + self.t((b'c3',) + M))
            for _ in range(self.o.names // 6):
                x = self.name(c)
                if self.free(c, x):
                    self.add(c, x, self.rr(self.r.choice(['A', 'TXT', 'MX', 'SRV', 'SVCB']), c))
        self.cname(M, (b'csec',) + M, (b'www',) + sec)
        self.cname(M, (b'cins',) + M, (b'nx', b'a') + ins)
        # sibling
        self.new(B)
        self.add(B, B, 'A 192.0.2.60')
        self.add(B, (b'back',) + B, 'CNAME ' + self.t((b'w', b'w1') + M))
        self.add(B, (b'ping',) + B, 'CNAME ' + self.t((b'cother2',) + M))
        self.cname(M, (b'cother2',) + M, (b'ping',) + B)
        self.add(B, (b'*',) + B, 'CNAME ' + self.t((b'host1',) + M))
        self.zones[B]['dn'].add((b'dd',) + W.lower(B))
        self.add(B, (b'dd',) + B, 'DNAME ' + self.t((b'dn',) + M))
        # apex DNAME
        D = (b'dnapex' + n, b'test')
        self.new(D, [(b'ns1',) + B])
        self.add(D, D, 'DNAME ' + self.t((b'w1',) + M))
        # deep apex, minimal zone
        self.new((b'very', b'deep', b'a', b'b', b'c', b'd' + n, b'test'), [(b'ns1',) + B])
        E = (b'empty' + n, b'test')
        self.new(E, [(b'ns', b'out', b'side', b'example')], 0, 0)
        # reverse
        R = (b'2', b'0', b'192', b'in-addr', b'arpa')
        self.new(R, [(b'ns1',) + B])
        for i in range(0, 256, 37):
            self.add(R, (str(i).encode(),) + R, 'PTR ' + self.t((b'host%d' % i,) + M))
        self.cut(R, (b'0/25',) + R, [(b'ns1',) + B])
        for i in range(1, 4):
            self.cname(R, (str(i).encode(),) + R, (str(i).encode(), b'0/25') + R)
        R6 = (b'8', b'b', b'd', b'0', b'1', b'0', b'0', b'2', b'ip6', b'arpa')
        self.new(R6, [(b'ns1',) + B])
        for _ in range(4):
            self.add(R6, tuple(self.r.choice(b'0123456789abcdef').to_bytes(1, 'big') for _ in range(24)) + R6, 'PTR ' + self.t((b'host1',) + M))
        # big RRsets
        G = (b'big' + n, b'test')
        self.new(G)
        for i in range(230):
            self.add(G, (b'txt64k',) + G, 'TXT "%03d%s"' % (i, 'x' * 248), 60)
        for i in range(1000):
            self.add(G, (b'a1000',) + G, 'A 10.%d.%d.1' % (i // 250, i % 250), 60)
        for i in range(60):
            self.add(G, (b'mx60',) + G, 'MX %d %s' % (i, self.t((b'mx%d' % i,) + G)), 60)
            self.add(G, (b'mx%d' % i,) + G, 'A 10.9.%d.1' % i, 60)
            self.add(G, (b'mx%d' % i,) + G, 'AAAA 2001:db8::%x' % i, 60)
        for size in (440, 470, 480, 490, 500, 1150, 1190, 1200, 1210, 1220, 4020, 4050, 4060):    # around the classic limits
            left, s = size, []
            while left > 1:
                k = min(255, left - 1)
                s.append('"' + 'y' * k + '"')
                left -= k + 1
            self.add(G, (b'r%d' % size,) + G, 'TXT ' + ' '.join(s), 60)
        self.cut(G, (b'bigcut',) + G, [(b'ns%d' % i, b'bigcut') + G for i in range(40)])
        for i in range(40):
            self.add(G, (b'ns%d' % i, b'bigcut') + G, 'A 10.8.%d.1' % i, 60)
            self.add(G, (b'ns%d' % i, b'bigcut') + G, 'AAAA 2001:db8:8::%x' % i, 60)
        if self.o.root:
            self.new((), [(b'ns1',) + B])
            self.cut((), (b'test',), [(b'ns', b'nic', b'test')])
            self.add((), (b'ns', b'nic', b'test'), 'A 192.0.2.53')
            self.cut((), (b'tld' + n,), [(b'ns', b'tld' + n)])
            self.add((), (b'ns', b'tld' + n), 'A 192.0.2.54')
        return sec, ins, M

    # ---- text
    def write(self, zone, f):
        z, r = self.zones[zone], random.Random('style-%d-%s' % (self.n, zone))
        org = self.t(zone)
        out = ['; zone %s seed %d' % (org, self.n)]
        if z['style'] == 'plain':
            for o, ttl, rd in z['rr']:
                out.append('%s\t%d\tIN\t%s' % (self.t(o), ttl, rd))
        else:
            out += ['$ORIGIN ' + org, '$TTL 300']
            last = None
            for o, ttl, rd in z['rr']:
                rel = '.'.join(esc(x, r) for x in o[:len(o) - len(zone)])
                own = '@' if not rel and r.random() < 0.5 else (rel if rel and zone and r.random() < 0.6 else self.t(o))
                if o == last and r.random() < 0.5:
                    own = ''
                last = o
                cls = r.choice(['IN', 'IN', '', 'in'])
                tt = '' if ttl == 300 and r.random() < 0.5 else (str(ttl) if ttl % 3600 or not ttl or r.random() < 0.5 else '%dh' % (ttl // 3600))
                head = ' '.join(x for x in ([cls, tt] if r.random() < 0.3 else [tt, cls]) if x)
                typ, d = rd.split(' ', 1) if ' ' in rd else (rd, '')
                if typ in ('SOA', 'TXT', 'MX', 'SRV') and r.random() < 0.3:
                    d = '(' + d.replace(' ', '\n\t\t', 1) + ' ; comment "x (\n\t\t)' if typ != 'TXT' else '( ' + d + '\n )'
                if r.random() < 0.1:
                    d += ' ; trailing ) comment'
                out.append('%s\t%s\t%s %s' % (own, head, typ, d))
                if r.random() < 0.02:
                    out.append('\n; blank\n\t \n')
        open(f, 'w').write('\n'.join(out) + '\n')


def keypair(seed, zone):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives import serialization as S
    sk = hashlib.sha256(b'mkzones %d ' % seed + W.enc_name(W.lower(zone))).digest()
    pk = Ed25519PrivateKey.from_private_bytes(sk).public_key().public_bytes(S.Encoding.Raw, S.PublicFormat.Raw)
    return sk, pk


def raw2text(src, dst):
    """BIND raw master file -> one-line RRs that every implementation parses (BIND's own text uses names Knot lacks)."""
    b = open(src, 'rb').read()
    off, out = 24, []
    while off < len(b):
        total, cls, typ, cov, ttl, n = struct.unpack_from('!IHHHII', b, off)
        end = off + total
        p = off + 18
        ln = struct.unpack_from('!H', b, p)[0]
        name = W.read_name(b[p + 2:p + 2 + ln], 0)[0]
        p += 2 + ln
        for _ in range(n):
            ln = struct.unpack_from('!H', b, p)[0]
            r = W.RR()
            r.name, r.type, r.ttl, r.rdata = name, typ, ttl, b[p + 2:p + 2 + ln]
            out.append(W.zone_line(r))
            p += 2 + ln
        off = end
    soa = [i for i, l in enumerate(out) if '\tSOA\t' in l][0]
    out.insert(0, out.pop(soa))
    open(dst, 'w').write('\n'.join(out) + '\n')


def keytag(rd):
    s = sum(b << 8 if i % 2 == 0 else b for i, b in enumerate(rd))
    return (s + (s >> 16)) & 0xFFFF


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--out', required=True)
    ap.add_argument('--sign', default='none', choices=['none', 'nsec', 'nsec3', 'optout', 'mix'])
    ap.add_argument('--names', type=int, default=60, help='random names in the main zone')
    ap.add_argument('--style', default='fancy', choices=['plain', 'fancy'])
    ap.add_argument('--root', action='store_true', help='also serve a root zone')
    o = ap.parse_args()
    g = Gen(o)
    sec, ins, M = g.build()
    out = os.path.abspath(o.out)
    shutil.rmtree(out + '/unsigned', ignore_errors=True)
    os.makedirs(out + '/unsigned')
    keys = {}
    if o.sign != 'none':
        for z in g.zones:
            if z == ins:
                continue
            sk, pk = keypair(o.seed, z)
            rd = b'\x01\x01\x03\x0f' + pk
            keys[z] = (sk, pk, keytag(rd))
            if z == sec:
                dg = hashlib.sha256(W.enc_name(W.lower(z)) + rd).hexdigest()
                g.add(M, z, 'DS %d 15 2 %s' % (keys[z][2], dg), 600)
    man = []
    for i, z in enumerate(g.zones):
        nm = g.t(z)
        base = nm.strip('.').replace('/', '_').replace('\\', '_') or 'root'
        uf = '%s/unsigned/%s.zone' % (out, base)
        g.write(z, uf)
        f = '%s/%s.zone' % (out, base)
        den = None
        if z in keys:
            den = o.sign if o.sign != 'mix' else ['nsec', 'nsec3', 'optout'][i % 3]
            kd = out + '/keys'
            os.makedirs(kd, exist_ok=True)
            sk, pk, tag = keys[z]
            kf = '%s/K%s+015+%05d' % (kd, nm, tag)
            dnskey = '%s 3600 IN DNSKEY 257 3 15 %s' % (nm, base64.b64encode(pk).decode())
            open(kf + '.key', 'w').write(dnskey + '\n')
            open(kf + '.private', 'w').write('Private-key-format: v1.3\nAlgorithm: 15 (ED25519)\nPrivateKey: %s\n' % base64.b64encode(sk).decode())
            src = uf + '.k'
            open(src, 'w').write(open(uf).read() + dnskey + '\n')
            cmd = ['dnssec-signzone', '-q', '-z', '-P', '-n', '1', '-K', kd, '-o', nm, '-f', f + '.raw', '-O', 'raw', '-s', '20200101000000', '-e', '20360101000000']
            if den != 'nsec':
                cmd += ['-3', 'abcd', '-H', '1' if den == 'nsec3' else '0'] + (['-A'] if den == 'optout' else [])
            p = subprocess.run(cmd + [src, kf + '.key'], capture_output=True, text=True, cwd=kd)
            os.unlink(src)
            if p.returncode:
                sys.exit('signing %s failed: %s %s' % (nm, p.stdout[-500:], p.stderr[-1500:]))
            raw2text(f + '.raw', f)
            os.unlink(f + '.raw')
        else:
            shutil.copy(uf, f)
        man.append({'name': nm if nm == '.' else nm.rstrip('.'), 'file': os.path.basename(f), 'unsigned': 'unsigned/' + os.path.basename(uf), 'signed': z in keys, 'denial': den, 'records': len(g.zones[z]['rr'])})
    man.sort(key=lambda m: m['name'] != M[0].decode() + '.test')
    json.dump({'seed': o.seed, 'sign': o.sign, 'zones': man}, open(out + '/zones.json', 'w'), indent=1)
    print('%d zones, %d records -> %s/zones.json' % (len(man), sum(m['records'] for m in man), out))


if __name__ == '__main__':
    main()
