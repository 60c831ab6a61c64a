# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's PowerDNS Authoritative Server beside ours, to compare with. It has a folder and ports of its own, answers on
loopback only, and ends by pid."""
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import time

import pytest
import requests

from suite import free_port, release_port

SERVER = '/usr/sbin/pdns_server'
SCHEMAS = ('/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql', '/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql')
KEY = 'powerdns-test-key'
START_S = 20


def need():
    """Skip where there is none with its SQLite backend."""
    if not os.access(SERVER, os.X_OK) or not any(os.path.exists(s) for s in SCHEMAS):
        pytest.skip('pdns-server and pdns-backend-sqlite3 are not installed')


def sqlite_schema():
    return next(pathlib.Path(s).read_text() for s in SCHEMAS if os.path.exists(s))


class PowerDNS:
    """backend: lines of its configuration; without any it gets an empty SQLite database."""

    def __init__(self, backend=(), more=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='millrace-pdns-'))
        self.port = free_port(('127.0.0.1',))
        self.http_port = free_port(('127.0.0.1',))
        self.url = 'http://127.0.0.1:%d' % self.http_port
        self.session = requests.Session()
        self.session.headers['X-API-Key'] = KEY
        self.key_file = self.dir / 'key'
        self.key_file.write_text(KEY + '\n')
        self.process = None
        lines = [*(backend or self.empty_database()), 'local-address=127.0.0.1', 'local-port=%d' % self.port, 'socket-dir=%s' % self.dir,
                 'api=yes', 'api-key=%s' % KEY, 'webserver=yes', 'webserver-address=127.0.0.1', 'webserver-port=%d' % self.http_port,
                 'loglevel=4', 'disable-syslog=yes', 'security-poll-suffix=', 'zone-cache-refresh-interval=0', 'guardian=no', 'daemon=no',
                 'primary=yes', *more]
        (self.dir / 'pdns.conf').write_text('\n'.join(lines) + '\n')

    def empty_database(self):
        path = self.dir / 'pdns.sqlite3'
        db = sqlite3.connect(path)
        db.executescript(sqlite_schema())
        db.close()
        return ['launch=gsqlite3', 'gsqlite3-database=%s' % path, 'gsqlite3-dnssec=yes', 'gsqlite3-pragma-synchronous=0']

    def start(self):
        self.log = open(self.dir / 'log', 'ab')
        self.process = subprocess.Popen([SERVER, '--config-dir=%s' % self.dir], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.request('GET', '/api')[0] == 200:
                    return self
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        text = (self.dir / 'log').read_text()
        self.remove()
        raise RuntimeError('pdns_server does not answer\n' + text)

    def request(self, method, path, body=None):
        """-> status, JSON or text"""
        r = self.session.request(method, self.url + path, json=body, timeout=20)
        try:
            return r.status_code, r.json()
        except ValueError:
            return r.status_code, r.text

    def util(self, *args, **kwargs):
        """PowerDNS's own pdnsutil -> CompletedProcess"""
        return subprocess.run(['/usr/bin/pdnsutil', '--config-dir', str(self.dir), *args], capture_output=True, text=True, timeout=60, **kwargs)

    def control(self, *args):
        """PowerDNS's own pdns_control -> CompletedProcess"""
        return subprocess.run(['/usr/bin/pdns_control', '--config-dir=%s' % self.dir, '--socket-dir=%s' % self.dir, *args],
                              capture_output=True, text=True, timeout=60)

    def remove(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log.close()
        self.session.close()
        release_port(self.port)
        release_port(self.http_port)
        shutil.rmtree(self.dir, ignore_errors=True)
