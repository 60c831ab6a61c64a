# SPDX-License-Identifier: GPL-3.0-or-later
"""The key `chroot`: the suite in a root folder of its own, as another user; everything that it opens later is found there."""
import os
import pathlib
import pwd
import re
import signal
import subprocess
import time

import dns.message
import pytest

from suite import PROCESSES, find_program, send_tcp, send_udp

ZONE = '''@ 3600 IN SOA ns1 hostmaster %d 7200 3600 1209600 300
@ IN NS ns1
ns1 IN A 192.0.2.53
www IN A 192.0.2.%d
'''
WAIT_S = 30


@pytest.fixture
def suite(make_suite):
    if os.geteuid() != 0:
        pytest.skip('chroot needs root')
    # a DPDK device as well: DPDK's own threads and its end are in the new root folder, too
    s = make_suite({'example.': ZONE % (1, 1)}, {'dataplane': ['huge-pages: false', 'ports:', '  - device: "net_memif0,role=server,'
                                                           'socket=@memif-%d-test"' % os.getpid(), '    addresses: ["192.0.2.53"]',
                                                           '    exception: none']})
    if s.sanitized:
        pytest.skip('a sanitizer looks into /proc, which is outside')
    os.chown(s.dir, 0, 0)
    s.config_path.write_text('user: nobody\nchroot: %s\n%s' % (s.dir, s.config_path.read_text()))
    return s


def wait_address(s, content):
    end = time.monotonic() + WAIT_S
    query = dns.message.make_query('www.example.', 'A').to_wire()
    for send in (send_udp, send_tcp):
        while True:
            octets = send((s.addresses[0], s.port), query)
            if octets and content in str(dns.message.from_wire(octets).answer):
                break
            s.must_run()
            assert time.monotonic() < end, '%s: %s\n%s' % (send.__name__, octets, s.log_text())
            time.sleep(0.05)


def test_a_suite_lives_in_its_root_folder(suite):
    s = suite.start()
    wait_address(s, '192.0.2.1')
    nobody = pwd.getpwnam('nobody').pw_uid
    for name in PROCESSES:
        pid = s.pid(name)
        assert os.readlink('/proc/%d/root' % pid) == str(s.dir), name
        assert os.stat('/proc/%d' % pid).st_uid == nobody, name
        # DPDK's threads as well
        for task in pathlib.Path('/proc/%d/task' % pid).iterdir():
            assert re.search(r'^NoNewPrivs:\s*1$', (task / 'status').read_text(), re.M), (name, (task / 'comm').read_text())

    # a zone file that changed, and the configuration itself
    s.write_zone('example.', ZONE % (2, 2))
    s.ctl('zone', 'reload')
    wait_address(s, '192.0.2.2')
    s.write_zone('example.', ZONE % (3, 3))
    s.config_path.write_text(s.config_path.read_text() + 'log-level: debug\n')
    r = s.ctl('config', 'reload')
    assert 'log-level' in r.stdout, r.stdout + r.stderr

    # each comes back by itself, and finds the others
    for name in PROCESSES:
        old = s.pid(name)
        s.forgiven.append('%s died: signal 9' % name)
        os.kill(old, signal.SIGKILL)
        end = time.monotonic() + WAIT_S
        while s.pid(name) in (0, old):
            assert time.monotonic() < end, s.log_text()
            time.sleep(0.05)
        wait_address(s, '192.0.2.3')
    s.stop()


def test_what_lies_outside_is_refused_at_the_start(suite):
    text = suite.config_path.read_text().replace('directory: zones', 'directory: /etc')
    suite.config_path.write_text(text)
    ctl = find_program(suite.build, 'millracectl')
    r = subprocess.run([ctl, 'config', 'check', str(suite.config_path)], capture_output=True, text=True)
    assert r.returncode != 0
    assert "key 'zones.directory': '/etc' is not below the folder '%s' of the key 'chroot'" % suite.dir in r.stderr + r.stdout
