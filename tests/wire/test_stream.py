# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP as RFC 7766 has it, through the whole suite: framing, order, limits, and clients that behave badly."""
import json
import os
import re
import resource
import signal
import socket
import struct
import time

import dns.message
import pytest

from suite import Suite, recv_tcp

ZONE = ('$ORIGIN z.\n$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\n' +
        ''.join('big TXT "%03d%s"\n' % (i, 'x' * 250) for i in range(240)))


def query(name='a.z', qtype='A', qid=None):
    q = dns.message.make_query(name, qtype, use_edns=False)
    if qid is not None:
        q.id = qid
    return q.to_wire()


def frame(wire):
    return struct.pack('!H', len(wire)) + wire


def connect(suite, timeout=5.0, a=None, rcvbuf=None):
    address = suite.server(a)
    s = socket.socket(socket.AF_INET6 if ':' in address[0] else socket.AF_INET, socket.SOCK_STREAM)
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.settimeout(timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.connect(address)
    return s


def answer(s):
    wire = recv_tcp(s)
    assert wire is not None, 'the connection was closed'
    m = dns.message.from_wire(wire)
    assert m.rcode() == 0 and m.answer
    return m


def ended(s):
    """Wait until the server ends this connection. -> how"""
    try:
        return 'FIN' if s.recv(1) == b'' else 'data'
    except ConnectionResetError:
        return 'RST'


@pytest.fixture(scope='module')
def tcp(build):
    s = Suite(build, {'z': ZONE})
    try:
        s.start()
        s.wait_answer('z.')
        yield s
    finally:
        s.remove()


@pytest.fixture
def limited(make_suite):
    def make(*lines):
        s = make_suite({'z': ZONE}, {'stream': list(lines)}).start()
        s.wait_answer('z.')
        return s
    return make


def test_a_hundred_pipelined_queries_are_all_answered(tcp):
    for a in tcp.addresses:
        with connect(tcp, a=a) as s:
            s.sendall(b''.join(frame(query(qid=i)) for i in range(100)))
            assert sorted(answer(s).id for _ in range(100)) == list(range(100))
            s.sendall(frame(query(qid=7)))
            assert answer(s).id == 7


def test_octet_by_octet(tcp):
    with connect(tcp) as s:
        for octet in frame(query(qid=1)) + frame(query(qid=2)):
            s.sendall(bytes([octet]))
            time.sleep(0.001)
        assert {answer(s).id, answer(s).id} == {1, 2}


def test_every_cut_of_two_queries(tcp):
    both = frame(query(qid=1)) + frame(query(qid=2))
    with connect(tcp) as s:
        for cut in range(1, len(both)):
            s.sendall(both[:cut])
            time.sleep(0.002)
            s.sendall(both[cut:])
            assert {answer(s).id, answer(s).id} == {1, 2}


def test_large_answers_pipelined_with_small_ones(tcp):
    with connect(tcp) as s:
        s.sendall(b''.join(frame(query('big.z', 'TXT', i)) + frame(query(qid=100 + i)) for i in range(20)))
        sizes = {}
        for _ in range(40):
            wire = recv_tcp(s)
            sizes[dns.message.from_wire(wire).id] = len(wire)
    assert all(sizes[i] > 60000 and sizes[100 + i] < 100 for i in range(20))


def test_half_closed_clients_get_their_answers(tcp):
    with connect(tcp) as s:
        s.sendall(frame(query('big.z', 'TXT', 1)) + frame(query(qid=2)))
        s.shutdown(socket.SHUT_WR)
        assert {answer(s).id, answer(s).id} == {1, 2}
        assert ended(s) == 'FIN'


@pytest.mark.parametrize('what', [b'\0\0', b'\0\5abcde', b'\0\x0b' + bytes(11), frame(b'\xff' * 12)],
                         ids=['length 0', 'five octets', 'eleven octets', 'garbage'])
def test_what_is_no_query_resets_the_connection(tcp, what):
    with connect(tcp) as s:
        s.sendall(what + frame(query()))
        assert ended(s) == 'RST'


def test_a_thousand_idle_connections_and_a_slow_reader_hurt_nobody(limited):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 1200:
        pytest.skip('only %d open files are allowed here' % hard)
    suite = limited('connections-per-client-max: 2000', 'idle-timeout: 60s', 'write-timeout: 30s')
    idle, slow = [], connect(suite, rcvbuf=4096)
    try:
        for _ in range(1000):
            idle.append(connect(suite))
        slow.settimeout(0.5)
        with pytest.raises(socket.timeout):     # the server stops reading from who does not read
            many = b''.join(frame(query('big.z', 'TXT', i)) for i in range(100))
            for _ in range(20000):              # 50 MB: more than the kernel holds
                slow.sendall(many)
        with connect(suite) as s:
            for i in range(300):
                s.sendall(frame(query(qid=i)))
                assert answer(s).id == i
        assert all(suite.ask('a.z').answer for _ in range(20))
        for s in idle[::100]:
            s.sendall(frame(query(qid=5)))
            assert answer(s).id == 5
    finally:
        for s in idle + [slow]:
            s.close()


def test_idle_and_unfinished_connections_are_closed_in_time(limited):
    suite = limited('idle-timeout: 1s', 'read-timeout: 500ms')
    idle, begun, busy = connect(suite), connect(suite), connect(suite)
    at = time.monotonic()
    begun.sendall(frame(query())[:-1])
    assert ended(begun) == 'FIN'
    assert time.monotonic() - at > 0.4
    busy.sendall(frame(query()))
    answer(busy)
    assert ended(idle) == 'FIN'
    assert time.monotonic() - at > 0.9
    busy.sendall(frame(query()))
    answer(busy)
    for s in (idle, begun, busy):
        s.close()


def test_who_does_not_take_answers_is_dropped(limited):
    suite = limited('write-timeout: 1s')
    with connect(suite, rcvbuf=4096) as s:
        s.sendall(b''.join(frame(query('big.z', 'TXT', i)) for i in range(90)))
        time.sleep(3)
        with pytest.raises((ConnectionResetError, AssertionError)):
            for _ in range(90):
                assert recv_tcp(s) is not None
    assert suite.ask('a.z', tcp=True).answer


def test_connections_of_one_client_are_limited(limited):
    suite = limited('connections-per-client-max: 3')
    some = [connect(suite) for _ in range(3)]
    try:
        assert ended(connect(suite)) in ('RST', 'FIN')
    except ConnectionResetError:        # so quickly that connect() saw it
        pass
    for s in some:
        s.sendall(frame(query()))
        answer(s)
        s.close()


def test_the_oldest_idle_connection_makes_room(limited):
    suite = limited('connections-max: 10')
    some = []
    for _ in range(15):
        s = connect(suite)
        s.sendall(frame(query()))
        answer(s)
        some.append(s)
    for s in some[:5]:
        assert ended(s) == 'FIN'
    # and whoever runs the server is told
    rows = {(r['family'], r['value']): r['sum'] for r in json.loads(suite.ctl('stats', '--json').stdout)['stream']}
    assert rows['stream_closed_total', 'evicted'] == 5 and rows['stream_connections', ''] == 10
    assert re.search(r'^stream_closed_total +evicted +5$', suite.ctl('stats').stdout, re.M)
    for s in some[5:]:
        s.sendall(frame(query()))
        answer(s)
        s.close()


def wait_pid(suite, name, old):
    end = time.monotonic() + 10
    while suite.pid(name) in (0, old):
        assert time.monotonic() < end, suite.log_text()
        time.sleep(0.02)


def forgive_kill(suite):
    """This test killed a process: the log may say so."""
    text = suite.log_text()
    suite.log_path.write_text('\n'.join(x for x in text.splitlines() if 'SIGKILL' not in x and 'signal 9' not in x and 'Killed' not in x))


def test_connections_outlive_the_dataplane(limited):
    suite = limited('idle-timeout: 60s')
    with connect(suite, timeout=10) as s:
        s.sendall(frame(query(qid=1)))
        answer(s)
        old = suite.pid('dataplane')
        os.kill(old, signal.SIGKILL)
        wait_pid(suite, 'dataplane', old)
        suite.wait_answer('a.z.', 'A')
        s.sendall(frame(query(qid=2)))
        assert answer(s).id == 2
    forgive_kill(suite)


def test_udp_is_answered_while_the_stream_process_is_stopped(limited):
    suite = limited('connections-max: 100')
    pid = suite.pid('stream')
    os.kill(pid, signal.SIGSTOP)
    try:
        assert all(suite.ask('a.z').answer for _ in range(50))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert suite.ask('a.z', tcp=True).answer


def test_the_process_is_confined(tcp):
    status = dict(x.split(':\t', 1) for x in open('/proc/%d/status' % tcp.pid('stream')).read().splitlines() if ':\t' in x)
    assert status['NoNewPrivs'] == '1'
    if not tcp.sanitized:
        assert status['Seccomp'] == '2', 'built without libseccomp-dev?'
