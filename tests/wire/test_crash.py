# SPDX-License-Identifier: GPL-3.0-or-later
"""Each process dies, stops or goes mad while UDP is asked, at a fixed rate or as much as is answered; every query is counted."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import dns.message
import pytest

from load import RATE, Load
from suite import PROCESSES, alive

HERE = pathlib.Path(__file__).resolve().parent
ZONE = '$ORIGIN z.\n$TTL 60\n@ SOA a b %d 2 3 4 5\n@ NS a\na A 192.0.2.1\n'
WAIT_S = 30


@pytest.fixture
def running(make_suite):
    s = make_suite({'z': ZONE % 1}).start()
    s.wait_answer('z.')
    return s


def wait_for(suite, what, condition, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while not condition():
        suite.must_run()
        assert time.monotonic() < end, '%s\n%s' % (what, suite.log_text())
        time.sleep(0.02)


def wait_restarted(suite, name, old):
    wait_for(suite, name + ' was not started again', lambda: suite.pid(name) not in (0, old))


def tcp_answers(suite):
    return suite.tcp(dns.message.make_query('a.z', 'A'), timeout=2) is not None


def counters(suite):
    return {(c['family'], c['value']): c['sum'] for c in json.loads(suite.ctl('stats', '--json').stdout)['counters']}


def files(suite):
    """What must be there afterwards as it was: the same files, not new ones."""
    return {n: os.stat(suite.run_dir / n).st_ino for n in ('arena', 'hub.control', 'hub.data', 'hub.rings', 'hub.stream')}


@pytest.mark.parametrize('rate', [RATE, None], ids=['steady', 'full load'])
@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
@pytest.mark.parametrize('name', ['controlplane', 'stream'])
def test_udp_loses_nothing_without_the_others(running, name, how, rate):
    dataplane, old, before = running.pid('dataplane'), running.pid(name), files(running)
    running.forgiven.append(name + ' died')
    with Load(running, 4, rate) as load:
        time.sleep(1)
        os.kill(old, how)
        if how == signal.SIGSTOP:
            time.sleep(1.5)
            os.kill(old, signal.SIGCONT)
        else:
            wait_restarted(running, name, old)
        wait_for(running, 'TCP', lambda: tcp_answers(running))
        wait_for(running, 'the API', lambda: running.ctl('status', check=False).returncode == 0)
    load.nothing_lost()
    # reattached: nothing was made anew, and the worker has not noticed
    assert files(running) == before
    assert running.pid('dataplane') == dataplane
    running.write_zone('z', ZONE % 7)
    running.ctl('zone', 'reload', 'z')
    running.wait_answer('z.', want=lambda m: m.answer and m.answer[0][0].serial == 7)


def test_a_dead_control_plane_takes_its_locks_and_nothing_else(running):
    """Zones changed many times around its deaths: memory is given back, and a worker that reads it is waited for."""
    running.forgiven.append('controlplane died')
    with Load(running, 6) as load:
        for serial in range(2, 5):
            for _ in range(5):
                running.write_zone('z', ZONE % serial)
                running.ctl('zone', 'reload', 'z', check=False)
            old = running.pid('controlplane')
            os.kill(old, signal.SIGKILL)
            wait_restarted(running, 'controlplane', old)
            running.wait_answer('z.', want=lambda m, s=serial: m.answer and m.answer[0][0].serial == s)
    load.nothing_lost()
    assert counters(running)[('image_damaged_total', '')] == 0


def test_a_stopped_dataplane_keeps_what_it_reads(running):
    """It is not dead: whatever is published meanwhile, nothing is used again under it, and it goes on where it was."""
    dataplane = running.pid('dataplane')
    generation = json.loads(running.ctl('status', '--json').stdout)['arena']['generation']
    with Load(running, 4, rate=200) as load:
        time.sleep(1)
        os.kill(dataplane, signal.SIGSTOP)
        try:
            for serial in range(2, 12):
                running.write_zone('z', ZONE % serial)
                running.ctl('zone', 'reload', 'z', check=False)
            assert json.loads(running.ctl('status', '--json').stdout)['arena']['generation'] > generation
        finally:
            os.kill(dataplane, signal.SIGCONT)
        running.wait_answer('z.', want=lambda m: m.answer and m.answer[0][0].serial == 11)
    load.nothing_lost()         # it was asleep, not gone: the socket kept them
    assert running.pid('dataplane') == dataplane


def test_the_dataplane_comes_back_to_the_arena_that_is_there(running):
    """With the control plane stopped, so that nobody could compile anything."""
    running.forgiven.append('dataplane died: signal 9')
    old, control = running.pid('dataplane'), running.pid('controlplane')
    os.kill(control, signal.SIGSTOP)
    try:
        for _ in range(3):
            os.kill(old, signal.SIGKILL)
            wait_restarted(running, 'dataplane', old)
            running.wait_answer('a.z.', 'A')
            old = running.pid('dataplane')
    finally:
        os.kill(control, signal.SIGCONT)
    wait_for(running, 'TCP', lambda: tcp_answers(running))
    assert counters(running)[('queries_total', 'udp4')] > 3, 'what the ones before counted goes on'


@pytest.mark.parametrize('how', ['rubbish', 'truncate', 'short'])
def test_a_hostile_stream_process_costs_only_itself(running, how):
    running.forgiven.append('stream died')
    if how != 'rubbish':    # a stream process that reads what another one cut off dies of it, and says so in a sanitizer build
        running.forgiven += ['AddressSanitizer:DEADLYSIGNAL', 'AddressSanitizer: BUS .*', 'AddressSanitizer can not provide']
    dataplane, controlplane = running.pid('dataplane'), running.pid('controlplane')
    assert tcp_answers(running)
    with Load(running, 5) as load:
        time.sleep(0.5)
        old = running.pid('stream')
        os.kill(old, signal.SIGSTOP)    # somebody else is in its place
        subprocess.run([sys.executable, str(HERE / 'hostile_peer.py'), str(running.run_dir), how, '2'], check=True, timeout=60)
        counters(running)   # the control plane looks at what the stream process tells
        assert (running.pid('dataplane'), running.pid('controlplane')) == (dataplane, controlplane), running.log_text()
        # the process that somebody had taken over is ended, and a good one comes
        os.kill(old, signal.SIGKILL)
        wait_restarted(running, 'stream', old)
        wait_for(running, 'TCP does not answer after %s' % how, lambda: tcp_answers(running))
    load.nothing_lost()
    assert running.pid('dataplane') == dataplane
    assert how == 'short' or counters(running)[('drops_total', 'ring-damaged')] > 0


def test_who_holds_the_rings_lock_does_not_keep_the_dataplane_out(running):
    running.forgiven += ['dataplane died', 'stream died']
    p = subprocess.Popen([sys.executable, str(HERE / 'hostile_peer.py'), str(running.run_dir), 'lock', '60'])
    try:
        time.sleep(0.5)
        old = running.pid('dataplane')
        os.kill(old, signal.SIGKILL)
        wait_restarted(running, 'dataplane', old)
        running.wait_answer('a.z.', 'A')
    finally:
        p.kill()
        p.wait()
    old = running.pid('stream')         # it has the file that was given up
    os.kill(old, signal.SIGKILL)
    wait_restarted(running, 'stream', old)
    wait_for(running, 'TCP', lambda: tcp_answers(running))


def test_nobody_is_left_when_all_are_killed_at_once(running):
    running.forgiven.append('died: signal 9')
    old = {p: running.pid(p) for p in PROCESSES}
    for pid in old.values():
        os.kill(pid, signal.SIGKILL)
    for p in PROCESSES:
        wait_restarted(running, p, old[p])
    running.wait_answer('a.z.', 'A')
    wait_for(running, 'TCP', lambda: tcp_answers(running))
    assert not any(alive(pid) for pid in old.values())
