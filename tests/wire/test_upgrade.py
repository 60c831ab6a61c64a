# SPDX-License-Identifier: GPL-3.0-or-later
"""The dataplane is replaced while it is asked at a fixed rate; every query is counted."""
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import time

import dns.message
import pytest

from load import Load
from netns import SERVER4
from suite import alive, find_program, send_udp
from test_crash import ZONE, counters, files, tcp_answers, wait_for, wait_restarted

UPGRADES = 3


def upgrade(suite, check=True):
    r = subprocess.run([*suite.prefix, find_program(suite.build, 'millrace'), 'upgrade', '--config', str(suite.config_path)],
                       capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert not check or r.returncode == 0, '%s%s\n%s' % (r.stdout, r.stderr, suite.log_text())
    return r


@pytest.mark.parametrize('workers', [1, 2])
def test_sockets_are_handed_over_and_nothing_is_lost(make_suite, workers):
    s = make_suite({'z': ZONE % 1}, {'dataplane': ['workers: %d' % workers]}).start()
    s.wait_answer('z.')
    before = files(s)
    asked = counters(s)[('queries_total', 'udp4')]
    with Load(s, 2 + 2 * UPGRADES, extra=('--flows', '16')) as load:
        for _ in range(UPGRADES):
            time.sleep(0.5)
            old = s.pid('dataplane')
            upgrade(s)
            assert s.pid('dataplane') not in (0, old)
            wait_for(s, 'the old one stays', lambda: not alive(old))
            assert tcp_answers(s) or wait_for(s, 'TCP', lambda: tcp_answers(s)) is None
    r = load.nothing_lost()
    assert r['unexpected'] == 0 and r['invalid'] == 0, r
    assert files(s) == before, 'the same arena, hub and rings'
    # counters of all dataplanes together, in both seats
    assert counters(s)[('queries_total', 'udp4')] - asked >= r['sent']
    # it is a full member of the suite: zones change under it, and it is restarted when it dies
    s.write_zone('z', ZONE % 9)
    s.ctl('zone', 'reload', 'z')
    s.wait_answer('z.', want=lambda m: m.answer and m.answer[0][0].serial == 9)
    s.forgiven.append('dataplane died: signal 9')
    old = s.pid('dataplane')
    os.kill(old, signal.SIGKILL)
    wait_restarted(s, 'dataplane', old)
    s.wait_answer('a.z.', 'A')


def test_workers_may_be_more_or_fewer_and_addresses_others(make_suite):
    s = make_suite({'z': ZONE % 1}, {'dataplane': ['workers: 2']}).start()
    s.wait_answer('z.')
    with Load(s, 5, extra=('--flows', '16')) as load:
        for workers in (1, 3):
            time.sleep(0.5)
            s.yaml['dataplane'] = ['workers: %d' % workers]
            s.write_config()
            upgrade(s)
    load.nothing_lost()
    assert json.loads(s.ctl('status', '--json').stdout)['workers'] == 3


def test_a_successor_that_cannot_start_changes_nothing(make_suite):
    s = make_suite({'z': ZONE % 1}).start()
    s.wait_answer('z.')
    good, old = s.config_path.read_text(), s.pid('dataplane')
    s.forgiven.append('did not take over')
    with Load(s, 4) as load:
        time.sleep(0.5)
        s.config_path.write_text(good.replace('dataplane:', 'dataplane:\n  workers: 4711'))
        os.kill(s.process.pid, signal.SIGUSR2)
        wait_for(s, 'no word of it', lambda: 'did not take over' in s.log_text())
        s.config_path.write_text(good)
        assert s.pid('dataplane') == old
        upgrade(s)
    load.nothing_lost()
    assert s.pid('dataplane') != old


def test_somebody_else_who_listens_in_its_place_is_not_asked(make_suite):
    """Whoever may write in the run directory could put a socket there and hand out descriptors of his choice."""
    s = make_suite({'z': ZONE % 1}).start()
    s.wait_answer('z.')
    s.forgiven += ['did not take over', 'does not hand over']
    path, old = s.run_dir / 'dataplane.sock', s.pid('dataplane')
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as impostor:
        impostor.bind(str(path))
        impostor.listen(4)
        os.kill(s.process.pid, signal.SIGUSR2)
        wait_for(s, 'no word of it', lambda: 'does not hand over: Operation not permitted' in s.log_text())
    assert s.pid('dataplane') == old and s.ask('a.z').answer


def test_a_peer_that_does_nothing_is_given_up(make_suite):
    """It is in the way of every successor. A slow start is none of that."""
    s = make_suite({'z': ZONE % 1}).start()
    s.wait_answer('z.')
    s.forgiven.append('has not taken over within')
    began, old = time.monotonic(), s.pid('dataplane')
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
        peer.connect(str(s.run_dir / 'dataplane.sock'))
        peer.send(struct.pack('=II', 0x4b544d52, 1))
        peer.settimeout(45)
        while True:
            message, fds, _, _ = socket.recv_fds(peer, 8, 1)
            for fd in fds:
                os.close(fd)
            if not message:
                break
    assert time.monotonic() - began > 25
    assert 'has not taken over within 30 s, and is given up; going on' in s.log_text()
    assert s.pid('dataplane') == old and s.ask('a.z').answer
    upgrade(s)
    assert s.pid('dataplane') not in (0, old)


def test_a_killed_predecessor_is_no_obstacle(make_suite):
    """The old one dies in the middle: whoever is there then answers."""
    s = make_suite({'z': ZONE % 1}).start()
    s.wait_answer('z.')
    s.forgiven += ['died', 'did not take over', 'does not hand over', 'does not leave']
    for delay in (0, 0.02, 0.05, 0.1):
        old = s.pid('dataplane')
        os.kill(s.process.pid, signal.SIGUSR2)
        time.sleep(delay)
        try:
            os.kill(old, signal.SIGKILL)
        except ProcessLookupError:      # it had left already
            pass
        wait_restarted(s, 'dataplane', old)
        s.wait_answer('a.z.', 'A')
        wait_for(s, 'TCP', lambda: tcp_answers(s))


def test_without_a_launcher_it_says_so(build, tmp_path):
    r = subprocess.run([find_program(build, 'millrace'), 'upgrade', '--run-dir', str(tmp_path)], capture_output=True, text=True, timeout=20)
    assert r.returncode != 0 and 'no launcher runs' in r.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can be made to signal for somebody else')
def test_a_pid_that_somebody_else_put_there_is_not_signalled(build, tmp_path):
    """The run directory may be writable for the group: its members must not choose whom root signals."""
    victim = subprocess.Popen(['sleep', '60'])
    try:
        path = tmp_path / 'millrace.pid'
        path.write_text('%d\n' % victim.pid)
        os.chown(path, 65534, 65534)
        (tmp_path / 'dataplane.ready').write_text('%d\n' % victim.pid)
        with open(path) as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            r = subprocess.run([find_program(build, 'millrace'), 'upgrade', '--run-dir', str(tmp_path)],
                               capture_output=True, text=True, timeout=60)
        assert victim.poll() is None        # SIGUSR2 ends whoever has no handler
        assert r.returncode != 0 and 'no launcher runs' in r.stderr
    finally:
        victim.kill()
        victim.wait()


@pytest.fixture
def on_device(make_suite, lab):
    """on_device('net_...') -> a suite on that device, which answers"""
    def make(device):
        s = make_suite({'z': ZONE % 1}, addresses=[SERVER4], port=53, prefix=lab.serve(),
                       dataplane=['huge-pages: false', 'ports:', '  - device: "%s"' % device.format(lab.server_if), '    addresses: ["%s"]' % SERVER4])
        s.start()
        query = dns.message.make_query('a.z', 'A').to_wire()
        s.answers = lambda: lab.as_client(send_udp, (SERVER4, 53), query, 0.5, 1) is not None
        wait_for(s, 'no answer over the device', s.answers)
        return s
    return make


def test_af_packet_is_open_in_both_for_a_moment(on_device, lab):
    """Nothing is lost; a few queries are answered twice."""
    s = on_device('net_af_packet0,iface={0}')
    with Load(s, 5, prefix=['ip', 'netns', 'exec', lab.client]) as load:
        time.sleep(1)
        old = s.pid('dataplane')
        upgrade(s)
        assert s.pid('dataplane') not in (0, old)
    load.nothing_lost()
    wait_for(s, 'no answer afterwards', s.answers)


def test_a_device_with_one_user_is_left_alone(make_suite, tmp_path):
    s = make_suite({'z': ZONE % 1}, dataplane=['huge-pages: false', 'ports:', '  - device: "net_memif0,role=server,socket=%s,socket-abstract=no"' % (tmp_path / 's'),
                                               '    addresses: ["%s"]' % SERVER4, '    exception: none']).start()
    old = s.pid('dataplane')
    s.forgiven.append('did not take over')
    os.kill(s.process.pid, signal.SIGUSR2)
    wait_for(s, 'no word of it', lambda: 'did not take over' in s.log_text())
    assert 'net_memif0' in s.log_text() and 'draining' in s.log_text()
    assert s.pid('dataplane') == old
