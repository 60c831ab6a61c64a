# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as an attacker writes it: requests whose end is told in two ways, headers that are none, paths of any octets, guesses that cost."""
import base64
import hashlib
import json
import socket
import threading
import time

import pytest

from test_api_access import BASE, KEY, Server

HEAD = b'Host: a\r\nX-API-Key: %s\r\n' % KEY.encode()
POST = b'POST ' + BASE.encode() + b'/zones HTTP/1.1\r\n' + HEAD
HIDDEN = b'GET /api HTTP/1.1\r\n' + HEAD + b'\r\n'    # what a proxy took for a body, or for the other's request
CHUNKED = b'0\r\n\r\n' + HIDDEN


@pytest.fixture(scope='module')
def server(build):
    with Server(build, ['key: ' + KEY]) as s:
        yield s


def talk(server, octets, seconds=10):
    """Everything that comes back until the server closes; None: it does not."""
    with server.connect(seconds) as s:
        s.sendall(octets)
        answer = b''
        try:
            while True:
                b = s.recv(65536)
                if not b:
                    return answer
                answer += b
        except socket.timeout:
            return None
        except ConnectionResetError:
            return answer


@pytest.mark.parametrize('name, octets, status', [
    ('both', POST + b'Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n' % len(CHUNKED) + CHUNKED, 400),
    ('both, the other way round', POST + b'Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n' % len(CHUNKED) + CHUNKED, 400),
    ('two lengths', POST + b'Content-Length: %d\r\nContent-Length: 0\r\n\r\n' % len(HIDDEN) + HIDDEN, 400),
    ('two lengths, the other way round', POST + b'Content-Length: 0\r\nContent-Length: %d\r\n\r\n' % len(HIDDEN) + HIDDEN, 400),
    ('a length twice', POST + b'Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}' + HIDDEN, 400),
    ('an encoding that nobody knows', POST + b'Transfer-Encoding: xchunked\r\n\r\n' + CHUNKED, 501),
    ('two encodings', POST + b'Transfer-Encoding: gzip, chunked\r\n\r\n' + CHUNKED, 501),
    ('two headers of encodings', POST + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n' + CHUNKED, 501),
    ('a space before the colon', POST + b'Content-Length : %d\r\n\r\n' % len(HIDDEN) + HIDDEN, 400),
    ('a tab before the colon', POST + b'Transfer-Encoding\t: chunked\r\n\r\n' + CHUNKED, 400),
    ('a name that is none', POST + b'Content\xadLength: 2\r\n\r\n' + HIDDEN, 400),
    ('chunks in HTTP/1.0', POST.replace(b'HTTP/1.1', b'HTTP/1.0') + b'Transfer-Encoding: chunked\r\n\r\n' + CHUNKED, 400),
], ids=lambda v: v if isinstance(v, str) else '')
def test_a_request_whose_end_is_in_doubt_is_refused_and_the_connection_ends(server, name, octets, status):
    answer = talk(server, octets)
    assert answer is not None, 'it waits for more'
    assert answer.startswith(b'HTTP/1.1 %d ' % status), answer[:200]
    assert b'"url"' not in answer, 'a request in the body was answered'


def test_nobody_learns_by_bad_framing_whether_a_key_is_right(server):
    """It is refused before anybody asks who it is."""
    bad = b'GET /api HTTP/1.1\r\nHost: a\r\nX-API-Key: %s\r\nContent-Length: 1\r\nContent-Length: 0\r\n\r\n'
    assert talk(server, bad % b'wrong').split(b'\r\n\r\n')[1] == talk(server, bad % KEY.encode()).split(b'\r\n\r\n')[1]


def test_a_good_request_is_none_of_these(server):
    """Chunks, a body with its length, a GET with a body, and twenty at once."""
    one = b'GET /api HTTP/1.1\r\n' + HEAD + b'Content-Length: 3\r\n\r\nabc'
    chunks = POST + b'Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'
    length = POST + b'content-length: 2\r\n\r\n{}'
    last = b'GET /api HTTP/1.1\r\n' + HEAD + b'Connection: close\r\n\r\n'
    answer = talk(server, one + chunks + length + one * 20 + last)
    assert answer.count(b'HTTP/1.1 200 OK') == 22 and answer.count(b'HTTP/1.1 422 ') == 2


def test_the_audit_log_misses_no_request_for_the_octets_of_its_path(server):
    made = json.dumps({'ip': '192.0.2.9', 'nameserver': 'ns\\255.example.'})
    assert server.ask('POST', BASE + '/autoprimaries', made)[0] == 201
    path = BASE.encode() + b'/autoprimaries/192.0.2.9/ns\xff.example.'
    answer = talk(server, b'DELETE ' + path + b' HTTP/1.1\r\n' + HEAD + b'Connection: close\r\n\r\n')
    assert answer.startswith(b'HTTP/1.1 204 ')
    assert json.loads(server.ask('GET', BASE + '/autoprimaries')[2]) == []
    # that change is told as one, with its key; of another request the path is
    answer = talk(server, b'PUT ' + BASE.encode() + b'/zones/ns\xff.example./rectify HTTP/1.1\r\n' + HEAD + b'Connection: close\r\n\r\n')
    assert answer.startswith(b'HTTP/1.1 404 ')
    wanted, end = [BASE + '/zones/ns%FF.example./rectify'], time.monotonic() + 5
    while True:         # it is told when it was answered
        rows = json.loads(server.ask('GET', BASE + '/millrace/audit')[2])['entries']
        if [r['path'] for r in rows if r.get('method') == 'PUT' and 'rectify' in r['path']] == wanted:
            assert [r['key'] for r in rows if r['action'] == 'autoprimary' and r['after'] is None] == ['192.0.2.9/ns\\255.example']
            break
        assert time.monotonic() < end, rows
        time.sleep(.02)


def test_guessers_of_an_expensive_hash_do_not_take_the_time_of_others(build):
    """Each from an address of its own, so that none is told to wait for its own guesses."""
    salt = b'0123456789abcdef'
    digest = hashlib.scrypt(KEY.encode(), salt=salt, n=1 << 15, r=8, p=5, maxmem=160 << 20, dklen=32)
    key = '$scrypt$ln=15,p=5,r=8$%s$%s' % tuple(base64.b64encode(b).decode() for b in (salt, digest))
    with Server(build, ["key: '%s'" % key]) as s:
        assert s.ask('GET', '/api')[0] == 200
        time.sleep(3)
        statuses = []
        guessers = [threading.Thread(target=lambda i=i: statuses.append(s.ask('GET', '/api', key='guess', source=('127.0.3.%d' % i, 0))[0]))
                    for i in range(1, 31)]
        for g in guessers:
            g.start()
        time.sleep(0.3)
        since = time.monotonic()
        assert s.over_unix('GET', '/api')[0] == 200
        waited = time.monotonic() - since
        for g in guessers:
            g.join()
        assert waited < 6, '%.1f s' % waited       # it was all of their hashes, more than 15
        assert set(statuses) <= {401, 429} and statuses.count(401) < 10
        # who was right already is not asked for another hash, whoever guesses
        since = time.monotonic()
        assert s.ask('GET', '/api')[0] == 200 and time.monotonic() - since < 4
