# SPDX-License-Identifier: GPL-3.0-or-later
"""What to ask: reads a zone set and makes the queries that are likely to tell two servers apart, by category.
Used by dnsdiff.py."""
import collections
import fnmatch
import json
import os
import random
import re
import struct

import dnswire as W

T = W.TYPES
# CORE: what every conforming server should answer alike; the rest probes policy, oddities and broken packets
CORE = {'exist', 'nodata', 'case', 'below-cut', 'ds', 'glue', 'nxdomain', 'nx-deep', 'nx-neighbour', 'ent', 'wildcard', 'cname', 'dname', 'apex', 'outside', 'size', 'size-tcp', 'size-referral', 'maxname', 'tcp', 'xfr', 'tcpframe'}


# ------------------------------------------------------------------ zones
class Zone:
    def __init__(self, name, rrs):
        self.name = name
        self.rr = collections.defaultdict(dict)         # lower owner -> {type: [RR]}
        self.spell = {}
        for r in rrs:
            self.rr[W.lower(r.name)].setdefault(r.type, []).append(r)
            self.spell.setdefault(W.lower(r.name), r.name)
        n = len(name)
        self.lname = W.lower(name)
        self.cuts = {o for o, ts in self.rr.items() if 2 in ts and o != self.lname}
        self.cuts = {c for c in self.cuts if not any(c[i:] in self.cuts for i in range(1, len(c) - n))}
        self.dnames = {o for o, ts in self.rr.items() if 39 in ts and not self.below_cut(o)}
        nsec3 = {o for o, ts in self.rr.items() if 50 in ts}
        self.nsec3 = nsec3
        self.owners = [o for o in self.rr if o not in nsec3]
        self.ents = set()
        for o in self.owners:
            for i in range(1, len(o) - n):
                if o[i:] not in self.rr:
                    self.ents.add(o[i:])
        self.wild = [o for o in self.owners if o and o[0] == b'*' and len(o) > n]

    def below_cut(self, o):
        return any(o[i:] in self.cuts for i in range(1, len(o) - len(self.name)))


def load_zones(o):
    path = o.zones
    if os.path.isdir(path):
        if os.path.exists(path + '/zones.json'):
            path += '/zones.json'
        else:
            man = [{'name': f[:-5], 'file': os.path.join(path, f)} for f in sorted(os.listdir(path)) if f.endswith('.zone')]
    if os.path.isfile(path):
        man = json.load(open(path))['zones']
        for m in man:
            m['file'] = os.path.join(os.path.dirname(os.path.abspath(path)), m['file'])
    out = []
    for m in man:
        name = W.text_name(m['name'])
        rrs = None
        if o.load == 'axfr':
            rrs, soa = [], 0
            for wire in W.tcp_stream(o.refs[0][1], W.mk_query(name, 252), 20):
                p = W.parse(wire)
                soa += sum(r.type == 6 for r in p.answer)
                rrs += p.answer
                if soa > 1 or p.rcode:
                    break
            if soa < 2:
                rrs = None
            else:
                rrs = rrs[:-1]
        if rrs is None:
            rrs = from_file(m['file'], m['name'])
        out.append(Zone(name, rrs))
    return out


def from_file(f, origin):
    import dns.zone, dns.name
    z = dns.zone.from_file(f, origin=origin if origin.endswith('.') else origin + '.', relativize=False, check_origin=False)
    out = []
    for n, ttl, rd in z.iterate_rdatas():
        r = W.RR()
        r.name, r.type, r.cls, r.ttl, r.sec = tuple(n.labels[:-1]), int(rd.rdtype), 1, ttl, 0
        r.rdata = r.rdata_lc = rd.to_wire()
        out.append(r)
    return out


# ------------------------------------------------------------------ queries
class Q:
    __slots__ = ('cat', 'text', 'wire', 'tcp', 'limit', 'lazy', 'do', 'noresp')

    def __init__(self, cat, text, wire, tcp=False, limit=512, do=False, noresp=False):
        self.cat, self.text, self.wire, self.tcp, self.limit, self.do, self.noresp = cat, text, wire, tcp, limit, do, noresp


class Gen:
    def __init__(self, zones, o):
        self.z = zones
        self.o = o
        self.r = random.Random('dnsdiff-%d' % o.seed)
        self.seen = set()
        self.out = collections.OrderedDict()
        self.qid = 0

    def id(self):
        self.qid = (self.qid * 5 + 12345 + 1) & 0xFFFF
        return self.qid

    def add(self, cat, name, qtype, qclass=1, flags=0, opt='std', opcode=0, tcp=False, note=''):
        """opt: 'none', 'std' (alternates none / DO 4096 / plain 1232 by hash), or tuple(size, do, version, options, z)"""
        if len(W.enc_name(name)) > 255:
            return
        if cat in CORE:         # keep policy questions out of the core categories
            if qtype == 255:
                cat = 'any' if not cat.startswith('size') else 'size-any'
            elif qtype in (46, 24):
                cat = 'meta'
            elif name and re.fullmatch(rb'[cC]\d+', name[0]) and int(name[0][1:]) > 4:
                cat = 'chain-long'
            elif not cat.startswith('size') and b'bigcut' in W.lower(name):
                cat = 'bigcut'
        if opt == 'std':
            for v in ('none', (4096, True, 0, (), 0)):
                self.add(cat, name, qtype, qclass, flags, v, opcode, tcp, note)
            return
        key = (cat, name, qtype, qclass, flags, opt, opcode, tcp, note)
        if key in self.seen:
            return
        self.seen.add(key)
        ob = None if opt == 'none' else W.mk_opt(opt[0], opt[1], opt[2], opt[3], opt[4] if len(opt) > 4 else 0)
        text = '%s %s%s' % (W.name_text(name), W.ttype(qtype), '' if qclass == 1 else ' ' + W.CNAMES.get(qclass, 'CLASS%d' % qclass))
        if opcode:
            text += ' opcode=%d' % opcode
        if flags:
            text += ' flags=%04x' % flags
        if opt != 'none':
            text += ' edns(%d%s%s%s)' % (opt[0], ' do' if opt[1] else '', ' v%d' % opt[2] if opt[2] else '', ''.join(' opt%d' % c for c, _ in opt[3]))
        text += (' tcp' if tcp else '') + (' ' + note if note else '')
        wire = W.mk_query(name, qtype, qclass, flags, ob, self.id(), opcode)
        lim = 65535 if tcp else (512 if opt == 'none' else max(512, opt[0]))
        self.out.setdefault(cat, []).append(Q(cat, text, wire, tcp, lim, opt != 'none' and opt[1], opcode != 0 or flags & 0x200))

    def raw(self, cat, text, wire, tcp=False, limit=512, noresp=False):
        self.out.setdefault(cat, []).append(Q(cat, text, wire, tcp, limit, False, noresp))

    def rlabel(self):
        r = self.r
        return r.choice([bytes(r.choice(b'abcdefghij') for _ in range(5)), b'nx', b'zzz', b'-', b'0', b'~', b'\0', b'\xff', b'_x', b'a.b', b'*', b'q' * 63])

    def sample(self, seq, n):
        seq = list(seq)
        return seq if len(seq) <= n else self.r.sample(seq, n)

    def rcase(self, n):
        return tuple(bytes(c ^ 0x20 if chr(c).isalpha() and c < 128 and self.r.random() < 0.5 else c for c in l) for l in n)

    def build(self):
        r = self.r
        A, NS, SOA, MX, TXT, AAAA, CNAME, DNAME, DS, ANY = (T[x] for x in ('A', 'NS', 'SOA', 'MX', 'TXT', 'AAAA', 'CNAME', 'DNAME', 'DS', 'ANY'))
        for z in self.z:
            n = len(z.name)
            for o in z.owners:
                ts = [t for t in z.rr[o] if t not in (46, 47)]
                cat = 'below-cut' if z.below_cut(o) or o in z.cuts else 'exist'
                for t in ts:
                    self.add(cat, z.spell[o], t)
                for t in (A, MX, 65281):
                    if t not in ts:
                        self.add(cat if cat != 'exist' else 'nodata', z.spell[o], t)
                self.add('any', z.spell[o], ANY)
                self.add('case', self.rcase(z.spell[o]), r.choice(ts or [A]))
            for o in z.cuts:
                for t in (A, NS, SOA, DS, MX, ANY, 48, 47, 46):
                    self.add('ds' if t == DS else 'below-cut', z.spell[o], t)
                for pre in ((self.rlabel(),), (b'a', b'b', self.rlabel()), (b'*',), (b'ns1',)):
                    for t in (A, NS, DS, ANY, SOA):
                        self.add('ds' if t == DS else 'below-cut', pre + z.spell[o], t)
            for o in [x for x in z.owners if z.below_cut(x)]:
                for t in (A, AAAA, TXT, DS):
                    self.add('glue', z.spell[o], t)
                self.add('glue', (self.rlabel(),) + z.spell[o], A)
            nodes = [o for o in list(z.owners) + sorted(z.ents) if not z.below_cut(o) and o not in z.cuts]
            for o in nodes:
                for _ in range(2):
                    x = (self.rlabel(),) + o
                    self.add('nxdomain', x, r.choice([A, A, NS, TXT, DS, ANY, SOA]))
                self.add('nx-deep', tuple(self.rlabel() for _ in range(r.randint(2, 4))) + o, r.choice([A, MX, DS]))
                if o and len(o) > n:
                    l = o[0]
                    for v in (l + b'\0', l[:-1] + bytes([(l[-1] - 1) & 255]) + b'\xff' if l[-1:] else l + b'0', l + b'0'):
                        if len(v) < 64:
                            self.add('nx-neighbour', (v,) + o[1:], A)
            for o in sorted(z.ents):
                for t in (A, NS, TXT, ANY, SOA, DS, CNAME):
                    self.add('ent', o, t)
                self.add('ent', (self.rlabel(),) + o, A)
                self.add('ent', (b'*',) + o, A)
            for w in z.wild:
                base = w[1:]
                ts = [t for t in z.rr[w] if t not in (46, 47)]
                for pre in ((self.rlabel(),), (self.rlabel(), self.rlabel()), (b'*',), (b'_tcp', b'www'), (b'a', b'*'), (b'WiLd',)):
                    x = pre + base
                    for t in set(ts + [A, TXT, 65281]):
                        self.add('wildcard', x, t)
                    for t in (ANY, CNAME, NS, DS, SOA):
                        self.add('wildcard', x, t)
                self.add('wildcard', base, A)
                for c in [o for o in nodes if len(o) > len(base) and o[-len(base):] == base]:
                    self.add('wildcard', (self.rlabel(),) + c, ts[0] if ts else A)
            for o in z.owners:
                if CNAME in z.rr[o] and not z.below_cut(o):
                    for t in (A, AAAA, CNAME, ANY, TXT, NS, SOA, DS, 65281, 46, 47):
                        self.add('cname', z.spell[o], t)
                    self.add('cname', (self.rlabel(),) + o, A)
            for o in sorted(z.dnames):
                for t in (DNAME, A, CNAME, ANY, TXT, DS, NS, SOA):
                    self.add('dname', z.spell[o], t)
                for pre in ((b'foo',), (b'leaf', b'e1'), (b'*',), (b'Foo', b'Bar', b'BAZ'), (self.rlabel(),), (b'x' * 63, b'x' * 63)):
                    for t in (A, CNAME, DNAME, ANY, DS, TXT):
                        self.add('dname', pre + o, t)
                room = 255 - len(W.enc_name(o))
                for k in (room, room - 1):                       # as long as the query name can be
                    pre, left = [], k
                    while left > 1:
                        s = min(64, left)
                        if left - s == 1:
                            s -= 1
                        pre.append(b'd' * (s - 1))
                        left -= s
                    self.add('dname', tuple(pre) + o, A)
            for t in (SOA, NS, A, 48, 51, 59, 60, 62, 63, ANY, 46, 47, 50, DS, MX, TXT, 6, 65281, DNAME, CNAME):
                self.add('apex', z.name, t)
                self.add('apex', self.rcase(z.name), t)
            self.add('ds', z.name, DS)
            for t in (24, 25, 30, 41, 249, 250, 253, 254, 0, 65535, 128, 32768, 251, 252, 50, 3, 4, 38):
                for o in self.sample([z.name] + nodes[:20], 2) + [(b'nx',) + z.name]:
                    self.add('meta', o, t)
            for o in self.sample(sorted(z.nsec3), 6):
                for t in (50, A, ANY, 46):
                    self.add('nsec3-owner', o, t)
                self.add('nsec3-owner', (b'x',) + o, A)
            par = z.name[1:]
            for x in ((b'nx-' + (z.name[0] if z.name else b'root')[:40],) + par, par):
                for t in (A, SOA, NS, DS, ANY):
                    self.add('outside', x, t)
        for x in ((), (b'com',), (b'www', b'example', b'org'), (b'x',) * 60):
            for t in (A, NS, SOA, ANY, DS):
                self.add('outside', x, t)
        # ---- EDNS matrix
        main = self.z[0]
        base = [(main.name, SOA), (main.name, NS), ((b'nx',) + main.name, A), ((b'host1',) + main.name, A), ((b'in',) + main.name, A), ((b'signed',) + main.name, A), ((b'c3',) + main.name, A), ((b'q', b'w1') + main.name, A),
                ((b'foo', b'dn') + main.name, A), ((b'txt',) + main.name, TXT), ((b'www', b'example', b'org'), A), (main.name, ANY), ((b'alltypes',) + main.name, ANY), (main.name, 48)]
        base = [(x, t) for x, t in base]
        C = bytes.fromhex('0123456789abcdef')
        V = [('none', 'no EDNS')] + [((s, d, 0, (), 0), '') for s in (0, 256, 511, 512, 1232, 1400, 4096, 65535) for d in (False, True)] + [
            ((1232, False, 1, (), 0), 'v1'), ((1232, True, 1, (), 0), 'v1'), ((1232, False, 255, (), 0), 'v255'), ((1232, False, 1, ((3, b''),), 0), 'v1+nsid'),
            ((1232, False, 0, ((3, b''),), 0), 'nsid'), ((1232, False, 0, ((3, b'junk'),), 0), 'nsid with data'), ((1232, True, 0, ((65001, b'hello'),), 0), 'unknown option'),
            ((1232, False, 0, tuple((65001 + i, b'x' * 10) for i in range(20)), 0), '20 unknown options'), ((1232, False, 0, ((4, b''), (5, b'\x08'), (6, b'\1'), (7, b'\1')), 0), 'LLQ/DAU/DHU/N3U-ish'),
            ((1232, False, 0, ((8, b'\0\1\x18\0\xc0\0\2'),), 0), 'ECS v4'), ((1232, False, 0, ((8, b'\0\2\x38\0\x20\x01\x0d\xb8\0\0\0'),), 0), 'ECS v6'), ((1232, False, 0, ((8, b'\0\1\0\0'),), 0), 'ECS /0'),
            ((1232, False, 0, ((8, b'\0\1\x18\x08\xc0\0\2'),), 0), 'ECS scope!=0'), ((1232, False, 0, ((8, b'\0\1\x18\0\xc0'),), 0), 'ECS short'), ((1232, False, 0, ((8, b'\0\x09\x18\0\xc0\0\2'),), 0), 'ECS bad family'),
            ((1232, False, 0, ((10, C),), 0), 'cookie'), ((1232, False, 0, ((10, C + b'\1\0\0\0' + b'\0' * 12),), 0), 'cookie client+bad server'), ((1232, False, 0, ((10, C[:4]),), 0), 'cookie short'), ((1232, False, 0, ((10, C * 6),), 0), 'cookie long'),
            ((1232, False, 0, ((11, b''),), 0), 'keepalive'), ((1232, False, 0, ((11, b'\0\x64'),), 0), 'keepalive with value'), ((1232, False, 0, ((12, b'\0' * 50),), 0), 'padding'),
            ((1232, False, 0, ((13, b''),), 0), 'chain'), ((1232, False, 0, ((14, b'\x12\x34'),), 0), 'key-tag'), ((1232, False, 0, ((9, b''),), 0), 'expire'), ((1232, True, 0, (), 0x7fff), 'all Z bits'), ((1232, False, 0, (), 0x4000), 'CO bit')]
        for x, t in base:
            for v, note in V:
                for tcp in (False, True):
                    if tcp and (v == 'none' or v[3] == () and v[2] == 0):
                        continue
                    self.add('edns', x, t, opt=v, tcp=tcp, note=note)
        # ---- sizes / truncation
        for z in self.z:
            for o in z.owners:
                size = sum(len(x.rdata) + 12 for t in z.rr[o] for x in z.rr[o][t] if t not in (46, 47, 50))
                big = any(len(v) > 30 for v in z.rr[o].values())
                if size > 400 or big or (o and o[0][:1] == b'r' and o[0][1:].isdigit()):
                    for t in [t for t in z.rr[o] if t not in (46, 47)] + [ANY]:
                        for v in ('none',) + tuple((s, d, 0, (), 0) for s in (512, 1232, 4096, 65535) for d in (False, True)):
                            self.add('size', z.spell[o], t, opt=v)
                        self.add('size-tcp', z.spell[o], t, opt='none', tcp=True)
                        self.add('size-tcp', z.spell[o], t, opt=(4096, True, 0, (), 0), tcp=True)
            for c in z.cuts:
                if len(z.rr[c][2]) > 8:
                    for v in ('none', (512, False, 0, (), 0), (512, True, 0, (), 0), (1232, False, 0, (), 0), (1232, True, 0, (), 0), (4096, False, 0, (), 0)):
                        self.add('size-referral', (b'x',) + c, A, opt=v)
                        self.add('size-referral', (b'y' * 60, b'x') + c, A, opt=v)
        # ---- header flags, classes, opcodes
        for x, t in base:
            for f in (0x0100, 0x0010, 0x0020, 0x0040, 0x0080, 0x0200, 0x0400, 0x0130, 0x07f0, 0x0001, 0x000f):
                for v in ('none', (1232, True, 0, (), 0)):
                    self.add('flags', x, t, flags=f, opt=v)
            for c in (0, 2, 3, 4, 254, 255, 65535):
                self.add('class', x, t, qclass=c, opt='none')
                self.add('class', x, t, qclass=c, opt=(1232, False, 0, (), 0))
        for nm in ('version.bind', 'version.server', 'hostname.bind', 'id.server', 'authors.bind', 'VERSION.BIND', 'foo.bind', 'bind', 'server', '.'):
            for t in (TXT, ANY, SOA, NS, A):
                for c in (3, 1, 255):
                    self.add('chaos', W.text_name(nm), t, qclass=c, opt='none')
        for op in range(1, 16):
            for x, t in base[:4] + [((b'www', b'example', b'org'), SOA)]:
                for v in ('none', (1232, False, 0, (), 0)):
                    self.add('opcode', x, SOA if op in (4, 5) else t, opcode=op, opt=v, flags=0x0400 if op == 4 else 0)
        # ---- max-length names
        for z in self.z[:3]:
            for total in (255, 254, 250):
                left, pre = total - len(W.enc_name(z.name)), []
                while left > 1:
                    s = min(64, left)
                    if left - s == 1:
                        s -= 1
                    pre.append(b'L' * (s - 1))
                    left -= s
                self.add('maxname', tuple(pre) + z.name, A)
            left, pre = 255 - len(W.enc_name(z.name)), []
            while left > 1:
                pre.append(b'1')
                left -= 2
            self.add('maxname', tuple(pre) + z.name, A)
            self.add('maxname', tuple(pre) + z.name, ANY)
            self.add('maxname', tuple(pre) + z.name, DS)
        # ---- TCP
        for x, t in base:
            self.add('tcp', x, t, tcp=True)
        for z in self.z:
            for o in self.sample(z.owners, 12):
                self.add('tcp', z.spell[o], self.r.choice([A] + [t for t in z.rr[o]]), tcp=True)
        self.malformed(base)
        lim = self.o.max_per_cat
        res = []
        for cat, qs in self.out.items():
            if cat in self.o.skip_cats or self.o.cats and not any(fnmatch.fnmatch(cat, c) for c in self.o.cats):
                continue
            if lim and len(qs) > lim and cat != 'malformed':
                idx = sorted(self.r.sample(range(len(qs)), lim))
                qs = [qs[i] for i in idx]
            res += qs
        return res

    def malformed(self, base):
        """hand-made packets; .text carries a short name; noresp=True marks those where silence is legitimate"""
        name, _ = base[3]
        N = W.enc_name(name)
        q1 = N + b'\0\1\0\1'
        soaq = W.enc_name(self.z[0].name) + b'\0\6\0\1'

        def h(qd=1, an=0, ns=0, ar=0, fl=0):
            return struct.pack('!6H', self.id(), fl, qd, an, ns, ar)
        opt = W.mk_opt(1232)
        ans = N + struct.pack('!HHIH', 1, 1, 60, 4) + b'\1\2\3\4'
        M = lambda t, w, **k: self.raw('malformed', t, w, **k)
        M('qdcount=0', h(0), noresp=True)
        M('qdcount=0 with OPT', h(0, ar=1) + opt, noresp=True)
        M('qdcount=0 + OPT + cookie (RFC 7873 5.4)', h(0, ar=1) + W.mk_opt(1232, options=[(10, b'12345678')]), noresp=True)
        M('qdcount=2 same question', h(2) + q1 + q1, noresp=True)
        M('qdcount=2 different', h(2) + q1 + soaq, noresp=True)
        M('qdcount=2 but one question present', h(2) + q1, noresp=True)
        M('qdcount=65535', h(65535) + q1, noresp=True)
        M('trailing garbage 1', h() + q1 + b'\0', noresp=True)
        M('trailing garbage 100', h() + q1 + b'G' * 100, noresp=True)
        M('trailing garbage after OPT', h(ar=1) + q1 + opt + b'xyz', noresp=True)
        M('arcount=1 but nothing', h(ar=1) + q1, noresp=True)
        M('arcount=0 with OPT bytes present', h() + q1 + opt, noresp=True)
        M('ancount=1 with A', h(an=1) + q1 + ans, noresp=True)
        M('nscount=1 with SOA-less A', h(ns=1) + q1 + ans, noresp=True)
        M('additional A record', h(ar=1) + q1 + ans, noresp=True)
        M('additional A + OPT', h(ar=2) + q1 + ans + opt, noresp=True)
        M('OPT in answer section', h(an=1) + q1 + opt, noresp=True)
        M('OPT in authority section', h(ns=1) + q1 + opt, noresp=True)
        M('two OPT', h(ar=2) + q1 + opt + opt, noresp=True)
        M('three OPT', h(ar=3) + q1 + opt * 3, noresp=True)
        M('two OPT second v1', h(ar=2) + q1 + opt + W.mk_opt(1232, version=1), noresp=True)
        M('OPT owner not root', h(ar=1) + q1 + W.mk_opt(1232, owner=b'\1x\0'), noresp=True)
        M('OPT owner compressed to root', h(ar=1) + q1 + b'\xc0' + bytes([12 + len(N) - 1]) + opt[1:], noresp=True)
        M('OPT rdlen past end', h(ar=1) + q1 + opt[:-2] + b'\0\x10', noresp=True)
        M('OPT option length past rdata', h(ar=1) + q1 + opt[:-2] + b'\0\6' + b'\0\3\0\x20ab', noresp=True)
        M('OPT option header cut', h(ar=1) + q1 + opt[:-2] + b'\0\3' + b'\0\3\0', noresp=True)
        M('OPT after TSIG-less garbage RR type 65000', h(ar=2) + q1 + b'\0' + struct.pack('!HHIH', 65000, 1, 0, 3) + b'abc' + opt, noresp=True)
        M('OPT ext-rcode nonzero in query', h(ar=1) + q1 + W.mk_opt(1232, ext=0x12), noresp=True)
        M('question: pointer to itself', h() + b'\xc0\x0c\0\1\0\1', noresp=True)
        M('question: pointer forward', h() + b'\xc0\x12\0\1\0\1\1a\0', noresp=True)
        M('question: pointer to header', h() + b'\xc0\x00\0\1\0\1', noresp=True)
        M('question: label then pointer to itself', h() + b'\1a\xc0\x0c\0\1\0\1', noresp=True)
        M('question: label then pointer to header id 0 (root)', struct.pack('!6H', 0, 0, 1, 0, 0, 0) + b'\1a\xc0\x00\0\1\0\1', noresp=True)
        M('question: pointer loop of two', h() + b'\xc0\x0e\xc0\x0c\0\1\0\1', noresp=True)
        M('second question compressed', h(2) + q1 + b'\xc0\x0c\0\6\0\1', noresp=True)
        M('question: label type 0x40', h() + b'\x41\x61\0\0\1\0\1', noresp=True)
        M('question: label type 0x80', h() + b'\x81\x61\0\0\1\0\1', noresp=True)
        M('question: name of 256 octets', h() + (b'\x3f' + b'a' * 63) * 3 + b'\x3e' + b'b' * 62 + b'\0' + b'\0\1\0\1', noresp=True)
        M('question: name of 300 octets', h() + (b'\x3f' + b'a' * 63) * 4 + b'\x2b' + b'b' * 43 + b'\0\0\1\0\1', noresp=True)
        M('question: 255 octets of 1-byte labels', h() + b'\1a' * 127 + b'\0\0\1\0\1')
        M('question: 257 octets of 1-byte labels', h() + b'\1a' * 128 + b'\0\0\1\0\1', noresp=True)
        M('question: no terminator', h() + N[:-1], noresp=True)
        M('question: cut in qtype', h() + N + b'\0', noresp=True)
        M('question: cut in qclass', h() + N + b'\0\1\0', noresp=True)
        M('question: label runs past end', h() + b'\x20abc', noresp=True)
        M('header only, qdcount 1', h(), noresp=True)
        M('QR=1', h(fl=0x8000) + q1, noresp=True)
        M('QR=1 with AA and rcode', h(fl=0x8403) + q1, noresp=True)
        for n in (0, 1, 2, 3, 4, 8, 11):
            M('header cut to %d octets' % n, h()[:n], noresp=True)
        M('header of zeros', b'\0' * 12, noresp=True)
        M('all ones', b'\xff' * 40, noresp=True)
        M('id 0', struct.pack('!6H', 0, 0, 1, 0, 0, 0) + q1)
        M('IXFR over UDP with SOA', h(ns=1) + W.enc_name(self.z[0].name) + struct.pack('!HH', 251, 1) + W.enc_name(self.z[0].name) + struct.pack('!HHIH', 6, 1, 0, 22) + b'\0\0' + struct.pack('!5I', 1, 1, 1, 1, 1), noresp=True)
        M('IXFR over UDP without SOA', h() + W.enc_name(self.z[0].name) + struct.pack('!HH', 251, 1), noresp=True)
        M('AXFR over UDP', h() + W.enc_name(self.z[0].name) + struct.pack('!HH', 252, 1), noresp=True)
        M('TSIG unknown key', h(ar=1) + q1 + b'\3foo\0' + struct.pack('!HHIH', 250, 255, 0, 0x1a + 16 + 13 - 3) + b'\x0bhmac-sha256\0' + struct.pack('!HIHH', 0, 1700000000, 300, 16) + b'M' * 16 + struct.pack('!HHH', 1, 0, 0), noresp=True)
        M('TSIG not last', h(ar=2) + q1 + b'\3foo\0' + struct.pack('!HHIH', 250, 255, 0, 0x1a + 16 + 13 - 3) + b'\x0bhmac-sha256\0' + struct.pack('!HIHH', 0, 1700000000, 300, 16) + b'M' * 16 + struct.pack('!HHH', 1, 0, 0) + opt, noresp=True)
        M('SIG(0) garbage', h(ar=1) + q1 + b'\0' + struct.pack('!HHIH', 24, 255, 0, 20) + b'\0' * 20, noresp=True)
        M('NOTIFY with SOA answer', h(an=1, fl=0x2400) + soaq + b'\xc0\x0c' + struct.pack('!HHIH', 6, 1, 0, 22) + b'\0\0' + struct.pack('!5I', 1, 1, 1, 1, 1), noresp=True)
        M('NOTIFY qtype A', h(fl=0x2400) + q1, noresp=True)
        M('UPDATE zone section of 2', h(2, fl=0x2800) + soaq + soaq, noresp=True)
        M('UPDATE zone type A', h(fl=0x2800) + q1, noresp=True)
        M('UPDATE add A', h(1, 0, 1, 0, 0x2800) + soaq + b'\3new\xc0\x0c' + struct.pack('!HHIH', 1, 1, 60, 4) + b'\1\2\3\4', noresp=True)
        r = random.Random('fuzz-%d' % self.o.seed)
        seedq = [h() + q1, h(ar=1) + q1 + opt, h(ar=1) + soaq + W.mk_opt(4096, True, options=[(3, b''), (10, b'12345678')])]
        for i in range(self.o.fuzz):
            b = bytearray(r.choice(seedq))
            b[0:2] = struct.pack('!H', self.id())
            for _ in range(r.choice([1, 1, 1, 2, 4, 8])):
                k = r.random()
                p = r.randrange(2, len(b))
                if k < 0.6:
                    b[p] = r.choice([0, 1, 0xff, 0x80, 0xc0, 0x3f, 0x40, b[p] ^ (1 << r.randrange(8)), r.randrange(256)])
                elif k < 0.8:
                    del b[p:p + r.randint(1, 4)]
                else:
                    b[p:p] = r.randbytes(r.randint(1, 4))
                if len(b) < 4:
                    b += b'\0' * 12
            b[2] &= 0x7f
            self.raw('fuzz', 'fuzz#%d %s' % (i, bytes(b[2:]).hex()), bytes(b), noresp=True, limit=65535)
