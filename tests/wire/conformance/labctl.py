#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start/stop reference servers on loopback with one zone set (zones.json manifest).

  labctl.py up   --zones ZDIR/zones.json [--servers knot,nsd,bind,pdns] [--base-port 15400] [--dir RUN]
  labctl.py down --dir RUN
  labctl.py fg   --zones ZDIR/zones.json --servers knot --base-port P      (one server in the foreground on port P)
  labctl.py conf --zones ZDIR/zones.json --servers bind --dir RUN      (write configs only)

Ports: base+0 knot, base+1 nsd, base+2 bind, base+3 pdns.  All answer minimally, UDP up to 4096, no RRL, AXFR from 127/8.
`up` prints one line per server that answers:  name=127.0.0.1:port
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dnswire as W  # noqa: E402

ORDER = ['knot', 'nsd', 'bind', 'pdns']
KEY = ('test', 'hmac-md5', 'kp4/24gyYsEzbuTVJRUMoqGFmN3LYgVDzJ/3oRSP7ys=')

PDNS_KNOWN = {7, 8, 9, 13, 14, 17, 18, 99, 25, 29, 35, 36, 37, 42, 44, 45, 49, 52, 53, 61, 62, 63, 64, 65, 104, 105, 106, 107, 108, 109, 256, 257, 65401}

BIND_REFUSES = re.compile(r'^.*TYPE64\s+\\# \d+ 0005000002.*\n', re.M)


def q(s):
    return '"' + s.replace('\\', '\\\\').replace('"', '\\"') + '"'


def knot(d, port, zones):
    c = 'server:\n    rundir: %s\n    listen: 127.0.0.1@%d\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n    udp-max-payload: 4096\n    nsid: "knot-nsid"\n    version: "vers"\n    identity: "id"\n' % (d, port)
    c += 'log:\n  - target: stdout\n    any: warning\ndatabase:\n    storage: %s/db\n' % d
    c += 'key:\n  - id: %s\n    algorithm: %s\n    secret: %s\n' % KEY
    c += 'acl:\n  - id: xfr\n    address: 127.0.0.0/8\n    action: transfer\n  - id: xfrkey\n    address: 127.0.0.0/8\n    key: test\n    action: transfer\n  - id: upd\n    address: 127.0.0.0/8\n    action: [transfer, update]\n'
    c += 'template:\n  - id: default\n    semantic-checks: off\n    zonefile-load: whole\n    zonefile-sync: -1\n    journal-content: none\nzone:\n'
    for z in zones:
        acl = 'xfrkey' if z.get('tsig') else 'upd' if z.get('update') else 'xfr'
        c += '  - domain: %s\n    file: %s\n    acl: %s\n' % (q(z['name'] if z['name'] == '.' else z['name'].rstrip('.') + '.'), q(z['file']), acl)
        if z.get('update'):
            c += '    journal-content: all\n    zonefile-load: difference\n'
    open(d + '/knot.conf', 'w').write(c)
    return ['knotd', '-c', d + '/knot.conf']


def nsd(d, port, zones):
    c = 'server:\n ip-address: 127.0.0.1@%d\n server-count: 1\n zonesdir: "%s"\n database: ""\n pidfile: "%s/nsd.pid"\n xfrdfile: "%s/xfrd.state"\n zonelistfile: "%s/zone.list"\n xfrdir: "%s"\n' % (port, d, d, d, d, d)
    c += ' username: ""\n hide-version: no\n version: "vers"\n identity: "id"\n nsid: "ascii_nsd-nsid"\n minimal-responses: yes\n ipv4-edns-size: 4096\n refuse-any: no\n round-robin: no\n rrl-ratelimit: 0\n tcp-count: 100\n verbosity: 1\nremote-control:\n control-enable: no\n'
    c += 'key:\n name: "%s"\n algorithm: %s\n secret: "%s"\n' % KEY
    for z in zones:
        c += 'zone:\n name: %s\n zonefile: "%s"\n provide-xfr: 127.0.0.0/8 %s\n' % (q(z['name']), z['file'], 'test' if z.get('tsig') else 'NOKEY')
    open(d + '/nsd.conf', 'w').write(c)
    return ['nsd', '-d', '-c', d + '/nsd.conf']


def bind(d, port, zones):
    c = '''options { directory "%s"; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; pid-file "%s/named.pid";
 session-keyfile none; recursion no; minimal-responses yes; minimal-any no; max-udp-size 4096; edns-udp-size 4096; nocookie-udp-size 4096;
 allow-transfer { any; }; allow-query { any; }; notify no; check-names primary ignore; check-integrity no; check-mx ignore; check-mx-cname ignore;
 check-srv-cname ignore; check-sibling no; check-wildcard no; check-dup-records ignore; dnssec-validation no; empty-zones-enable no; server-id "bind-nsid"; version "vers"; hostname "id";
 max-records-per-type 0; max-types-per-name 0; max-records 0; answer-cookie yes; };
controls { };
logging { channel c { stderr; severity warning; }; category default { c; }; };
key "%s" { algorithm %s; secret "%s"; };
''' % ((d, port, d) + KEY)
    for z in zones:
        t = open(z['file'], errors='surrogateescape').read()
        if BIND_REFUSES.search(t):      # SVCB with no-default-alpn but no alpn: RFC 9460 calls it inconsistent
            z['file'] = '%s/zone%d' % (d, zones.index(z))
            open(z['file'], 'w', errors='surrogateescape').write(BIND_REFUSES.sub('', t))
        upd = ''
        if z.get('update'):         # named rewrites the file and keeps a journal next to it
            f = '%s/dyn%d.zone' % (d, zones.index(z))
            shutil.copy(z['file'], f)
            z['file'], upd = f, ' allow-update { 127.0.0.0/8; };'
        c += 'zone %s { type primary; file "%s"; allow-transfer { %s; };%s };\n' % (q(z['name']), z['file'], 'key test' if z.get('tsig') else 'any', upd)
    open(d + '/named.conf', 'w').write(c)
    return ['named', '-c', d + '/named.conf', '-f', '-n', '1', '-U', '1']


def pdns(d, port, zones):
    nc = 'options { directory "%s"; };\n' % d
    n3 = {}
    for i, z in enumerate(zones):
        t = open(z['file'], errors='surrogateescape').read()
        m = re.search(r'\tNSEC3PARAM\t(\d+) (\d+) (\d+) (\S+)', t)
        if m:
            opt = '1' if re.search(r'\tNSEC3\t1 1 ', t) else m.group(2)
            n3[z['name']] = '%s %s %s %s' % (m.group(1), opt, m.group(3), m.group(4))
        # PowerDNS' bind backend refuses RFC 3597 generic RDATA for types it knows by name
        def named(m):
            num = int(m.group(1))
            if num not in PDNS_KNOWN:
                return m.group(0)
            if num == 65401:
                return 'ALIAS ' + W.zone_rdata(5, bytes.fromhex(m.group(2)))
            return W.TNAMES[num] + ' ' + W.zone_rdata(num, bytes.fromhex(m.group(2).replace(' ', '')))
        t = re.sub(r'\bTYPE(\d+)[ \t]+\\# \d+ ([0-9a-fA-F ]+)', named, t)
        z['file'] = '%s/zone%d' % (d, i)
        open(z['file'], 'w', errors='surrogateescape').write(t)
        nc += 'zone %s { type master; file "%s"; };\n' % (q(z['name'] if z['name'] == '.' else z['name'].rstrip('.')), z['file'])
    open(d + '/pdns-named.conf', 'w').write(nc)
    o = ['launch=bind', 'bind-config=%s/pdns-named.conf' % d, 'bind-dnssec-db=%s/dnssec.db' % d, 'bind-ignore-broken-records=yes',
         'local-address=127.0.0.1', 'local-port=%d' % port, 'socket-dir=' + d, 'daemon=no', 'guardian=no', 'loglevel=5', 'setuid=', 'setgid=',
         'cache-ttl=0', 'query-cache-ttl=0', 'negquery-cache-ttl=0', 'zone-cache-refresh-interval=0', 'dname-processing=yes', 'any-to-tcp=no',
         'udp-truncation-threshold=4096', '8bit-dns=yes', 'receiver-threads=1', 'distributor-threads=1', 'max-tcp-connections=100', 'version-string=vers',
         'server-id=pdns-nsid']
    open(d + '/pdns.conf', 'w').write('\n'.join(o) + '\n')
    if os.path.exists(d + '/dnssec.db'):
        os.unlink(d + '/dnssec.db')
    PU = ['pdnsutil', '--config-dir=' + d]
    subprocess.run(PU + ['create-bind-db', d + '/dnssec.db'], capture_output=True)
    log = open(d + '/setup.log', 'w')
    for z in zones:
        if z.get('signed'):
            if z['name'] in n3:
                subprocess.run(PU + ['set-nsec3', z['name'], n3[z['name']]], stdout=log, stderr=log)
            subprocess.run(PU + ['set-presigned', z['name']], stdout=log, stderr=log)
    return ['pdns_server', '--config-dir=' + d]


def conf(o, name):
    d = '%s/%s' % (o.dir, name)
    shutil.rmtree(d, ignore_errors=True)
    os.makedirs(d)
    if name == 'knot':
        os.makedirs(d + '/db')
    zones = json.load(open(o.zones))['zones']
    for z in zones:
        z['file'] = os.path.join(os.path.dirname(os.path.abspath(o.zones)), z['file'])
    return globals()[name](d, o.base_port + ORDER.index(name), zones), d, zones


def up(o):
    started = []
    for n in o.servers:
        cmd, d, zones = conf(o, n)
        log = open(d + '/log', 'w')
        p = subprocess.Popen(cmd, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=d)
        open(o.dir + '/' + n + '.pid', 'w').write('%d %s' % (p.pid, os.path.basename(cmd[0])))
        started.append((n, p, zones))
    for n, p, zones in started:
        port = o.base_port + ORDER.index(n)
        bad = []
        ok = False
        end = time.time() + 60
        while time.time() < end and p.poll() is None:
            r = W.udp(('127.0.0.1', port), W.mk_query(W.text_name(zones[0]['name']), 6), 0.5, 1)
            if r:
                ok = True
                break
            time.sleep(0.3)
        if ok:
            for _ in range(40):
                bad = [z['name'] for z in zones if not soa_ok(port, z['name'])]
                if not bad:
                    break
                time.sleep(0.5)
            print('%s=127.0.0.1:%d' % (n, port), '  # NOT LOADED: ' + ' '.join(bad) if bad else '')
        else:
            print('# %s failed to start, see %s/%s/log' % (n, o.dir, n))


def soa_ok(port, name):
    r = W.udp(('127.0.0.1', port), W.mk_query(W.text_name(name), 6), 1, 2)
    return bool(r) and bool([x for x in W.parse(r).answer if x.type == 6])


def down(o):
    for n in o.servers:
        f = o.dir + '/' + n + '.pid'
        try:
            pid, exe = open(f).read().split()
            if exe in open('/proc/%s/cmdline' % pid).read():
                os.kill(int(pid), signal.SIGTERM)
                for _ in range(50):
                    time.sleep(0.1)
                    os.kill(int(pid), 0)
        except (OSError, ValueError):
            pass
        if os.path.exists(f):
            os.unlink(f)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('cmd', choices=['up', 'down', 'conf', 'fg'])
    ap.add_argument('--zones')
    ap.add_argument('--servers', default=','.join(ORDER))
    ap.add_argument('--base-port', type=int, default=15400)
    ap.add_argument('--dir', default='run/lab')
    o = ap.parse_args()
    o.servers = o.servers.split(',')
    o.dir = os.path.abspath(o.dir)
    os.makedirs(o.dir, exist_ok=True)
    if o.cmd == 'up':
        down(o)
        up(o)
    elif o.cmd == 'down':
        down(o)
    elif o.cmd == 'fg':         # one server, in the foreground, on base-port exactly
        o.dir += '-fg'
        o.base_port -= ORDER.index(o.servers[0])
        cmd, d, _ = conf(o, o.servers[0])
        os.chdir(d)
        os.execvp(cmd[0], cmd)
    else:
        for n in o.servers:
            print(' '.join(conf(o, n)[0]))


if __name__ == '__main__':
    main()
