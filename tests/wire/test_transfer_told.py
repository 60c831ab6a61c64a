# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of transfers (API, command line, metrics, history, audit log), how many run at a time, and what becomes of them when
the configuration changes or the suite ends."""
import json
import threading
import time

import pytest

from hostile_primary import KEY, SECRET, HostilePrimary, a, frame, good, message, ns, soa
from suite import Suite
from test_api_rest import BASE, ask
from test_control import request, zone
from test_transfer import make_secondary, retrieve, transfer_of, wait_over


@pytest.fixture
def server(build):
    s = Suite(build, {'file.example': zone(1)}, {'transfer': ['timeout: 5s']})
    try:
        s.start()
        s.wait_answer('file.example')
        yield s
    finally:
        s.remove()


@pytest.fixture
def peer():
    p = HostilePrimary()
    yield p
    p.stop()


def metrics(server):
    rows = request(server, 'GET', '/metrics')[2].splitlines()
    return {k: float(v) for k, _, v in (r.rpartition(' ') for r in rows if r.startswith('millrace_transfer'))}


def test_what_is_told(server, peer):
    address = '127.0.0.1:%d' % peer.port
    make_secondary(server, 'evil.example', address)
    assert transfer_of(server, 'evil.example') == {}
    assert 'retrieved' not in server.ctl('zone', 'status', 'evil.example').stdout
    peer.sends(lambda q: message(q, good(5)))
    assert server.ctl('zone', 'retrieve', 'evil.example').stdout == "Added retrieval request for 'evil.example.' from primary %s\n" % address
    wait_over(server, 'evil.example')
    peer.sends(lambda q: message(q, good(6)[:-1], flags=0x8405))
    assert server.ctl('zone', 'retrieve', 'evil.example', '--primary', address).returncode == 0
    told = wait_over(server, 'evil.example')
    peer.sends(lambda q: message(q, good(5)))
    shown = server.ctl('zone', 'status', 'evil.example').stdout
    assert 'retrieved ' in shown and ': serial 5, 4 records, ' in shown and 'from %s: refused: the primary answered REFUSED' % address in shown, shown
    assert 'transfer      the primary answered REFUSED' in server.ctl('zone', 'show', 'evil.example').stdout
    assert told['records'] == 4 and told['serial'] == 5 and told['result'] == 'refused' and told['last_check'] >= told['last_success'] > 0
    before = ask(server, 'GET', BASE + '/zones/evil.example.')[1]['last_check']
    assert 0 < before <= told['last_success']
    time.sleep(1.1)
    assert retrieve(server, 'evil.example')['result'] == 'unchanged'
    assert ask(server, 'GET', BASE + '/zones/evil.example.')[1]['last_check'] > before
    m = metrics(server)
    assert m['millrace_transfers_total{result="replaced"}'] == m['millrace_transfers_total{result="refused"}'] == 1
    assert m['millrace_transfers_total{result="unchanged"}'] == 1 and m['millrace_transfers_total{result="malformed"}'] == 0
    assert m['millrace_transfer_records_total'] == 8 and m['millrace_transfer_received_bytes_total'] > 300
    assert m['millrace_transfers_waiting'] == m['millrace_transfers_running'] == 0 and m['millrace_transfer_seconds_count'] == 2
    changes = ask(server, 'GET', BASE + '/millrace/zones/evil.example./history')[1]['changes']
    assert [(c['origin'], c['who'], c['serial_before'], c['serial_after']) for c in changes] == [('axfr', 'primary:' + address, 0, 5)]
    rows = ask(server, 'GET', BASE + '/millrace/audit')[1]['entries']
    edit = [r for r in rows if r.get('origin') == 'axfr']
    assert len(edit) == 1 and edit[0]['who'] == 'primary:' + address and edit[0]['zone'] == 'evil.example.'
    assert len([r for r in rows if 'axfr-retrieve' in json.dumps(r)]) == 3     # who asked for it
    # the zone goes: so does the request that waits
    peer.behave = lambda c, q: time.sleep(1)
    assert ask(server, 'PUT', BASE + '/zones/evil.example./axfr-retrieve')[0] == 200
    assert request(server, 'DELETE', BASE + '/zones/evil.example.')[0] == 204
    assert ask(server, 'GET', BASE + '/zones/evil.example.')[0] == 404


def test_a_zone_that_goes_or_changes_its_kind_meanwhile(server, peer):
    def slowly(c, q):
        c.sendall(frame(message(q, good(5)[:2])))
        time.sleep(0.7)
        c.sendall(frame(message(q, good(5)[2:])))
        peer.hold(c)
    peer.behave = slowly
    make_secondary(server, 'evil.example', '127.0.0.1:%d' % peer.port)
    assert ask(server, 'PUT', BASE + '/zones/evil.example./axfr-retrieve')[0] == 200
    time.sleep(0.3)
    assert ask(server, 'PUT', BASE + '/zones/evil.example.', {'kind': 'Native'})[0] == 204
    told = wait_over(server, 'evil.example')
    assert told['result'] == 'failed' and 'no secondary zone any more' in told['last_error']
    assert ask(server, 'PUT', BASE + '/zones/evil.example.', {'kind': 'Slave'})[0] == 204
    assert ask(server, 'PUT', BASE + '/zones/evil.example./axfr-retrieve')[0] == 200
    time.sleep(0.3)
    assert request(server, 'DELETE', BASE + '/zones/evil.example.')[0] == 204
    time.sleep(0.7)
    end = time.monotonic() + 10
    while 'there is no such zone any more' not in server.log_text():
        assert time.monotonic() < end, server.log_text()
        time.sleep(0.05)


def begin_slowly(server, peer, body=None):
    """Retrieve evil.example, the last message of which comes when the event that is returned is set."""
    go, begun = threading.Event(), threading.Event()

    def slowly(c, q):
        c.sendall(frame(message(q, good(66, 66)[:2])))
        begun.set()
        go.wait(4)
        c.sendall(frame(message(q, good(66, 66)[2:])))
        peer.hold(c)
    peer.behave = slowly
    assert ask(server, 'PUT', BASE + '/zones/evil.example./axfr-retrieve', body)[0] == 200
    assert begun.wait(5)
    return go


def wait_log(server, text):
    end = time.monotonic() + 10
    while text not in server.log_text():
        assert time.monotonic() < end, server.log_text()
        time.sleep(0.05)


def test_a_zone_that_is_made_anew_meanwhile_takes_nothing_of_it(server, peer):
    """Another zone of the same name, and maybe another owner's: what was asked for the first one is not its content, nor its state."""
    make_secondary(server, 'evil.example', '127.0.0.1:%d' % peer.port)
    peer.sends(lambda q: message(q, good(5)))
    assert retrieve(server, 'evil.example')['result'] == 'replaced'
    go = begin_slowly(server, peer)
    assert request(server, 'DELETE', BASE + '/zones/evil.example.')[0] == 204
    make_secondary(server, 'evil.example', '127.0.0.1:1')
    assert transfer_of(server, 'evil.example') == {}
    go.set()
    wait_log(server, 'transfer from 127.0.0.1:%d: the zone was made anew while it was retrieved' % peer.port)
    assert ask(server, 'GET', BASE + '/zones/evil.example.')[1]['serial'] == 0
    assert server.ask('www.evil.example').rcode() == 2      # nothing to serve yet
    assert transfer_of(server, 'evil.example') == {}
    assert 'retrieved' not in server.ctl('zone', 'status', 'evil.example').stdout
    # asked for while that one runs, it has its own turn, and its own primary
    go = begin_slowly(server, peer, {'primary': '127.0.0.1:%d' % peer.port})
    assert request(server, 'DELETE', BASE + '/zones/evil.example.')[0] == 204
    make_secondary(server, 'evil.example', '127.0.0.1:1')
    assert ask(server, 'PUT', BASE + '/zones/evil.example./axfr-retrieve')[0] == 200
    assert transfer_of(server, 'evil.example')['state'] == 'waiting'
    go.set()
    told = wait_over(server, 'evil.example')
    assert told['result'] == 'unreachable' and told['primary'] == '127.0.0.1:1' and told['last_success'] == 0, told


def test_settings_that_change_meanwhile(server, peer):
    address = '127.0.0.1:%d' % peer.port
    make_secondary(server, 'evil.example', address)
    go = begin_slowly(server, peer)
    assert ask(server, 'PUT', BASE + '/zones/evil.example.', {'masters': ['127.0.0.1:1']})[0] == 204
    go.set()
    told = wait_over(server, 'evil.example')
    assert told['result'] == 'failed' and told['last_error'] == 'its primaries were changed while it was retrieved: what came is not used'
    assert ask(server, 'GET', BASE + '/zones/evil.example.')[1]['serial'] == 0
    # of a primary that was named they say nothing, but the key does
    go = begin_slowly(server, peer, {'primary': address})
    assert ask(server, 'POST', BASE + '/tsigkeys', {'name': KEY, 'algorithm': 'hmac-sha256', 'key': SECRET})[0] == 201
    assert ask(server, 'PUT', BASE + '/zones/evil.example.', {'slave_tsig_key_ids': [KEY]})[0] == 204
    go.set()
    told = wait_over(server, 'evil.example')
    assert told['result'] == 'failed' and 'its TSIG key was changed while it was retrieved' in told['last_error']
    assert ask(server, 'PUT', BASE + '/zones/evil.example.', {'slave_tsig_key_ids': []})[0] == 204
    go = begin_slowly(server, peer, {'primary': address})
    assert ask(server, 'PUT', BASE + '/zones/evil.example.', {'masters': ['127.0.0.1:2']})[0] == 204
    go.set()
    assert wait_over(server, 'evil.example')['result'] == 'replaced'


def test_a_zone_that_is_changed_meanwhile_is_replaced_as_a_whole(server, peer):
    """Between the comparison and the writer: as many changes as can be made, and transfers that differ in one record of many."""
    def many(serial):
        return [soa(serial), ns(), *(a('n%d' % i, i) for i in range(200)), a('www', serial), soa(serial)]
    peer.sends(lambda q: message(q, many(1)))
    make_secondary(server, 'evil.example', '127.0.0.1:%d' % peer.port)
    assert retrieve(server, 'evil.example')['result'] == 'replaced'
    for serial in range(2, 12):
        peer.sends(lambda q: message(q, many(serial)))
        assert ask(server, 'PUT', BASE + '/zones/evil.example./axfr-retrieve')[0] == 200
        while transfer_of(server, 'evil.example')['state'] != 'idle':
            ask(server, 'PATCH', BASE + '/zones/evil.example.', {'rrsets': [{'name': 'own.evil.example.', 'type': 'A', 'ttl': 1, 'changetype': 'REPLACE',
                                                                         'records': [{'content': '10.0.0.%d' % serial}]}]})
        told = transfer_of(server, 'evil.example')
        assert told['result'] == 'replaced' and told['serial'] == serial, told
        assert [str(r) for r in server.ask('www.evil.example').answer[0]] == ['192.0.2.%d' % serial]


def test_so_many_at_a_time(server, peer):
    def slowly(c, q):
        time.sleep(0.6)
    peer.behave = slowly
    names = ['s%d.example' % i for i in range(5)]
    for name in names:
        make_secondary(server, name, '127.0.0.1:%d' % peer.port)
    for name in names:
        assert ask(server, 'PUT', BASE + '/zones/%s./axfr-retrieve' % name)[0] == 200
    time.sleep(0.3)
    states = [transfer_of(server, name)['state'] for name in names]
    assert sorted(states) == ['running'] * 2 + ['waiting'] * 3 and len(peer.queries) == 2
    m = metrics(server)
    assert m['millrace_transfers_running'] == 2 and m['millrace_transfers_waiting'] == 3
    # more of them, without a restart
    peer.behave = lambda c, q: time.sleep(1.5)
    server.yaml['transfer'] = ['timeout: 5s', 'parallel: 5']
    server.write_config()
    server.ctl('config', 'reload')
    for name in names:
        wait_over(server, name)
    for name in names:
        assert ask(server, 'PUT', BASE + '/zones/%s./axfr-retrieve' % name)[0] == 200
    time.sleep(0.3)
    assert [transfer_of(server, name)['state'] for name in names] == ['running'] * 5
    for name in names:
        assert wait_over(server, name)['result'] == 'unreachable'


def test_the_end_does_not_wait_for_primaries(build, peer):
    s = Suite(build, {'file.example': zone(1)})
    try:
        s.start()
        peer.behave = lambda c, q: peer.hold(c)
        for i in range(3):
            make_secondary(s, 's%d.example' % i, '127.0.0.1:%d' % peer.port)
            assert ask(s, 'PUT', BASE + '/zones/s%d.example./axfr-retrieve' % i)[0] == 200
        time.sleep(0.3)
        assert transfer_of(s, 's0.example')['state'] == 'running'
        s.stop()        # in a second, and nothing leaks
        # what was retrieved survives
        s.start()
        peer.sends(lambda q: message(q, good(5)))
        make_secondary(s, 'evil.example', '127.0.0.1:%d' % peer.port)
        assert retrieve(s, 'evil.example')['result'] == 'replaced'
        s.stop()
        s.start()
        assert s.wait_answer('www.evil.example', 'A').answer and transfer_of(s, 'evil.example') == {}
    finally:
        s.remove()
