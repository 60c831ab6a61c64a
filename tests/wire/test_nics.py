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
from suite import send_udp
from test_answers import test_any_case_of_a_question_comes_back_as_it_was_sent  # noqa: F401
from test_answers import test_answer  # noqa: F401
from test_dpdk import FRAMES, exchange_frames, is_response, udp4, udp6
from test_protocol import test_message  # noqa: F401

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
# <linux/if_packet.h>
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 263, 8, 0x10, 0x40
QUERY = dns.message.make_query('www.example', 'A', id=0x4d52).to_wire()


@pytest.fixture(scope='session')
def kernel(build):
    try:
        guest.check()
        return kernels.fetch(build / 'qemu')
    except guest.Unavailable as e:
        pytest.skip(str(e))


@pytest.fixture(scope='module', params=NICS)
def suite(request, build, zone_texts, kernel, tmp_path_factory):
    """The suite in a guest; called so because tests of other files use it."""
    queues = NICS[request.param][0]
    try:
        box = boxes.Box(build, tmp_path_factory.mktemp(request.param), kernel, zone_texts, request.param, queues, {'answers': ANSWERS})
    except guest.Unavailable as e:
        pytest.skip(str(e))
    try:
        assert box.driver() == NICS[request.param][3]
        box.bind()
        for address in boxes.ADDRESSES.values():
            box.wire.neighbour(box.tap, address)
        box.start()
        box.wait_answer('example.')
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


def response_ports(interface, frames, last_port, wait=5.0, after=0.3):
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


def test_bad_frames_are_dropped_counted_and_do_no_harm(suite):
    lab = suite.lab()
    bad = [make(lab) for _, make, answered in FRAMES if not answered]
    bad += [udp4(lab)[:n] for n in range(14, len(udp4(lab)) - 1)]          # cut short anywhere
    drops = sum(sum(v) for (family, _), v in suite.counters().items() if family == 'drops_total')
    assert suite.wire.run(response_ports, lab.client_if, bad + [udp4(lab, sport=40001)], 40001) == [40001]
    now = sum(sum(v) for (family, _), v in suite.counters().items() if family == 'drops_total')
    assert now - drops >= len(bad) * 3 // 4     # the rest may be none of DNS's business


def tagged(frame, *tags):
    """A frame with these VLAN tags, outermost first."""
    return frame[:12] + b''.join(struct.pack('!HH', *t) for t in tags) + frame[12:]


def receive_tagged(s):
    """A frame as it was on the wire: the kernel has taken the outer tag off, and tells it apart."""
    frame, extra, _, where = s.recvmsg(65535, 128)
    for level, kind, data in extra:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, tpid = struct.unpack('=IIIHHHH', data[:20])
            if status & TP_STATUS_VLAN_VALID:
                frame = tagged(frame, (tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100, tci))
    return frame, where[2] == socket.PACKET_OUTGOING


def exchange_tagged(interface, frame, wait=2.0):
    """Send a frame -> the next one that comes back to its sender, or None."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
        s.bind((interface, 0))
        s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        s.send(frame)
        end = time.monotonic() + wait
        while time.monotonic() < end:
            s.settimeout(max(0.001, end - time.monotonic()))
            try:
                back, ours = receive_tagged(s)
            except socket.timeout:
                return None
            if not ours and back[:6] == frame[6:12] and back[6:12] == frame[:6] and back[12:14] == frame[12:14]:
                return back
    return None


@pytest.mark.parametrize('make', [udp4, udp6], ids=['IPv4', 'IPv6'])
@pytest.mark.parametrize('tags', [[(0x8100, 7)], [(0x8100, 0x6ffe)], [(0x88a8, 8), (0x8100, 7)]], ids=['802.1Q', '802.1Q with priority', 'QinQ'])
def test_a_tagged_query_gets_its_tags_back(suite, make, tags):
    lab = suite.lab()
    query = tagged(make(lab), *tags)
    response = suite.wire.run(exchange_tagged, lab.client_if, query)
    assert response is not None, suite.log_text()
    headers = 14 + 4 * len(tags)
    assert response[12:headers] == query[12:headers]
    dns_at = headers + (20 if make is udp4 else 40) + 8
    assert dns.message.from_wire(response[dns_at:], ignore_trailing=True).answer


def test_a_killed_dataplane_comes_back_on_its_card(suite):
    free = suite.huge_pages_free()
    for _ in range(5):
        pid = suite.pid('dataplane')
        suite.guest.run('kill -KILL %d' % pid)
        end = time.monotonic() + boxes.START_S
        while suite.pid('dataplane') in (0, pid):
            assert time.monotonic() < end, 'the dataplane is not back\n' + suite.log_text()
            time.sleep(0.05)
        suite.wait_answer('example.')
    assert suite.huge_pages_free() == free


def test_a_stopped_suite_gives_back_card_and_memory(suite):
    suite.check_log(forgiven=['dataplane'])
    suite.stop()
    assert suite.huge_pages_free() == boxes.HUGE_PAGES
    suite.unbind()
    assert suite.driver() == NICS[suite.model][3]
    if suite.driver():
        assert suite.guest.wait('cat /sys/bus/pci/devices/{0}/net/*/address /sys/bus/pci/devices/{0}/virtio*/net/*/address 2>/dev/null | grep .'
                                .format(suite.device)).strip() == suite.tap.guest_mac, 'the kernel has its interface again'
    suite.bind()
    suite.start()
    suite.wait_answer('example.')
    suite.stop()
    suite.guest.shutdown()
