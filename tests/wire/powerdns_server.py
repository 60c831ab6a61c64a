# SPDX-License-Identifier: GPL-3.0-or-later
"""pdns_server with a database of its own, to compare what its API answers with what ours does. It answers on loopback
only, lives in a temporary folder, and ends by pid."""
import json
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import time

import requests

from suite import free_port

KEY = 'secret'
SCHEMA = pathlib.Path('/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql')
OLD_SCHEMA = pathlib.Path('/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql')


def is_there():
    return shutil.which('pdns_server') is not None and (SCHEMA.exists() or OLD_SCHEMA.exists())


class PowerDns:
    def __init__(self, settings=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='millrace-pdns-'))
        self.port, self.web_port = free_port(['127.0.0.1']), free_port(['127.0.0.1'])
        db = sqlite3.connect(self.dir / 'db')
        db.executescript((SCHEMA if SCHEMA.exists() else OLD_SCHEMA).read_text())
        db.close()
        (self.dir / 'pdns.conf').write_text('\n'.join([
            'launch=gsqlite3', 'gsqlite3-database=%s' % (self.dir / 'db'), 'gsqlite3-dnssec=yes', 'api=yes', 'api-key=' + KEY, 'webserver=yes',
            'webserver-address=127.0.0.1', 'webserver-port=%d' % self.web_port, 'local-address=127.0.0.1', 'local-port=%d' % self.port,
            'socket-dir=%s' % self.dir, 'guardian=no', 'daemon=no', 'disable-syslog=yes', 'zone-cache-refresh-interval=0', *settings, '']))
        self.log = open(self.dir / 'log', 'wb')
        self.process = subprocess.Popen([shutil.which('pdns_server'), '--config-dir=%s' % self.dir], stdout=self.log, stderr=self.log)
        self.session = requests.Session()
        self.session.headers['X-API-Key'] = KEY
        end = time.monotonic() + 20
        while True:
            try:
                if self.request('GET', '/api')[0] == 200:
                    return
            except requests.ConnectionError:
                pass
            if time.monotonic() > end or self.process.poll() is not None:
                text = (self.dir / 'log').read_text()
                self.remove()
                raise RuntimeError(text)
            time.sleep(0.05)

    def request(self, method, path, body=None):
        """-> status, JSON or text"""
        r = self.session.request(method, 'http://127.0.0.1:%d%s' % (self.web_port, path), data=None if body is None else json.dumps(body), timeout=20)
        try:
            return r.status_code, r.json()
        except ValueError:
            return r.status_code, r.text

    def remove(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir)
