# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane from the outside: its HTTP API on the unix socket, and millracectl."""
import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time

import dns.edns
import dns.rcode
import pytest

from suite import find_program

BASE = '/api/v1/servers/localhost'


def zone(serial, more=''):
    return '$TTL 60\n@ SOA a b %d 2 3 4 5\n@ NS a\na A 192.0.2.1\n%s' % (serial, more)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def request(suite, method, path, body=None):
    """-> status, headers, text"""
    c = UnixConnection(str(suite.run_dir / 'api.sock'))
    try:
        c.request(method, path, body)
        r = c.getresponse()
        return r.status, dict(r.getheaders()), r.read().decode()
    finally:
        c.close()


def get(suite, path):
    status, headers, text = request(suite, 'GET', path)
    assert status == 200 and headers['Content-Type'] == 'application/json', text
    return json.loads(text)


def sockets_answer(suite, octets, timeout=5):
    """What comes back for raw octets on the API's socket, until it is closed."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(suite.run_dir / 'api.sock'))      # waits; with a time limit it fails at once when the queue is full
        s.settimeout(timeout)
        s.sendall(octets)
        out = b''
        try:
            while True:
                more = s.recv(65536)
                if not more:
                    return out
                out += more
        except (socket.timeout, ConnectionResetError):
            return out


@pytest.fixture(scope='module')
def control(build):
    """Two good zones, one bad one, one whose name needs escapes, the root's child of a served parent."""
    from suite import Suite
    s = Suite(build, {'one.example': zone(11), 'two.example': zone(22, 'w A 192.0.2.7\n'), 'bad.one.example': zone(1, 'x A 1.2.3\n'),
                      '0\\04725.2.0.192.in-addr.arpa': zone(33)})
    try:
        s.start()
        s.wait_answer('one.example.')
        yield s
    finally:
        s.remove()


# --- API

def test_the_socket_is_for_the_owner_and_the_group(control):
    mode = os.stat(control.run_dir / 'api.sock').st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660


def test_discovery(control):
    assert get(control, '/api') == [{'url': '/api/v1', 'version': 1}]
    assert get(control, '/api/v1') == [{'server_url': '/api/v1/servers{/server}', 'api_features': []}]
    (server,) = get(control, '/api/v1/servers')
    assert server == get(control, BASE)
    assert server['type'] == 'Server' and server['id'] == 'localhost' and server['daemon_type'] == 'authoritative'
    assert server['url'] == BASE and server['zones_url'] == BASE + '/zones{/zone}'


def test_zones_have_the_shape_of_powerdns(control):
    zones = {z['name']: z for z in get(control, BASE + '/zones')}
    assert set(zones) == {'one.example.', 'two.example.', 'bad.one.example.', '0/25.2.0.192.in-addr.arpa.'}
    z = zones['0/25.2.0.192.in-addr.arpa.']
    assert z['id'] == '0=2F25.2.0.192.in-addr.arpa.' and z['url'] == BASE + '/zones/' + z['id']
    one = zones['one.example.']
    assert one['serial'] == one['edited_serial'] == 11 and one['kind'] == 'Native' and one['masters'] == []
    assert {'account', 'dnssec', 'last_check', 'notified_serial', 'catalog'} <= set(one)
    assert one['millrace']['state'] == 'loaded' and one['millrace']['serving'] is True and one['millrace']['records'] == 3
    bad = zones['bad.one.example.']
    assert bad['millrace']['state'] == 'failed' and bad['millrace']['serving'] is False and bad['millrace']['errors'] == 1


@pytest.mark.parametrize('query,names', [
    ('?zone=one.example.', ['one.example.']), ('?zone=ONE.example', ['one.example.']), ('?zone=none.example.', []),
    ('?zone=0%2F25.2.0.192.in-addr.arpa.', ['0/25.2.0.192.in-addr.arpa.'])])
def test_zones_by_name(control, query, names):
    assert [z['name'] for z in get(control, BASE + '/zones' + query)] == names


def test_dnssec_false_leaves_out_what_powerdns_leaves_out(control):
    for z in get(control, BASE + '/zones?dnssec=false'):
        assert 'dnssec' not in z and 'edited_serial' not in z and 'serial' in z


@pytest.mark.parametrize('name', ['one.example.', 'one.example', 'ONE.EXAMPLE.', 'one%2Eexample.', 'one=2Eexample.'])
def test_a_zone_by_its_id(control, name):
    z = get(control, BASE + '/zones/' + name)
    assert z['name'] == 'one.example.' and z['serial'] == 11 and z['api_rectify'] is False
    own = z['millrace']
    assert own['file'] == str(control.zones_dir / 'one.example.zone') and own['findings'] == [] and own['load_ms'] >= 0
    assert abs(own['loaded_at'] - time.time()) < 600


def test_a_refused_zone_tells_file_and_line(control):
    (finding,) = get(control, BASE + '/zones/bad.one.example.?rrsets=false')['millrace']['findings']
    assert finding['severity'] == 'error' and finding['text'].startswith('%s:5: ' % (control.zones_dir / 'bad.one.example.zone'))
    # it is not shown without its records: a client would take it for empty, and write it anew
    status, _, text = request(control, 'GET', BASE + '/zones/bad.one.example.')
    assert status == 500 and finding['text'] in json.loads(text)['error']
    # and a child that cannot be loaded is not answered for by its parent
    assert control.ask('x.bad.one.example', 'A').rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize('method,path,status,error', [
    ('GET', '/nothing', 404, 'Not Found'),
    ('GET', '/', 404, 'Not Found'),
    ('GET', '/api/v1/servers/other', 404, 'Not Found'),
    ('GET', BASE + '/zones/none.example.', 404, "Could not find domain 'none.example.'"),
    ('PUT', BASE + '/zones/none.example./reload', 404, "Could not find domain 'none.example.'"),
    ('PUT', BASE + '/zones/%2e%2e%2fone.example/reload', 422, 'Unable to parse zone id'),
    ('GET', BASE + '/zones/a..B', 422, 'Unable to parse zone id'),
    ('GET', BASE + '/zones/a=2', 422, 'Unable to parse zone id'),
    ('GET', BASE + '/zones/a%00b', 400, 'cannot be decoded'),
    ('GET', BASE + '/zones/a%zz', 400, 'cannot be decoded'),
    ('GET', BASE + '/zones/' + 'a' * 5000, 414, 'longer than'),
    ('GET', BASE + '/zones?zone=a..B', 422, 'Unable to parse zone name'),
    ('GET', BASE + '/zones?zone=%zz', 400, 'cannot be decoded'),
    ('GET', BASE + '/zones?dnssec=maybe', 400, "must be 'true' or 'false'"),
    ('GET', BASE + '/statistics?statistic=none', 422, 'Unknown statistic name'),
    ('PUT', BASE + '/reload?force=perhaps', 400, "must be 'true' or 'false'"),
    ('DELETE', BASE + '/zones', 405, 'Method Not Allowed'),
    ('POST', BASE + '/reload', 405, 'Method Not Allowed'),
    ('PROPFIND', '/api', 405, 'Method Not Allowed'),
])
def test_mistakes_are_told(control, method, path, status, error):
    got, headers, text = request(control, method, path)
    assert got == status and headers['Content-Type'] == 'application/json'
    assert list(json.loads(text)) == ['error'] and error in json.loads(text)['error']


def test_head_has_no_body(control):
    # a list is sent in pieces: nothing of them may come behind the headers, where the next answer is looked for
    path = '/api/v1/servers/localhost/zones'
    assert request(control, 'HEAD', path)[1].get('Connection', '').lower() == 'close'
    assert 'Connection' not in request(control, 'GET', path)[1]
    status, headers, text = request(control, 'HEAD', '/api')
    assert status == 200 and text == '' and int(headers['Content-Length']) > 0


def test_a_method_that_is_not_known_is_told_which_are(control):
    assert request(control, 'POST', BASE + '/zones/one.example./reload')[1]['Allow'] == 'PUT'
    assert request(control, 'POST', '/metrics')[1]['Allow'] == 'GET, HEAD'


def test_bodies_and_headers_are_bounded(control):
    assert request(control, 'PUT', BASE + '/reload', b'x' * (2 << 20))[0] == 200
    assert request(control, 'PUT', BASE + '/reload', b'x' * ((2 << 20) + 1))[0] == 413
    parts = iter([b'x' * (1 << 20)] * 3)                      # chunked: nobody knows how long it will be
    assert request(control, 'PUT', BASE + '/reload', parts)[0] == 413
    b = sockets_answer(control, b'GET /api HTTP/1.1\r\nHost: a\r\nX: ' + b'y' * 100000 + b'\r\n\r\n')
    assert b == b'' or b.startswith(b'HTTP/1.1 4')
    assert get(control, '/api')


def test_rubbish_and_idle_connections_hurt_nobody(control):
    idle = []
    try:
        for _ in range(90):
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(control.run_dir / 'api.sock'))
            s.send(b'GET /api HTTP/1.1\r\nHo')
            idle.append(s)
        for octets in (b'\0' * 100, b'GET\r\n\r\n', b'\x16\x03\x01' + os.urandom(200), b'GET /api HTTP/9.9\r\n\r\n'):
            sockets_answer(control, octets, 0.2)
        assert get(control, '/api')
        assert control.ask('a.one.example').answer
    finally:
        for s in idle:
            s.close()


def test_statistics_have_the_shape_of_powerdns(control):
    def value(name):
        ((item),) = get(control, BASE + '/statistics?statistic=' + name)
        assert item['type'] == 'StatisticItem' and item['name'] == name
        return int(item['value'])
    before = value('udp4-queries'), value('tcp4-queries'), value('millrace-qtypes-SRV'), value('nxdomain-packets')
    for _ in range(5):
        assert control.ask('none.one.example', 'SRV').rcode() == dns.rcode.NXDOMAIN
    assert control.ask('none.one.example', 'SRV', tcp=True).rcode() == dns.rcode.NXDOMAIN
    end = time.monotonic() + 5
    while True:
        after = value('udp4-queries'), value('tcp4-queries'), value('millrace-qtypes-SRV'), value('nxdomain-packets')
        grown = [b - a for a, b in zip(before, after)]
        if grown[0] >= 5 and grown[1] >= 1 and grown[2] >= 6 and grown[3] >= 6:
            break
        assert time.monotonic() < end, grown
        time.sleep(0.05)
    items = get(control, BASE + '/statistics')
    assert len({i['name'] for i in items}) == len(items)
    assert all(i['type'] in ('StatisticItem', 'MapStatisticItem') for i in items)
    (m,) = [i for i in items if i['name'] == 'response-by-rcode']
    assert {'NXDOMAIN'} <= {v['name'] for v in m['value']}
    assert value('uptime') < 600 and value('real-memory-usage') > 1 << 20


def test_counters_and_metrics_agree(control):
    s = get(control, BASE + '/millrace/stats')
    assert s['workers'] >= 1
    for c in s['counters']:
        assert c['sum'] == sum(c['workers']) and len(c['workers']) == s['workers'] and c['help'] and c['unit']
    status, headers, text = request(control, 'GET', '/metrics')
    assert status == 200 and headers['Content-Type'].startswith('text/plain')
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) millrace_\w+ .+|millrace_\w+(\{[^}]*\})? \d+(\.\d+)?(e-\d+)?', line), line
    declared = re.findall(r'^# TYPE (\S+)', text, re.M)
    assert len(declared) == len(set(declared)), 'each family is declared once'
    for c in s['counters']:
        assert 'millrace_%s{' % c['family'] in text
    assert all(c['help'] and c['unit'] for c in s['stream'])
    for c in s['stream']:
        assert ('millrace_%s{%s="%s"} ' % (c['family'], c['label'], c['value']) if c['label'] else 'millrace_%s ' % c['family']) in text
    assert '# TYPE millrace_stream_connections gauge' in text and '# TYPE millrace_stream_closed_total counter' in text
    assert 'millrace_zones{state="failed"} 1' in text


def test_status(control):
    s = get(control, BASE + '/millrace/status')
    running = {p['role']: p['pid'] for p in s['processes'] if p['running']}
    assert running == {name: control.pid(name) for name in ('dataplane', 'controlplane', 'stream')}
    assert s['ready'] is True and s['workers'] >= 1 and s['run_dir'] == str(control.run_dir)
    assert s['zones']['total'] == 4 and s['zones']['serving'] == 3 and s['zones']['failed'] == 1
    assert 0 < s['arena']['live_octets'] <= s['arena']['backed_octets'] <= s['arena']['size_octets']


# --- millracectl

def test_ctl_lists_zones(control):
    out = control.ctl('zone', 'list').stdout.splitlines()
    assert out[0].split() == ['ZONE', 'STATE', 'SERVED', 'SERIAL', 'RECORDS', 'NAMES', 'MEMORY']
    rows = [line.split() for line in out[1:]]
    assert [r[0] for r in rows] == sorted(r[0] for r in rows) and len(rows) == 4
    assert ['one.example.', 'loaded', 'yes', '11', '3'] in [r[:5] for r in rows]
    assert ['bad.one.example.', 'failed', 'no', '-'] in [r[:4] for r in rows]
    assert not any('\033' in line for line in out), 'no colours in a pipe'
    assert json.loads(control.ctl('zone', 'list', '--json').stdout) == get(control, BASE + '/zones')


def test_ctl_zone_status(control):
    r = control.ctl('zone', 'status', 'two.example')
    assert 'serial 22, 4 records' in r.stdout and str(control.zones_dir / 'two.example.zone') in r.stdout
    r = control.ctl('zone', 'status', 'bad.one.example')
    assert 'SERVFAIL' in r.stdout and 'bad.one.example.zone:5:' in r.stdout
    assert json.loads(control.ctl('zone', 'status', '0/25.2.0.192.in-addr.arpa.', '--json').stdout)['serial'] == 33
    r = control.ctl('zone', 'status', 'none.example', check=False)
    assert r.returncode == 1 and "'none.example.'" in r.stderr and r.stdout == ''


def test_ctl_status_and_stats(control):
    out = control.ctl('status').stdout
    assert 'ready' in out and 'dataplane (pid %d)' % control.pid('dataplane') in out and '4, 3 served, 1 refused' in out
    assert json.loads(control.ctl('status', '--json').stdout)['ready'] is True
    control.ask('a.one.example')
    out = control.ctl('stats').stdout
    assert re.search(r'^queries_total +udp4 +\d', out, re.M) and 'sleeps' not in control.ctl('zone', 'list').stdout
    assert 'T_NAPTR' not in out and re.search(r'^qtypes_total +NAPTR +0$', control.ctl('stats', '--all').stdout, re.M)
    assert json.loads(control.ctl('stats', '--json').stdout)['counters']


def test_ctl_watch_shows_rates(control):
    ending = threading.Event()

    def ask():
        while not ending.is_set():
            control.ask('a.one.example')
    t = threading.Thread(target=ask)
    t.start()
    try:
        r = control.ctl('stats', '--watch', '0.5', '--count', '2')
    finally:
        ending.set()
        t.join()
    summaries = re.findall(r'^([\d,]+) queries/s', r.stdout, re.M)
    assert len(summaries) == 2 and all(int(s.replace(',', '')) > 10 for s in summaries)
    lines = control.ctl('stats', '--watch=0.2', '--count', '3', '--json').stdout.splitlines()
    assert len(lines) == 3 and all(json.loads(line)['counters'] for line in lines)


@pytest.mark.parametrize('args', [
    [], ['zone'], ['zone', 'destroy'], ['nothing'], ['zone', 'status'], ['zone', 'status', 'a', 'b'], ['zone', 'list', '--force'],
    ['status', '--nothing'], ['stats', 'surplus'], ['stats', '--watch', 'x'], ['stats', '--watch', '--count', '0'], ['zone', 'check'],
    ['config', 'check']])
def test_ctl_bad_usage_is_status_2(control, args):
    r = control.ctl(*args, check=False)
    assert r.returncode == 2 and r.stderr and r.stdout == ''


@pytest.mark.parametrize('args', [[], ['zone', 'list'], ['zone', 'reload'], ['stats'], ['config', 'check']])
def test_ctl_help(control, args):
    r = control.ctl(*args, '--help')
    assert r.stdout.startswith('usage: millracectl') and ' '.join(args) in r.stdout


def test_ctl_without_a_control_plane_says_what_to_do(build, tmp_path):
    r = subprocess.run([find_program(build, 'millracectl'), '--run-dir', str(tmp_path), 'status'], capture_output=True, text=True)
    assert r.returncode == 1 and 'millrace serve' in r.stderr and str(tmp_path / 'api.sock') in r.stderr
    assert 'No such file or directory' in r.stderr and 'port 80' not in r.stderr


def test_ctl_checks_zones_and_configurations_without_a_server(build, tmp_path):
    def run(*args):
        return subprocess.run([find_program(build, 'millracectl'), *args], capture_output=True, text=True, cwd=tmp_path)
    (tmp_path / 'good.example.zone').write_text(zone(5))
    (tmp_path / 'bad.example.zone').write_text(zone(5, 'x A 1.2.3\n'))
    r = run('zone', 'check', 'good.example.zone')
    assert r.returncode == 0 and 'zone good.example.: OK, serial 5, 3 records' in r.stdout
    r = run('zone', 'check', 'bad.example.zone', 'good.example.zone')
    assert r.returncode == 1 and 'bad.example.zone:5:' in r.stdout and 'good.example.: OK' in r.stdout
    r = run('zone', 'check', '--origin', 'other.example', 'good.example.zone')
    assert r.returncode == 0 and 'zone other.example.: OK' in r.stdout
    bad, good = json.loads(run('zone', 'check', '--json', 'bad.example.zone', 'good.example.zone').stdout)
    assert bad['ok'] is False and bad['errors'] == 1 and good['ok'] is True and good['serial'] == 5
    r = run('zone', 'check', 'missing.example.zone')
    assert r.returncode == 1 and 'missing.example.zone' in r.stdout
    (tmp_path / 'good.yaml').write_text('zones:\n  watch: true\n')
    (tmp_path / 'bad.yaml').write_text('zones:\n  wotch: true\n')
    assert run('config', 'check', 'good.yaml').returncode == 0
    r = run('config', 'check', 'bad.yaml')
    assert r.returncode == 1 and 'bad.yaml:2:' in r.stderr and 'wotch' in r.stderr
    assert json.loads(run('config', 'check', '--json', 'bad.yaml').stdout)['ok'] is False
    (tmp_path / 'long.yaml').write_text('log-level: "a%s"\n' % ('\u00e9' * 70))
    assert '\u00e9...' in json.loads(run('config', 'check', '--json', 'long.yaml').stdout)['error']
    name = os.fsencode(tmp_path) + b'/\xff.yaml'                     # no text, but a file name
    open(name, 'w').write('zones:\n  wotch: true\n')
    assert json.loads(run('config', 'check', '--json', name).stdout)['file'].endswith('/?.yaml')


# --- what changes

def test_reload_of_all_tells_what_it_did(make_suite):
    s = make_suite({'same': zone(1), 'changes': zone(1), 'goes': zone(1)}).start()
    s.wait_answer('same.')
    s.ctl('zone', 'reload', '--force')
    time.sleep(0.2)         # files that changed just now are read again in any case
    s.ctl('zone', 'reload', '--force')
    s.write_zone('changes', zone(2))
    s.write_zone('comes', zone(3))
    (s.zones_dir / 'goes.zone').unlink()
    r = s.ctl('zone', 'reload')
    assert r.stdout == '3 zones: 2 loaded, 1 unchanged, 1 added, 1 removed, 0 refused\n'
    assert s.ask('changes', 'SOA').answer[0][0].serial == 2 and s.ask('comes', 'SOA').answer[0][0].serial == 3
    assert s.ask('goes', 'SOA').rcode() == dns.rcode.REFUSED
    s.write_zone('comes', zone(4, 'x A 1.2.3\n'))
    r = s.ctl('zone', 'reload', check=False)
    assert r.returncode == 1 and 'comes.zone:5:' in r.stderr and '1 refused' in r.stdout
    assert s.ask('comes', 'SOA').answer[0][0].serial == 3
    r = s.ctl('zone', 'reload', 'comes', check=False)
    assert r.returncode == 1 and 'the version before goes on being served' in r.stderr and 'comes.zone:5:' in r.stderr
    s.write_zone('new', zone(5))
    assert 'serial 5' in s.ctl('zone', 'reload', 'new').stdout, 'a zone that is asked for is looked for'
    assert s.ctl('zone', 'reload', 'same', '--no-wait').stdout == 'Reload requested\n'


def test_a_dead_control_plane_is_not_missed_and_zones_survive_it(make_suite):
    s = make_suite({'z': zone(1)}).start()
    s.wait_answer('z.')
    secret = s.ask('z', 'SOA', use_edns=0, options=[dns.edns.GenericOption(10, b'12345678')]).options[0].to_wire()
    s.write_zone('z', zone(2, 'x A 1.2.3\n'))
    old = s.pid('controlplane')
    os.kill(old, signal.SIGKILL)
    end = time.monotonic() + 10
    while s.pid('controlplane') in (0, old):
        assert s.ask('z', 'SOA').answer[0][0].serial == 1
        assert time.monotonic() < end
    s.wait_ready()
    # the new one refuses the file, and goes on serving what the old one published, with its cookie secret
    assert s.ask('z', 'SOA').answer[0][0].serial == 1
    r = s.ctl('zone', 'status', 'z')
    assert 'failed' in r.stdout and 'serial 1' in r.stdout
    again = s.ask('z', 'SOA', use_edns=0, options=[dns.edns.GenericOption(10, secret[:8] + secret[8:])])
    assert again.rcode() == dns.rcode.NOERROR
    assert s.ask('z', 'SOA', use_edns=0, options=[dns.edns.GenericOption(10, b'12345678')]).options[0].to_wire()[8:12] == secret[8:12]
    text = s.log_text()
    s.log_path.write_text('\n'.join(line for line in text.splitlines() if not re.search(r'SIGKILL|signal 9|Killed', line)))


def test_watched_files(make_suite):
    def serial_is(name, n):
        return s.wait_answer(name, seconds=10, want=lambda m: m.answer and m.answer[0][0].serial == n)
    s = make_suite({'z': zone(1), 'inc': zone(1, '$INCLUDE part.inc\n')}, {'zones': ['watch: true']})
    (s.zones_dir / 'part.inc').write_text('x A 192.0.2.1\n')
    s.start()
    serial_is('inc.', 1)
    serial_is('z.', 1)
    (s.zones_dir / 'z.zone').write_text(zone(2))                # written in place
    serial_is('z.', 2)
    s.write_zone('z', zone(3))                                  # renamed over
    serial_is('z.', 3)
    s.write_zone('new', zone(4))
    serial_is('new.', 4)
    (s.zones_dir / 'part.inc').write_text('x A 192.0.2.99\n')
    s.wait_answer('x.inc.', 'A', seconds=10, want=lambda m: m.answer and m.answer[0][0].address == '192.0.2.99')
    (s.zones_dir / 'new.zone').unlink()
    s.wait_answer('new.', seconds=10, want=lambda m: m.rcode() == dns.rcode.REFUSED)
    for n in range(10, 40):                                     # a burst ends with the last version
        s.write_zone('z', zone(n))
    serial_is('z.', 39)


def test_a_refused_zone_is_loaded_again_when_what_it_includes_is_mended(make_suite):
    s = make_suite({'z': zone(1, '$INCLUDE first.inc\n')}, {'zones': ['watch: true']})
    s.start()
    assert s.ask('z', 'SOA').rcode() == dns.rcode.SERVFAIL          # there is no such file
    (s.zones_dir / 'first.inc').write_text('a A 192.0.2.1\n')
    s.wait_answer('a.z.', 'A')
    s.write_zone('z', zone(2, '$INCLUDE first.inc\n$INCLUDE second.inc\n'))
    wait_state(s, 'failed')
    (s.zones_dir / 'second.inc').write_text('b A 192.0.2.\n')
    time.sleep(0.5)
    wait_state(s, 'failed')
    (s.zones_dir / 'second.inc').write_text('b A 192.0.2.2\n')
    s.wait_answer('b.z.', 'A')


def wait_state(s, state, seconds=10):
    end = time.monotonic() + seconds
    while ('state     ' + state) not in s.ctl('zone', 'status', 'z').stdout:
        assert time.monotonic() < end, s.log_text()
        time.sleep(0.05)


def test_another_folder_in_the_place_of_the_watched_one(make_suite):
    def serial_is(n):
        s.wait_answer('z.', seconds=10, want=lambda m: m.answer and m.answer[0][0].serial == n)
    s = make_suite({'z': zone(1)}, {'zones': ['watch: true']}).start()
    serial_is(1)
    beside = s.dir / 'beside'
    beside.mkdir()
    (beside / 'z.zone').write_text(zone(2))
    s.zones_dir.rename(s.dir / 'before')                            # swapped, as deployments do
    beside.rename(s.zones_dir)
    serial_is(2)
    s.write_zone('z', zone(3))                                      # and the new one is watched
    serial_is(3)
    (s.zones_dir / 'z.zone').unlink()
    s.zones_dir.rmdir()                                             # removed and made again
    time.sleep(0.5)
    s.zones_dir.mkdir()
    s.write_zone('z', zone(4))
    serial_is(4)


def test_it_stops_at_once_while_loading(make_suite):
    s = make_suite({'z%d' % i: zone(i) for i in range(3000)})
    big = 'big'
    s.write_zone(big, zone(1, ''.join('n%d A 192.0.2.1\n' % i for i in range(300000))))
    s.start(wait=False)
    end = time.monotonic() + 10
    while not (s.run_dir / 'api.sock').exists():
        assert time.monotonic() < end
        time.sleep(0.005)
    time.sleep(0.1)
    s.stop(signal.SIGTERM)
