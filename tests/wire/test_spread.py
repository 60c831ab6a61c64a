# SPDX-License-Identifier: GPL-3.0-or-later
"""Many workers: a client that keeps one of them busy is shared out among all, with nothing lost; and who has nothing to do
sleeps. The device is a tap with a single queue, so one of the two workers receives everything."""
import json
import socket
import subprocess
import time

import pytest

from netns import CLIENT4, SERVER4, SERVER6
from suite import Suite, find_program, send_udp
from taplab import PORT_IF, TWIN
from test_dpdk import QUERY
from test_exception import echo, start, tap_lab  # noqa: F401 (a fixture)
from test_stats import counters

LOAD_S, LOAD_MAX = 120, 3000000     # the longest and the most that is asked
GIVEN_MIN = 2000        # a busy machine leaves the generator little time, and so the workers little to do


@pytest.fixture(scope='module')
def two_workers(build, zone_texts, tap_lab):  # noqa: F811
    lines = ['workers: 2', 'ports:', '  - device: "net_tap0,iface=%s"' % PORT_IF, '    queues: 1',
             '    addresses: ["%s:53", "[%s]:53"]' % (SERVER4, SERVER6), '    exception: tap', '    exception-interface: %s' % TWIN]
    s = Suite(build, zone_texts, {}, [SERVER4], 53, tap_lab.serve(), lines)
    try:
        start(s, tap_lab)
        yield s, tap_lab
    finally:
        s.remove()


def by_worker(suite, family):
    """The values of a counter without labels, one a worker."""
    rows = json.loads(suite.ctl('stats', '--json', '--all').stdout)['counters']
    return [r['workers'] for r in rows if r['family'] == family][0]


def ask_hard(build, lab):
    """One flow of queries, as fast as they are answered. Its socket stays below what the tap holds."""
    return subprocess.Popen(['ip', 'netns', 'exec', lab.client, find_program(build, 'millrace-bench'), '--server', SERVER4 + ':53',
                             '--flows', '1', '--window', '64', '--timeout', '5', '--duration', str(LOAD_S), '--count', str(LOAD_MAX),
                             '--query', 'www.example A', '--json'], stdout=subprocess.PIPE, text=True)


def test_one_heavy_client_is_shared_by_both_workers_and_loses_nothing(two_workers, build):
    s, lab = two_workers
    before = by_worker(s, 'tx_packets_total')
    bench = ask_hard(build, lab)
    try:
        end = time.monotonic() + LOAD_S
        while counters(s)[('spread_packets_total', '')] < GIVEN_MIN:
            assert bench.poll() is None or bench.returncode == 0, 'the generator failed'
            assert bench.poll() is None and time.monotonic() < end, 'nothing was handed on'
            time.sleep(0.1)
        # what is not DNS goes to the kernel, whoever was handed it
        assert all(lab.as_client(echo, SERVER4) for _ in range(20))
        bench.send_signal(2)
        result = json.loads(bench.communicate(timeout=30)[0].splitlines()[-1])
    finally:
        if bench.poll() is None:
            bench.kill()
            bench.wait()
    assert result['received'] > GIVEN_MIN and result['lost'] == 0, result
    answered = [b - a for a, b in zip(before, by_worker(s, 'tx_packets_total'))]
    assert min(answered) > GIVEN_MIN // 4, 'one worker had nothing to do: %s' % answered


def test_a_worker_without_queries_sleeps_and_wakes_for_one(two_workers):
    s, lab = two_workers
    end = time.monotonic() + 20
    sleeps = by_worker(s, 'sleeps_total')
    while any(b <= a for a, b in zip(sleeps, by_worker(s, 'sleeps_total'))):
        assert time.monotonic() < end, 'a worker does not sleep: %s' % by_worker(s, 'sleeps_total')
        time.sleep(0.1)
    for _ in range(5):
        assert lab.as_client(send_udp, (SERVER4, 53), QUERY, 2, 1), 'not woken'
        time.sleep(0.2)
    # the kernel's packets wake it, too: the client's neighbour entry is asked for anew
    subprocess.run(['ip', '-n', lab.server, 'neigh', 'flush', 'dev', TWIN], check=True)
    assert lab.inside(lab.server, echo, CLIENT4)


def test_a_client_of_kernel_sockets_is_shared_too(make_suite, zone_texts):
    s = make_suite(zone_texts, {'dataplane': ['workers: 2']}).start()
    s.wait_answer('example.')
    before = by_worker(s, 'tx_packets_total')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:    # one port number: one flow
        client.settimeout(5)
        client.connect(s.server())
        for _ in range(100):
            client.send(QUERY)
            assert client.recv(4096)[:2] == QUERY[:2]
    end = time.monotonic() + 5
    while True:     # workers count a moment after they have answered
        answered = [b - a for a, b in zip(before, by_worker(s, 'tx_packets_total'))]
        if sum(answered) >= 100 or time.monotonic() > end:
            break
        time.sleep(0.02)
    assert sum(answered) >= 100 and min(answered) >= 10, answered
