# SPDX-License-Identifier: GPL-3.0-or-later
"""/metrics and /health over TCP: what Debian's Prometheus and promtool make of them, and of the rules and the dashboard in deploy/."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import dns.message
import pytest
import requests

from prometheus import Prometheus, fetch
from suite import READY_S, Suite, free_port, has_ipv6, release_port

DEPLOY = pathlib.Path(__file__).resolve().parent.parent.parent / 'deploy'
needs_prometheus = pytest.mark.skipif(not shutil.which('promtool') or not shutil.which('prometheus'),
                                      reason='Debian package prometheus is not installed')
ZONE = '$TTL 60\n@ SOA a b %d 2 3 4 5\n@ NS a\na A 192.0.2.1\n'


def promtool(*args, text=None):
    r = subprocess.run(['promtool', *args], input=text, capture_output=True, text=True, timeout=120)
    assert r.returncode == 0, 'promtool %s: status %d\n%s%s' % (' '.join(args), r.returncode, r.stdout, r.stderr)
    return r.stdout


def parse(text):
    """{(name, labels): value} of a page, labels as they are written."""
    samples = {}
    for line in text.splitlines():
        if line.startswith('#'):
            continue
        m = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line)
        assert m, line
        key = m[1], m[2] or ''
        assert key not in samples, line
        samples[key] = float(m[3])
    return samples


@pytest.fixture(scope='module')
def http_port():
    port = free_port(('127.0.0.1', '::1') if has_ipv6() else ('127.0.0.1',))
    yield port
    release_port(port)


@pytest.fixture(scope='module')
def served(build, http_port):
    """A suite with two workers, one zone that loads and one that is refused, whose metrics are on http_port."""
    s = Suite(build, {'example': ZONE % 1, 'bad.example': '@ SOA\n'},
              {'metrics': ['listen:'] + ['  - "%s"' % a for a in (['127.0.0.1:%d' % http_port] + (['[::1]:%d' % http_port] if has_ipv6() else []))],
               'dataplane': ['workers: 2']})
    s.forgiven.append('bad.example')
    try:
        s.start()
        s.wait_answer('example.')
        yield s
    finally:
        s.remove()


def page(port, path='/metrics', accept=None):
    status, headers, text = fetch('http://127.0.0.1:%d%s' % (port, path), accept)
    assert status == 200, text
    return text


def settle(port, want):
    """The samples of the page, once they are as wanted."""
    end = time.monotonic() + READY_S
    while True:
        now = parse(page(port))
        if want(now):
            return now
        assert time.monotonic() < end, '\n'.join('%s{%s} %r' % (*k, v) for k, v in sorted(now.items()))
        time.sleep(0.05)


def total(samples, name, labels=''):
    return sum(v for (n, l), v in samples.items() if n == name and labels in l)


# --- the page

@needs_prometheus
def test_promtool_finds_nothing_to_say_about_the_page(served, http_port):
    assert promtool('check', 'metrics', text=page(http_port)) == ''


def test_every_family_of_the_reference_is_on_the_page(served, http_port):
    reference = (DEPLOY.parent / 'docs/metrics.md').read_text()
    declared = dict(re.findall(r'^# TYPE (\S+) (\S+)$', page(http_port, '/metrics?powerdns=true'), re.M))
    rows = re.findall(r'^\| `((?:millrace|pdns_auth)_\w+)` \| (\w+) \|', reference, re.M)
    assert len(rows) > 60 and declared == dict(rows)


def test_powerdns_names_are_there_when_asked_for(served, http_port):
    assert 'pdns_auth_' not in page(http_port)
    before = parse(page(http_port, '/metrics?powerdns=true'))
    for _ in range(5):
        served.ask('a.example')
    served.ask('a.example', tcp=True)
    now = settle(http_port, lambda m: total(m, 'millrace_queries_total', 'udp4') >= 5 + total(before, 'millrace_queries_total', 'udp4'))
    after = parse(page(http_port, '/metrics?powerdns=true'))
    assert now['millrace_workers', ''] == 2
    assert after['pdns_auth_udp_queries', ''] == total(after, 'millrace_queries_total', 'transport="udp')
    assert after['pdns_auth_tcp_queries', ''] == total(after, 'millrace_queries_total', 'transport="tcp') >= 1
    assert after['pdns_auth_zone_cache_size', ''] == 2


def test_latency_is_sampled_into_a_histogram(served, http_port):
    name = 'millrace_query_duration_seconds'
    before = total(parse(page(http_port)), name + '_count')
    n_sent = 0
    end = time.monotonic() + READY_S
    while total(parse(page(http_port)), name + '_count') < before + 4:      # one burst in 64 at least, each worker
        assert time.monotonic() < end
        for _ in range(64):
            served.ask('a.example')
            n_sent += 1
    now = parse(page(http_port))
    assert total(now, name + '_count') - before <= n_sent / 4, 'a sample, not every query'
    for worker in ('0', '1'):
        rows = [(float(re.search('le="([^"]+)"', l)[1]), v) for (n, l), v in now.items() if n == name + '_bucket' and 'worker="%s"' % worker in l]
        assert [b for b, _ in rows] == sorted(b for b, _ in rows) and [v for _, v in rows] == sorted(v for _, v in rows)
        assert [b for b, _ in rows][0] == 1e-6 and [b for b, _ in rows][-2:] == [0.01, float('inf')]
        assert rows[-1][1] == now[name + '_count', 'worker="%s"' % worker]
    assert total(now, name + '_sum') > 0


def test_who_polls_or_sleeps_is_not_busy(served, http_port):
    """The kernel cannot tell that from work; the share of busy time can."""
    def busy(m):
        return total(m, 'millrace_worker_busy_seconds_total')

    settle(http_port, lambda m: total(m, 'millrace_rx_packets_total') == total(parse(page(http_port)), 'millrace_rx_packets_total'))
    at = time.monotonic()
    before = parse(page(http_port))
    idle = settle(http_port, lambda m: time.monotonic() > at + 0.5 and total(m, 'millrace_polls_empty_total') > total(before, 'millrace_polls_empty_total'))
    assert total(idle, 'millrace_rx_packets_total') == total(before, 'millrace_rx_packets_total'), 'somebody asked meanwhile'
    assert busy(idle) == busy(before)
    for _ in range(200):
        served.ask('a.example')
    loaded = settle(http_port, lambda m: total(m, 'millrace_rx_packets_total') >= total(before, 'millrace_rx_packets_total') + 200)
    assert 0 < busy(loaded) - busy(idle) < 2 * (time.monotonic() - at), 'two workers cannot be busier'
    settle(http_port, lambda m: served.ask('a.example') and 0 < total(m, 'millrace_worker_busy_ratio') <= 2)


def test_a_publication_is_timed_and_its_grace_period_ends(served, http_port):
    before = parse(page(http_port))
    served.write_zone('example', ZONE % 2)
    served.ctl('zone', 'reload', 'example')
    now = settle(http_port, lambda m: total(m, 'millrace_grace_period_seconds_count') > total(before, 'millrace_grace_period_seconds_count'))
    for stage in ('wait', 'load', 'total'):
        key = 'millrace_zone_publication_seconds_count', 'stage="%s"' % stage
        assert now[key] == before[key] + 1
    assert total(now, 'millrace_zone_publication_seconds_sum', 'total') >= total(now, 'millrace_zone_publication_seconds_sum', 'load') > 0
    assert now['millrace_zones', 'state="loaded"'] == 1 and now['millrace_zones', 'state="failed"'] == 1
    now = settle(http_port, lambda m: m['millrace_grace_waiting_blocks', ''] == 0)
    assert now['millrace_grace_oldest_seconds', ''] == 0 and total(now, 'millrace_worker_grace_lag_seconds') == 0


def test_a_worker_that_is_stopped_shows_as_lag(make_suite):
    """A worker that polls is never offline while it naps: stopped, it holds what it might have read."""
    port = free_port(('127.0.0.1',))
    dns_port = free_port(('127.0.0.1',))
    s = make_suite({'example': ZONE % 1}, {'metrics': ['listen: ["127.0.0.1:%d"]' % port]}, addresses=['127.0.0.1'], port=dns_port,
                   dataplane=['listen: ["127.0.0.1:%d"]' % dns_port, 'huge-pages: false', 'ports:', '  - device: net_null0,no-rx=1', '    exception: none'])
    try:
        s.start()
        s.wait_answer('example.')
        before = settle(port, lambda m: m['millrace_grace_waiting_blocks', ''] == 0)
        assert before['millrace_port_up', 'port="net_null0",kind="device"'] in (0, 1)
        assert total(before, 'millrace_worker_grace_lag_seconds') == 0
        dataplane = s.pid('dataplane')
        os.kill(dataplane, signal.SIGSTOP)
        try:
            s.write_zone('example', ZONE % 2)
            s.ctl('zone', 'reload', 'example')
            now = settle(port, lambda m: m['millrace_grace_waiting_blocks', ''] > 0 and total(m, 'millrace_worker_grace_lag_seconds') > 0.1)
            assert now['millrace_grace_oldest_seconds', ''] >= 0.1
        finally:
            os.kill(dataplane, signal.SIGCONT)
        now = settle(port, lambda m: m['millrace_grace_waiting_blocks', ''] == 0)
        assert total(now, 'millrace_worker_grace_lag_seconds') == 0 and now['millrace_grace_oldest_seconds', ''] == 0
        assert total(now, 'millrace_grace_period_seconds_sum') > 0.1
    finally:
        release_port(port)
        release_port(dns_port)


def test_ports_have_figures_of_their_own(served, http_port):
    names = ['%s:%d' % (('[%s]' if ':' in a else '%s') % a, served.port) for a in served.addresses]
    before = parse(page(http_port))
    for n in names:
        assert before['millrace_port_up', 'port="%s",kind="socket"' % n] == 1
    for a in served.addresses:
        for _ in range(3):
            served.ask('a.example', a=a)
    served.ask('a.example', tcp=True)
    grown = lambda m, family, port: total(m, family, 'port="%s"' % port) - total(before, family, 'port="%s"' % port)   # noqa: E731
    now = settle(http_port, lambda m: all(grown(m, 'millrace_port_tx_packets_total', n) >= 3 for n in names)
                 and grown(m, 'millrace_port_tx_packets_total', 'stream') >= 1)
    for family in ('rx_packets', 'tx_packets', 'rx_bytes', 'tx_bytes'):
        assert total(now, 'millrace_port_%s_total' % family) == total(now, 'millrace_%s_total' % family), 'ports and workers add up alike'


# --- who serves it

def test_health(served, http_port):
    assert page(http_port, '/health/live') == 'live\n' and page(http_port, '/health/ready') == 'ready\n'
    if has_ipv6():
        assert fetch('http://[::1]:%d/health/ready' % http_port)[0] == 200


def test_not_ready_while_the_dataplane_is_away(make_suite):
    port = free_port(('127.0.0.1',))
    s = make_suite({'example': ZONE % 1}, {'metrics': ['listen: ["127.0.0.1:%d"]' % port]})
    s.forgiven.append('dataplane')
    try:
        s.start()
        s.wait_answer('example.')
        launcher, dataplane = s.process.pid, s.pid('dataplane')
        os.kill(launcher, signal.SIGSTOP)           # nobody restarts it meanwhile
        try:
            os.kill(dataplane, signal.SIGKILL)
            end = time.monotonic() + READY_S
            while fetch('http://127.0.0.1:%d/health/ready' % port)[0] != 503:
                assert time.monotonic() < end
                time.sleep(0.02)
            assert 'dataplane' in fetch('http://127.0.0.1:%d/health/ready' % port)[2]
            m = parse(page(port))
            assert m['millrace_ready', ''] == 0 and m['millrace_process_up', 'process="dataplane"'] == 0
            assert m['millrace_process_up', 'process="stream"'] == 1 and page(port, '/health/live') == 'live\n'
        finally:
            os.kill(launcher, signal.SIGCONT)
        settle(port, lambda m: m['millrace_ready', ''] == 1)
    finally:
        release_port(port)


@pytest.mark.parametrize('name', ['stream', 'dataplane'])
def test_ends_of_a_process_and_the_time_without_it_are_counted(make_suite, name):
    """What cannot be asked then is refused by the kernel, or lost, and counted by nobody else."""
    port, label = free_port(('127.0.0.1',)), 'process="%s"' % name
    s = make_suite({'example': ZONE % 1}, {'metrics': ['listen: ["127.0.0.1:%d"]' % port]})
    s.forgiven.append(name)

    def figures():
        m = parse(page(port))
        return m['millrace_process_ends_total', label], m['millrace_process_away_seconds_total', label]
    try:
        s.start()
        s.wait_answer('example.')
        settle(port, lambda m: m['millrace_process_up', label] == 1)
        time.sleep(0.1)         # its return is looked for every 20 ms
        ends, away = figures()
        assert ends == 0
        time.sleep(0.2)
        assert figures() == (0, away), 'it is there: no time passes'
        launcher = s.process.pid
        os.kill(launcher, signal.SIGSTOP)           # nobody restarts it meanwhile
        try:
            os.kill(s.pid(name), signal.SIGKILL)
            at = time.monotonic()
            settle(port, lambda m: m['millrace_process_ends_total', label] == 1)
            time.sleep(0.5)
            if name == 'stream':
                assert s.tcp(dns.message.make_query('a.example', 'A')) is None
                assert s.ask('a.example').answer
            assert figures()[1] - away >= 0.5
        finally:
            os.kill(launcher, signal.SIGCONT)
        settle(port, lambda m: m['millrace_process_up', label] == 1)
        settle(port, lambda m: (before := m['millrace_process_away_seconds_total', label]) and figures()[1] == before)
        ends, now = figures()
        assert ends == 1 and 0.5 <= now - away <= time.monotonic() - at
        # so short a time that it is not seen by looking now and then
        for n in range(2, 5):
            time.sleep(0.1)     # its return is looked for every 20 ms
            old = s.pid(name)
            os.kill(old, signal.SIGKILL)
            settle(port, lambda m: m['millrace_process_ends_total', label] == n and m['millrace_process_up', label] == 1 and s.pid(name) not in (0, old))
    finally:
        release_port(port)


@pytest.mark.parametrize('request_line,status', [
    (b'GET / HTTP/1.1', 404), (b'GET /api/v1/servers HTTP/1.1', 404), (b'POST /metrics HTTP/1.1', 405), (b'PUT /health/live HTTP/1.1', 405),
    (b'HEAD /metrics HTTP/1.1', 200), (b'GET /metrics?powerdns=true HTTP/1.0', 200), (b'GET /' + b'a' * 20000 + b' HTTP/1.1', 414)])
def test_nothing_else_is_served(served, http_port, request_line, status):
    with socket.create_connection(('127.0.0.1', http_port), 20) as c:
        c.sendall(request_line + b'\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
        got = b''
        while True:
            try:
                more = c.recv(65536)
            except ConnectionResetError:        # it closed with our octets unread
                break
            if not more:
                break
            got += more
    assert re.match(rb'HTTP/1\.[01] %d ' % status, got), got[:200]
    if request_line.startswith(b'HEAD'):
        assert got.endswith(b'\r\n\r\n')


def test_others_are_turned_away(make_suite):
    port = free_port(('127.0.0.1',))
    s = make_suite({'example': ZONE % 1}, {'metrics': ['listen: ["127.0.0.1:%d"]' % port, 'allow-from: [127.0.0.2, "::1"]']})
    try:
        s.start()

        def ask(source):
            with socket.create_connection(('127.0.0.1', port), 20, source_address=(source, 0)) as c:
                try:
                    c.sendall(b'GET /health/live HTTP/1.0\r\n\r\n')
                    return c.recv(4096)
                except OSError:
                    return b''
        assert ask('127.0.0.1') == b''
        assert ask('127.0.0.2').startswith(b'HTTP/1')
    finally:
        release_port(port)


def test_connections_are_bounded(served, http_port):
    """Clients that say nothing take their places and no more; who was there before goes on being served."""
    with socket.create_connection(('127.0.0.1', http_port), 20) as first:
        first.sendall(b'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n')
        assert first.recv(4096).startswith(b'HTTP/1.1 200')
        silent = [socket.create_connection(('127.0.0.1', http_port), 20) for _ in range(100)]
        try:
            first.sendall(b'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n')
            assert first.recv(4096).startswith(b'HTTP/1.1 200')
            served.ask('a.example')
        finally:
            for c in silent:
                c.close()
    end = time.monotonic() + READY_S
    while True:                 # their places are free again
        try:
            assert page(http_port, '/health/live') == 'live\n'
            break
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_an_address_that_is_taken_is_named_and_left_out(make_suite):
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen(1)
        taken, port = other.getsockname()[1], free_port(('127.0.0.1',))
        s = make_suite({'example': ZONE % 1}, {'metrics': ['listen: ["127.0.0.1:%d", "127.0.0.1:%d"]' % (taken, port)]})
        try:
            s.start()
            assert s.ask('a.example').answer and page(port, '/health/ready') == 'ready\n'
            assert 'metrics.listen: cannot listen on 127.0.0.1:%d: Address already in use' % taken in s.log_text()
        finally:
            release_port(port)


# --- deploy/

@needs_prometheus
def test_rules_are_valid_and_fire_when_they_should():
    promtool('check', 'rules', str(DEPLOY / 'prometheus/alerts.yml'))
    promtool('test', 'rules', str(DEPLOY / 'prometheus/alerts_test.yml'))


def test_each_rule_is_tested():
    alerts = re.findall(r'- alert: (\w+)', (DEPLOY / 'prometheus/alerts.yml').read_text())
    tested = re.findall(r'alertname="(\w+)"', (DEPLOY / 'prometheus/alerts_test.yml').read_text())
    assert len(alerts) > 15 and sorted(alerts) == sorted(tested)


def expressions():
    """(where, expression) of everything that deploy/ asks Prometheus for."""
    rules = (DEPLOY / 'prometheus/alerts.yml').read_text()
    for m in re.finditer(r'- alert: (\w+)\n +expr: (\|\n(?: {10,}.*\n)+|.*\n)', rules):
        yield m[1], m[2].removeprefix('|\n').strip()
    dashboard = json.loads((DEPLOY / 'grafana/millrace.json').read_text())
    for panel in dashboard['panels']:
        for target in panel.get('targets', []):
            yield panel['title'], target['expr']


def test_dashboard_can_be_imported():
    d = json.loads((DEPLOY / 'grafana/millrace.json').read_text())
    assert d['uid'] and d['title'] and d['schemaVersion'] >= 30 and 'id' not in d
    ids = [p['id'] for p in d['panels']]
    assert len(ids) == len(set(ids))
    taken = set()
    for p in d['panels']:
        g = p['gridPos']
        cells = {(x, y) for x in range(g['x'], g['x'] + g['w']) for y in range(g['y'], g['y'] + g['h'])}
        assert g['x'] + g['w'] <= 24 and not cells & taken, p['title']
        taken |= cells
        if p['type'] != 'row':
            assert p['datasource'] == {'type': 'prometheus', 'uid': '${datasource}'} and p['targets']
    assert {v['name'] for v in d['templating']['list']} == {'datasource', 'instance'}


def test_what_is_asked_for_exists(served, http_port):
    """Every metric, and every value of a label, that a rule or a panel names."""
    text = page(http_port)
    names = {n for n, _ in parse(text)}
    labels = {(n, l) for (n, ls) in parse(text) for l in re.findall(r'(\w+="[^"]*")', ls)}
    seen = 0
    for where, e in expressions():
        for name in re.findall(r'\bmillrace_\w+', e):
            assert name in names, '%s asks for %s' % (where, name)
            seen += 1
        for name, matchers in re.findall(r'\b(millrace_\w+)\{([^}]*)\}', e):
            for m in re.findall(r'(?<![\w!])(\w+="[^"$]*")', matchers):
                assert (name, m) in labels, '%s asks for %s{%s}' % (where, name, m)
    assert seen > 60


@needs_prometheus
def test_prometheus_scrapes_the_suite(served, http_port):
    """Debian's Prometheus, with the configuration and rules of deploy/, has the suite's series, and no rule fails."""
    config = (DEPLOY / 'prometheus/prometheus.yml').read_text()
    assert '127.0.0.1:9453' in config and 'scrape_interval: 15s' in config
    config = config.replace('127.0.0.1:9453', '127.0.0.1:%d' % http_port).replace('interval: 15s', 'interval: 1s')
    p = Prometheus(config, [DEPLOY / 'prometheus/alerts.yml'])
    try:
        (target,) = p.wait(lambda: (p.get('targets') or {}).get('activeTargets'), lambda t: t and t[0]['health'] != 'unknown')
        assert target['health'] == 'up', target
        p.wait(lambda: p.query('up{job="millrace"}'), lambda r: [v for _, v in r] == [1])
        (build,) = p.wait(lambda: p.query('millrace_build_info'), lambda r: len(r) == 1)
        assert build[1] == 1 and re.fullmatch(r'\d+\.\d+\.\d+', build[0]['version'])
        before = sum(v for _, v in p.wait(lambda: p.query('millrace_queries_total'), bool))
        for _ in range(20):
            served.ask('a.example')
        p.wait(lambda: p.query('sum(millrace_queries_total)'), lambda r: r and r[0][1] >= before + 20)
        types = p.wait(lambda: p.get('metadata'), bool)
        assert types['millrace_query_duration_seconds'][0]['type'] == 'histogram'
        # the whole page arrived, also as OpenMetrics, in which it asks first
        have = {r['__name__'] for r in p.get('series', **{'match[]': '{job="millrace"}'})}
        assert {n for n, _ in parse(page(http_port))} <= have
        for where, e in expressions():
            e = e.replace('$__rate_interval', '5s').replace('$instance', '.*')
            assert p.wait(lambda: p.get('query', query=e), bool)['resultType'] in ('vector', 'scalar'), where
        p.wait(lambda: p.get('rules'), lambda r: all(rule['health'] == 'ok' for g in r['groups'] for rule in g['rules']))
    finally:
        p.remove()


def test_millracectl_shows_ports_and_percentiles(served, http_port):
    for _ in range(200):
        served.ask('a.example')
    settle(http_port, lambda m: total(m, 'millrace_query_duration_seconds_count') > 0)
    j = json.loads(served.ctl('stats', '--json').stdout)
    port = '127.0.0.1:%d' % served.port
    (row,) = [r for r in j['ports'] if r['port'] == port]
    assert row['kind'] == 'socket' and row['up'] is True and row['rx_packets_total'] >= 200
    latency = j['latency']
    assert latency['samples'] > 0 and 0 < latency['p50_ns'] <= latency['p99_ns'] <= latency['p999_ns']
    text = served.ctl('stats').stdout
    assert port in text and re.search(r'time in a worker +50 % .*99 % .*99\.9 %', text), text
    assert re.search(r'workers +2, \d+ % and \d+ % busy', served.ctl('status').stdout)


def test_clients_of_the_api_are_counted(build):
    tcp, page = free_port(('127.0.0.1',), 5450, 5499), free_port(('127.0.0.1',))
    s = Suite(build, {'example': ZONE % 1}, {'metrics': ['listen: ["127.0.0.1:%d"]' % page], 'api': [
        'listen: ["127.0.0.1:%d"]' % tcp, 'key: secret', 'timeout: 1s', 'connections-per-client-max: 1', 'allow-from: [127.0.0.1]']})
    base = 'http://127.0.0.1:%d/api/v1/servers/localhost' % tcp

    def read():
        samples = parse(fetch('http://127.0.0.1:%d/metrics' % page)[2])
        return [int(samples['millrace_' + name, labels]) for name, labels in (
            ('api_connections_accepted_total', ''), ('api_credentials_refused_total', ''), ('api_connections_refused_total', 'reason="address"'),
            ('api_connections_refused_total', 'reason="full"'), ('api_connections_ended_total', 'reason="timeout"'), ('api_connections', ''))]
    try:
        s.start()
        s.wait_answer('example.')
        assert read() == [0, 0, 0, 0, 0, 0]
        end = time.monotonic() + 10
        for key, status in (('secret', 200), ('wrong', 401)):
            assert requests.get(base, headers={'X-API-Key': key}).status_code == status
            while read()[-1] != 0:      # only one at a time, and it notices a moment later that this one has gone
                assert time.monotonic() < end, read()
        with socket.create_connection(('127.0.0.1', tcp), 5, ('127.0.0.2', 0)) as c:
            assert c.recv(1) == b''
        with socket.create_connection(('127.0.0.1', tcp), 5) as slow:
            with socket.create_connection(('127.0.0.1', tcp), 5) as second:
                assert second.recv(1) == b''
            slow.settimeout(10)
            assert slow.recv(1) == b''
        end = time.monotonic() + 5
        while (got := read()) != [3, 1, 1, 1, 1, 0]:
            assert time.monotonic() < end, got
            time.sleep(0.05)
    finally:
        s.remove()
        release_port(tcp)
        release_port(page)
