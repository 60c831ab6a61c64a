# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Prometheus, started by hand for a test: own data folder, loopback port of its own, ended by pid."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from suite import free_port, release_port

START_S = 60.0          # on a busy machine


def fetch(url, accept=None, timeout=20):
    """-> status, headers, text"""
    request = urllib.request.Request(url, headers={'Accept': accept} if accept else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as r:
            return r.status, dict(r.headers), r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, dict(e.headers), e.read().decode()


class Prometheus:
    def __init__(self, config, files=()):
        """config: text of prometheus.yml; files: further files beside it."""
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='millrace-prometheus-'))
        self.port = free_port(('127.0.0.1',))
        (self.dir / 'prometheus.yml').write_text(config)
        for f in files:
            shutil.copy(f, self.dir)
        self.log = open(self.dir / 'log', 'wb')
        self.process = subprocess.Popen(
            ['prometheus', '--config.file=%s' % (self.dir / 'prometheus.yml'), '--storage.tsdb.path=%s' % (self.dir / 'data'),
             '--storage.tsdb.retention.time=1h', '--web.listen-address=127.0.0.1:%d' % self.port],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=self.dir,
            env={**os.environ, 'GOMAXPROCS': '1'})

    def log_text(self):
        return (self.dir / 'log').read_text(errors='replace')

    def get(self, path, **query):
        """The `data` of an answer of its HTTP API; None while it does not answer."""
        url = 'http://127.0.0.1:%d/api/v1/%s' % (self.port, path)
        if query:
            url += '?' + urllib.parse.urlencode(query)
        try:
            status, _, text = fetch(url)
        except OSError:
            return None
        answer = json.loads(text) if status == 200 else None
        return answer['data'] if answer and answer['status'] == 'success' else None

    def wait(self, what, want):
        """The first value of what() for which want() is true."""
        end = time.monotonic() + START_S
        while True:
            got = what()
            if got is not None and want(got):
                return got
            assert self.process.poll() is None, 'prometheus ended:\n' + self.log_text()
            assert time.monotonic() < end, 'still %r after %d s\n%s' % (got, START_S, self.log_text())
            time.sleep(0.1)

    def query(self, expression):
        """[({label: value}, number)] of an instant query, or None."""
        data = self.get('query', query=expression)
        return None if data is None else [(r['metric'], float(r['value'][1])) for r in data['result']]

    def remove(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        release_port(self.port)
        shutil.rmtree(self.dir, ignore_errors=True)
