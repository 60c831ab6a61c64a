# SPDX-License-Identifier: GPL-3.0-or-later
"""A start with much to load: the API is there at once, and zones answer one by one."""
import http.client
import json
import os
import re
import signal
import socket
import threading
import time

import dns.message
import dns.rcode

SMALL = '$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\n'


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def status(s):
    """The status, or None while there is nobody to ask."""
    c = Unix(s.run_dir / 'api.sock')
    try:
        c.request('GET', '/api/v1/servers/localhost/millrace/status')
        r = c.getresponse()
        return json.loads(r.read()) if r.status == 200 else None
    except OSError:
        return None
    finally:
        c.close()


def large(lines):
    """Much work from a few lines."""
    return SMALL + ''.join('$GENERATE 0-65535 n%d-$ A 192.0.2.1\n' % i for i in range(lines))


def start_with_a_large_zone(make_suite, tmp_path, lines, lines_sanitized):
    """One loader, and a list whose middle takes long; not waited for."""
    s = make_suite({})
    for name, text in (('small', SMALL), ('large', large(lines_sanitized if s.sanitized else lines))):
        (tmp_path / name).write_text(text)
    s.yaml['zones'] = ['threads: 1', 'list:'] + ['  - {zone: %s, file: %s}' % (zone, tmp_path / file) for zone, file in
                                                 (('first', 'small'), ('second', 'large'), ('third', 'small'))]
    s.write_config()
    return s.start(wait=False)


def rcode(s, name):
    wire = s.udp(dns.message.make_query(name, 'SOA'), timeout=0.2, tries=1)
    return dns.message.from_wire(wire).rcode() if wire else None


def test_zones_answer_one_by_one_while_the_api_tells_how_far_it_is(make_suite, tmp_path):
    s = start_with_a_large_zone(make_suite, tmp_path, 24, 4)
    seen, end = [], time.monotonic() + 60
    while not seen or not seen[-1][0]['ready']:
        s.must_run()
        assert time.monotonic() < end, s.log_text()
        answers = [rcode(s, name) for name in ('first.', 'third.')]
        now = status(s)
        if now:
            seen.append((now, answers, (s.run_dir / 'controlplane.ready').exists()))
        time.sleep(0.005)
    # while the large one was loading, the one before it answered, and the one behind it was there, but not loaded
    between = [(now, ready) for now, answers, ready in seen if answers == [dns.rcode.NOERROR, dns.rcode.SERVFAIL] and not now['ready']]
    assert between, seen
    assert any(now['loading']['left'] == 2 and now['loading']['done'] == 1 and now['zones']['serving'] == 1 for now, _ in between), between
    assert not between[0][1], 'it is not ready before all of them have been loaded'
    s.wait_ready()
    assert rcode(s, 'third.') == dns.rcode.NOERROR


def test_it_stops_at_once_while_it_starts(make_suite, tmp_path):
    # not so large that giving its memory back takes long on a busy machine
    s = start_with_a_large_zone(make_suite, tmp_path, 6, 2)
    s.wait_answer('first.')
    s.stop()        # in time, everybody, with status 0


MANY = 8000             # zones: so many that their list is left out by all but the control plane


def start_with_a_long_list(make_suite, tmp_path, last=(), behind=(), times=1):
    """Zones z0.long. ... from one file, in a list of 300 KB or more; not waited for."""
    s = make_suite({})
    (tmp_path / 'small').write_text(SMALL)
    n = MANY if s.sanitized else MANY * times       # a sanitizer makes it slow as well
    s.yaml['zones'] = ['list:'] + ['  - {zone: z%d.long, file: %s}' % (i, tmp_path / 'small') for i in range(n)] + list(last) + list(behind)
    s.write_config()
    assert s.config_path.stat().st_size > 256 << 10
    return s.start(wait=False)


def wait_exit(s, seconds=60):
    end = time.monotonic() + seconds
    while s.process.poll() is None:
        assert time.monotonic() < end, s.log_text()
        time.sleep(0.02)
    status, s.process = s.process.returncode, None
    return status


def test_a_long_list_is_read_after_the_api_is_there(make_suite, tmp_path):
    s = start_with_a_long_list(make_suite, tmp_path, behind=['default-ttl: 77'])
    seen, end = [], time.monotonic() + 60
    while not seen or not seen[-1]['ready']:
        s.must_run()
        assert time.monotonic() < end, s.log_text()
        now = status(s)
        if now:
            seen.append(now)
    s.wait_ready()
    # there is no hole in which nobody says what goes on, and all zones count in the end
    assert all(now['ready'] or now['starting'] or now['busy'] for now in seen), seen
    assert seen[-1]['zones']['serving'] == MANY
    for i in (0, MANY // 2, MANY - 1):
        assert rcode(s, 'z%d.long.' % i) == dns.rcode.NOERROR
        assert s.ask('a.z%d.long.' % i, tcp=True).rcode() == dns.rcode.NOERROR
    # what is behind the list was read by the first look at the file as well as by the second
    assert 'default-ttl: 77' in s.ctl('config', 'show').stdout
    log = s.log_text()
    assert log.index('HTTP API on') < log.index('ready: %d zones' % MANY), log


def test_a_reload_that_is_asked_for_while_a_long_list_is_read_is_not_lost(make_suite, tmp_path):
    s = start_with_a_long_list(make_suite, tmp_path, times=5)
    end = time.monotonic() + 60
    # too late to see it starting on a busy machine: then it is a reload as any other
    while not (now := status(s)) or not (now['starting'] or now['ready']):
        s.must_run()
        assert time.monotonic() < end, s.log_text()
    os.kill(next(p['pid'] for p in now['processes'] if p['role'] == 'controlplane'), signal.SIGHUP)
    while 'configuration taken over' not in s.log_text():
        s.must_run()
        assert time.monotonic() < end, s.log_text()
        time.sleep(0.02)


def test_a_mistake_in_a_long_list_ends_the_start_with_its_line(make_suite, tmp_path):
    s = start_with_a_long_list(make_suite, tmp_path, last=['  - {zone: a..b, file: x}'])
    assert wait_exit(s) == 78, s.log_text()
    line = s.config_path.read_text().split('\n').index('    - {zone: a..b, file: x}') + 1
    assert re.search(r"%s:%d: key 'zones.list\[%d\].zone'" % (re.escape(str(s.config_path)), line, MANY), s.log_text()), s.log_text()[-2000:]


def test_a_mistake_behind_a_long_list_is_told_with_its_line(make_suite, tmp_path):
    s = start_with_a_long_list(make_suite, tmp_path, behind=['thraeds: 2'])
    assert wait_exit(s) == 78, s.log_text()
    line = s.config_path.read_text().split('\n').index('  thraeds: 2') + 1
    assert "%s:%d: key 'zones.thraeds'" % (s.config_path, line) in s.log_text(), s.log_text()[-2000:]


class Children(threading.Thread):
    """Asks for names in children of a zone whose wildcard covers them all; notes what answered."""

    def __init__(self, s, n):
        super().__init__(daemon=True)
        self.s, self.n, self.ending = s, n, False
        self.answers = {}       # what was seen, and for which child first

    def run(self):
        i = 0
        while not self.ending:
            i = (i + 7) % self.n
            try:
                wire = self.s.udp(dns.message.make_query('a.c%d.parent.' % i, 'A'), timeout=0.02, tries=1)
            except OSError:
                continue        # nobody listens yet
            if wire:
                m = dns.message.from_wire(wire)
                self.answers.setdefault((dns.rcode.to_text(m.rcode()), ' '.join(str(r) for rr in m.answer for r in rr)), i)


def test_a_child_that_is_not_loaded_is_never_answered_from_its_parent(make_suite):
    children = 500
    parent = '$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\n* A 192.0.2.99\n'
    zones = {'c%d.parent' % i: SMALL.replace('192.0.2.1', '192.0.2.7') for i in range(children)}
    s = make_suite(dict(zones, parent=parent), {'zones': ['threads: 1']})
    # a child that takes long keeps the only loader busy while the others are asked for
    s.write_zone('slow.parent', SMALL + '$GENERATE 0-4999 n$ A 192.0.2.1\n' if s.sanitized else large(2))
    asker = Children(s, children)
    asker.start()
    try:
        s.start(wait=False)
        end = time.monotonic() + 60
        while rcode(s, 'parent.') != dns.rcode.NOERROR and time.monotonic() < end:
            s.must_run()
        while ('NOERROR', '192.0.2.7') not in asker.answers and time.monotonic() < end:
            time.sleep(0.02)
    finally:
        asker.ending = True
        asker.join()
    assert s.ask('a.nobody.parent.').answer[0][0].address == '192.0.2.99', 'the wildcard works'
    assert ('NOERROR', '192.0.2.7') in asker.answers, asker.answers
    assert set(asker.answers) <= {('NOERROR', '192.0.2.7'), ('SERVFAIL', ''), ('REFUSED', '')}, asker.answers
