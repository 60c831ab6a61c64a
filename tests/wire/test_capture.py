# SPDX-License-Identifier: GPL-3.0-or-later
"""`millracectl capture`: what the workers receive, send and drop, on AF_PACKET and AF_XDP ports, through the exception path,
and on kernel sockets; and that neither who reads nor who dies can harm the workers."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

import dns.edns
import dns.message
import pytest

import pcapng
from netns import CLIENT4, SERVER4, SERVER6
from suite import Suite, alive, find_program, send_udp
from taplab import TWIN
from test_dpdk import QUERY, exchange_frames, port, udp4, udp6      # noqa: F401 (port: a fixture)
from test_exception import echo, port_lines, start, tap_lab         # noqa: F401 (tap_lab: a fixture)
from test_stats import counters

PATIENCE_S = 30
DNS = 'udp port 53'     # beside IPv6's neighbour discovery and the like


def wait_for(what, condition, text=lambda: ''):
    end = time.monotonic() + PATIENCE_S
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, '%s: not within %d s\n%s' % (what, PATIENCE_S, text())
        time.sleep(0.02)


class Capture:
    """A millracectl that captures into a file, begun when the constructor is back."""

    def __init__(self, suite, *args):
        self.suite, self.path = suite, str(suite.dir / 'packets.pcapng')
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.p = subprocess.Popen([find_program(suite.build, 'millracectl'), '--config', str(suite.config_path), 'capture', '-w', self.path,
                                   *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            wait_for('a capture begins', lambda: self.begun() or self.p.poll() is not None, suite.log_text)
            assert self.begun(), self.p.stderr.read() + suite.log_text()
        except AssertionError:
            self.p.kill()
            raise

    def begun(self):
        return os.path.exists(self.path) and os.path.getsize(self.path) > 0

    def read(self):
        """What is in the file by now; it is written in whole blocks, but may be looked at in the midst of one."""
        octets = open(self.path, 'rb').read()
        at = 0
        while at + 12 <= len(octets):
            length = struct.unpack('=I', octets[at + 4:at + 8])[0]
            if at + length > len(octets):
                break
            at += length
        return pcapng.File(octets[:at])

    def wait(self, condition):
        """Until condition(packets) holds -> packets"""
        def look():
            packets = self.read().packets
            return packets if condition(packets) else None
        return wait_for('packets in the file', look, lambda: '%r\n%s' % (self.read().packets, self.suite.log_text()))

    def ended(self, status=0):
        _, err = self.p.communicate(timeout=PATIENCE_S)
        assert self.p.returncode == status, err + self.suite.log_text()
        self.err = err
        return pcapng.File(open(self.path, 'rb').read())

    def stop(self, how=signal.SIGINT):
        """As Ctrl-C does. -> the file, which is complete"""
        self.p.send_signal(how)
        f = self.ended()
        assert f.complete, f.statistics
        assert '%d packets captured' % len(f.packets) in self.err
        return f


def counter(suite, family):
    return counters(suite)[family, '']


def dns_of(frame):
    """-> (source port, destination port, DNS message) of an Ethernet frame with UDP"""
    at = 34 if frame[12:14] == b'\x08\x00' else 54
    assert frame[23 if at == 34 else 20] == 17
    sport, dport, length = struct.unpack('!3H', frame[at:at + 6])
    assert len(frame) == at + length
    return sport, dport, frame[at + 8:]


# --- devices

def test_frames_are_those_that_the_client_saw(port):
    s, lab = port
    c = Capture(s, '--filter', DNS)
    sent = [udp4(lab, sport=41000 + i) for i in range(3)] + [udp6(lab, sport=42000 + i) for i in range(3)]
    got = lab.as_client(exchange_frames, lab.client_if, sent, PATIENCE_S)
    assert None not in got
    c.wait(lambda packets: len(packets) >= 12)
    f = c.stop()
    assert [p.frame for p in f.packets if p.direction == 'in'] == sent
    assert [p.frame for p in f.packets if p.direction == 'out'] == got
    assert all(p.comment == '' and p.original == len(p.frame) for p in f.packets)
    assert all(p.interface.filter == DNS and 'worker 0' in p.interface.name and 'queue' in p.interface.name for p in f.packets)
    times = [p.ns for p in f.packets]
    assert times == sorted(times) and abs(times[-1] - time.time_ns()) < 3600 * 10**9


DROPS = [
    ('udp-checksum', lambda lab: udp4(lab, udp_sum=0x1234)),
    ('source-port-0', lambda lab: udp4(lab, sport=0)),
    ('response', lambda lab: udp4(lab, payload=QUERY[:2] + b'\x80' + QUERY[3:])),
    ('short', lambda lab: udp4(lab, payload=b'short')),
]


def bad_then_good(interface, bad, good):
    """Send each of the bad ones with a good one behind it, whose answer says that both were looked at. -> the answers"""
    out = []
    for b, g in zip(bad, good):
        exchange_frames(interface, [b], 0.01)
        out += exchange_frames(interface, [g], PATIENCE_S)
    return out


def test_drops_come_with_their_reason(port):
    s, lab = port
    c = Capture(s, '--drops-only', '--filter', DNS)
    drops = DROPS + ([('not-our-address', lambda lab: udp4(lab, dst='198.18.0.77'))] if 'af_packet' in s.dataplane[1] else [])
    frames = [make(lab) for _, make in drops]
    good = [udp4(lab, sport=43000 + i) for i in range(len(frames))]
    assert all(lab.as_client(bad_then_good, lab.client_if, frames, good)), s.log_text()
    f = c.wait(lambda packets: len(packets) >= len(frames)) and c.stop()
    assert [(p.comment, p.frame, p.direction) for p in f.packets] == [('dropped: ' + why, x, 'in') for (why, _), x in zip(drops, frames)]


def test_drops_and_what_passes_together(port):
    s, lab = port
    c = Capture(s, '--filter', DNS)
    bad, good = udp4(lab, sport=43100, payload=b'short'), udp4(lab, sport=43101)
    answer = lab.as_client(bad_then_good, lab.client_if, [bad], [good])[0]
    f = c.wait(lambda packets: len(packets) >= 3) and c.stop()
    assert [(p.frame, p.comment) for p in f.packets] == [(bad, 'dropped: short'), (good, ''), (answer, '')]


def test_tcpdump_reads_it(port):
    if shutil.which('tcpdump') is None:
        pytest.skip('tcpdump is not installed')
    s, lab = port
    c = Capture(s, '--filter', DNS, '--snaplen', '60')
    assert lab.as_client(exchange_frames, lab.client_if, [udp4(lab, sport=44000), udp6(lab, sport=44001)], PATIENCE_S).count(None) == 0
    f = c.wait(lambda packets: len(packets) >= 4) and c.stop()
    assert all(len(p.frame) == 60 < p.original for p in f.packets)
    out = subprocess.run(['tcpdump', '-nn', '-r', c.path], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0 and 'snapshot length 60' in out.stderr, out.stderr
    assert len(out.stdout.splitlines()) == 4
    assert '%s.44000 > %s.53' % (CLIENT4, SERVER4) in out.stdout and '%s.53 > ' % SERVER6 in out.stdout


def test_the_exception_path_is_seen(build, zone_texts, tap_lab):
    s = Suite(build, zone_texts, {}, [SERVER4], 53, tap_lab.serve(), port_lines())
    try:
        start(s, tap_lab)
        c = Capture(s, '--filter', 'icmp')
        assert tap_lab.as_client(echo, SERVER4), s.log_text()
        f = c.wait(lambda packets: len(packets) >= 2) and c.stop()
        assert [(p.direction, p.comment, p.frame[34]) for p in f.packets[:2]] == [('in', 'to the kernel', 8), ('out', 'from the kernel', 0)]
        assert TWIN not in f.packets[0].interface.name
    finally:
        s.remove()


# --- kernel sockets

@pytest.mark.parametrize('six', [False, True], ids=['IPv4', 'IPv6'])
def test_kernel_sockets_are_seen_as_frames(suite, six):
    a = '::1' if six else '127.0.0.1'
    if a not in suite.addresses:
        pytest.skip('no IPv6 here')
    c = Capture(suite)
    query = dns.message.make_query('www.example', 'A').to_wire()
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE_S)
        s.bind((a, 0))
        s.sendto(query, (a, suite.port))
        answer = s.recv(65535)
        s.sendto(b'short', (a, suite.port))
        own = s.getsockname()[1]
        f = c.wait(lambda packets: len(packets) >= 3) and c.stop()
    assert [(dns_of(p.frame), p.direction, p.comment) for p in f.packets] == [
        ((own, suite.port, query), 'in', ''), ((suite.port, own, answer), 'out', ''), ((own, suite.port, b'short'), 'in', 'dropped: short')]
    text = '[::1]:%d' if six else '127.0.0.1:%d'
    assert f.packets[0].interface.name == text % suite.port + ', worker 0'


def test_a_filter_chooses(suite):
    c = Capture(suite, '--filter', 'udp src port %d and less 200' % suite.port)
    for _ in range(3):
        suite.ask('www.example')
    f = c.wait(lambda packets: len(packets) >= 3) and c.stop()
    assert [p.direction for p in f.packets] == ['out'] * 3


def test_a_sample_has_queries_with_their_answers(suite):
    n, every = 600, 10
    c = Capture(suite, '--sample', str(every))
    before = counter(suite, 'captured_packets_total')
    query = QUERY[2:]
    for i in range(n):
        assert send_udp(suite.server(), struct.pack('!H', i) + query, PATIENCE_S, 1)
    # the last sample may lie 19 queries back
    f = c.wait(lambda packets: len(packets) % 2 == 0 and packets and dns_of(packets[-1].frame)[2][:2] > struct.pack('!H', n - 3 * every)) and c.stop()
    ids = [dns_of(p.frame)[2][:2] for p in f.packets]
    assert ids[::2] == ids[1::2] and [p.direction for p in f.packets] == ['in', 'out'] * (len(ids) // 2)
    assert n // every // 2 < len(ids) // 2 < n // every * 2      # strides are 1 to 19, and 10 in the mean
    wait_for('the counter says so, too', lambda: counter(suite, 'captured_packets_total') - before == len(ids))


def test_count_ends_it(suite):
    c = Capture(suite, '--count', '4')
    for _ in range(4):
        suite.ask('www.example')
    f = c.ended()
    assert f.complete and len(f.packets) == 4


def test_duration_ends_it_and_standard_output_takes_it(suite):
    p = subprocess.run([find_program(suite.build, 'millracectl'), '--config', str(suite.config_path), 'capture', '--duration', '1', '-w', '-'],
                       capture_output=True, timeout=PATIENCE_S)
    f = pcapng.File(p.stdout)
    assert p.returncode == 0 and f.complete and f.application.startswith('Millrace '), p.stderr


def test_sigterm_ends_it_well(suite):
    c = Capture(suite)
    suite.ask('www.example')
    assert len((c.wait(lambda packets: len(packets) >= 2) and c.stop(signal.SIGTERM)).packets) == 2


MISTAKES = [
    (['--filter', 'udp and and'], 1, "Filter 'udp and and': "),
    (['--filter', 'x' * 2000], 1, "'filter' cannot be decoded"),
    (['--sample', '4000000000'], 1, "'sample' must be a number from 1 to 1000000000"),
    (['--snaplen', '70000'], 1, "'snaplen' must be a number from 1 to 65535"),
    (['--count', '0'], 2, '--count 0: a number, at least 1'),
    (['--duration', '12s'], 2, '--duration 12s: a number, at least 1'),
]


@pytest.mark.parametrize('args,status,text', MISTAKES, ids=[' '.join(m[0])[:20] for m in MISTAKES])
def test_mistakes_are_named(suite, args, status, text):
    path = suite.dir / 'precious'
    path.write_text('precious')
    r = suite.ctl('capture', *args, '-w', str(path), check=False)
    assert r.returncode == status and text in r.stderr, r.stderr
    assert path.read_text() == 'precious', 'a capture that is refused harms no file'


def test_a_file_must_be_named(suite):
    r = suite.ctl('capture', check=False)
    assert r.returncode == 2 and '-w FILE is missing' in r.stderr


def test_one_at_a_time(suite):
    c = Capture(suite)
    r = suite.ctl('capture', '-w', str(suite.dir / 'second'), check=False)
    assert r.returncode == 1 and 'captured already, for process %d of user %d' % (c.p.pid, os.geteuid()) in r.stderr, r.stderr
    assert not (suite.dir / 'second').exists()
    suite.ask('www.example')
    assert len((c.wait(lambda packets: len(packets) >= 2) and c.stop()).packets) == 2


def test_a_killed_client_releases_it(suite):
    c = Capture(suite)
    c.p.kill()
    c.p.wait()
    c.p.stderr.close()
    wait_for('another capture', lambda: suite.ctl('capture', '--duration', '1', '-w', str(suite.dir / 'second'), check=False).returncode == 0,
             suite.log_text)
    wait_for('its rings are gone', lambda: not list(suite.run_dir.glob('capture.data.*')), suite.log_text)


def flood_until_lost(suite, u, before):
    wire = dns.message.make_query('www.example', 'A', options=[dns.edns.GenericOption(12, b'\0' * 1200)]).to_wire(max_size=65535)

    def flood():
        for _ in range(200):
            u.sendto(wire, suite.server())
        return counter(suite, 'capture_lost_total') > before
    wait_for('packets are lost', flood, suite.log_text)


def test_who_reads_nothing_holds_nobody_up(suite):
    """A client that asks and never reads: packets are lost to it, nobody else notices, and its end is seen."""
    before = counter(suite, 'capture_lost_total')
    with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        s.connect(str(suite.run_dir / 'api.sock'))
        s.sendall(b'GET /api/v1/servers/localhost/millrace/capture HTTP/1.1\r\nHost: x\r\n\r\n')
        wait_for('it begins', lambda: list(suite.run_dir.glob('capture.data.*')), suite.log_text)
        flood_until_lost(suite, u, before)
        assert suite.ask('www.example').answer
        assert suite.ctl('status').returncode == 0
    wait_for('another capture', lambda: suite.ctl('capture', '--duration', '1', '-w', str(suite.dir / 'second'), check=False).returncode == 0,
             suite.log_text)


def test_losses_are_told(suite):
    """What did not fit is in the file's statistics: the same client, that reads after all."""
    with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        s.settimeout(PATIENCE_S)
        s.connect(str(suite.run_dir / 'api.sock'))
        before = counter(suite, 'capture_lost_total')
        s.sendall(b'GET /api/v1/servers/localhost/millrace/capture HTTP/1.0\r\n\r\n')
        wait_for('it begins', lambda: list(suite.run_dir.glob('capture.data.*')), suite.log_text)
        flood_until_lost(suite, u, before)
        s.shutdown(socket.SHUT_WR)
        octets = b''
        while True:
            more = s.recv(1 << 20)
            if not more:
                break
            octets += more
    head, body = octets.split(b'\r\n\r\n', 1)
    assert b'200 OK' in head and b'application/x-pcapng' in head
    f = pcapng.File(body)
    wait_for('counters settle', lambda: sum(lost for _, lost in f.statistics.values()) == counter(suite, 'capture_lost_total') - before)
    assert f.complete


# --- others die

def test_the_control_plane_dies(make_suite, zone_texts):
    s = make_suite(zone_texts)
    s.start()
    s.wait_answer('example.')
    c = Capture(s)
    s.ask('www.example')
    c.wait(lambda packets: len(packets) >= 2)
    s.forgiven = [r'controlplane .*(killed by signal 9|signal 9)', r'controlplane died']
    old = s.pid('controlplane')
    os.kill(old, signal.SIGKILL)
    f = c.ended(1)
    assert 'the control plane went away' in c.err and len(f.packets) == 2
    for _ in range(20):
        assert s.ask('www.example').answer
    wait_for('workers stop copying', lambda: not list(s.run_dir.glob('capture.data.*')), s.log_text)
    wait_for('another control plane', lambda: s.pid('controlplane') not in (0, old), s.log_text)
    c = Capture(s)
    s.ask('www.example')
    assert len((c.wait(lambda packets: len(packets) >= 2) and c.stop()).packets) == 2


def test_the_dataplane_dies_and_comes_back(make_suite, zone_texts):
    s = make_suite(zone_texts)
    s.forgiven = [r'dataplane .*(killed by signal 9|signal 9)', r'dataplane died']
    s.start()
    s.wait_answer('example.')
    c = Capture(s)
    s.ask('www.example')
    c.wait(lambda packets: len(packets) >= 2)
    old = s.pid('dataplane')
    os.kill(old, signal.SIGKILL)
    wait_for('another dataplane', lambda: s.pid('dataplane') not in (0, old), s.log_text)
    s.wait_answer('example.')

    def more():
        s.ask('www.example', 'AAAA')
        return len(c.read().packets) >= 4
    wait_for('its packets', more, s.log_text)
    f = c.stop()
    assert dns_of(f.packets[-1].frame)[0] == s.port
    assert alive(s.pid('controlplane'))


def test_the_suite_stops_during_a_capture(make_suite, zone_texts):
    s = make_suite(zone_texts)
    s.start()
    s.wait_answer('example.')
    c = Capture(s)
    s.ask('www.example')
    c.wait(lambda packets: len(packets) >= 2)
    s.stop()
    c.p.wait(PATIENCE_S)    # its status is a matter of who was first
    c.p.stderr.close()
    assert len(pcapng.File(open(c.path, 'rb').read()).packets) == 2
