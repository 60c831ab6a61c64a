# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists and response rate limits, from 127.0.0.0/8 as the clients' addresses, and how they are changed
while queries come in."""
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from suite import find_program, has_ipv6, recv_tcp, send_udp

ZONE = '$TTL 60\n@ SOA ns h 1 1 1 1 30\n@ NS ns\nns A 192.0.2.8\n@ TXT "%s"\n' % ('x' * 200)
LIMITS = ['limit-loopback: true', 'rate: 1', 'nxdomain-rate: 1', 'error-rate: 1', 'window: 10s', 'slip: 0', 'ipv4-prefix: 24']
RULES = ['rules:',
         '  - {action: deny, prefixes: [127.0.2.0/24, 127.0.3.4]}',
         '  - {action: refuse, prefixes: [127.0.3.0/24]}',
         '  - {action: tcp-only, prefixes: [127.0.4.0/24]}',
         '  - {action: unlimited, prefixes: [127.0.6.0/24, 127.0.0.0/24, "::1"]}',
         '  - {action: deny, file: denied.prefixes}']


def query(name='x.test', qtype='TXT', **kwargs):
    return dns.message.make_query(name, qtype, **kwargs)


def ask_from(suite, source, q=None, timeout=5.0, tries=1):
    """Over UDP from that address -> message or None"""
    wire = send_udp(suite.server(), (q or query()).to_wire(), timeout, tries, source=(source, 0))
    return wire and dns.message.from_wire(wire)


def silent(suite, source):
    return ask_from(suite, source, timeout=0.3) is None


def tcp_from(suite, source, q=None):
    with socket.create_connection(suite.server(), 5, source_address=(source, 0)) as s:
        wire = (q or query()).to_wire()
        s.sendall(struct.pack('!H', len(wire)) + wire)
        try:
            b = recv_tcp(s)
        except ConnectionResetError:
            return None
    return b and dns.message.from_wire(b)


def counters(suite):
    rows = json.loads(suite.ctl('stats', '--json', '--all').stdout)['counters']
    return {(r['family'], r['value']): r['sum'] for r in rows}


def wait_counter(suite, key, at_least):
    """Workers write counters a moment after they have answered."""
    end = time.monotonic() + 10
    while counters(suite)[key] < at_least:
        assert time.monotonic() < end, '%s: %d, not %d' % (key, counters(suite)[key], at_least)
        time.sleep(0.02)


def has_action(suite, address, action):
    return json.loads(suite.ctl('acl', 'check', address, '--json').stdout)['action'] == action


@pytest.fixture
def policed(make_suite):
    s = make_suite({'x.test.': ZONE}, {'acl': RULES, 'rrl': LIMITS})
    (s.dir / 'denied.prefixes').write_text('# denied\n127.0.5.0/24\n')
    s.start()
    s.wait_answer('x.test.')
    return s


def test_each_action_of_the_access_list(policed):
    s = policed
    assert silent(s, '127.0.2.9') and silent(s, '127.0.5.1') and silent(s, '127.0.3.4')
    r = ask_from(s, '127.0.3.5', query(use_edns=0))
    assert r.rcode() == dns.rcode.REFUSED and not r.answer
    assert r.options and r.options[0].otype == dns.edns.EDE and int(r.options[0].code) == 18
    r = ask_from(s, '127.0.4.1')
    assert r.flags & dns.flags.TC and not r.answer and r.question
    r = tcp_from(s, '127.0.4.1')
    assert not r.flags & dns.flags.TC and r.answer
    assert ask_from(s, '127.0.1.1').answer
    # a stream is not answered either, and not left open
    assert tcp_from(s, '127.0.2.9') is None
    assert tcp_from(s, '127.0.3.5').rcode() == dns.rcode.REFUSED
    wait_counter(s, ('acl_total', 'deny'), 4)
    now = counters(s)
    assert now['acl_total', 'refuse'] == 2 and now['acl_total', 'tcp-only'] == 1
    assert now['drops_total', 'acl-deny'] == now['acl_total', 'deny']


def test_the_list_is_changed_while_queries_come_in(policed):
    s = policed
    lost, asked, stop = [], [0], threading.Event()

    def client():
        while not stop.is_set():
            asked[0] += 1
            r = ask_from(s, '127.0.6.1', timeout=10)
            if r is None or not r.answer:
                lost.append(r)
    t = threading.Thread(target=client)
    t.start()
    try:
        for _ in range(5):
            r = s.ctl('acl', 'add', '127.0.7.0/24', 'deny')
            assert 'configuration' in r.stdout       # how long it lasts
            assert silent(s, '127.0.7.1')
            s.ctl('acl', 'add', '127.0.7.0/24', 'refuse')
            assert ask_from(s, '127.0.7.1').rcode() == dns.rcode.REFUSED
            s.ctl('acl', 'delete', '127.0.7.0/24')
            assert ask_from(s, '127.0.7.1', timeout=10) is not None
            s.ctl('rrl', 'set', 'rate=0', 'error-rate=0')
    finally:
        stop.set()
        t.join()
    assert asked[0] > 10 and not lost
    assert s.ctl('acl', 'delete', '127.0.7.0/24', check=False).returncode == 1
    s.ctl('acl', 'default', 'deny')
    assert silent(s, '127.0.99.1') and ask_from(s, '127.0.6.1').answer
    s.ctl('acl', 'default', 'allow')
    assert ask_from(s, '127.0.99.1').answer


def test_the_list_is_shown_and_explained(policed):
    s = policed
    s.ctl('acl', 'add', '127.0.8.0/24', 'tcp-only')
    rows = json.loads(s.ctl('acl', 'list', '--json').stdout)
    assert rows['default'] == 'allow'
    rules = {r['prefix']: (r['action'], r['source']) for r in rows['rules']}
    assert rules['127.0.8.0/24'] == ('tcp-only', 'runtime')
    assert rules['127.0.5.0/24'] == ('deny', 'configuration')
    assert rules['::1/128'] == ('unlimited', 'configuration')
    assert len(rules) == 9
    text = s.ctl('acl', 'list').stdout
    assert 'all others' in text and '127.0.3.4/32' in text
    assert s.ctl('acl', 'check', '127.0.3.4').stdout == '127.0.3.4: deny, by 127.0.3.4/32 (configuration)\n'
    assert s.ctl('acl', 'check', '192.0.2.1').stdout == '192.0.2.1: allow, by default\n'
    assert has_action(s, '::1', 'unlimited')
    for words in (['add', '127.0.8.1/24', 'deny'], ['add', '127.0.8.0/24', 'drop'], ['check', '127.0.0.0/8'], ['default', 'maybe']):
        r = s.ctl('acl', *words, check=False)
        assert r.returncode == 1 and "'" + words[1 if words[1] != '127.0.8.0/24' else 2] + "'" in r.stderr, r.stderr
    # back to what the configuration says
    s.ctl('acl', 'reload')
    assert has_action(s, '127.0.8.1', 'allow')


def test_a_bad_file_is_named_and_the_old_list_stays(policed):
    s = policed
    s.ctl('acl', 'add', '127.0.8.0/24', 'deny')
    path = s.dir / 'denied.prefixes'
    path.write_text('# denied\n127.0.9.0/24\n127.0.5.0/8\n')
    r = s.ctl('acl', 'reload', check=False)
    assert r.returncode == 1 and "%s:3: '127.0.5.0/8' is no prefix" % path in r.stderr, r.stderr
    assert silent(s, '127.0.5.1') and silent(s, '127.0.8.1') and ask_from(s, '127.0.9.1').answer
    path.write_text('127.0.9.0/24\n')
    s.ctl('acl', 'reload')
    assert silent(s, '127.0.9.1') and ask_from(s, '127.0.5.1').answer
    # the same prefix with two actions
    path.write_text('127.0.4.0/24\n')
    r = s.ctl('acl', 'reload', check=False)
    assert r.returncode == 1 and '127.0.4.0/24 is listed with two actions' in r.stderr
    assert silent(s, '127.0.9.1')


def test_a_control_plane_does_not_start_with_a_bad_list(make_suite):
    s = make_suite({'x.test.': ZONE}, {'acl': RULES})
    (s.dir / 'denied.prefixes').write_text('not a prefix\n')
    s.run_dir.mkdir()
    r = subprocess.run([find_program(s.build, 'millrace-controlplane'), '--config', str(s.config_path)],
                       capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert r.returncode != 0 and "denied.prefixes:1: 'not a prefix' is no prefix" in r.stderr, r.stderr
    assert 'Sanitizer' not in r.stderr, r.stderr


def flood(suite, source, n, q=None):
    """n queries at once -> how many were answered in full, with TC, not at all. The server's counters say how many
    answers to wait for."""
    before = counters(suite)
    wire = (q or query()).to_wire()
    full = cut = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((source, 0))
        s.connect(suite.server())
        for i in range(n):
            s.send(struct.pack('!H', i) + wire[2:])
        wait_counter(suite, ('queries_total', 'udp4'), before['queries_total', 'udp4'] + n)
        end, dropped = time.monotonic() + 20, 0
        s.settimeout(0.2)
        while full + cut + dropped < n:
            assert time.monotonic() < end, '%d full, %d cut, %d dropped of %d' % (full, cut, dropped, n)
            try:
                r = s.recv(4096)
            except socket.timeout:
                dropped = counters(suite)['rrl_total', 'drop'] - before['rrl_total', 'drop']
                continue
            if r[2] & 2:
                cut += 1
                m = dns.message.from_wire(r)
                assert m.question and not m.answer and len(r) <= len(wire) + 28
            else:
                full += 1
    return full, cut, dropped


def test_a_prefix_over_its_rate_is_limited(policed):
    s = policed
    full, cut, dropped = flood(s, '127.0.20.1', 30)
    assert full >= 10 and dropped > 0 and cut == 0
    # its neighbour is in the same prefix, another prefix is not, and errors are counted apart
    assert flood(s, '127.0.20.2', 9)[2] > 0
    assert ask_from(s, '127.0.21.1').answer
    assert ask_from(s, '127.0.20.1', query('elsewhere.test')).rcode() == dns.rcode.REFUSED
    assert ask_from(s, '127.0.20.1', query('nx.x.test')).rcode() == dns.rcode.NXDOMAIN
    # over TCP there is no limit
    for _ in range(15):
        assert tcp_from(s, '127.0.20.1').answer
    # nor for those who are unlimited
    assert flood(s, '127.0.6.1', 40) == (40, 0, 0)


def test_slipped_responses_lead_to_tcp(policed):
    s = policed
    s.ctl('rrl', 'set', 'slip=1')
    full, cut, dropped = flood(s, '127.0.20.1', 30, query(use_edns=0))
    assert full >= 10 and cut > 0 and dropped == 0
    assert tcp_from(s, '127.0.20.1').answer
    wait_counter(s, ('rrl_total', 'slip'), cut)
    s.ctl('rrl', 'set', 'slip=2')
    full, cut, dropped = flood(s, '127.0.22.1', 40)
    assert full >= 10 and cut > 0 and abs(cut - dropped) <= 1


def test_a_client_with_a_valid_cookie_is_not_limited(policed):
    s = policed
    s.ctl('rrl', 'set', 'slip=1')
    client = bytes(range(8))

    def with_cookie(octets):
        return query(use_edns=0, options=[dns.edns.GenericOption(10, octets)])
    full, cut, _ = flood(s, '127.0.20.1', 30, with_cookie(client))
    assert full >= 10 and cut > 0
    # even a slipped response brings the server cookie
    r = ask_from(s, '127.0.20.1', with_cookie(client))
    cookie = bytes(r.options[0].data) if hasattr(r.options[0], 'data') else r.options[0].to_wire()
    assert cookie[:8] == client and len(cookie) == 24
    before = counters(s)['rrl_total', 'exempt-cookie']
    assert flood(s, '127.0.20.1', 40, with_cookie(cookie)) == (40, 0, 0)
    wait_counter(s, ('rrl_total', 'exempt-cookie'), before + 40)
    # an invented one does not help
    assert flood(s, '127.0.20.1', 30, with_cookie(client + b'\1\0\0\0' + os.urandom(12)))[1] > 0


def test_limits_are_changed_at_run_time(policed):
    s = policed
    assert flood(s, '127.0.20.1', 30)[2] > 0
    assert 'configuration' in s.ctl('rrl', 'set', 'enabled=false').stdout
    assert flood(s, '127.0.20.1', 30) == (30, 0, 0)
    s.ctl('rrl', 'set', 'enabled=true', 'rate=100000', 'window=2s', 'ipv4-prefix=32')
    shown = json.loads(s.ctl('rrl', 'show', '--json').stdout)
    assert shown == {'enabled': True, 'rate': 100000, 'nxdomain-rate': 1, 'error-rate': 1, 'window': '2000ms', 'slip': 0,
                     'ipv4-prefix': 32, 'ipv6-prefix': 56, 'limit-loopback': True}
    assert flood(s, '127.0.20.1', 30) == (30, 0, 0)
    for setting in ('rate=1000001', 'rate=-1', 'rate=x', 'window=1', 'window=61s', 'ipv4-prefix=0', 'slip=101', 'enabled=maybe', 'speed=9'):
        r = s.ctl('rrl', 'set', 'nxdomain-rate=5', setting, check=False)
        assert r.returncode == 1 and setting.split('=')[0] in r.stderr and 'nothing was changed' in r.stderr, r.stderr
    assert json.loads(s.ctl('rrl', 'show', '--json').stdout) == shown
    s.ctl('rrl', 'set', 'limit-loopback=false', 'rate=1')
    assert flood(s, '127.0.20.1', 40) == (40, 0, 0)


def test_ipv6_clients_are_limited_too(policed):
    if not has_ipv6():
        pytest.skip('this machine has no IPv6 loopback')
    s = policed
    s.ctl('acl', 'delete', '::1')
    answered = [s.udp(query(), '::1', timeout=0.2, tries=1) is not None for _ in range(30)]
    assert sum(answered) >= 10 and not all(answered)
    s.ctl('acl', 'add', '::1', 'unlimited')
    assert all(s.udp(query(), '::1', timeout=5, tries=1) for _ in range(30))


def test_lists_outlive_the_control_plane(policed):
    """What was published goes on being in force while it is away, and its successor publishes the configuration's."""
    s = policed
    s.ctl('acl', 'add', '127.0.8.0/24', 'deny')
    pid = s.pid('controlplane')
    s.forgiven.append('controlplane.*(killed by signal|died)|died.*controlplane')
    os.kill(pid, signal.SIGSTOP)        # away; when it is killed its successor is there at once
    assert silent(s, '127.0.8.1') and silent(s, '127.0.5.1')
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while s.pid('controlplane') in (0, pid):
        s.must_run()
        assert time.monotonic() < end
        time.sleep(0.05)
    assert ask_from(s, '127.0.8.1').answer and silent(s, '127.0.5.1')


def test_a_reload_takes_list_and_limits_over_or_nothing(policed):
    s = policed
    s.ctl('acl', 'add', '127.0.8.0/24', 'deny')
    path = s.dir / 'denied.prefixes'
    path.write_text('127.0.9.0/24\nrubbish\n')
    s.yaml['acl'] = ['default: allow'] + RULES
    s.yaml['rrl'] = LIMITS[:1] + ['rate: 7']
    s.write_config()
    r = s.ctl('config', 'reload', check=False)
    assert r.returncode == 1 and "%s:2: 'rubbish' is no prefix" % path in r.stderr, r.stderr
    assert silent(s, '127.0.8.1') and silent(s, '127.0.5.1') and has_action(s, '127.0.9.1', 'allow')
    assert json.loads(s.ctl('rrl', 'show', '--json').stdout)['rate'] == 1
    path.write_text('127.0.9.0/24\n')
    s.ctl('config', 'reload')
    assert silent(s, '127.0.9.1') and has_action(s, '127.0.5.1', 'allow') and has_action(s, '127.0.8.1', 'allow')
    assert json.loads(s.ctl('rrl', 'show', '--json').stdout)['rate'] == 7
    # and the list's own reload goes by the file as it was taken over
    s.yaml['acl'] = ['default: refuse']
    s.write_config()
    s.ctl('acl', 'reload')
    assert has_action(s, '127.0.99.1', 'allow')
    s.ctl('config', 'reload')
    assert has_action(s, '127.0.99.1', 'refuse')


def test_the_lists_own_reload_goes_by_what_was_taken_over_last(policed):
    """Not by what the control plane was started with."""
    s = policed
    s.yaml['acl'] = ['default: refuse', 'rules:', '  - {action: allow, file: allowed.prefixes}']
    (s.dir / 'allowed.prefixes').write_text('127.0.1.0/24\n')
    s.write_config()
    s.ctl('config', 'reload')
    assert has_action(s, '127.0.99.1', 'refuse') and has_action(s, '127.0.2.1', 'refuse')
    (s.dir / 'allowed.prefixes').write_text('127.0.1.0/24\n127.0.2.0/24\n')
    s.ctl('rrl', 'set', 'rate=9')
    s.ctl('acl', 'reload')
    assert has_action(s, '127.0.99.1', 'refuse') and has_action(s, '127.0.2.1', 'allow')
    assert json.loads(s.ctl('rrl', 'show', '--json').stdout)['rate'] == 9       # the list alone
    assert ask_from(s, '127.0.99.1').rcode() == dns.rcode.REFUSED


def test_a_full_list_says_so(policed):
    s = policed
    with open(s.dir / 'denied.prefixes', 'w') as f:
        n = 1000000 - sum(len(rule.split('[')[1].split(',')) for rule in RULES if '[' in rule)
        f.writelines('10.%d.%d.%d\n' % (i >> 16, i >> 8 & 255, i & 255) for i in range(n))
    s.ctl('acl', 'reload', timeout=120)
    assert silent(s, '127.0.2.9') and has_action(s, '10.0.1.1', 'deny')
    r = s.ctl('acl', 'add', '192.0.2.1', 'deny', check=False, timeout=120)
    assert r.returncode == 1 and 'at most 1000000 prefixes' in r.stderr, r.stderr
    with open(s.dir / 'denied.prefixes', 'a') as f:
        f.write('11.0.0.0/8\n')
    r = s.ctl('acl', 'reload', check=False, timeout=120)
    assert r.returncode == 1 and 'denied.prefixes:%d: an access list has at most' % (n + 1) in r.stderr, r.stderr
