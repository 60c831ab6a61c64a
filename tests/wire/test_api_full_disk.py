# SPDX-License-Identifier: GPL-3.0-or-later
"""The store's disk is full, while everything runs: changes are refused with 507 and nothing of them is there, zones go on being served and
shown, and when there is room again the same changes are made."""
import contextlib
import json
import os
import pathlib
import socket
import struct

import pytest

from suite import free_port
from test_api_access import BASE, KEY, METHODS
from test_control import request

ZONES = BASE + '/zones'
ZONE = ZONES + '/full.example.'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='mounts a file system in a namespace of its own')


class Disk:
    """A suite whose store is on a small file system that only its processes see."""

    def __init__(self, make_suite, megabytes, **yaml):
        self.suite = make_suite({}, yaml)
        self.folder = self.suite.dir / 'disk'
        self.folder.mkdir()
        self.suite.yaml['store'] = ['path: %s/store.mdb' % self.folder]
        self.suite.write_config()
        mount = 'mount -t tmpfs -o size=%dm,mode=0700 none "$0" && exec "$@"' % megabytes
        self.suite.prefix = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mount, str(self.folder)]
        self.suite.start()

    def path(self, name):
        return '/proc/%d/root%s/%s' % (self.suite.pid('controlplane'), self.folder, name)

    def fill(self):
        with open(self.path('ballast'), 'ab', buffering=0) as f:
            for size in (1 << 16, 1 << 12):
                with contextlib.suppress(OSError):
                    while True:
                        f.write(b'x' * size)

    def make_room(self):
        os.unlink(self.path('ballast'))

    def readers(self):
        """Transactions that are open: rows of LMDB's table (64 octets each: transaction, process, thread)."""
        table, pid = pathlib.Path(self.path('store.mdb-lock')).read_bytes(), self.suite.pid('controlplane')
        rows = [struct.unpack_from('<QI', table, at) for at in range(0, len(table) - 63, 64)]
        return sum(p == pid and transaction not in (0, (1 << 64) - 1) for transaction, p in rows)

    def ask(self, method, path, body=None):
        status, _, text = request(self.suite, method, path, json.dumps(body) if body is not None else None)
        return status, json.loads(text) if text else None


def many(first, n, kind='REPLACE'):
    return {'rrsets': [{'name': 'n%d.full.example.' % i, 'type': 'TXT', 'ttl': 60, 'changetype': kind, 'records': [
        {'content': '"%s"' % (('%d ' % i) * 40)[:200], 'disabled': False}]} for i in range(first, first + n)]}


def test_507_and_nothing_half(make_suite):
    disk = Disk(make_suite, 8)
    assert disk.ask('POST', ZONES, {'name': 'full.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.']})[0] == 201
    assert disk.ask('PATCH', ZONE, many(0, 500))[0] == 204
    token = disk.ask('POST', BASE + '/millrace/tokens', {'name': 'there', 'zones': ['*'], 'methods': METHODS})[1]
    before = disk.ask('GET', ZONE)[1]
    disk.fill()
    # each needs more pages than are free in the file
    refused = [
        ('PATCH', ZONE, many(1000, 3000), 204),
        ('PATCH', ZONE, many(0, 3000), 204),
        ('PUT', ZONE, {'rrsets': before['rrsets'] + [{k: v for k, v in r.items() if k != 'changetype'} for r in many(5000, 3000)['rrsets']]}, 204),
        ('POST', ZONES, {'name': 'new.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.'],
                         'zone': '@ SOA a. b. 1 2 3 4 5\n' + ''.join('n%d TXT "%s"\n' % (i, 'y' * 200) for i in range(3000))}, 201),
        ('PUT', ZONE + '/metadata/X-MUCH', {'metadata': ['%d %s' % (i, 'z' * 1500) for i in range(1000)]}, 200),
    ]
    for _ in range(2):
        for method, path, body, _ in refused:
            status, text = disk.ask(method, path, body)
            assert status == 507 and 'pace' in text['error'], (method, path, status, text)
        assert disk.ask('GET', ZONE)[1]['rrsets'] == before['rrsets']
        assert disk.ask('GET', ZONE)[1]['serial'] == before['serial']
        assert disk.ask('GET', ZONES + '/new.example.')[0] == 404
        assert disk.ask('GET', ZONE + '/metadata/X-MUCH')[1]['metadata'] == []
        m = disk.suite.ask('n7.full.example.', 'TXT')
        assert m.rcode() == 0 and len(m.answer) == 1
        assert disk.suite.ask('n1001.full.example.', 'TXT').rcode() == 3
        assert disk.suite.ask('full.example.', 'SOA').answer[0][0].serial == before['serial']
    # small ones may still find a free page: they are there or they are not
    for i in range(100):
        status, _ = disk.ask('PATCH', ZONE, many(9000 + i, 1))
        there = disk.suite.ask('n%d.full.example.' % (9000 + i), 'TXT').rcode() == 0
        assert (status, there) in ((204, True), (507, False))
    for method, path, body in (('DELETE', BASE + '/millrace/tokens/' + token['id'], None), ('POST', BASE + '/tsigkeys', {'name': 'k', 'algorithm': 'hmac-sha256'})):
        status, _ = disk.ask(method, path, body)
        assert status in (507, 201, 204)
    before = disk.ask('GET', ZONE)[1]
    disk.make_room()
    for method, path, body, status in refused:
        assert disk.ask(method, path, body)[0] == status, (method, path)
    assert len(disk.ask('GET', ZONES + '/new.example.')[1]['rrsets']) == 3002
    assert disk.suite.ask('n5001.full.example.', 'TXT').rcode() == 0
    assert len(disk.ask('GET', ZONE + '/metadata/X-MUCH')[1]['metadata']) == 1000
    assert disk.suite.log_text().count('died') == 0


def test_many_readers_at_once_on_a_full_disk(make_suite):
    """LMDB has a table of readers in a file beside the store: a page of it that is used for the first time must be there."""
    # nobody comes by TCP: the unix socket has what is left of all connections
    disk = Disk(make_suite, 8, api=['listen: ["127.0.0.1:%d"]' % free_port(first=5450, last=5499), 'key: ' + KEY, 'connections-max: 400'])
    assert disk.ask('POST', ZONES, {'name': 'full.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.']})[0] == 201
    assert disk.ask('PATCH', ZONE, many(0, 4000))[0] == 204
    disk.fill()
    pid = disk.suite.pid('controlplane')
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            s = stack.enter_context(socket.socket(socket.AF_UNIX))
            s.connect(str(disk.suite.run_dir / 'api.sock'))
            s.sendall(b'GET %s HTTP/1.1\r\nHost: a\r\n\r\n' % ZONE.encode())
            assert s.recv(64).startswith(b'HTTP/1.1 200')    # and no more: its transaction stays open
        assert disk.readers() > 250
        assert disk.suite.pid('controlplane') == pid
    assert len(disk.ask('GET', ZONE)[1]['rrsets']) == 4002
    assert disk.suite.pid('controlplane') == pid


@pytest.mark.parametrize('room', [0, 2 << 20, 4 << 20, 6 << 20])
def test_507_for_an_import(make_suite, room):
    """No room for the file that comes, nor for what is in it: the zone stays as it is, and the room is free again."""
    disk = Disk(make_suite, 16)
    path, text = BASE + '/millrace/zones/full.example./import', '$TTL 60\n@ SOA a b %d 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n'
    large = text % 2 + ''.join('name-number-%d TXT "%s"\n' % (i, 'x' * 100) for i in range(30000))

    def bring(body):
        status, _, answer = request(disk.suite, 'PUT', path, body)
        return status, answer
    assert bring(text % 1)[0] == 200
    before = disk.ask('GET', ZONE)[1]
    disk.fill()
    os.truncate(disk.path('ballast'), os.path.getsize(disk.path('ballast')) - room)
    for _ in range(3):
        status, answer = bring(large)
        assert status == 507 and ' room ' in json.loads(answer)['error'], (status, answer)
        assert disk.ask('GET', ZONE)[1]['rrsets'] == before['rrsets']
        assert disk.suite.ask('full.example.', 'SOA').answer[0][0].serial == before['serial']
        assert room == 0 or disk.ask('PATCH', ZONE, many(0, 1, 'DELETE'))[0] == 204     # others find room
    disk.make_room()
    status, answer = bring(large)
    assert status == 200, answer
    assert disk.suite.ask('name-number-29999.full.example.', 'TXT').rcode() == 0
    assert disk.suite.log_text().count('died') == 0


def test_an_import_leaves_room_for_others(make_suite):
    disk = Disk(make_suite, 100)    # 5 MB of it are left
    path = BASE + '/millrace/zones/full.example./import'
    assert disk.ask('POST', ZONES, {'name': 'full.example.', 'kind': 'Native', 'nameservers': ['ns1.example.net.']})[0] == 201

    def change(n):
        assert disk.ask('PATCH', ZONE, many(n, 500))[0] == 204

    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(str(disk.suite.run_dir / 'api.sock'))
        s.sendall(b'PUT %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n' % (path.encode(), 99 << 20))
        assert s.recv(100).split()[1] == b'507'         # before any of it was sent
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(str(disk.suite.run_dir / 'api.sock'))
        s.sendall(b'PUT %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' % path.encode())
        piece = b'10000\r\n' + b';' + b'x' * 65534 + b'\n' + b'\r\n'
        sent = 0
        while sent < 104 << 20:
            s.sendall(piece)
            sent += 65536
            if sent in (60 << 20, 88 << 20, 104 << 20):
                change(sent >> 16)                      # nobody else's change finds the disk full
        s.sendall(b'0\r\n\r\n')
        assert s.recv(100).split()[1] == b'507'
    assert disk.ask('GET', ZONE)[1]['serial'] == disk.suite.ask('full.example.', 'SOA').answer[0][0].serial
