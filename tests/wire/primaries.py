# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Knot, NSD, BIND and PowerDNS as primaries on loopback: started with zones and keys, asked by AXFR, ended by pid."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import dns.exception
import dns.message
import dns.query
import pytest

from powerdns import PowerDNS
from suite import free_port, release_port

sys.path.insert(0, str(pathlib.Path(__file__).parent / 'conformance'))
import labctl  # noqa: E402

KINDS = ('knot', 'nsd', 'bind', 'pdns')
PROGRAM = {'knot': 'knotd', 'nsd': 'nsd', 'bind': 'named', 'pdns': 'pdns_server'}
SECRET = 'c2VjcmV0LW9mLXRlc3RzLXRoYXQtaXMtbG9uZy1lbm91Z2g='
START_S = 30


class Primary:
    """zones: {name without final dot: text}. key: (name, algorithm) that all of them need for a transfer, or None."""

    def __init__(self, kind, zones, key=None):
        if not shutil.which(PROGRAM[kind], path='/usr/sbin:/usr/bin'):
            pytest.skip(PROGRAM[kind] + ' is not installed')
        self.kind, self.key, self.zones = kind, key, dict(zones)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='millrace-primary-'))
        self.process = self.server = None
        self.paths = {}
        for name, text in zones.items():
            self.paths[name] = self.dir / (name + '.zone')
            self.paths[name].write_text(text)

    def start(self):
        if self.kind == 'pdns':
            self.start_powerdns()
        else:
            self.port = free_port(('127.0.0.1',))
            (self.dir / 'db').mkdir()
            rows = [{'name': n, 'file': str(p), 'tsig': bool(self.key)} for n, p in self.paths.items()]
            labctl.KEY = (*(self.key or ('test', 'hmac-sha256')), SECRET)
            if self.kind == 'knot':     # its acl names the key
                labctl.KEY = ('test', labctl.KEY[1], SECRET)
            command = getattr(labctl, self.kind)(str(self.dir), self.port, rows)
            if self.key and self.kind != 'bind':
                conf = self.dir / (self.kind + '.conf')
                text = conf.read_text()
                text = text.replace('id: test', 'id: ' + self.key[0]).replace('key: test', 'key: ' + self.key[0]).replace(
                    '/8 test', '/8 ' + self.key[0])
                conf.write_text(text)
            elif self.key:
                conf = self.dir / 'named.conf'
                conf.write_text(conf.read_text().replace('key test', 'key ' + self.key[0]))
            self.log = open(self.dir / 'log', 'ab')
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=self.dir)
        self.wait()
        return self

    def start_powerdns(self):
        self.server = PowerDNS(more=['allow-axfr-ips=' + ('' if self.key else '127.0.0.0/8,::1'), 'local-address=127.0.0.1'])
        self.port = self.server.port
        self.server.start()
        if self.key:
            assert self.server.util('import-tsig-key', self.key[0], self.key[1], SECRET).returncode == 0
        for name in self.zones:
            self.load_powerdns(name)

    def load_powerdns(self, name):
        r = self.server.util('load-zone', name, str(self.paths[name]))
        assert r.returncode == 0, r.stdout + r.stderr
        assert self.server.util('rectify-zone', name).returncode == 0
        if self.key:
            r = self.server.util('set-meta', name, 'TSIG-ALLOW-AXFR', self.key[0])
            assert r.returncode == 0, r.stdout + r.stderr

    def wait(self):
        end = time.monotonic() + START_S
        for name in self.zones:
            while True:
                try:
                    if dns.query.udp(dns.message.make_query(name, 'SOA'), '127.0.0.1', 0.5, self.port).answer:
                        break
                except (OSError, dns.exception.DNSException):
                    pass
                assert time.monotonic() < end and (self.process is None or self.process.poll() is None), self.log_text()
                time.sleep(0.1)

    def log_text(self):
        return (self.dir / 'log').read_text(errors='replace') if self.process else ''

    def records(self, name):
        """What it sends to kdig: {(owner, type, TTL, text)}, and the SOA's serial"""
        key = ['-y', '%s:%s:%s' % (self.key[1], self.key[0], SECRET)] if self.key else []
        r = subprocess.run(['kdig', '@127.0.0.1', '-p', str(self.port), '+noall', '+answer', '+tcp', *key, name, 'AXFR'],
                           capture_output=True, text=True, timeout=60)
        rows = [line.split(None, 4) for line in r.stdout.splitlines() if line and not line.startswith(';')]
        assert r.returncode == 0 and len(rows) > 2 and rows[0] == rows[-1], r.stdout[-500:] + r.stderr
        return {(owner.lower(), rtype, int(ttl), text) for owner, ttl, _, rtype, text in rows}, int(rows[0][4].split()[2])

    def ask(self, name, qtype):
        return dns.query.udp_with_fallback(dns.message.make_query(name, qtype), '127.0.0.1', 3, self.port)[0]

    def remove(self):
        if self.server is not None:
            self.server.remove()
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log.close()
            release_port(self.port)
        shutil.rmtree(self.dir, ignore_errors=True)
