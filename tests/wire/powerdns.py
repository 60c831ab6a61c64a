# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's PowerDNS Authoritative Server beside ours, to compare with: own folder, own ports, SQLite or LMDB."""
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

import requests

from suite import free_port, release_port

SERVER = '/usr/sbin/pdns_server'
SCHEMAS = ('/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql', '/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql')
KEY = 'powerdns-test-key'
START_S = 20


def available():
    return os.access(SERVER, os.X_OK) and any(os.path.exists(s) for s in SCHEMAS)


class PowerDNS:
    def __init__(self, more=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='millrace-pdns-'))
        self.port = free_port(('127.0.0.1',))
        self.http_port = free_port(('127.0.0.1',))
        self.database = self.dir / 'pdns.sqlite3'
        with sqlite3.connect(self.database) as db:
            db.executescript(next(pathlib.Path(s).read_text() for s in SCHEMAS if os.path.exists(s)))
        self.write_config(more)
        self.process = None

    def write_config(self, more):
        lines = ['launch=gsqlite3', 'gsqlite3-database=%s' % self.database, 'gsqlite3-dnssec=yes', 'gsqlite3-pragma-synchronous=0',
                 'local-address=127.0.0.1', 'local-port=%d' % self.port, 'socket-dir=%s' % self.dir, 'api=yes', 'api-key=%s' % KEY,
                 'webserver=yes', 'webserver-address=127.0.0.1', 'webserver-port=%d' % self.http_port, 'loglevel=4', 'security-poll-suffix=',
                 'primary=yes', 'zone-cache-refresh-interval=0', 'guardian=no', 'daemon=no'] + list(more)
        (self.dir / 'pdns.conf').write_text('\n'.join(lines) + '\n')
        (self.dir / 'key').write_text(KEY + '\n')

    def start(self):
        self.log = open(self.dir / 'log', 'ab')
        self.process = subprocess.Popen([SERVER, '--config-dir=%s' % self.dir], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.dir / 'log').read_text()
            try:
                if self.get('').status_code == 200:
                    return self
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        raise AssertionError('pdns_server does not answer\n' + (self.dir / 'log').read_text())

    @property
    def url(self):
        return 'http://127.0.0.1:%d' % self.http_port

    def get(self, path):
        return requests.get('%s/api/v1/servers/localhost%s' % (self.url, path), headers={'X-API-Key': KEY}, timeout=10)

    def util(self, *args, **kwargs):
        """PowerDNS's own pdnsutil -> CompletedProcess"""
        return subprocess.run(['/usr/bin/pdnsutil', '--config-dir', str(self.dir), *args], capture_output=True, text=True, timeout=60, **kwargs)

    def control(self, *args):
        """PowerDNS's own pdns_control -> CompletedProcess"""
        return subprocess.run(['/usr/bin/pdns_control', '--config-dir=%s' % self.dir, '--socket-dir=%s' % self.dir, *args],
                              capture_output=True, text=True, timeout=60)

    def remove(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log.close()
        release_port(self.port)
        release_port(self.http_port)
        shutil.rmtree(self.dir, ignore_errors=True)
