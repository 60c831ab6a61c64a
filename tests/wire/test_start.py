# SPDX-License-Identifier: GPL-3.0-or-later
"""A start with much to load: the API is there at once, and zones answer one by one."""
import http.client
import json
import socket
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
