# SPDX-License-Identifier: GPL-3.0-or-later
"""Minimal strict DNS wire codec for the conformance lab (no third-party imports).

Parses messages into flat RR lists with all compressed names in RDATA expanded,
so that two servers' answers can be compared as sets, and records protocol sins
(forbidden RDATA compression, forward pointers, trailing bytes, ...) on the way.
"""
import os
import select
import socket
import struct
import time

TYPES = {
    'A': 1, 'NS': 2, 'MD': 3, 'MF': 4, 'CNAME': 5, 'SOA': 6, 'MB': 7, 'MG': 8, 'MR': 9, 'NULL': 10,
    'WKS': 11, 'PTR': 12, 'HINFO': 13, 'MINFO': 14, 'MX': 15, 'TXT': 16, 'RP': 17, 'AFSDB': 18,
    'X25': 19, 'ISDN': 20, 'RT': 21, 'NSAP': 22, 'NSAP-PTR': 23, 'SIG': 24, 'KEY': 25, 'PX': 26,
    'GPOS': 27, 'AAAA': 28, 'LOC': 29, 'NXT': 30, 'SRV': 33, 'NAPTR': 35, 'KX': 36, 'CERT': 37,
    'A6': 38, 'DNAME': 39, 'OPT': 41, 'APL': 42, 'DS': 43, 'SSHFP': 44, 'IPSECKEY': 45, 'RRSIG': 46,
    'NSEC': 47, 'DNSKEY': 48, 'DHCID': 49, 'NSEC3': 50, 'NSEC3PARAM': 51, 'TLSA': 52, 'SMIMEA': 53,
    'HIP': 55, 'CDS': 59, 'CDNSKEY': 60, 'OPENPGPKEY': 61, 'CSYNC': 62, 'ZONEMD': 63, 'SVCB': 64,
    'HTTPS': 65, 'SPF': 99, 'NID': 104, 'L32': 105, 'L64': 106, 'LP': 107, 'EUI48': 108,
    'EUI64': 109, 'TKEY': 249, 'TSIG': 250, 'IXFR': 251, 'AXFR': 252, 'MAILB': 253, 'MAILA': 254,
    'ANY': 255, 'URI': 256, 'CAA': 257, 'AVC': 258, 'WALLET': 262, 'DLV': 32769,
    'ALIAS': 65401, 'LUA': 65402,
}
TNAMES = {v: k for k, v in TYPES.items()}
CLASSES = {'IN': 1, 'CH': 3, 'HS': 4, 'NONE': 254, 'ANY': 255}
CNAMES = {v: k for k, v in CLASSES.items()}

# Where names sit inside RDATA: list of ints (fixed octets), 's' (character-string), 'n' (name),
# 'r' (rest).  Second member: may these names be compressed (RFC 1035 types only)?
LAYOUT = {
    2: ('n', True), 3: ('n', True), 4: ('n', True), 5: ('n', True), 6: ('nnr', True),
    7: ('n', True), 8: ('n', True), 9: ('n', True), 12: ('n', True), 14: ('nn', True),
    15: ('2n', True), 17: ('nn', False), 18: ('2n', False), 21: ('2n', False), 23: ('n', False),
    26: ('2nn', False), 33: ('222n', False), 35: ('22sssn', False), 36: ('2n', False),
    39: ('n', False), 24: ('288nr', False), 46: ('288nr', False), 47: ('nr', False),
    30: ('nr', False), 64: ('2nr', False), 65: ('2nr', False), 107: ('2n', False),
    249: ('nr', False), 250: ('nr', False),
}


def ttype(t):
    return TNAMES.get(t) or 'TYPE%d' % t


class WireError(Exception):
    pass


def read_name(buf, off, flags=None):
    """-> (tuple of label bytes, offset after).  Strict: pointers must go backwards."""
    labels = []
    end = None
    total = 1
    low = off
    n = len(buf)
    while True:
        if off >= n:
            raise WireError('name runs past end of message')
        c = buf[off]
        if c == 0:
            off += 1
            break
        if c & 0xC0 == 0xC0:
            if off + 1 >= n:
                raise WireError('pointer runs past end of message')
            p = (c & 0x3F) << 8 | buf[off + 1]
            if end is None:
                end = off + 2
            if flags is not None:
                flags.add('ptr')
            if p >= low:
                raise WireError('compression pointer not strictly backwards (%d at %d)' % (p, off))
            if p < 12:
                raise WireError('compression pointer into header')
            low = off = p
            continue
        if c & 0xC0:
            raise WireError('label type 0x%02x' % (c & 0xC0))
        if off + 1 + c > n:
            raise WireError('label runs past end of message')
        labels.append(bytes(buf[off + 1:off + 1 + c]))
        total += c + 1
        if total > 255:
            raise WireError('name longer than 255 octets')
        off += c + 1
    return tuple(labels), (end if end is not None else off)


def enc_name(labels):
    return b''.join(bytes([len(l)]) + l for l in labels) + b'\0'


def lower(labels):
    return tuple(l.lower() for l in labels)


def name_text(labels):
    """PowerDNS-style presentation: only '.', '\\', and octets outside 0x21..0x7e are escaped."""
    if not labels:
        return '.'
    out = []
    for l in labels:
        s = ''
        for c in l:
            if c == 0x2e:
                s += '\\.'
            elif c == 0x5c:
                s += '\\\\'
            elif 0x20 < c < 0x7f:
                s += chr(c)
            else:
                s += '\\%03d' % c
        out.append(s + '.')
    return ''.join(out)


def text_name(s):
    """Absolute name from text (trailing dot optional); handles \\DDD and \\c."""
    if s in ('.', ''):
        return ()
    labels, cur, i = [], bytearray(), 0
    b = s.encode('utf-8')
    while i < len(b):
        c = b[i]
        if c == 0x5c:
            if b[i + 1:i + 4].isdigit() and i + 4 <= len(b):
                cur.append(int(b[i + 1:i + 4]))
                i += 4
                continue
            cur.append(b[i + 1])
            i += 2
            continue
        if c == 0x2e:
            labels.append(bytes(cur))
            cur = bytearray()
        else:
            cur.append(c)
        i += 1
    if cur:
        labels.append(bytes(cur))
    if any(not l or len(l) > 63 for l in labels):
        raise WireError('bad label in %r' % s)
    return tuple(labels)


def _walk(spec, buf, off, end, flags):
    """expand RDATA at buf[off:end] -> (bytes as sent, bytes with names lower-cased)."""
    out, low = bytearray(), bytearray()
    for ch in spec:
        if ch == 'n':
            labels, noff = read_name(buf, off, flags)
            if noff > end:
                raise WireError('name in RDATA runs past RDLENGTH')
            off = noff
            out += enc_name(labels)
            low += enc_name(lower(labels))
            continue
        if ch == 's':
            if off >= end:
                raise WireError('string past RDLENGTH')
            ln = buf[off] + 1
        elif ch == 'r':
            ln = end - off
        else:
            ln = int(ch)
        if off + ln > end:
            raise WireError('RDATA too short')
        out += buf[off:off + ln]
        low += buf[off:off + ln]
        off += ln
    if off != end:
        raise WireError('RDATA longer than its fields')
    return bytes(out), bytes(low)


class RR:
    __slots__ = ('sec', 'name', 'type', 'cls', 'ttl', 'rdata', 'rdata_lc', 'cflags')

    def key(self, case=False, ttl=True):
        return (self.name if case else lower(self.name), self.type, self.cls,
                self.ttl if ttl else 0, self.rdata if case else self.rdata_lc)

    def __repr__(self):
        return '%s %d %s %s %s' % (name_text(self.name), self.ttl, CNAMES.get(self.cls, self.cls),
                                   ttype(self.type), rdata_text(self.type, self.rdata))


class Msg:
    """id flags(qr opcode aa tc rd ra z ad cd rcode) qd rrs opt wire trailing sins"""

    def section(self, n):
        return [r for r in self.rrs if r.sec == n]

    @property
    def answer(self):
        return self.section(0)

    @property
    def authority(self):
        return self.section(1)

    @property
    def additional(self):
        return [r for r in self.rrs if r.sec == 2 and r.type not in (41, 250)]

    @property
    def ercode(self):
        return (self.opt_ext_rcode << 4 | self.rcode) if self.opts else self.rcode


def parse(buf):
    if len(buf) < 12:
        raise WireError('short header (%d octets)' % len(buf))
    m = Msg()
    m.wire = buf
    m.id, m.flags, qd, an, ns, ar = struct.unpack_from('!6H', buf)
    f = m.flags
    m.qr, m.opcode, m.aa, m.tc = f >> 15, f >> 11 & 15, f >> 10 & 1, f >> 9 & 1
    m.rd, m.ra, m.z, m.ad, m.cd, m.rcode = f >> 8 & 1, f >> 7 & 1, f >> 6 & 1, f >> 5 & 1, f >> 4 & 1, f & 15
    m.counts = (qd, an, ns, ar)
    m.sins = set()
    m.qd, m.rrs, m.opts = [], [], []
    m.opt_ext_rcode = 0
    off = 12
    for _ in range(qd):
        fl = set()
        name, off = read_name(buf, off, fl)
        if off + 4 > len(buf):
            raise WireError('question past end')
        t, c = struct.unpack_from('!HH', buf, off)
        off += 4
        m.qd.append((name, t, c))
    m.qd_end = off
    for sec, cnt in enumerate((an, ns, ar)):
        for _ in range(cnt):
            r = RR()
            r.sec = sec
            r.name, off = read_name(buf, off)
            if off + 10 > len(buf):
                raise WireError('RR header past end')
            r.type, r.cls, r.ttl, rdl = struct.unpack_from('!HHIH', buf, off)
            off += 10
            end = off + rdl
            if end > len(buf):
                raise WireError('RDATA past end')
            lay = LAYOUT.get(r.type)
            if lay and rdl:
                fl = set()
                r.rdata, r.rdata_lc = _walk(lay[0], buf, off, end, fl)
                if fl and not lay[1]:
                    m.sins.add('compressed-%s' % ttype(r.type))
            else:
                r.rdata = r.rdata_lc = bytes(buf[off:end])
            off = end
            m.rrs.append(r)
            if r.type == 41:
                if sec != 2:
                    m.sins.add('opt-outside-additional')
                m.opts.append(r)
                m.opt_ext_rcode = r.ttl >> 24
                if r.name:
                    m.sins.add('opt-owner-not-root')
    m.trailing = len(buf) - off
    return m


def opt_options(r):
    out, b, i = [], r.rdata, 0
    while i + 4 <= len(b):
        c, l = struct.unpack_from('!HH', b, i)
        out.append((c, b[i + 4:i + 4 + l]))
        i += 4 + l
    if i != len(b):
        out.append((-1, b[i:]))
    return out


def mk_opt(size=1232, do=False, version=0, options=(), z=0, ext=0, owner=b'\0'):
    od = b''.join(struct.pack('!HH', c, len(d)) + d for c, d in options)
    ttl = ext << 24 | version << 16 | (0x8000 if do else 0) | z
    return owner + struct.pack('!HHIH', 41, size, ttl, len(od)) + od


def mk_query(labels, qtype, qclass=1, flags=0, opt=None, qid=None, opcode=0):
    if qid is None:
        qid = int.from_bytes(os.urandom(2), 'big')
    h = struct.pack('!6H', qid, flags | opcode << 11, 1, 0, 0, 1 if opt else 0)
    return h + enc_name(labels) + struct.pack('!HH', qtype, qclass) + (opt or b'')


# ---------------------------------------------------------------- transport
def udp(addr, q, timeout=2.0, tries=2, want_id=None):
    fam = socket.AF_INET6 if ':' in addr[0] else socket.AF_INET
    want = q[:2] if want_id is None else want_id
    with socket.socket(fam, socket.SOCK_DGRAM) as s:
        s.connect(addr)
        for _ in range(tries):
            try:
                s.send(q)
                end = time.monotonic() + timeout
                while True:
                    left = end - time.monotonic()
                    if left <= 0 or not select.select([s], [], [], left)[0]:
                        break
                    r = s.recv(65535)
                    if r[:2] == want:
                        return r
            except ConnectionRefusedError:
                time.sleep(0.05)
    return None


def _recvn(s, n):
    out = b''
    while len(out) < n:
        d = s.recv(n - len(out))
        if not d:
            return None
        out += d
    return out


def tcp(addr, q, timeout=5.0):
    return next(tcp_stream(addr, q, timeout), None)


def tcp_stream(addr, q, timeout=5.0):
    fam = socket.AF_INET6 if ':' in addr[0] else socket.AF_INET
    with socket.socket(fam, socket.SOCK_STREAM) as s:
        s.settimeout(timeout)
        try:
            s.connect(addr)
            s.sendall(struct.pack('!H', len(q)) + q)
            while True:
                h = _recvn(s, 2)
                if h is None:
                    return
                d = _recvn(s, struct.unpack('!H', h)[0])
                if d is None:
                    return
                yield d
        except (OSError, socket.timeout):
            return


# ---------------------------------------------------------------- text forms (PowerDNS zone representation)
_NT = name_text


def _qs(b):
    s = ''
    for c in b:
        if c in (0x22, 0x5c):
            s += '\\' + chr(c)
        elif 0x20 <= c < 0x7f:
            s += chr(c)
        else:
            s += '\\%03d' % c
    return '"' + s + '"'


def _strings(b):
    out, i = [], 0
    while i < len(b):
        out.append(b[i + 1:i + 1 + b[i]])
        i += 1 + b[i]
    return out


def _bitmap(b):
    types, i = [], 0
    while i + 2 <= len(b):
        w, l = b[i], b[i + 1]
        for j, o in enumerate(b[i + 2:i + 2 + l]):
            for k in range(8):
                if o & (0x80 >> k):
                    types.append(w * 256 + j * 8 + k)
        i += 2 + l
    return ''.join(' ' + ttype(t) for t in types)


def b32hex(b):
    al = '0123456789ABCDEFGHIJKLMNOPQRSTUV'
    bits, n, out = 0, 0, ''
    for c in b:
        bits, n = bits << 8 | c, n + 8
        while n >= 5:
            out += al[bits >> (n - 5) & 31]
            n -= 5
    if n:
        out += al[bits << (5 - n) & 31]
    return out


def _b64(b):
    import base64
    return base64.b64encode(b).decode()


def _loc_size(c):
    m, e = c >> 4, c & 15
    cm = m * 10 ** e
    return '%d.%02dm' % (cm // 100, cm % 100)


def _loc(b):
    v, size, hp, vp, lat, lon, alt = struct.unpack('!BBBBIII', b)

    def ang(v, pos, neg):
        d = v - (1 << 31)
        h = pos if d >= 0 else neg
        d = abs(d)
        return '%d %d %d.%03d %s' % (d // 3600000, d // 60000 % 60, d // 1000 % 60, d % 1000, h)
    a = alt - 10000000
    return '%s %s %s%d.%02dm %s %s %s' % (ang(lat, 'N', 'S'), ang(lon, 'E', 'W'), '-' if a < 0 else '',
                                          abs(a) // 100, abs(a) % 100, _loc_size(size), _loc_size(hp), _loc_size(vp))


SVC = {0: 'mandatory', 1: 'alpn', 2: 'no-default-alpn', 3: 'port', 4: 'ipv4hint', 5: 'ech', 6: 'ipv6hint',
       7: 'dohpath', 8: 'ohttp', 9: 'tls-supported-groups'}


def _svcb(b):
    prio = struct.unpack_from('!H', b)[0]
    name, off = read_name(b, 2)
    out = '%d %s' % (prio, _NT(name))
    while off + 4 <= len(b):
        k, l = struct.unpack_from('!HH', b, off)
        v = b[off + 4:off + 4 + l]
        off += 4 + l
        out += ' ' + SVC.get(k, 'key%d' % k)
        if k in (2, 8):
            continue
        out += '='
        u16 = [x[0] for x in struct.iter_unpack('!H', v)] if len(v) % 2 == 0 else []
        if k == 0:
            out += ','.join(SVC.get(x, 'key%d' % x) for x in u16)
        elif k == 1:
            vals = [_qs(x)[1:-1].replace('\\', '\\\\').replace(',', '\\\\,') for x in _strings(v)]
            s = ','.join(vals)
            out += '"' + s + '"' if any(' ' in x or '"' in x for x in vals) else s
        elif k == 3:
            out += str(u16[0])
        elif k == 4:
            out += ','.join(socket.inet_ntop(socket.AF_INET, v[i:i + 4]) for i in range(0, len(v), 4))
        elif k == 6:
            out += ','.join(socket.inet_ntop(socket.AF_INET6, v[i:i + 16]) for i in range(0, len(v), 16))
        elif k == 5:
            out += '"' + _b64(v) + '"'
        elif k == 9:
            out += ','.join(map(str, u16))
        else:
            out += _qs(v)
    return out


def rdata_text(t, b):
    """RDATA (already decompressed) -> text the way PowerDNS' getZoneRepresentation() prints it."""
    try:
        return _rdata_text(t, b)
    except (WireError, struct.error, IndexError, ValueError) as e:
        return '\\# %d %s ;%s' % (len(b), b.hex(), e)


def _names(b, off, n):
    out = []
    for _ in range(n):
        l, off = read_name(b, off)
        out.append(_NT(l))
    return out, off


def _rdata_text(t, b):
    U = struct.unpack_from
    if t == 1:
        return socket.inet_ntop(socket.AF_INET, b)
    if t == 28:
        return socket.inet_ntop(socket.AF_INET6, b)
    if t in (2, 3, 4, 5, 7, 8, 9, 12, 39):
        return _names(b, 0, 1)[0][0]
    if t == 6:
        (m, r), o = _names(b, 0, 2)
        return ' '.join([m, r] + [str(x) for x in U('!5I', b, o)])
    if t in (14, 17):
        return ' '.join(_names(b, 0, 2)[0])
    if t in (15, 18, 21, 36, 107):
        return '%d %s' % (U('!H', b)[0], _names(b, 2, 1)[0][0])
    if t in (16, 99, 13, 19, 20, 258, 262):
        return ' '.join(_qs(s) for s in _strings(b))
    if t == 33:
        return '%d %d %d %s' % (U('!3H', b) + (_names(b, 6, 1)[0][0],))
    if t == 35:
        o, ss = 4, []
        for _ in range(3):
            ss.append(_qs(b[o + 1:o + 1 + b[o]]))
            o += 1 + b[o]
        return '%d %d %s %s' % (U('!HH', b) + (' '.join(ss), _names(b, o, 1)[0][0]))
    if t == 29:
        return _loc(b)
    if t in (43, 59, 32769):
        return '%d %d %d %s' % (U('!HBB', b) + (b[4:].hex(),))
    if t in (48, 60, 25):
        return '%d %d %d %s' % (U('!HBB', b) + (_b64(b[4:]),))
    if t in (46, 24):
        cov, alg, lab, ottl, exp, inc, tag = U('!HBBIIIH', b)
        n, o = read_name(b, 18)
        ts = lambda x: time.strftime('%Y%m%d%H%M%S', time.gmtime(x))
        return '%s %d %d %d %s %s %d %s %s' % (ttype(cov), alg, lab, ottl, ts(exp), ts(inc), tag, _NT(n), _b64(b[o:]))
    if t == 47:
        n, o = read_name(b, 0)
        return _NT(n) + _bitmap(b[o:])
    if t == 50:
        alg, fl, it, sl = U('!BBHB', b)
        salt = b[5:5 + sl].hex() or '-'
        hl = b[5 + sl]
        return '%d %d %d %s %s%s' % (alg, fl, it, salt, b32hex(b[6 + sl:6 + sl + hl]), _bitmap(b[6 + sl + hl:]))
    if t == 51:
        alg, fl, it, sl = U('!BBHB', b)
        return '%d %d %d %s' % (alg, fl, it, b[5:5 + sl].hex() or '-')
    if t == 44:
        return '%d %d %s' % (b[0], b[1], b[2:].hex())
    if t in (52, 53):
        return '%d %d %d %s' % (b[0], b[1], b[2], b[3:].hex())
    if t == 42:
        out, i = [], 0
        while i < len(b):
            fam, pfx, n = U('!HBB', b, i)
            a = b[i + 4:i + 4 + (n & 127)]
            a += b'\0' * ((16 if fam == 2 else 4) - len(a))
            out.append('%s%d:%s/%d' % ('!' if n & 128 else '', fam, socket.inet_ntop(socket.AF_INET6 if fam == 2 else socket.AF_INET, a), pfx))
            i += 4 + (n & 127)
        return ' '.join(out)
    if t == 45:
        if b[1] == 0:
            gw, o = '.', 3
        elif b[1] == 1:
            gw, o = socket.inet_ntop(socket.AF_INET, b[3:7]), 7
        elif b[1] == 2:
            gw, o = socket.inet_ntop(socket.AF_INET6, b[3:19]), 19
        else:
            n, o = read_name(b, 3)
            gw = _NT(n)
        return ('%d %d %d %s %s' % (b[0], b[1], b[2], gw, _b64(b[o:]))).rstrip()
    if t in (104, 106):
        return '%d %s' % (U('!H', b)[0], ':'.join('%04x' % x for x in U('!4H', b, 2)))
    if t == 105:
        return '%d %s' % (U('!H', b)[0], socket.inet_ntop(socket.AF_INET, b[2:6]))
    if t == 62:
        return '%d %d%s' % (U('!IH', b) + (_bitmap(b[6:]),))
    if t == 63:
        return '%d %d %d %s' % (U('!IBB', b) + (b[6:].hex(),))
    if t in (108, 109):
        return '-'.join('%02x' % c for c in b)
    if t == 257:
        tl = b[1]
        return '%d %s %s' % (b[0], b[2:2 + tl].decode('latin1'), _qs(b[2 + tl:]))
    if t == 256:
        return '%d %d %s' % (U('!HH', b) + (_qs(b[4:]),))
    if t in (64, 65):
        return _svcb(b)
    if t == 37:
        return '%d %d %d %s' % (U('!HHB', b) + (_b64(b[5:]),))
    if t in (49, 61):
        return _b64(b)
    if t == 41:
        return ''
    return '\\# %d %s' % (len(b), b.hex())


# ---------------------------------------------------------------- portable master-file lines
PORTABLE = {1, 2, 5, 6, 12, 13, 15, 16, 17, 18, 36, 28, 29, 33, 35, 39, 43, 46, 47, 48, 50, 51, 52, 59, 60, 44, 108, 109, 257}
OLD = {3, 4, 7, 8, 9, 10, 11, 19, 20, 25, 262, 65401, 65402}      # spelled TYPEn everywhere


def zone_name(labels):
    if not labels:
        return '.'
    return ''.join(''.join(chr(c) if chr(c).isalnum() and c < 128 or c in b'-_*' else '\\%03d' % c for c in l) + '.' for l in labels)


def zone_rdata(t, b):
    """rdata_text with every name fully escaped (safe inside a master file)."""
    global _NT
    _NT = zone_name
    try:
        return rdata_text(t, b)
    finally:
        _NT = name_text


def zone_line(r):
    """One RR in a form that BIND, Knot, NSD, PowerDNS and ldns all parse to the same wire data."""
    t = ttype(r.type) if r.type in TNAMES and r.type not in OLD else 'TYPE%d' % r.type
    if r.type in PORTABLE:
        d = zone_rdata(r.type, r.rdata)
        if r.type in (46, 47, 50):
            skip = {46: 0, 47: 1, 50: 5}[r.type]
            w = d.split(' ')
            d = ' '.join(w[:skip] + ['TYPE%d' % TYPES[x] if x in TYPES and TYPES[x] not in PORTABLE else x for x in w[skip:]])
        if d.startswith('\\#'):
            t = 'TYPE%d' % r.type
    else:
        t = 'TYPE%d' % r.type
        d = '\\# %d %s' % (len(r.rdata), r.rdata.hex())
    return '%s\t%d\tIN\t%s\t%s' % (zone_name(r.name), r.ttl, t, d)
