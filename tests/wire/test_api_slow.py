# SPDX-License-Identifier: GPL-3.0-or-later
"""10,000 slow clients of the HTTP API, from many addresses: they cost the dataplane nothing, and nobody else the API."""
import contextlib
import http.client
import os
import resource
import socket
import struct
import time

import pytest

from load import Load
from test_api_access import KEY, Server

N, SOURCES = 10000, 50
OTHERS = 512            # descriptors that the control plane keeps for itself (gate.c)
SECONDS = 4
QUERIES = ('a.one.example A', 'one.example SOA', 'nix.one.example A')


class Crowd:
    """N connections, each of which has begun a request and sends an octet of it now and then."""

    def __init__(self, server):
        self.server, self.sockets, self.made = server, [], 0

    def connect(self):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))      # nothing of it stays in TIME_WAIT
        s.settimeout(10)
        s.bind(('127.0.1.%d' % (1 + self.made % SOURCES), 0))
        s.connect(('127.0.0.1', self.server.port))
        s.setblocking(False)
        self.made += 1
        with contextlib.suppress(OSError):      # it was ended at once
            s.send(b'GET /api HTTP/1.1\r\nX-Slow: ')
        self.sockets.append(s)

    def fill(self):
        while len(self.sockets) < N:
            self.connect()

    def drip(self):
        """One octet more on each; those that were ended begin anew."""
        kept = []
        for s in self.sockets:
            try:
                s.send(b'x')
                kept.append(s)
            except OSError:
                s.close()
        self.sockets = kept
        self.fill()

    def close(self):
        for s in self.sockets:
            s.close()
        self.sockets = []


def descriptors(pid):
    return len(os.listdir('/proc/%d/fd' % pid))


def wait(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def let_in(server):
    """A client with a key and a whole request, in the midst of them."""
    def asked():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return server.ask('GET', '/api', source=('127.0.0.9', 0))[0] == 200
    wait(asked)


@pytest.fixture
def hard():
    """Open files that are allowed; taken for this process, and for the suite that inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < N + 1000:
        pytest.skip('only %d open files are allowed here' % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize('limits', [(100, 64), (N, 500)], ids=['few are let in', 'all are let in'])
def test_ten_thousand_slow_clients_cost_nobody_anything(build, hard, limits):
    lines = ['key: ' + KEY, 'timeout: 60s', 'allow-from: [127.0.0.0/16]', 'connections-max: %d' % limits[0], 'connections-per-client-max: %d' % limits[1]]
    with Server(build, lines) as server:
        suite, crowd = server.suite, Crowd(server)
        let_in(server)
        suite.ctl('status')
        pids = {p: suite.pid(p) for p in ('controlplane', 'dataplane', 'stream')}
        before = {p: descriptors(pid) for p, pid in pids.items()}
        held = min(limits[0], (hard - OTHERS) // 3)
        try:
            with Load(suite, SECONDS, queries=QUERIES) as load:
                end = time.monotonic() + SECONDS - 1
                crowd.fill()
                while True:
                    wait(lambda: descriptors(pids['controlplane']) >= before['controlplane'] + 3 * held * 0.9)
                    assert suite.ask('a.one.example.', tcp=True).answer
                    suite.ctl('status')
                    let_in(server)
                    if time.monotonic() > end:
                        break
                    crowd.drip()
                    time.sleep(0.2)
            r = load.nothing_lost()
            assert r['invalid'] == 0 and r['unexpected'] == 0 and set(r['rcodes']) == {'NOERROR', 'NXDOMAIN'}, r
            assert descriptors(pids['controlplane']) <= hard - OTHERS // 2
        finally:
            crowd.close()
        # descriptors are given back, and the dataplane had no more of them
        wait(lambda: all(descriptors(pid) <= before[p] for p, pid in pids.items()))
        assert {p: suite.pid(p) for p in pids} == pids
        let_in(server)
