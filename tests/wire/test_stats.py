# SPDX-License-Identifier: GPL-3.0-or-later
"""The counters move by exactly what happened (shm/counters.h), as `millracectl stats --json` shows them."""
import json
import time

import dns.message
import pytest

from suite import has_ipv6


def counters(suite):
    """{(family, label value): sum} of all that is not about time."""
    rows = json.loads(suite.ctl('stats', '--json', '--all').stdout)['counters']
    return {(r['family'], r['value']): r['sum'] for r in rows}


def moved(before, after):
    quiet = ('bursts_total', 'busy_cycles_total', 'polls_empty_total', 'sleeps_total', 'rx_bytes_total', 'tx_bytes_total')
    return {k: v - before[k] for k, v in after.items() if v != before[k] and k[0] not in quiet}


def settled(suite, want):
    """Counters once they have moved as wanted; workers write them a moment after they have answered."""
    end = time.monotonic() + 3
    while True:
        now = counters(suite)
        if want(now) or time.monotonic() > end:
            return now
        time.sleep(0.02)


def query(name, qtype='A', **kwargs):
    return dns.message.make_query(name, qtype, **kwargs).to_wire()


# claim, message, transport, all that moves besides packets
EVENTS = [
    ('a query over UDP', query('www.example'), 'udp4', {('qtypes_total', 'A'): 1, ('opcodes_total', 'QUERY'): 1, ('responses_total', 'NOERROR'): 1}),
    ('a query over IPv6', query('www.example', 'AAAA'), 'udp6', {('qtypes_total', 'AAAA'): 1, ('opcodes_total', 'QUERY'): 1, ('responses_total', 'NOERROR'): 1}),
    ('a query over TCP', query('example', 'SOA'), 'tcp4', {('qtypes_total', 'SOA'): 1, ('opcodes_total', 'QUERY'): 1, ('responses_total', 'NOERROR'): 1}),
    ('NXDOMAIN', query('nx.example', 'MX'), 'udp4', {('qtypes_total', 'MX'): 1, ('opcodes_total', 'QUERY'): 1, ('responses_total', 'NXDOMAIN'): 1}),
    ('REFUSED', query('elsewhere.test', 'TXT'), 'udp4', {('qtypes_total', 'TXT'): 1, ('opcodes_total', 'QUERY'): 1, ('responses_total', 'REFUSED'): 1}),
    ('a type without a counter of its own', query('www.example', 'HINFO'), 'udp4', {('qtypes_total', 'other'): 1, ('opcodes_total', 'QUERY'): 1, ('responses_total', 'NOERROR'): 1}),
    ('a referral', query('x.delegated.example'), 'udp4',
     {('qtypes_total', 'A'): 1, ('opcodes_total', 'QUERY'): 1, ('responses_total', 'NOERROR'): 1, ('referrals_total', ''): 1}),
    ('a truncated response', query('large.example', 'TXT'), 'udp4',
     {('qtypes_total', 'TXT'): 1, ('opcodes_total', 'QUERY'): 1, ('responses_total', 'NOERROR'): 1, ('truncated_total', ''): 1}),
]


@pytest.mark.parametrize('claim,wire,transport,want', EVENTS, ids=[e[0] for e in EVENTS])
def test_counters_move(suite, claim, wire, transport, want):
    if transport == 'udp6' and not has_ipv6():
        pytest.skip('this machine has no IPv6 loopback')
    before = counters(suite)
    times = 3
    for _ in range(times):
        ask = suite.tcp if transport == 'tcp4' else suite.udp
        assert ask(wire, '::1' if transport == 'udp6' else '127.0.0.1') is not None
    want = {k: v * times for k, v in {**want, ('queries_total', transport): 1}.items()}
    got = moved(before, settled(suite, lambda now: all(now[k] - before[k] >= v for k, v in want.items())))
    assert {k: v for k, v in got.items() if k[0] not in ('rx_packets_total', 'tx_packets_total')} == want


@pytest.mark.parametrize('claim,wire,reason', [('a short message', b'12345678901', 'short'), ('a response', query('www.example')[:2] + b'\x84' + query('www.example')[3:], 'response')], ids=['a short message', 'a response'])
def test_drops_are_counted_by_reason(suite, claim, wire, reason):
    before = counters(suite)
    assert suite.udp(wire, timeout=0.2, tries=1) is None
    after = settled(suite, lambda now: now['drops_total', reason] > before['drops_total', reason])
    assert after['drops_total', reason] - before['drops_total', reason] == 1
    assert sum(v for k, v in moved(before, after).items() if k[0] == 'responses_total') == 0


def test_octets_and_packets_add_up(suite):
    before = counters(suite)
    wires = [query('www.example'), query('example', 'MX'), query('nx.example')]
    responses = [suite.udp(w) for w in wires]
    after = settled(suite, lambda now: now['tx_packets_total', ''] - before['tx_packets_total', ''] >= 3)
    for key, n in (('rx_packets_total', 3), ('tx_packets_total', 3), ('rx_bytes_total', sum(map(len, wires))), ('tx_bytes_total', sum(map(len, responses)))):
        assert after[key, ''] - before[key, ''] == n


def test_watch_shows_rates(suite):
    r = suite.ctl('stats', '--watch=0.2', '--count', '2')
    assert 'queries/s' in r.stdout
