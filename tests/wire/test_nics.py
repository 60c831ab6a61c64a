# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite on network cards that DPDK's poll-mode drivers own (vfio-pci behind an IOMMU), in a virtual machine for each (tests/qemu),
asked from outside over its wire. Step `qemu` of tests/run; a release build, as a sanitizer's is too slow and too large for the guest."""
import pathlib
import re
import socket
import struct
import sys
import time

import dns.message
import pytest

from conftest import ANSWERS
from suite import recv_tcp, send_udp
from test_answers import test_any_case_of_a_question_comes_back_as_it_was_sent  # noqa: F401
from test_answers import test_answer  # noqa: F401
from test_dpdk import FRAMES, exchange_frames, is_response, udp4, udp6
from test_exception import echo, exchange, neighbours, tagged
from test_protocol import test_message, test_udp_responses_keep_to_the_limit_and_tcp_has_the_rest  # noqa: F401

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'qemu'))
import box as boxes  # noqa: E402
import guest  # noqa: E402
import kernel as kernels  # noqa: E402

# queue pairs of the tap, whether the card spreads queries over its queues (QEMU's vmxnet3 knows no RSS, DPDK's driver for e1000e
# none), DPDK's driver, and Debian's cloud kernel's
NICS = {
    'virtio': (2, True, 'net_virtio', 'virtio-pci'),
    'e1000e': (1, False, 'net_e1000_em', ''),
    'vmxnet3': (1, False, 'net_vmxnet3', 'vmxnet3'),
}
JUMBO = 9000            # MTU of all ports here; clients' ordinary packets are small all the same
QUERY = dns.message.make_query('www.example', 'A', id=0x4d52).to_wire()


@pytest.fixture(scope='session')
def kernel(build):
    try:
        guest.check()
        return kernels.fetch(build / 'qemu')
    except guest.Unavailable as e:
        pytest.skip(str(e))


@pytest.fixture(scope='module', params=NICS)
def suite(request, build, zone_texts, kernel):
    """The suite in a guest; called so because tests of other files use it."""
    queues = NICS[request.param][0]
    try:
        box = boxes.Box(build, build / 'qemu' / request.param, kernel, zone_texts, request.param, queues,
                        {'answers': ANSWERS, 'stream': ['idle-timeout: 10m']},
                        ['mtu: %d' % JUMBO], JUMBO)
    except guest.Unavailable as e:
        pytest.skip(str(e))
    try:
        assert box.driver() == NICS[request.param][3]
        box.bind()
        box.start()
        box.address_twin()
        box.wait_answer('example.', seconds=boxes.START_S)
        yield box
    finally:
        box.remove()


def ask_from_many_ports(server, n):
    return [send_udp(server, struct.pack('!H', i) + QUERY[2:], 2, 2) for i in range(n)]


def test_the_driver_is_the_one_meant(suite):
    assert suite.driver() == 'vfio-pci'
    line = re.search(r'port %s \((\w+)\): (\d+) queue.*' % suite.device, suite.log_text())
    assert line and line.groups() == (NICS[suite.model][2], '2'), suite.log_text()
    assert 'checksums by the device' in line.group(0)


@pytest.mark.parametrize('a', ['127.0.0.1', '::1'])
def test_hundreds_of_queries_on_all_queues(suite, a):
    before = suite.counters()['rx_packets_total', '']
    responses = suite.wire.run(ask_from_many_ports, suite.server(a), 300)
    assert all(responses), '%d of 300 without an answer\n%s' % (responses.count(None), suite.log_text())
    assert {r[2:] for r in responses} == {responses[0][2:]}
    got = [now - old for now, old in zip(suite.counters()['rx_packets_total', ''], before)]
    assert sum(got) >= 300
    if NICS[suite.model][1]:
        assert min(got) >= 30, 'RSS spreads queries over the workers: %s' % got


@pytest.mark.parametrize('claim,make', [(c, m) for c, m, answered in FRAMES if answered], ids=lambda x: x if isinstance(x, str) else '')
def test_frame_is_answered(suite, claim, make):
    lab = suite.lab()
    response, = suite.wire.run(exchange_frames, lab.client_if, [make(lab)], 5)
    assert response is not None, suite.log_text()
    assert response[:12] == lab.client_mac + lab.server_mac


def response_ports(interface, frames, last_port, wait=10.0, after=0.3):
    """Send all frames -> destination ports of the responses until a while after the one to last_port (queues may overtake)."""
    ports = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
        s.bind((interface, 0))
        for f in frames:
            s.send(f)
        end = time.monotonic() + wait
        while time.monotonic() < end:
            s.settimeout(max(0.001, end - time.monotonic()))
            try:
                b, where = s.recvfrom(65535)
            except socket.timeout:
                break
            if where[2] != socket.PACKET_OUTGOING and is_response(b):
                ports.append(struct.unpack('!H', b[36:38] if b[12:14] == b'\x08\x00' else b[56:58])[0])
                if ports[-1] == last_port:
                    end = time.monotonic() + after
    return ports


def ended(counters):
    """How many frames were dropped or went to the kernel."""
    return sum(sum(v) for k, v in counters.items() if k[0] == 'drops_total' or k == ('exception_packets_total', 'to-kernel'))


def test_bad_frames_are_dropped_counted_and_do_no_harm(suite):
    lab = suite.lab()
    bad = [make(lab) for _, make, answered in FRAMES if not answered]
    bad += [udp4(lab)[:n] for n in range(14, len(udp4(lab)) - 1)]          # cut short anywhere
    before = ended(suite.counters())
    assert suite.wire.run(response_ports, lab.client_if, bad + [udp4(lab, sport=40001)], 40001) == [40001]
    assert ended(suite.counters()) - before >= len(bad)


@pytest.mark.parametrize('make', [udp4, udp6], ids=['IPv4', 'IPv6'])
@pytest.mark.parametrize('tags', [[(0x8100, 7)], [(0x8100, 0x6ffe)], [(0x88a8, 8), (0x8100, 7)]], ids=['802.1Q', '802.1Q with priority', 'QinQ'])
def test_a_tagged_query_gets_its_tags_back(suite, make, tags):
    lab = suite.lab()
    query = tagged(make(lab), *tags)
    headers = 14 + 4 * len(tags)
    response = suite.wire.run(exchange, lab.client_if, query, lambda b: b[:6] == query[6:12] and b[12:headers] == query[12:headers])
    assert response is not None, suite.log_text()
    dns_at = headers + (20 if make is udp4 else 40) + 8
    assert dns.message.from_wire(response[dns_at:], ignore_trailing=True).answer


@pytest.mark.parametrize('a', ['127.0.0.1', '::1'])
def test_the_guests_kernel_is_behind_the_same_card(suite, a):
    """ARP or neighbour discovery, and echo in frames of all sizes."""
    address = boxes.ADDRESSES[a]
    suite.wire.forget(suite.tap, address)
    assert suite.udp(QUERY, a, timeout=5) is not None, suite.log_text()
    assert neighbours(suite.wire.namespace, suite.tap.name)[address] == suite.lab().server_mac
    for octets in (32, 1400, JUMBO - 48):
        assert suite.wire.run(echo, address, octets), '%d octets\n%s' % (octets, suite.log_text())


def test_dns_does_not_go_through_the_kernel(suite):
    before = suite.counters()['exception_packets_total', 'to-kernel']
    assert all(suite.wire.run(ask_from_many_ports, suite.server(), 200))
    assert sum(suite.counters()['exception_packets_total', 'to-kernel']) - sum(before) < 20, 'neighbours may talk meanwhile'


def ask_on(connection, query):
    connection.sendall(struct.pack('!H', len(query)) + query)
    return recv_tcp(connection)


def test_a_killed_dataplane_comes_back_on_its_card(suite):
    """The answers, the huge pages, and the TCP connections, as the kernel's twin of the card stays."""
    connection = suite.wire.run(socket.create_connection, suite.server(), 30)
    assert suite.wire.run(ask_on, connection, QUERY)
    free = suite.huge_pages_free()
    for _ in range(5):
        pid = suite.pid('dataplane')
        suite.guest.run('kill -KILL %d' % pid)
        end = time.monotonic() + boxes.START_S
        while suite.pid('dataplane') in (0, pid):
            assert time.monotonic() < end, 'the dataplane is not back\n' + suite.log_text()
            time.sleep(0.05)
        suite.wait_answer('example.', seconds=boxes.START_S)
    assert suite.huge_pages_free() == free
    assert suite.wire.run(ask_on, connection, QUERY), suite.log_text()
    connection.close()


def test_a_stopped_suite_gives_back_card_and_memory(suite):
    suite.check_log(forgiven=['dataplane died: signal 9 (Killed)'])      # the test before this one
    suite.stop()
    assert suite.huge_pages_free() == boxes.HUGE_PAGES
    suite.unbind()
    assert suite.driver() == NICS[suite.model][3]
    if suite.driver():
        assert suite.guest.wait('cat /sys/bus/pci/devices/{0}/net/*/address /sys/bus/pci/devices/{0}/virtio*/net/*/address 2>/dev/null | grep .'
                                .format(suite.device)).strip() == suite.tap.guest_mac, 'the kernel has its interface again'
    suite.bind()
    suite.start()
    suite.wait_answer('example.', seconds=boxes.START_S)
    suite.stop()
    suite.check_log(forgiven=['dataplane died: signal 9 (Killed)'])
    suite.guest.shutdown()
