# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite on network cards that DPDK's poll-mode drivers own (vfio-pci behind an IOMMU), in a virtual machine for each (tests/qemu),
asked from outside over its wire. Step `qemu` of tests/run; a release build, as a sanitizer's is too slow and too large for the guest."""
import pathlib
import re
import struct
import sys
import time

import dns.message
import pytest

from conftest import ANSWERS
from suite import send_udp
from test_answers import test_any_case_of_a_question_comes_back_as_it_was_sent  # noqa: F401
from test_answers import test_answer  # noqa: F401

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'qemu'))
import box as boxes  # noqa: E402
import guest  # noqa: E402
import kernel as kernels  # noqa: E402

# queue pairs that the card has, whether it spreads queries over them (QEMU's vmxnet3 knows no RSS, its e1000e none for UDP)
NICS = {
    'virtio': (2, True),
    'e1000e': (1, False),
    'vmxnet3': (1, False),
}
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
    queues, _ = NICS[request.param]
    try:
        box = boxes.Box(build, tmp_path_factory.mktemp(request.param), kernel, zone_texts, request.param, queues, {'answers': ANSWERS})
    except guest.Unavailable as e:
        pytest.skip(str(e))
    try:
        box.guest.bind(box.guest.nics[0])
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
    wanted = {'virtio': 'net_virtio', 'e1000e': 'net_e1000_em', 'vmxnet3': 'net_vmxnet3'}[suite.model]
    line = re.search(r'port %s \((\w+)\): (\d+) queue' % suite.device, suite.log_text())
    assert line and line.groups() == (wanted, '2' if suite.queues == 2 else line.group(2)), suite.log_text()


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
    # nobody holds the card: its group opens for another program
    suite.guest.run('group=$(basename "$(readlink /sys/bus/pci/devices/%s/iommu_group)"); exec 3<>/dev/vfio/$group' % suite.device)
    suite.start()
    suite.wait_answer('example.')
    suite.stop()
    suite.guest.shutdown()
