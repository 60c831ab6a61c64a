# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory runs out, or is not given back: huge pages over a hundred deaths, and a full run directory."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

import dns.message
import pytest

from load import Load
from netns import SERVER4
from suite import READY_S, find_program, recv_tcp
from test_crash import ZONE, tcp_answers, wait_for

HUGE = pathlib.Path('/sys/kernel/mm/hugepages/hugepages-2048kB')
KILLS = 100
PAGES_WANTED = 96


def read(name):
    return int((HUGE / name).read_text())


@contextlib.contextmanager
def huge_pages():
    """Some huge pages of our own; the number that was reserved before is restored. Yields whether they are still ours:
    the number is the whole machine's, and somebody else may set it too."""
    before = ours = read('nr_hugepages') if HUGE.exists() else None
    if before is None:
        pytest.skip('this kernel has no 2 MiB huge pages')
    if read('free_hugepages') < PAGES_WANTED:
        try:
            (HUGE / 'nr_hugepages').write_text(str(before + PAGES_WANTED))
        except OSError as e:
            pytest.skip('huge pages cannot be reserved here: %s' % e)
        ours = before + PAGES_WANTED
    try:
        if read('free_hugepages') < PAGES_WANTED:
            pytest.skip('the kernel has no memory for huge pages')
        yield lambda: read('nr_hugepages') == ours
    finally:
        if ours != before and read('nr_hugepages') == ours:
            (HUGE / 'nr_hugepages').write_text(str(before))


def huge_kib(pid):
    with contextlib.suppress(OSError):
        for line in open('/proc/%d/status' % pid):
            if line.startswith('HugetlbPages:'):
                return int(line.split()[1])
    return 0


def unaccounted():
    """Huge pages in use that no process has mapped: what a leak comes to."""
    mapped = sum(huge_kib(int(p)) for p in os.listdir('/proc') if p.isdigit())
    return read('nr_hugepages') - read('free_hugepages') - mapped // 2048


def start(suite, program, name):
    with open(suite.log_path, 'ab') as log:
        p = subprocess.Popen([*suite.prefix, find_program(suite.build, program), '--config', str(suite.config_path)],
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    end = time.monotonic() + READY_S
    while suite.pid(name) == 0:
        assert p.poll() is None and time.monotonic() < end, suite.log_text()
        time.sleep(0.005)
    return p


def test_a_hundred_killed_dataplanes_leak_no_huge_page(make_suite, lab):
    """Without the launcher, which would wait longer and longer between the starts."""
    with huge_pages() as still_ours:
        s = make_suite({'z': ZONE % 1}, addresses=[SERVER4], port=53, prefix=lab.serve(),
                       dataplane=['ports:', '  - device: "net_af_packet0,iface=%s"' % lab.server_if, '    addresses: ["%s"]' % SERVER4])
        control = start(s, 'millrace-controlplane', 'controlplane')
        before, used = unaccounted(), 0
        try:
            for _ in range(KILLS):
                if not still_ours():
                    pytest.skip('somebody else changed nr_hugepages meanwhile')
                p = start(s, 'millrace-dataplane', 'dataplane')
                used += huge_kib(s.pid('dataplane'))
                p.kill()
                p.wait()
                (s.run_dir / 'dataplane.ready').unlink()
        finally:
            control.terminate()
            control.wait()
        assert used >= KILLS * 2048, 'they ran on huge pages'
        # others use huge pages of this machine as well: a moment when nobody comes or goes will do
        end = time.monotonic() + 30
        while unaccounted() - before >= KILLS // 2 and time.monotonic() < end:
            time.sleep(0.1)
        assert unaccounted() - before < KILLS // 2
        for line in open('/proc/mounts'):
            fields = line.split()
            if fields[2] == 'hugetlbfs':
                assert not [f for f in os.listdir(fields[1]) if 'rtemap' in f]
        s.check_log()


@pytest.fixture
def small_run_dir(make_suite):
    """A suite whose run directory is a tmpfs of 24 MiB, which the test's zones can fill."""
    if os.geteuid() != 0:
        pytest.skip('mounting needs root')
    s = make_suite({'z': ZONE % 1})
    s.run_dir.mkdir()
    r = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=24m,mode=0700', 'mt-life', str(s.run_dir)], capture_output=True, text=True)
    if r.returncode != 0:
        pytest.skip('mounting is not permitted here: ' + r.stderr)
    try:
        yield s
    finally:
        s.stop()
        subprocess.run(['umount', str(s.run_dir)], check=True)


def big_zone(serial, names):
    return ZONE % serial + ''.join('n%d TXT "%s"\n' % (i, 'x' * 200) for i in range(names))


def test_a_full_run_directory_is_an_error_and_what_is_served_stays(small_run_dir):
    s = small_run_dir
    s.forgiven.append('no space')
    s.start()
    s.wait_answer('z.')
    with Load(s, 6) as load:
        # larger than all the space that there is
        s.write_zone('z', big_zone(2, 200000))
        r = s.ctl('zone', 'reload', 'z', check=False, timeout=60)
        assert r.returncode == 1, r
        message = (r.stdout + r.stderr).lower()
        assert 'arena' in message or 'memory' in message or 'space' in message, message
        assert s.ask('z.', 'SOA').answer[0][0].serial == 1, 'what was served stays'
        # files of others fill what is left
        filler = s.run_dir / 'filler'
        with contextlib.suppress(OSError), open(filler, 'wb') as f:
            while True:
                f.write(bytes(65536))
        s.write_zone('z', big_zone(3, 60000))
        assert s.ctl('zone', 'reload', 'z', check=False, timeout=60).returncode == 1
        assert s.ask('z.', 'SOA').answer[0][0].serial == 1
        filler.unlink()
        s.write_zone('z', big_zone(4, 1000))
        s.ctl('zone', 'reload', 'z')
        s.wait_answer('n999.z.', 'TXT')
    load.nothing_lost()
    assert tcp_answers(s)
    assert json.loads(s.ctl('status', '--json').stdout)['zones']['serving'] == 1


def connect_and_ask(s, n):
    """n TCP connections at once with a query on each -> how many were answered."""
    query = dns.message.make_query('a.z', 'A').to_wire()
    connections, answered = [], 0
    try:
        for _ in range(n):
            with contextlib.suppress(OSError):
                connections.append(socket.create_connection(s.server(), 1))
                connections[-1].sendall(struct.pack('!H', len(query)) + query)
        for c in connections:
            c.settimeout(0.2)
            with contextlib.suppress(OSError):
                answered += recv_tcp(c) is not None
    finally:
        for c in connections:
            c.close()
    return answered


def test_a_stream_process_without_memory_costs_tcp_alone(make_suite):
    """As below, with more connections than it can have memory for."""
    s = make_suite({'z': ZONE % 1}, {'stream': ['connections-per-client-max: 1000']}).start()
    if s.sanitized:
        pytest.skip('a sanitizer needs address space for itself')
    s.wait_answer('z.')
    s.forgiven += ['stream died', 'out of memory', 'Cannot allocate']
    old = s.pid('stream')
    assert connect_and_ask(s, 20) == 20
    with Load(s, 6) as load:
        subprocess.run(['prlimit', '--pid', str(old), '--as=1000000:1000000'], check=True, capture_output=True)
        connect_and_ask(s, 300)
        if s.pid('stream') == old:
            os.kill(old, signal.SIGKILL)        # what the kernel does to it when memory is short
        wait_for(s, 'the stream process did not come back', lambda: s.pid('stream') not in (0, old))
        wait_for(s, 'TCP', lambda: connect_and_ask(s, 20) == 20)
    load.nothing_lost()


def test_a_control_plane_without_memory_is_started_again_and_udp_goes_on(make_suite):
    """What malloc() cannot give it, it does not take from the others: its address space is limited from outside."""
    s = make_suite({'z': ZONE % 1}).start()
    if s.sanitized:
        pytest.skip('a sanitizer needs address space for itself')
    s.wait_answer('z.')
    s.forgiven += ['controlplane died', 'out of memory', 'Cannot allocate']
    old = s.pid('controlplane')
    with Load(s, 4) as load:
        subprocess.run(['prlimit', '--pid', str(old), '--as=1000000:1000000'], check=True, capture_output=True)
        s.write_zone('z', big_zone(2, 20000))
        r = s.ctl('zone', 'reload', 'z', check=False, timeout=30)
        assert r.returncode != 0
        assert s.ask('z.', 'SOA').answer[0][0].serial == 1
        if s.pid('controlplane') == old:
            os.kill(old, signal.SIGKILL)        # what the kernel does to it when memory is short
        wait_for(s, 'the control plane did not come back', lambda: s.pid('controlplane') not in (0, old))
        s.wait_answer('z.', want=lambda m: m.answer and m.answer[0][0].serial == 2)
        time.sleep(0.2)
    load.nothing_lost()
