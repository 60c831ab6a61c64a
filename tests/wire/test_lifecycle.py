# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher and its processes: start, stop, death of one of them, and messages about mistakes."""
import os
import re
import signal
import subprocess
import time

import dns.message
import pytest

from suite import PROCESSES, address, alive, find_program, free_port

ZONE = '$ORIGIN z.\n$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\n'


@pytest.fixture
def running(make_suite):
    s = make_suite({'z': ZONE}).start()
    s.wait_answer('z.')
    return s


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_in_under_a_second(running, how):
    running.stop(how)


def test_it_starts_again_in_the_same_run_directory(running):
    for _ in range(2):
        running.stop()
        assert not (running.run_dir / 'capture.control').exists()
        running.start()
        running.wait_answer('z.')
    assert running.ask('a.z').answer


def wait_for_another(suite, name, old, seconds=10):
    end = time.monotonic() + seconds
    while suite.pid(name) in (0, old):
        suite.must_run()
        assert time.monotonic() < end, '%s was not started again\n%s' % (name, suite.log_text())
        time.sleep(0.02)
    return suite.pid(name)


@pytest.mark.parametrize('name', PROCESSES)
def test_a_killed_process_is_started_again(running, name):
    running.forgiven.append(name + r' died: signal 9')
    old = running.pid(name)
    os.kill(old, signal.SIGKILL)
    if name != 'dataplane':         # what is published goes on being answered meanwhile
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            assert running.udp(dns.message.make_query('a.z', 'A'), timeout=0.5, tries=1) is not None
    assert wait_for_another(running, name, old) != old
    running.wait_ready()
    assert running.wait_answer('a.z.', 'A').answer
    wait_tcp(running)
    others = [p for p in PROCESSES if p != name]
    assert all(running.pid(p) for p in others)


def wait_tcp(suite, seconds=10):
    end = time.monotonic() + seconds
    while suite.tcp(dns.message.make_query('a.z', 'A'), timeout=1) is None:
        suite.must_run()
        assert time.monotonic() < end, 'TCP does not answer\n' + suite.log_text()
        time.sleep(0.05)


def test_the_dataplane_answers_again_after_its_death(running):
    running.forgiven.append('dataplane died: signal 9')
    old = running.pid('dataplane')
    os.kill(old, signal.SIGKILL)
    running.wait_answer('a.z.', 'A', 20)
    assert running.pid('dataplane') != old


def test_the_launcher_killed_takes_everybody_along(make_suite):
    s = make_suite({'z': ZONE}).start()
    s.wait_answer('z.')
    pids = [s.pid(p) for p in PROCESSES]
    s.process.kill()
    s.process.wait()
    s.process = None
    end = time.monotonic() + 3
    while any(alive(p) for p in pids) and time.monotonic() < end:
        time.sleep(0.02)
    left = [p for p in pids if alive(p)]
    for p in left:
        os.kill(p, signal.SIGKILL)
    assert not left


def serve(build, *args, timeout=20):
    return subprocess.run([find_program(build, 'millrace'), 'serve', *args], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize('text,line,said', [
    ('dataplane:\n  wokers: 2\n', 2, 'wokers'),
    ('dataplane:\n  workers: many\n', 2, 'dataplane.workers'),
    ('answers:\n  udp-payload-max: 100000\n', 2, '4096'),
    ('answers:\n  cookie-secret: abc\n', 2, 'cookie-secret'),
    ('dataplane: [\n', None, None),
])
def test_a_bad_configuration_is_refused_with_file_line_and_key(build, tmp_path, text, line, said):
    f = tmp_path / 'bad.yaml'
    f.write_text(text)
    for command in ([find_program(build, 'millrace'), 'serve', '--config', str(f)], [find_program(build, 'millracectl'), 'config', 'check', str(f)]):
        r = subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        message = r.stdout + r.stderr
        assert r.returncode != 0
        assert str(f) in message
        assert line is None or '%s:%d' % (f, line) in message
        assert said is None or said in message


def test_a_configuration_that_is_not_there(build, tmp_path):
    r = serve(build, '--config', str(tmp_path / 'none.yaml'))
    assert r.returncode != 0 and 'none.yaml' in r.stderr


def test_a_port_that_is_taken_is_named(build, make_suite, running):
    other = make_suite({'z': ZONE}, port=running.port)
    other.start(wait=False)
    try:
        end = time.monotonic() + 15
        while str(running.port) not in other.log_text():
            assert time.monotonic() < end, other.log_text()
            time.sleep(0.05)
    finally:
        other.process.send_signal(signal.SIGINT)
        other.process.wait(10)
        other.process = None
    assert running.ask('a.z').answer, 'the first suite is not disturbed'


def test_two_suites_cannot_share_a_run_directory(running, build, tmp_path):
    config = tmp_path / 'second.yaml'
    config.write_text(running.config_path.read_text().replace(':%d"' % running.port, ':%d"' % free_port(first=running.port + 1)))
    p = subprocess.Popen([find_program(build, 'millrace'), 'serve', '--config', str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        out, _ = p.communicate(timeout=10)
        assert p.returncode != 0 and str(running.run_dir) in out
    except subprocess.TimeoutExpired:
        p.send_signal(signal.SIGINT)
        out, _ = p.communicate(timeout=10)
        pytest.fail('a second suite runs in the same directory:\n' + out)
    assert running.ask('a.z').answer


@pytest.mark.parametrize('program', ['millrace', 'millracectl', 'millrace-dataplane', 'millrace-controlplane', 'millrace-stream', 'millrace-bench',
                                     'millrace-image', 'millrace-import', 'millrace-host', 'millrace-drain', 'millrace-pdnsutil',
                                     'millrace-pdns_control'])
def test_every_program_has_help_and_version(build, program, tmp_path):
    if program.startswith('millrace-pdns'):     # links to the one program, made where it is installed
        (tmp_path / program).symlink_to(find_program(build, 'millracectl'))
        path = str(tmp_path / program)
    else:
        path = find_program(build, program)
    for option, pattern in (('--help', r'(?i)usage'), ('--version', r'\d+\.\d+\.\d+')):
        r = subprocess.run([path, option], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        assert r.returncode == 0 and re.search(pattern, r.stdout), r


def test_serve_needs_no_configuration_file(build, tmp_path):
    """The quickest DNS server that anyone can start."""
    port = free_port(['127.0.0.1'])
    (tmp_path / 'z.zone').write_text(ZONE)
    log = open(tmp_path / 'log', 'w+')
    p = subprocess.Popen([find_program(build, 'millrace'), 'serve', '--listen', address('127.0.0.1', port), 'z=%s' % (tmp_path / 'z.zone')],
                         stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True)
    try:
        from suite import send_tcp, send_udp
        query = dns.message.make_query('a.z', 'A').to_wire()
        end = time.monotonic() + 20
        while True:
            octets = send_udp(('127.0.0.1', port), query, 0.2, 1)
            if octets and dns.message.from_wire(octets).answer:
                break
            assert p.poll() is None and time.monotonic() < end, open(tmp_path / 'log').read()
        end = time.monotonic() + 5
        while not (send_tcp(('127.0.0.1', port), query, 1)):
            assert time.monotonic() < end, open(tmp_path / 'log').read()
    finally:
        p.send_signal(signal.SIGINT)
        assert p.wait(10) == 0, open(tmp_path / 'log').read()
