# SPDX-License-Identifier: GPL-3.0-or-later
"""A dataplane on an AF_XDP port is replaced while it is asked at a fixed rate, and every query is counted: kernel
sockets stand in while the device goes from one process to the other (docs/decisions/0035)."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import dns.message
import pytest

import pcapng
from load import Load
from netns import SERVER4, SERVER6, ip
from suite import alive, find_program, send_tcp, send_udp
from test_control import request
from test_crash import ZONE, wait_for, wait_restarted
from test_upgrade import upgrade

QUERY = dns.message.make_query('a.z', 'A').to_wire()
UPGRADES = 3
HOLDER = str(pathlib.Path(__file__).resolve().parent / 'xdp_holder.py')
ELSEWHERE = '198.18.0.77'       # an address that the server's kernel does not have


def server_statistic(lab, name):
    out = subprocess.run([*lab.serve(), 'nstat', '-asz', name], check=True, capture_output=True, text=True).stdout
    return int(re.search(r'^%s\s+(\d+)' % name, out, re.M).group(1))


@pytest.fixture
def on_xdp(make_suite, lab):
    """on_xdp() -> a suite on AF_XDP in the lab's server namespace, which answers"""
    def make(workers=1, addresses=(SERVER4,), more=(), head=''):
        dataplane = ['huge-pages: false', 'workers: %d' % workers, 'ports:', '  - device: "net_af_xdp0,iface=%s"' % lab.server_if]
        if addresses:
            dataplane.append('    addresses: [%s]' % ', '.join('"%s"' % a for a in addresses))
        s = make_suite({'z': ZONE % 1}, addresses=[SERVER4], port=53, prefix=lab.serve(), dataplane=dataplane + list(more))
        s.config_path.write_text(head + s.config_path.read_text())
        s.start()
        s.answers = lambda: lab.as_client(send_udp, (SERVER4, 53), QUERY, 0.5, 1) is not None
        s.answers_tcp = lambda: lab.as_client(send_tcp, (SERVER4, 53), QUERY) is not None
        s.phase = lambda: json.loads(s.ctl('status', '--json').stdout)['dataplane_phase']
        wait_for(s, 'no answer over the device', s.answers)
        wait_for(s, 'it does not answer', lambda: s.phase() == 'answering')
        return s
    return make


def load(s, lab, seconds, address=None, **kwargs):
    asked = Load(s, seconds, prefix=['ip', 'netns', 'exec', lab.client], extra=('--flows', '16'), **kwargs)
    if address is not None:
        asked.command[asked.command.index('--server') + 1] = '[%s]:53' % address
    return asked


def over_device(s, lab):
    """Do queries come through the port, and not to a socket?"""
    before = server_statistic(lab, 'UdpInDatagrams')
    assert s.answers()
    return server_statistic(lab, 'UdpInDatagrams') == before


def port_queues(s):
    """Queues of each port, for each of its series: one, or else Prometheus takes none of them."""
    out = {}
    for name, n in re.findall(r'^millrace_port_queues\{port="([^"]*)"\} (\d+)', request(s, 'GET', '/metrics')[2], re.M):
        out.setdefault(name, []).append(int(n))
    return out


def log_since(s, at):
    return s.log_text()[at:]


@pytest.mark.parametrize('workers', [1, 2])
def test_nothing_is_lost(on_xdp, lab, workers):
    s = on_xdp(workers)
    stood_in = server_statistic(lab, 'UdpInDatagrams')
    with load(s, lab, 2 + 4 * UPGRADES) as asked:
        for _ in range(UPGRADES):
            time.sleep(1)
            old = s.pid('dataplane')
            upgrade(s)
            assert s.pid('dataplane') not in (0, old)
            wait_for(s, 'the old one stays', lambda: not alive(old))
            assert s.answers_tcp()
    r = asked.nothing_lost()
    assert r['unexpected'] == 0 and r['invalid'] == 0, r
    assert server_statistic(lab, 'UdpInDatagrams') > stood_in, 'the sockets were never asked'
    # all is as after a start
    wait_for(s, 'the sockets stay', lambda: s.phase() == 'answering')
    assert over_device(s, lab)
    assert subprocess.run([*lab.serve(), 'ss', '-lunH', 'sport = :53'], capture_output=True, text=True).stdout == ''
    s.write_zone('z', ZONE % 9)
    s.ctl('zone', 'reload', 'z')
    wait_for(s, 'the zone does not change', lambda: dns.message.from_wire(lab.as_client(
        send_udp, (SERVER4, 53), dns.message.make_query('z', 'SOA').to_wire())).answer[0][0].serial == 9)


def test_several_queues_and_any_address(make_suite, lab, build):
    """A device for each queue of the interface, and no address: sockets that are bound to none stand in."""
    from netns import Lab
    mine = Lab.__new__(Lab)
    mine.__dict__.update(lab.__dict__)
    mine.server_if, mine.client_if = 'mtq', 'mtqc'
    ip('link', 'add', mine.server_if, 'netns', lab.server, 'numrxqueues', '2', 'numtxqueues', '2', 'type', 'veth',
       'peer', 'name', mine.client_if, 'netns', lab.client, 'numrxqueues', '2', 'numtxqueues', '2')
    try:
        for n, i, a4, a6 in ((lab.server, mine.server_if, '198.19.0.1', 'fd00:6d73::1'), (lab.client, mine.client_if, '198.19.0.2', 'fd00:6d73::2')):
            ip('-n', n, 'addr', 'add', a4 + '/24', 'dev', i)
            ip('-n', n, 'addr', 'add', a6 + '/64', 'dev', i, 'nodad')
            ip('-n', n, 'link', 'set', i, 'up')
            subprocess.run(['ip', 'netns', 'exec', n, 'ethtool', '-K', i, 'tx', 'off'], capture_output=True)
        s = make_suite({'z': ZONE % 1}, addresses=['198.19.0.1'], port=53, prefix=lab.serve(),
                       dataplane=['huge-pages: false', 'workers: 2', 'ports:', '  - device: "net_af_xdp0,iface=mtq"']).start()
        answers = lambda: lab.as_client(send_udp, ('198.19.0.1', 53), QUERY, 0.5, 1) is not None
        wait_for(s, 'no answer over the device', answers)
        assert '2 receive queues' not in s.log_text() and 'net_af_xdp0q1' in s.log_text(), 'one device a queue'
        with load(s, lab, 5) as v4, load(s, lab, 5, address='fd00:6d73::1') as v6:
            for _ in range(2):
                time.sleep(1)
                old = s.pid('dataplane')
                upgrade(s)
                assert s.pid('dataplane') not in (0, old)
        v4.nothing_lost()
        v6.nothing_lost()
    finally:
        ip('-n', lab.server, 'link', 'delete', mine.server_if)


def test_an_address_that_the_kernel_lacks_is_refused_before_anything_happens(on_xdp, lab):
    s = on_xdp(addresses=(SERVER4, ELSEWHERE))
    s.forgiven.append('did not take over')
    old, datagrams = s.pid('dataplane'), server_statistic(lab, 'UdpInDatagrams')
    with load(s, lab, 3) as asked:
        time.sleep(0.5)
        os.kill(s.process.pid, signal.SIGUSR2)
        wait_for(s, 'no word of it', lambda: 'did not take over' in s.log_text())
    asked.nothing_lost()
    assert re.search(r'AF_XDP ports cannot be taken over while they are in use: a kernel socket on %s:53 .* '
                     r'this machine does not have that address' % re.escape(ELSEWHERE), s.log_text()), s.log_text()
    assert s.pid('dataplane') == old and server_statistic(lab, 'UdpInDatagrams') == datagrams and over_device(s, lab)


def test_a_device_that_does_not_open_is_given_back(on_xdp, lab):
    """The successor gives up after the old one has closed the port: that opens it again."""
    s = on_xdp()
    good, old = s.config_path.read_text(), s.pid('dataplane')
    s.forgiven.append('did not take over')
    with load(s, lab, 6) as asked:
        time.sleep(0.5)
        # seen only once its turn has come
        s.config_path.write_text(re.sub(r'^( +)addresses:', r'\1queues: 9\n\1addresses:', good, flags=re.M))
        os.kill(s.process.pid, signal.SIGUSR2)
        wait_for(s, 'no word of it', lambda: 'did not take over' in s.log_text())
        s.config_path.write_text(good)
        wait_for(s, 'the port stays closed', lambda: 'the AF_XDP ports are open again' in s.log_text())
        assert '9 queues are configured' in s.log_text() and s.pid('dataplane') == old
        wait_for(s, 'the sockets stay', lambda: s.phase() == 'answering')
        assert port_queues(s)['net_af_xdp0'] == [1], 'counted once, in one entry'
        upgrade(s)
    asked.nothing_lost()
    assert s.pid('dataplane') not in (0, old)
    wait_for(s, 'the sockets stay', lambda: s.phase() == 'answering')
    assert over_device(s, lab)


def test_an_arena_that_cannot_be_used_is_noticed_before_anything_happens(on_xdp, lab):
    s = on_xdp()
    s.forgiven += ['did not take over', 'cannot take over', 'cannot use the arena']
    old, arena, kept = s.pid('dataplane'), s.run_dir / 'arena', s.run_dir / 'arena.kept'
    with load(s, lab, 6) as asked:
        time.sleep(0.5)
        arena.rename(kept)
        arena.write_bytes(b'of another layout' * 1000)
        at = begin(s)
        wait_for(s, 'no end of it', lambda: 'did not take over' in log_since(s, at))
        kept.rename(arena)
        assert 'cannot take over: ' in log_since(s, at) and STANDS_IN not in log_since(s, at)
        assert s.pid('dataplane') == old and over_device(s, lab)
        upgrade(s)
    asked.nothing_lost()
    assert s.pid('dataplane') not in (0, old)


def test_a_successor_that_hangs_is_given_up(on_xdp, lab):
    """The launcher ends it, and the old one opens its ports again."""
    s = on_xdp()
    s.forgiven += ['did not take over', 'is killed: it has not taken over']
    old = s.pid('dataplane')
    with load(s, lab, 60) as asked:
        at = begin(s)
        wait_stands_in(s, at)
        os.kill(heir(s, old), signal.SIGSTOP)
        began = time.monotonic()
        wait_for(s, 'it is waited for for ever', lambda: 'did not take over' in log_since(s, at), seconds=70)
        assert time.monotonic() - began > 15, 'a slow start is no failure'
        wait_for(s, 'the port stays closed', lambda: OPEN_AGAIN in log_since(s, at), seconds=40)
        upgrade(s)
    asked.nothing_lost()
    assert s.pid('dataplane') not in (0, old)


def test_a_successor_that_hangs_is_not_all_that_is_left(on_xdp, lab):
    """Its predecessor dies: it is the suite's dataplane then, and another one is started in its place."""
    s = on_xdp()
    s.forgiven += ['is killed: it has not taken over', 'dataplane died']
    old = s.pid('dataplane')
    at = begin(s)
    wait_stands_in(s, at)
    successor = heir(s, old)
    os.kill(successor, signal.SIGSTOP)
    os.kill(old, signal.SIGKILL)
    wait_for(s, 'no word of it', lambda: 'the dataplane is process %d now' % successor in log_since(s, at))
    wait_for(s, 'it is waited for for ever', lambda: s.pid('dataplane') not in (0, old), seconds=70)
    assert not alive(successor)
    wait_for(s, 'no answer over the device', s.answers)
    assert s.answers_tcp()


def test_a_capture_goes_on_and_names_the_sockets(on_xdp, lab, tmp_path):
    s = on_xdp()
    file = tmp_path / 'c.pcapng'
    with load(s, lab, 7) as asked:
        capture = subprocess.Popen([find_program(s.build, 'millracectl'), '--config', str(s.config_path), 'capture', '--duration', '5', '-w', str(file)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(1.5)
        upgrade(s)
        said = capture.communicate(timeout=30)[0]
    asked.nothing_lost()
    assert '0 packets lost' in said
    packets = pcapng.File(file.read_bytes()).packets
    seen = {p.interface if isinstance(p.interface, str) else p.interface.name for p in packets}
    assert seen == {'net_af_xdp0 queue 0, worker 0', '%s:53, worker 0' % SERVER4}


def test_from_a_port_to_a_socket_and_back(on_xdp, lab):
    """The kind of port may change with an upgrade."""
    s = on_xdp()
    with load(s, lab, 8) as asked:
        for device in (False, True):
            time.sleep(1)
            good = s.dataplane
            s.dataplane = good if device else None
            s.write_config()
            upgrade(s)
            s.dataplane = good
            wait_for(s, 'it does not answer', lambda: s.phase() == 'answering')
            assert over_device(s, lab) == device
    asked.nothing_lost()


def children(pid):
    out = []
    for thread in os.listdir('/proc/%d/task' % pid):
        out += map(int, open('/proc/%d/task/%s/children' % (pid, thread)).read().split())
    return out


STANDS_IN = 'kernel sockets stand in for the AF_XDP ports'
OPEN_AGAIN = 'the AF_XDP ports are open again'


def begin(s):
    """Ask the launcher for an upgrade. -> what was in the log before"""
    at = len(s.log_text())
    os.kill(s.process.pid, signal.SIGUSR2)
    return at


def heir(s, old):
    known = (old, s.pid('controlplane'), s.pid('stream'))
    return next((p for p in children(s.process.pid) if p not in known), 0)


def wait_stands_in(s, at):
    end = time.monotonic() + 20
    while STANDS_IN not in log_since(s, at):
        assert time.monotonic() < end, s.log_text()
        time.sleep(0.001)


def test_a_killed_successor_does_no_harm(on_xdp, lab):
    s = on_xdp()
    s.forgiven.append('did not take over')
    given_back = 0
    with load(s, lab, 20) as asked:
        for delay in (0.05, 0.2, 0.3, None, None, None):
            old = s.pid('dataplane')
            at = begin(s)
            if delay is None:       # the worst moment: nobody has the port
                wait_stands_in(s, at)
            else:
                time.sleep(delay)
            victim = heir(s, old)
            if victim and s.pid('dataplane') == old:
                os.kill(victim, signal.SIGKILL)
            wait_for(s, 'no end of it', lambda: 'did not take over' in log_since(s, at) or s.pid('dataplane') not in (0, old))
            wait_for(s, 'it does not answer', lambda: s.phase() == 'answering')
            given_back += OPEN_AGAIN in log_since(s, at)
    asked.nothing_lost()
    assert given_back > 0, s.log_text()
    assert over_device(s, lab) and s.answers_tcp()


def test_a_port_that_cannot_be_opened_is_tried_again(on_xdp, lab):
    s = on_xdp()
    s.forgiven.append('did not take over')
    with load(s, lab, 35) as asked:
        for _ in range(4):      # the successor may be faster
            at = begin(s)
            wait_stands_in(s, at)
            successor = heir(s, s.pid('dataplane'))
            os.kill(successor, signal.SIGSTOP)
            holder = subprocess.Popen([*lab.serve(), sys.executable, HOLDER, lab.server_if, '0'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            bound = 'bound' in holder.stdout.readline()
            os.kill(successor, signal.SIGKILL)
            if bound:
                break
            holder.communicate()
            wait_for(s, 'it does not answer', lambda: s.phase() == 'answering')
        wait_for(s, 'no word of it', lambda: 'answer in their place until they can be opened' in log_since(s, at))
        assert s.phase() == 'standing-in'
        holder.communicate()
        wait_for(s, 'the port stays closed', lambda: OPEN_AGAIN in log_since(s, at))
    asked.nothing_lost()
    wait_for(s, 'the sockets stay', lambda: s.phase() == 'answering')
    assert over_device(s, lab) and s.answers_tcp()


@pytest.mark.parametrize('workers', [1, 2])
def test_without_privileges_the_sockets_stay_until_the_next_upgrade(on_xdp, lab, workers):
    """Once it serves it may open no device: it answers on the sockets, and says so."""
    s = on_xdp(workers, head='user: nobody\n')
    old = s.pid('dataplane')
    assert os.stat('/proc/%d' % old).st_uid != 0
    s.forgiven += ['did not take over']
    with load(s, lab, 8) as asked:
        time.sleep(0.5)
        at = begin(s)
        wait_stands_in(s, at)
        os.kill(heir(s, old), signal.SIGKILL)
        wait_for(s, 'no word of it', lambda: 'kernel sockets answer in their place' in log_since(s, at))
        assert s.phase() == 'standing-in' and s.pid('dataplane') == old and not over_device(s, lab)
        assert 'kernel sockets answer in the place of the AF_XDP ports' in s.ctl('status').stdout
        for line in ('millrace_dataplane_phase{phase="standing-in"} 1', 'millrace_dataplane_phase{phase="answering"} 0',
                     'millrace_port_up{port="net_af_xdp0",kind="device"} 0', 'millrace_port_queues{port="net_af_xdp0"} 0',
                     'millrace_port_queues{port="%s:53"} %d' % (SERVER4, workers)):
            wait_for(s, line, lambda: line in request(s, 'GET', '/metrics')[2].splitlines())
        assert port_queues(s)['%s:53' % SERVER4] == [workers], 'the sockets of an address are one port'
        upgrade(s)
    asked.nothing_lost()
    assert s.pid('dataplane') not in (0, old)
    wait_for(s, 'the sockets stay', lambda: s.phase() == 'answering')
    assert over_device(s, lab) and s.answers_tcp()


def test_a_second_upgrade_that_fails_keeps_the_sockets_of_the_first(on_xdp, lab):
    """They are about to be closed when the ports are closed once more: they stay while nobody has the ports."""
    s = on_xdp(head='user: nobody\n')
    s.forgiven += ['did not take over']
    with load(s, lab, 16) as asked:
        time.sleep(0.5)
        first = s.pid('dataplane')
        upgrade(s)
        old = s.pid('dataplane')
        wait_for(s, 'the first one stays', lambda: 'the dataplane is process %d now' % old in s.log_text())
        assert first != old and s.phase() == 'draining', 'too late'
        at = begin(s)
        wait_stands_in(s, at)
        os.kill(heir(s, old), signal.SIGKILL)
        wait_for(s, 'no word of it', lambda: 'kernel sockets answer in their place' in log_since(s, at))
        time.sleep(6)           # longer than sockets of an upgrade stay
        assert s.phase() == 'standing-in' and s.pid('dataplane') == old and s.answers()
        upgrade(s)
    asked.nothing_lost()
    wait_for(s, 'the sockets stay', lambda: s.phase() == 'answering')
    assert over_device(s, lab) and s.answers_tcp()


def test_a_killed_predecessor_is_no_obstacle(on_xdp, lab):
    """It dies after it gave the port away: the successor, which has its sockets, goes on without it."""
    s = on_xdp()
    old = s.pid('dataplane')
    with load(s, lab, 5) as asked:
        time.sleep(0.5)
        at = begin(s)
        wait_stands_in(s, at)
        os.kill(old, signal.SIGKILL)
        wait_for(s, 'nobody takes over', lambda: s.pid('dataplane') not in (0, old))
    r = asked.result()
    assert r['lost'] <= 64, r       # what it held in its hands
    assert 'process %d now' % s.pid('dataplane') in s.log_text()
    wait_for(s, 'the sockets stay', lambda: s.phase() == 'answering')
    assert over_device(s, lab) and s.answers_tcp()


def test_a_frozen_predecessor_is_left_alone_or_killed(on_xdp, lab):
    s = on_xdp()
    s.forgiven += ['did not take over', 'does not hand over', 'signal 9']
    old = s.pid('dataplane')
    os.kill(old, signal.SIGSTOP)
    at = begin(s)
    wait_for(s, 'no word of it', lambda: 'did not take over' in log_since(s, at))
    os.kill(old, signal.SIGCONT)
    wait_for(s, 'no answer', s.answers)
    assert s.pid('dataplane') == old and over_device(s, lab), 'before anything was given away it is not touched'
    at = begin(s)
    wait_stands_in(s, at)
    time.sleep(0.02)            # it says so
    os.kill(old, signal.SIGSTOP)
    wait_for(s, 'nobody takes over', lambda: s.pid('dataplane') not in (0, old))
    assert 'it is killed: process %d' % old in log_since(s, at)
    wait_for(s, 'no answer', s.answers)
    wait_for(s, 'the sockets stay', lambda: s.phase() == 'answering')
    assert over_device(s, lab) and s.answers_tcp()


def test_a_supervisor_may_ask_for_it(on_xdp, lab):
    """What systemd does for a reload: the program that it waits for ends when the successor answers."""
    s = on_xdp()
    old = s.pid('dataplane')
    s.forgiven.append('dataplane died: exit status 0')
    os.kill(s.process.pid, signal.SIGSTOP)      # this launcher is not to know
    new = 0
    try:
        with load(s, lab, 8) as asked:
            time.sleep(0.5)
            r = subprocess.run([*s.prefix, find_program(s.build, 'millrace-dataplane'), '--config', str(s.config_path), '--replace'],
                               stdin=subprocess.DEVNULL, stdout=s.log, stderr=s.log, timeout=40)
            assert r.returncode == 0, s.log_text()
            new = s.pid('dataplane')
            assert new not in (0, old) and not alive(old)
        asked.nothing_lost()
        wait_for(s, 'the sockets stay', lambda: s.phase() == 'answering')
        assert over_device(s, lab)
    finally:
        if new:
            os.kill(new, signal.SIGTERM)
            while alive(new):
                time.sleep(0.02)
        os.kill(s.process.pid, signal.SIGCONT)
    wait_restarted(s, 'dataplane', new)
    wait_for(s, 'no answer', s.answers)
