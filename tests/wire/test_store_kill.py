# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane is killed at random points of ten thousand changes. What it had answered is there afterwards, by the
API and by DNS; what it had not is there as a whole or not at all. That is looked at after each kill, before anybody
changes anything again: the next change of a name would cover up what the kill did to it. Seen to fail with a writer that
answers before it commits, and with a PATCH that is two transactions."""
import http.client
import json
import os
import random
import signal
import threading
import time

import dns.message

from suite import send_udp
from test_control import UnixConnection, request

BASE = '/api/v1/servers/localhost/zones'
ZONE = 'kill.example.'
CHANGES, CLIENTS, NAMES, KILLS = 10000, 4, 50, 12
SECONDS = 90            # most of it is waiting for the control plane to come back


def body(name, k):
    """Two RRsets that say the same number: half of a change would show."""
    def rrset(kind, content):
        return {'name': name, 'type': kind, 'ttl': 60, 'changetype': 'REPLACE', 'records': [{'content': content, 'disabled': False}]}
    return json.dumps({'rrsets': [rrset('A', '10.%d.%d.%d' % (k >> 16, k >> 8 & 255, k & 255)), rrset('TXT', '"%d"' % k)]})


class Client(threading.Thread):
    """Changes its own names, one after the other; remembers for each what was answered last, and what was asked after that."""

    def __init__(self, suite, number, ending, go):
        super().__init__(daemon=True)
        self.suite, self.ending, self.go, self.error, self.n = suite, ending, go, None, 0
        self.idle = threading.Event()
        self.names = ['n%d-%d.%s' % (number, i, ZONE) for i in range(NAMES)]
        self.acknowledged = dict.fromkeys(self.names, 0)
        self.asked = dict.fromkeys(self.names, 0)

    def run(self):
        try:
            connection = None
            while self.n < CHANGES // CLIENTS and not self.ending.is_set():
                if not self.go.is_set():
                    connection = None
                    self.idle.set()
                    self.go.wait()
                    self.idle.clear()
                    continue
                name = self.names[self.n % NAMES]
                k = self.asked[name] + 1
                self.asked[name] = k
                try:
                    if connection is None:
                        connection = UnixConnection(str(self.suite.run_dir / 'api.sock'))
                    connection.request('PATCH', BASE + '/' + ZONE, body(name, k))
                    r = connection.getresponse()
                    text = r.read()
                except (OSError, ValueError, http.client.HTTPException):
                    connection = None       # it was killed: nobody knows what became of this one
                    time.sleep(0.02)
                    continue
                if r.status == 503:         # it starts again
                    time.sleep(0.02)
                    continue
                assert r.status == 204, text
                self.acknowledged[name] = k
                self.n += 1
        except Exception as e:              # noqa: BLE001 - told by the test
            self.error = e
        finally:
            self.idle.set()


def by_dns(suite, name, kind):
    r = dns.message.from_wire(send_udp(('127.0.0.1', suite.port), dns.message.make_query(name, kind).to_wire()))
    return [rr.to_text().strip('"') for a in r.answer for rr in a]


def number(address):
    _, a, b, c = map(int, address.split('.'))
    return a << 16 | b << 8 | c


def wait_back(suite, old, seconds=20, zone=ZONE):
    end = time.monotonic() + seconds
    while True:
        try:
            if suite.pid('controlplane') not in (0, old) and request(suite, 'GET', BASE + '/' + zone + '?rrsets=false')[0] == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < end, 'it does not come back\n' + suite.log_text()
        time.sleep(0.02)


def look(s, clients, seed):
    """Is everything there that was answered, and nothing by half?"""
    shown = {(r['name'], r['type']): r['records'] for r in json.loads(request(s, 'GET', BASE + '/' + ZONE)[2])['rrsets']}
    for c in clients:
        for name in c.names:
            if c.asked[name] == 0:
                continue
            there = shown.get((name, 'A'), [])
            k = number(there[0]['content']) if there else 0
            assert len(there) <= 1 and c.acknowledged[name] <= k <= c.asked[name], (seed, name, k, c.acknowledged[name], c.asked[name])
            assert [r['content'] for r in shown.get((name, 'TXT'), [])] == (['"%d"' % k] if k else []), (seed, name, k)
            assert [number(a) for a in by_dns(s, name, 'A')] == ([k] if k else []), (seed, name, k)
            assert by_dns(s, name, 'TXT') == ([str(k)] if k else []), (seed, name, k)


def test_nothing_answered_is_lost_and_nothing_is_half_there(make_suite):
    seed = random.randrange(1 << 32)
    print('seed', seed)
    chance = random.Random(seed)
    s = make_suite({}, {'rrl': ['enabled: false']})
    s.forgiven.append('controlplane died: signal 9')
    s.start()
    s.wait_ready()
    assert request(s, 'POST', BASE, json.dumps({'name': ZONE, 'kind': 'Native', 'nameservers': ['ns1.example.net.']}))[0] == 201
    ending, go = threading.Event(), threading.Event()
    clients = [Client(s, i, ending, go) for i in range(CLIENTS)]
    for c in clients:
        c.start()
    go.set()
    end, kills = time.monotonic() + SECONDS, 0
    try:
        while any(c.is_alive() for c in clients) and time.monotonic() < end:
            if kills == KILLS:
                time.sleep(0.05)
                continue
            time.sleep(chance.uniform(0.05, 0.8))
            old = s.pid('controlplane')
            if not old:
                continue
            os.kill(old, signal.SIGKILL)
            go.clear()
            kills += 1
            for c in clients:
                assert c.idle.wait(20), 'a client waits for an answer that never comes'
            wait_back(s, old)
            look(s, clients, seed)
            go.set()
    finally:
        ending.set()
        go.set()
        for c in clients:
            c.join(20)
    for c in clients:
        assert c.error is None, c.error
    assert kills >= 5 and sum(c.n for c in clients) > CHANGES / 4, 'seed %d: %d kills, %d changes' % (seed, kills, sum(c.n for c in clients))
    look(s, clients, seed)
