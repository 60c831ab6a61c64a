#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differential tester for authoritative DNS servers serving the same zones.

  dnsdiff.py --zones DIR|zones.json --ref knot=127.0.0.1:15400 --ref nsd=... --ref bind=... [--ref pdns=...]
             [--candidate NAME=ADDR:PORT] [--oracle NAME] [--quorum K] [--cats a,b,..] [--max-per-cat 400] [--seed 1]
             [--out DIFFS.jsonl] [--live-signed] [--strict-additional] [-v]
  without --candidate: calibration; every reference is compared with the majority of all references.

Every query goes byte-identical to every server.  Each response is reduced to FIELDS (resp rcode aa tc rd ra z ad cd
qd answer authority glue addl edns); for every field the references vote; a field counts only if at least --quorum
references (default: all but one when there are >= 3, else all) agree -- and, with --oracle, the oracle is among them.
The candidate is compared with the agreed value; fields without agreement are dropped and counted as such.
Independent of any vote, INVARIANTS are checked on every server's response (id, QR, echoed question, no OPT unless
asked, size limits, truncation only if the TCP answer really does not fit, no duplicate RRs, equal TTLs in an RRset,
no forbidden RDATA compression, no trailing bytes).
Diffs are JSON lines: {cat, q, field, got, want, votes}.  Deterministic for a given seed and zone set.
"""
import argparse
import collections
import json
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dnswire as W  # noqa: E402
from queries import CORE, Gen, load_zones  # noqa: E402

T = W.TYPES
FIELDS = ['resp', 'rcode', 'aa', 'tc', 'rd', 'ra', 'z', 'ad', 'cd', 'qd', 'answer', 'authority', 'glue', 'addl', 'edns']


# ------------------------------------------------------------------ exchange
class Srv:
    def __init__(self, name, addr):
        self.name, self.addr = name, addr
        self.s = socket.socket(socket.AF_INET6 if ':' in addr[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.s.connect(addr)
        self.s.setblocking(False)
        self.silent = 0

    def drain(self):
        try:
            while True:
                self.s.recv(65535)
        except (BlockingIOError, ConnectionRefusedError):
            pass


def exchange(srvs, q, timeout):
    """send q to all; -> {name: bytes|None}"""
    res = {}
    if q.tcp:
        for s in srvs:
            res[s.name] = W.tcp(s.addr, q.wire, 3)
        return res
    want = {}
    for s in srvs:
        s.drain()
        try:
            s.s.send(q.wire)
        except OSError:
            try:
                s.s.send(q.wire)
            except OSError:
                pass
        want[s.s] = s
    end = time.monotonic() + timeout
    while want:
        left = end - time.monotonic()
        if q.noresp and res:
            left = min(left, 0.06)      # somebody answered; silence of the others is an answer too
        if left <= 0:
            break
        rl = select.select(list(want), [], [], left)[0]
        if not rl:
            break
        for k in rl:
            try:
                b = k.recv(65535)
            except OSError:
                continue
            if len(q.wire) < 2 or b[:2] == q.wire[:2]:
                res[want.pop(k).name] = b
    for s in want.values():
        res[s.name] = None
    return res


def rkey(r, live):
    k = r.key()
    if live:
        if r.type == 46:
            k = k[:4] + (r.rdata_lc[:8] + r.rdata_lc[18:18 + len(W.enc_name(W.read_name(r.rdata_lc, 18)[0]))],)
        elif r.type in (48, 59, 60, 63):
            k = k[:4] + (b'',)
    return k


def reduce(q, b, zones, live):
    """-> (fields dict, Msg or None)"""
    if b is None:
        return {'resp': 'none'}, None
    try:
        m = W.parse(b)
    except W.WireError as e:
        return {'resp': 'unparsable: %s' % e}, None
    f = {'resp': 'ok', 'rcode': m.ercode, 'aa': m.aa, 'tc': m.tc, 'rd': m.rd, 'ra': m.ra, 'z': m.z, 'ad': m.ad, 'cd': m.cd}
    f['qd'] = len(m.qd)
    if m.opts:
        o = m.opts[0]
        codes = tuple(sorted(c for c, _ in W.opt_options(o) if c not in (10, 12, 15)))
        f['edns'] = ('opt', o.ttl >> 16 & 255, o.ttl >> 15 & 1, codes)
    else:
        f['edns'] = 'no-opt'
    if m.tc:
        return f, m
    an = [rkey(r, live) for r in m.answer]
    f['answer'] = frozenset(an)
    au = m.authority
    nsown = {W.lower(r.name) for r in au if r.type == 2}
    soa = any(r.type == 6 for r in au)
    # optional apex NS set next to a positive answer: ignore
    if m.aa and not soa and nsown and (m.answer):
        drop = {o for o in nsown if o in zones}
        au = [r for r in au if not (W.lower(r.name) in drop and (r.type == 2 or r.type == 46 and r.rdata[:2] == b'\0\2'))]
        nsown -= drop
    f['authority'] = frozenset(rkey(r, live) for r in au)
    ad = m.additional
    if nsown and not soa:
        tg = {}
        for r in au:
            if r.type == 2:
                tgt = W.lower(W.read_name(r.rdata, 0)[0])
                cut = W.lower(r.name)
                if tgt[-len(cut):] == cut:
                    tg[tgt] = 1
        f['glue'] = frozenset(rkey(r, live) for r in ad if r.type in (1, 28) and W.lower(r.name) in tg)
    f['addl'] = frozenset(rkey(r, live) for r in ad if r.type != 46)
    return f, m


def invariants(q, b, m, srv, tcpfetch):
    bad = []
    if m is None:
        return bad
    if not m.qr:
        bad.append('QR=0')
    if len(q.wire) >= 12:
        qf = struct.unpack_from('!H', q.wire, 2)[0]
        if m.opcode != (qf >> 11 & 15):
            bad.append('opcode not echoed')
        if m.rd != (qf >> 8 & 1) and m.rcode != 1:
            bad.append('RD not echoed')
    if m.z:
        bad.append('Z set')
    if m.trailing:
        bad.append('trailing %d octets' % m.trailing)
    for s in m.sins:
        bad.append(s)
    if q.cat not in ('malformed', 'fuzz'):
        try:
            end = W.parse(q.wire).qd_end
            if b[12:end] != q.wire[12:end] and m.counts[0]:
                bad.append('question not echoed byte for byte')
            if m.counts[0] != 1 and m.rcode not in (1, 4):
                bad.append('qdcount %d in response' % m.counts[0])
        except W.WireError:
            pass
        has = W.parse(q.wire).opts
        if m.opts and not has:
            bad.append('OPT in response to a query without OPT')
        if has and not m.opts and m.rcode not in (1, 4):
            bad.append('no OPT in response to a query with OPT')
        if len(m.opts) > 1:
            bad.append('%d OPT' % len(m.opts))
    if not q.tcp and len(b) > q.limit:
        bad.append('UDP response of %d > limit %d' % (len(b), q.limit))
    if q.tcp and m.tc:
        bad.append('TC over TCP')
    seen, ttl = set(), {}
    for r in m.rrs:
        if r.type in (41, 250):
            continue
        k = (r.sec,) + r.key(ttl=False)
        if k in seen:
            bad.append('duplicate RR %s %s' % (W.name_text(r.name), W.ttype(r.type)))
        seen.add(k)
        cov = r.rdata[:2] if r.type == 46 else b''
        kk = (r.sec, W.lower(r.name), r.type, cov)
        if ttl.setdefault(kk, r.ttl) != r.ttl:
            bad.append('TTLs differ in RRset %s %s' % (W.name_text(r.name), W.ttype(r.type)))
        if not q.do and r.type in (46, 47, 50) and q.cat not in ('any', 'meta', 'nsec3-owner', 'malformed', 'fuzz', 'apex', 'below-cut', 'cname', 'edns', 'flags', 'size', 'size-tcp') and len(q.wire) > 16:
            qt = W.parse(q.wire).qd[0][1]
            if qt not in (46, 47, 50, 255):
                bad.append('DNSSEC RR without DO')
    if tcpfetch and not q.tcp and m.tc:
        full = tcpfetch()
        if full is not None and len(full) <= min(q.limit, 1220):
            bad.append('truncated although the TCP answer has only %d octets' % len(full))
    return bad[:4]


def show(v):
    if isinstance(v, frozenset):
        out = []
        for k in sorted(v, key=repr):
            out.append('%s %d %s %s' % (W.name_text(k[0]), k[3], W.ttype(k[1]), W.rdata_text(k[1], k[4])[:90]))
        return out
    return v


def diffsets(a, b):
    return {'extra': show(a - b)[:12], 'missing': show(b - a)[:12]}


# ------------------------------------------------------------------ TCP framing and zone transfer
def tcp_framing(addr, zone):
    """small behavioural probe list -> {name: value}"""
    q = lambda i, n=zone, t=6: W.mk_query(n, t, qid=i)
    fr = lambda b: struct.pack('!H', len(b)) + b

    def run(chunks, expect, half=False, delay=0.03, timeout=2.0):
        try:
            s = socket.create_connection(addr, timeout)
        except OSError:
            return 'refused'
        with s:
            s.settimeout(timeout)
            try:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for c in chunks:
                    s.sendall(c)
                    if len(chunks) > 1:
                        time.sleep(delay)
                if half:
                    s.shutdown(socket.SHUT_WR)
                got = []
                while len(got) < expect:
                    h = W._recvn(s, 2)
                    if h is None:
                        got.append('EOF')
                        break
                    b = W._recvn(s, struct.unpack('!H', h)[0])
                    m = W.parse(b)
                    got.append((m.id, m.rcode, len(m.answer)))
                return sorted(got, key=repr)
            except (OSError, W.WireError) as e:
                return type(e).__name__
    one, two = q(1), q(2)
    return {
        'one query': run([fr(one)], 1),
        'two queries in one segment': run([fr(one) + fr(two)], 2),
        'ten pipelined': run([b''.join(fr(q(i)) for i in range(10))], 10),
        'length and body in separate segments': run([fr(one)[:2], one], 1),
        'byte by byte': run([bytes([c]) for c in fr(one)], 1, delay=0.002),
        'second query split across segments': run([fr(one) + fr(two)[:5], fr(two)[5:]], 2),
        'half close after query': run([fr(one)], 1, half=True),
        'query, response, query': run([fr(one), fr(two)], 2, delay=0.2),
        'length 0 then query': run([b'\0\0' + fr(one)], 1, timeout=1.0),
        'garbage body then query': run([fr(b'\xff' * 12) + fr(one)], 2, timeout=1.0),
        'short body (5 octets)': run([fr(b'abcde')], 1, timeout=1.0),
    }


def axfr(addr, name, soaq=None):
    recs, soa, msgs = [], 0, 0
    w = W.mk_query(name, 252)
    for b in W.tcp_stream(addr, w, 15):
        try:
            m = W.parse(b)
        except W.WireError as e:
            return 'unparsable: %s' % e
        msgs += 1
        if m.rcode:
            return 'rcode %d' % m.rcode
        soa += sum(r.type == 6 for r in m.answer)
        recs += m.answer
        if soa > 1:
            break
    if soa < 2:
        return 'incomplete (%d records)' % len(recs)
    if recs[0].type != 6 or recs[-1].type != 6:
        return 'not framed by SOA'
    return recs[:-1]


def replay(o, cand):
    w = bytes.fromhex(o.replay)
    for n, a in o.refs + ([cand] if cand else []):
        b = W.tcp(a, w, 3) if o.replay_tcp else W.udp(a, w, 1, 1)
        if b is None:
            print('--- %s: no response' % n)
            continue
        try:
            m = W.parse(b)
        except W.WireError as e:
            print('--- %s: unparsable (%s): %s' % (n, e, b.hex()))
            continue
        print('--- %s: rcode %d aa %d tc %d rd %d ra %d ad %d cd %d opcode %d qd %s, %d octets, opt %s' % (
            n, m.ercode, m.aa, m.tc, m.rd, m.ra, m.ad, m.cd, m.opcode, [(W.name_text(x[0]), W.ttype(x[1]), x[2]) for x in m.qd], len(b), [(r.cls, hex(r.ttl), W.opt_options(r)) for r in m.opts]))
        for r in sorted(m.rrs, key=lambda r: (r.sec, r.name, r.type)):
            if r.type != 41:
                print('   %d %s' % (r.sec, repr(r)[:150]))


# ------------------------------------------------------------------ main
def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--zones')
    ap.add_argument('--ref', action='append', default=[], help='NAME=ADDR:PORT')
    ap.add_argument('--candidate', help='NAME=ADDR:PORT')
    ap.add_argument('--oracle')
    ap.add_argument('--quorum', type=int)
    ap.add_argument('--cats', default='', help='comma list of category globs')
    ap.add_argument('--skip-cats', default='', help='comma list of categories to leave out')
    ap.add_argument('--max-per-cat', type=int, default=400, help='0 = all')
    ap.add_argument('--fuzz', type=int, default=300)
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--timeout', type=float, default=1.0)
    ap.add_argument('--load', default='axfr', choices=['file', 'axfr'])
    ap.add_argument('--live-signed', action='store_true', help='candidate signs itself: mask signatures, DNSKEY, CDS, ZONEMD')
    ap.add_argument('--fields', default=','.join(f for f in FIELDS if f != 'addl'), help='default: all but addl (optional additional data)')
    ap.add_argument('--out')
    ap.add_argument('--list', action='store_true', help='only print the queries')
    ap.add_argument('--replay', help='hex of one message (field "wire" of a diff record): send to all servers and print the replies')
    ap.add_argument('--replay-tcp', action='store_true')
    ap.add_argument('--no-xfr', action='store_true')
    ap.add_argument('-v', action='store_true')
    o = ap.parse_args()
    o.cats = [c for c in o.cats.split(',') if c]
    o.skip_cats = [c for c in o.skip_cats.split(',') if c]

    def sp(s):
        n, a = s.split('=', 1)
        h, p = a.rsplit(':', 1)
        return n, (h, int(p))
    o.refs = [sp(x) for x in o.ref]
    cand = sp(o.candidate) if o.candidate else None
    fields = o.fields.split(',')
    if o.replay:
        return replay(o, cand)
    zones = load_zones(o)
    zl = {z.lname for z in zones}
    qs = Gen(zones, o).build()
    if o.list:
        for q in qs:
            print(q.cat, q.text)
        print(collections.Counter(q.cat for q in qs), len(qs))
        return
    srvs = [Srv(n, a) for n, a in o.refs] + ([Srv(*cand)] if cand else [])
    refs = [n for n, _ in o.refs]
    quorum = o.quorum or (len(refs) - 1 if len(refs) >= 3 else len(refs))
    judged = [cand[0]] if cand else refs
    out = open(o.out, 'w') if o.out else None
    st = {j: collections.defaultdict(collections.Counter) for j in judged}     # judge -> cat -> counter
    fld = {j: collections.Counter() for j in judged}
    nfield = collections.Counter()
    dropped = collections.defaultdict(collections.Counter)
    inv = {s.name: collections.Counter() for s in srvs}
    invq = {s.name: {} for s in srvs}
    allagree, nq = collections.Counter(), collections.Counter()
    t0 = time.time()

    def emit(rec):
        if out:
            out.write(json.dumps(rec) + '\n')
        if o.v:
            print(json.dumps(rec))
    for q in qs:
        tmo = 0.15 if q.noresp else o.timeout
        res = exchange(srvs, q, tmo)
        if not q.noresp and not q.tcp and any(v is None for v in res.values()):
            again = exchange([s for s in srvs if res[s.name] is None], q, o.timeout)
            res.update(again)
        red = {}
        for s in srvs:
            f, m = reduce(q, res[s.name], zl, o.live_signed)
            red[s.name] = f
            s.silent = s.silent + 1 if res[s.name] is None and not q.noresp else 0
            if s.silent == 20:
                print('!! %s has not answered 20 well-formed queries in a row; last: %s [%s]' % (s.name, q.cat, q.text))
                emit({'server': s.name, 'dead-after': q.text, 'cat': q.cat, 'wire': q.wire.hex()})
                if cand and s.name == cand[0]:
                    sys.exit('candidate dead')
            tf = (lambda s=s: W.tcp(s.addr, q.wire, 3)) if q.cat.startswith('size') or q.cat in ('exist', 'edns') else None
            for b in invariants(q, res[s.name], m, s, tf):
                key = b if not b.startswith(('duplicate', 'TTLs', 'UDP resp', 'truncated', 'trailing')) else b.split()[0]
                inv[s.name][key] += 1
                invq[s.name].setdefault(key, q.text[:120] + ' : ' + b)
                emit({'cat': q.cat, 'q': q.text, 'server': s.name, 'invariant': b})
        nq[q.cat] += 1
        good = True
        verdict = {j: True for j in judged}
        anyfield = False
        for fd in fields:
            vals = {n: red[n].get(fd) for n in refs}
            cnt = collections.Counter(v for v in vals.values() if v is not None)
            if not cnt:
                continue
            if len(cnt) > 1 or sum(cnt.values()) < len([n for n in refs if red[n]['resp'] == 'ok' or fd == 'resp']) and fd not in ('answer', 'authority', 'glue', 'addl'):
                good = False
            if o.oracle:
                v = vals.get(o.oracle)
                c = cnt.get(v, 0)
            else:
                v, c = cnt.most_common(1)[0]
            need = quorum
            if v is None or c < need:
                # for section fields a TC answer abstains: accept if nobody disagrees and at least two voted
                if not (fd in ('answer', 'authority', 'glue', 'addl') and len(cnt) == 1 and c >= 2):
                    dropped[q.cat][fd] += 1
                    continue
            nfield[fd] += 1
            anyfield = True
            for j in judged:
                got = red[j].get(fd)
                if got is None and fd != 'resp':
                    if red[j]['resp'] == 'ok' and (red[j].get('tc') or fd == 'glue'):
                        if fd == 'glue' and not red[j].get('tc') and v:
                            got = frozenset()
                        else:
                            continue
                    elif red[j]['resp'] != 'ok':
                        continue         # already counted under resp
                if got != v:
                    verdict[j] = False
                    fld[j][fd] += 1
                    rec = {'cat': q.cat, 'q': q.text, 'server': j, 'field': fd}
                    if isinstance(v, frozenset) and isinstance(got, frozenset):
                        rec.update(diffsets(got, v))
                    else:
                        rec.update({'got': show(got), 'want': show(v)})
                    rec['votes'] = {n: (show(x) if not isinstance(x, frozenset) else ('=' if x == v else 'differs')) for n, x in vals.items()}
                    rec['wire'] = q.wire.hex()
                    emit(rec)
        allagree[q.cat] += good
        for j in judged:
            c = st[j][q.cat]
            c['n'] += 1
            if not anyfield:
                c['dropped'] += 1
            elif verdict[j]:
                c['agree'] += 1
            else:
                c['differ'] += 1
    # zone transfers and TCP framing
    if not o.no_xfr and 'xfr' not in o.skip_cats and (not o.cats or 'xfr' in o.cats):
        for z in zones:
            got = {s.name: axfr(s.addr, z.name) for s in srvs}
            sets = {n: (frozenset(r.key() for r in v) if isinstance(v, list) else v) for n, v in got.items()}
            cnt = collections.Counter(sets[n] for n in refs)
            v, c = cnt.most_common(1)[0]
            nq['xfr'] += 1
            allagree['xfr'] += len(cnt) == 1
            for j in judged:
                st[j]['xfr']['n'] += 1
                if c < quorum:
                    st[j]['xfr']['dropped'] += 1
                elif sets[j] == v:
                    st[j]['xfr']['agree'] += 1
                else:
                    st[j]['xfr']['differ'] += 1
                    rec = {'cat': 'xfr', 'q': W.name_text(z.name) + ' AXFR', 'server': j, 'field': 'axfr'}
                    rec.update(diffsets(sets[j], v) if isinstance(sets[j], frozenset) and isinstance(v, frozenset) else {'got': show(sets[j]) if not isinstance(sets[j], frozenset) else 'zone', 'want': 'zone' if isinstance(v, frozenset) else v})
                    emit(rec)
            for n, v in got.items():
                if isinstance(v, list) and len(v) != len(set((r.key()) for r in v)):
                    inv[n]['duplicate RR in AXFR'] += 1
    if not o.no_xfr and 'tcpframe' not in o.skip_cats and (not o.cats or 'tcpframe' in o.cats):
        fr = {s.name: tcp_framing(s.addr, zones[0].name) for s in srvs}
        for k in fr[srvs[0].name]:
            cnt = collections.Counter(repr(fr[n][k]) for n in refs)
            v, c = cnt.most_common(1)[0]
            nq['tcpframe'] += 1
            allagree['tcpframe'] += len(cnt) == 1
            for j in judged:
                st[j]['tcpframe']['n'] += 1
                w = 'dropped' if c < quorum else 'agree' if repr(fr[j][k]) == v else 'differ'
                st[j]['tcpframe'][w] += 1
                if w == 'differ':
                    emit({'cat': 'tcpframe', 'q': k, 'server': j, 'field': 'tcp', 'got': repr(fr[j][k]), 'want': v, 'votes': {n: repr(fr[n][k]) for n in refs}})
    # ---- report
    print('%d queries x %d servers in %.0f s; quorum %d of %d%s' % (len(qs), len(srvs), time.time() - t0, quorum, len(refs), '; oracle ' + o.oracle if o.oracle else ''))
    print('%-14s %6s %9s | %s' % ('category', 'n', 'all-agree', '  '.join('%-22s' % j for j in judged)))
    print('%-14s %6s %9s | %s' % ('', '', '', '  '.join('%-22s' % 'agree/differ/dropped' for j in judged)))
    tot = {j: collections.Counter() for j in judged}
    for cat in nq:
        row = []
        for j in judged:
            c = st[j][cat]
            tot[j].update(c)
            row.append('%-22s' % ('%d/%d/%d' % (c['agree'], c['differ'], c['dropped'])))
        print('%-14s %6d %8.1f%% | %s' % (cat, nq[cat], 100.0 * allagree[cat] / nq[cat], '  '.join(row)))
    n = sum(nq.values())
    for lab, sel in (('core', [c for c in nq if c in CORE]), ('edge', [c for c in nq if c not in CORE])):
        if sel:
            m = sum(nq[c] for c in sel)
            print('%-14s %6d %8.1f%% | %s' % (lab.upper(), m, 100.0 * sum(allagree[c] for c in sel) / m, '  '.join('%-22s' % ('%d/%d/%d' % tuple(sum(st[j][c][k] for c in sel) for k in ('agree', 'differ', 'dropped'))) for j in judged)))
    print('%-14s %6d %8.1f%% | %s' % ('TOTAL', n, 100.0 * sum(allagree.values()) / n, '  '.join('%-22s' % ('%d/%d/%d' % (tot[j]['agree'], tot[j]['differ'], tot[j]['dropped'])) for j in judged)))
    print('fields decided: ' + ', '.join('%s %d' % (k, nfield[k]) for k in fields))
    dr = collections.Counter()
    for c in dropped.values():
        dr.update(c)
    print('fields dropped for lack of quorum: ' + ', '.join('%s %d' % x for x in dr.most_common()))
    for j in judged:
        print('differences of %-8s by field: %s' % (j, ', '.join('%s %d' % x for x in fld[j].most_common()) or 'none'))
    for s in srvs:
        if inv[s.name]:
            print('invariants violated by %s: %s' % (s.name, ', '.join('%s %d' % x for x in inv[s.name].most_common(12))))
            for k, _ in inv[s.name].most_common(12):
                if k in invq[s.name]:
                    print('      e.g. %s' % invq[s.name][k])
    if cand:
        sys.exit(1 if any(c['differ'] for c in st[cand[0]].values()) else 0)


if __name__ == '__main__':
    main()
