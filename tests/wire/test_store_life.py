# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones of the store over the life of the processes: restarts, kills, a store that is damaged, away, or full of zones that files hide."""
import os
import signal
import subprocess
import time

import pytest

from suite import alive, find_program

ZONES = ['one.example.', 'two.example.', '-empty.example.']
FILE = '$TTL 60\n@ SOA a b %d 2 3 4 5\n@ NS a\na A 192.0.2.1\n'
SECONDS = 20


def make_store(suite, *zones):
    suite.store_path.parent.mkdir(exist_ok=True)
    subprocess.run([find_program(suite.build, 'store_make'), str(suite.store_path), *zones], check=True, timeout=30)


@pytest.fixture
def stored(make_suite):
    """A suite whose store has ZONES, beside a zone file."""
    s = make_suite({'file.example': FILE % 3})
    make_store(s, *ZONES)
    s.start()
    s.wait_answer('one.example.')
    return s


def serial(suite, zone):
    m = suite.ask(zone, 'SOA')
    return m.answer[0][0].serial if m.answer else -m.rcode()


def all_served(suite):
    assert serial(suite, 'one.example.') == 7
    assert serial(suite, 'two.example.') == 7
    assert serial(suite, 'file.example.') == 3
    assert suite.ask('www.one.example.').answer[0][0].to_text() == '192.0.2.1'
    assert serial(suite, 'empty.example.') == -2        # SERVFAIL: it has no SOA yet


def restart(suite, name, how=signal.SIGKILL):
    suite.forgiven += [r'killed by signal', r'\bdied: ', 'signal 9']
    pid = suite.pid(name)
    os.kill(pid, how)
    end = time.monotonic() + SECONDS
    while alive(pid) or not suite.pid(name):
        assert time.monotonic() < end, suite.log_text()
        if name == 'controlplane':
            assert serial(suite, 'one.example.') == 7    # all the time
        time.sleep(0.02)


def wait_log(suite, text, count=1):
    end = time.monotonic() + SECONDS
    while suite.log_text().count(text) < count:
        assert time.monotonic() < end, suite.log_text()
        time.sleep(0.05)


def test_zones_of_the_store_are_served_over_restarts(stored):
    stored.wait_ready()
    all_served(stored)
    restart(stored, 'controlplane', signal.SIGTERM)
    all_served(stored)
    restart(stored, 'controlplane')
    all_served(stored)
    restart(stored, 'dataplane')
    stored.wait_answer('one.example.')
    all_served(stored)
    stored.stop()
    stored.start()
    all_served(stored)


def test_a_damaged_store_withdraws_nothing_and_one_that_comes_back_is_opened(stored):
    stored.wait_ready()
    good = stored.store_path.with_suffix('.good')
    stored.store_path.rename(good)
    stored.store_path.write_bytes(b'\0not a store\n' * 8192)
    restart(stored, 'controlplane')
    wait_log(stored, 'zones that are published go on being served')
    all_served(stored)
    (stored.zones_dir / 'new.example.zone').write_text(FILE % 5)        # zone files come and go as ever
    stored.ctl('zone', 'reload')
    stored.wait_answer('new.example.')
    all_served(stored)
    stored.store_path.unlink()
    good.rename(stored.store_path)
    wait_log(stored, '%s is open' % stored.store_path, 2)
    all_served(stored)


def test_zones_that_an_older_store_does_not_have_are_withdrawn(stored):
    stored.wait_ready()
    stored.stop()
    stored.store_path.unlink()
    make_store(stored, 'two.example.')
    stored.start()
    assert serial(stored, 'two.example.') == 7
    assert stored.ask('one.example.', 'SOA').rcode() == 5       # REFUSED


def test_a_zone_file_hides_a_zone_of_the_store(stored):
    stored.wait_ready()
    stored.write_zone('one.example', FILE % 9)
    stored.ctl('zone', 'reload')
    stored.wait_answer('one.example.', want=lambda m: m.answer and m.answer[0][0].serial == 9)
    (stored.zones_dir / 'one.example.zone').unlink()
    stored.ctl('zone', 'reload')
    stored.wait_answer('one.example.', want=lambda m: m.answer and m.answer[0][0].serial == 7)
