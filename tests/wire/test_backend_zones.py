# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones of backends: listed, loaded, changed and removed by others, beside zone files and the store, over restarts."""
import os
import signal
import subprocess
import time

import pytest

from suite import alive, find_program

FILE = '$TTL 60\n@ SOA a b %d 2 3 4 5\n@ NS a\na A 192.0.2.1\n'
SECONDS = 20


def has(serial):
    return lambda m: bool(m.answer) and m.answer[0][0].serial == serial


def is_refused(m):
    return m.rcode() == 5


@pytest.fixture
def mixed(make_suite, build):
    """one.example: a zone file, the store and both backends; two: the store and both; three: both; four: the second."""
    s = make_suite({'one.example': FILE % 1})
    first, second = s.dir / 'first', s.dir / 'second'
    for folder, serial, names in ((first, 3, ('one', 'two', 'three')), (second, 4, ('one', 'two', 'three', 'four'))):
        folder.mkdir()
        for name in names:
            (folder / (name + '.example.zone')).write_text(FILE % serial)
    conf = s.dir / 'named.conf'
    conf.write_text(''.join('zone "%s.example" { type master; file "%s/%s.example.zone"; };\n' % (n, second, n)
                            for n in ('one', 'two', 'three', 'four')))
    s.store_path.parent.mkdir()
    subprocess.run([find_program(build, 'store_make'), str(s.store_path), 'one.example.', 'two.example.'], check=True)
    so = os.path.dirname(find_program(build, 'backend_zonefile.so'))
    s.config_path.write_text(s.config_path.read_text() + '''backend-directory: %s
backends:
  - name: first
    type: zonefile
    options: [{name: directory, value: %s}]
  - name: second
    type: zonefile
    options: [{name: named-conf, value: %s}]
''' % (so, first, conf))
    s.first, s.second, s.conf = first, second, conf
    s.start()
    return s


def test_the_first_home_serves_and_others_follow(mixed):
    for name, serial in ('one', 1), ('two', 7), ('three', 3), ('four', 4):
        mixed.wait_answer(name + '.example.', want=has(serial))
    (mixed.zones_dir / 'one.example.zone').unlink()
    mixed.ctl('zone', 'reload')
    mixed.wait_answer('one.example.', want=has(7))
    # what others change is seen, and what they remove
    beside = mixed.first / 'three.new'
    beside.write_text(FILE % 33)
    beside.rename(mixed.first / 'three.example.zone')
    mixed.wait_answer('three.example.', want=has(33))
    (mixed.first / 'five.example.zone').write_text(FILE % 5)
    mixed.wait_answer('five.example.', want=has(5))
    (mixed.first / 'five.example.zone').unlink()
    mixed.wait_answer('five.example.', want=is_refused)
    (mixed.first / 'three.example.zone').unlink()       # now the second backend's is the first home
    mixed.ctl('zone', 'reload')
    mixed.wait_answer('three.example.', want=has(4))


def test_zones_of_backends_stay_over_a_restart_of_the_control_plane(mixed):
    mixed.wait_answer('four.example.', want=has(4))
    mixed.wait_ready()
    mixed.forgiven += [r'killed by signal', r'\bdied: ', 'signal 9']
    (mixed.second / 'four.example.zone').write_text(FILE % 44)
    mixed.conf.rename(mixed.dir / 'away')               # this backend cannot be opened for now
    pid = mixed.pid('controlplane')
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + SECONDS
    while alive(pid) or not mixed.pid('controlplane'):
        assert time.monotonic() < end, mixed.log_text()
        assert has(4)(mixed.ask('four.example.', 'SOA'))
        time.sleep(0.02)
    assert has(4)(mixed.ask('four.example.', 'SOA'))
    assert has(3)(mixed.ask('three.example.', 'SOA'))
    (mixed.dir / 'away').rename(mixed.conf)
    mixed.wait_answer('four.example.', want=has(44))
