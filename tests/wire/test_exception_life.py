# SPDX-License-Identifier: GPL-3.0-or-later
"""The exception path when things go wrong or get crowded: floods, a twin that is down, deleted or cannot be made, a
dataplane that dies; and a BGP session that lives through DNS load."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import pytest

import netns
from netns import CLIENT4, SERVER4, ip
from suite import Suite, find_program, send_tcp, send_udp
from taplab import TWIN, TapLab
from test_dpdk import QUERY, checksum, udp4, udp6
from test_exception import arp_request, echo, memif_lab, packet_socket, port, receive, port_lines, send_frames, start, tap_lab  # noqa: F401
from test_stats import counters

ROUNDS, JUNK_A_ROUND = 300, 64      # below what a tap's queue holds: what gets lost, we lost


def wait_for(suite, what, condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        suite.must_run()
        assert time.monotonic() < end, what + '\n' + suite.log_text()
        time.sleep(0.05)


def drops(suite, reason):
    return counters(suite)['drops_total', reason]


def ask_amid(junk, rounds):
    """Rounds of junk with a query behind; -> queries without an answer."""
    lost = 0
    for i in range(rounds):
        send_frames(junk)
        lost += send_udp((SERVER4, 53), struct.pack('!H', i) + QUERY[2:], 10, 1) is None
    return lost


def test_a_flood_of_other_packets_costs_no_query(port):     # noqa: F811
    s, lab = port
    kinds = [arp_request(lab), udp4(lab, dport=9953), udp4(lab, fragment=0x2000), udp4(lab, dst='198.18.0.77'), udp6(lab, next_header=50),
             lab.server_mac + lab.client_mac + b'\x88\xb5' + bytes(1400), b'\xff' * 6 + lab.client_mac + b'\x88\xb5' + bytes(46)]
    junk = [kinds[i % len(kinds)] for i in range(JUNK_A_ROUND)]
    before = counters(s)
    assert lab.as_client(ask_amid, junk, ROUNDS) == 0
    after = counters(s)
    handled = sum(after[k] - before[k] for k in (('exception_packets_total', 'to-kernel'), ('drops_total', 'exception-full')))
    assert handled >= ROUNDS * JUNK_A_ROUND, 'each packet is handed over or counted as dropped'
    assert lab.as_client(echo, SERVER4)


def test_a_flood_from_the_kernel_costs_no_query(port):      # noqa: F811
    s, lab = port

    def talk():
        """Datagrams that nobody waits for, as fast as the twin's queue takes them."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for _ in range(30000):
                try:
                    out.sendto(bytes(1000), (CLIENT4, 9))
                except OSError:     # port unreachable, or no room
                    pass

    before = counters(s)['exception_packets_total', 'from-kernel']
    talker = subprocess_in(lab, talk)
    try:
        lost = lab.as_client(ask_amid, [], 500)
        # at memif's other end the flood goes to a kernel: what gets lost there, its suite has counted
        assert lost == 0 or lab.peer and lost <= drops(lab.peer, 'exception-full')
    finally:
        assert os.waitpid(talker, 0)[1] == 0
    assert counters(s)['exception_packets_total', 'from-kernel'] - before > 1000
    assert lab.as_client(echo, SERVER4)


def subprocess_in(lab, function):
    """Pid of a child that runs the function in the server's namespace."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            lab.inside(lab.server, function)
            status = 0
        finally:
            os._exit(status)
    return pid


def test_connections_that_the_kernel_refuses_are_counted(own):
    """The stream process is gone, and its launcher does not start it again."""
    s, lab = own
    assert lab.as_client(send_tcp, (SERVER4, 53), QUERY)
    before = counters(s)['tcp_refused_total', '']
    # another port's is no business of ours
    assert lab.as_client(send_tcp, (SERVER4, 5353), QUERY) is None
    s.forgiven.append('stream died')
    os.kill(s.process.pid, signal.SIGSTOP)
    try:
        os.kill(s.pid('stream'), signal.SIGKILL)
        wait_for(s, 'it does not die', lambda: lab.as_client(send_tcp, (SERVER4, 53), QUERY) is None)
        at = counters(s)['tcp_refused_total', '']
        for _ in range(10):
            assert lab.as_client(send_tcp, (SERVER4, 53), QUERY) is None
        wait_for(s, 'they are not counted', lambda: counters(s)['tcp_refused_total', ''] >= at + 10)
        assert before < at + 10 <= counters(s)['tcp_refused_total', ''] <= at + 11      # one may have been on its way
        assert lab.as_client(send_udp, (SERVER4, 53), QUERY, 5, 1)
    finally:
        os.kill(s.process.pid, signal.SIGCONT)
    wait_for(s, 'TCP does not come back', lambda: lab.as_client(send_tcp, (SERVER4, 53), QUERY) is not None)


@pytest.fixture
def own(build, zone_texts):
    """A suite on a tap port for one test alone, to be broken."""
    try:
        lab = TapLab()
    except (PermissionError, subprocess.CalledProcessError, FileNotFoundError) as e:
        pytest.skip('network namespaces are not permitted here: %s' % netns.reason(e))
    s = Suite(build, zone_texts, {}, [SERVER4], 53, lab.serve(), port_lines())
    try:
        start(s, lab)
        yield s, lab
    finally:
        try:
            s.remove()
        finally:
            lab.remove()


def keep_neighbours(lab):
    """Nobody answers ARP while the twin does not work."""
    mac = ':'.join('%02x' % b for b in lab.server_mac)
    ip('-n', lab.client, 'neigh', 'replace', SERVER4, 'lladdr', mac, 'nud', 'permanent', 'dev', lab.client_if)


def test_a_twin_that_is_down_comes_back(own):
    s, lab = own
    keep_neighbours(lab)
    ip('-n', lab.server, 'link', 'set', TWIN, 'down')
    before = drops(s, 'exception-refused')
    assert lab.as_client(ask_amid, [arp_request(lab)], 20) == 0
    wait_for(s, 'refused packets are not counted', lambda: drops(s, 'exception-refused') - before >= 20)
    assert 'is down: what is not DNS is dropped' in s.log_text()
    ip('-n', lab.server, 'link', 'set', TWIN, 'up')
    assert lab.as_client(echo, SERVER4), s.log_text()


def test_a_twin_that_was_deleted_costs_no_query(own):
    s, lab = own
    keep_neighbours(lab)
    ip('-n', lab.server, 'link', 'delete', TWIN)
    before = drops(s, 'exception-refused')
    assert lab.as_client(ask_amid, [arp_request(lab)], 20) == 0
    wait_for(s, 'refused packets are not counted', lambda: drops(s, 'exception-refused') - before >= 20)
    assert s.log_text().count('is gone') == 1
    assert lab.as_client(send_tcp, (SERVER4, 53), QUERY, 0.5) is None


def test_the_twin_has_the_carrier_of_the_port(own):
    s, lab = own
    for state in ('down', 'up'):
        lab.cut(state)
        wait_for(s, 'the twin does not follow the port: ' + state, lambda: lab.twin_up() == (state == 'up'))
    assert lab.as_client(echo, SERVER4), s.log_text()


def test_what_is_too_large_for_the_port_is_refused(own):
    s, lab = own
    assert lab.inside(lab.server, echo, CLIENT4)
    ip('-n', lab.server, 'link', 'set', TWIN, 'mtu', '9000')
    before = drops(s, 'exception-refused')
    assert not lab.inside(lab.server, echo, CLIENT4, 4000, 0.5)
    wait_for(s, 'refused packets are not counted', lambda: drops(s, 'exception-refused') > before)
    assert lab.inside(lab.server, echo, CLIENT4, 1000), 'the next packet passes\n' + s.log_text()


# --- beginning and end

@pytest.fixture
def veth():
    try:
        n = netns.Lab()
    except (PermissionError, subprocess.CalledProcessError, FileNotFoundError) as e:
        pytest.skip('network namespaces are not permitted here: %s' % netns.reason(e))
    try:
        yield n
    finally:
        n.remove()


def socket_port(interface, mode='tap'):
    return ['ports:', '  - device: "net_af_packet0,iface=mts"', '    addresses: ["%s:53"]' % SERVER4, '    exception: %s' % mode,
            '    exception-interface: %s' % interface]


def test_a_twin_that_cannot_be_made_is_an_error_where_it_was_asked_for(build, zone_texts, veth):
    s = Suite(build, zone_texts, {}, [SERVER4], 53, veth.serve(), socket_port('mts'))
    try:
        r = subprocess.run(s.prefix + [find_program(build, 'millrace-dataplane'), '--config', str(s.config_path)], capture_output=True,
                           text=True, timeout=60, stdin=subprocess.DEVNULL)
    finally:
        s.remove()
    assert r.returncode == 78, r.stderr
    lines = [line for line in r.stderr.splitlines() if 'twin' in line or 'cannot' in line]
    assert len(lines) == 1, r.stderr
    assert 'cannot make the twin interface mts' in lines[0] and '`exception-interface`' in lines[0]


def test_a_twin_that_cannot_be_made_is_a_warning_otherwise(build, zone_texts, veth):
    lines = ['ports:', '  - device: "net_tap0,iface=mtx"', '    addresses: ["%s:53"]' % SERVER4, '    exception-interface: mts']
    s = Suite(build, zone_texts, {}, [SERVER4], 53, veth.serve(), lines)
    try:
        s.start()
        assert 'warning: port net_tap0,iface=mtx: cannot make the twin interface mts' in s.log_text()
    finally:
        s.remove()


def address_of(namespace, interface):
    """(index, addresses) of an interface."""
    out = subprocess.run(['ip', '-n', namespace, '-o', '-4', 'addr', 'show', 'dev', interface], check=True, capture_output=True, text=True).stdout
    return out.split(':')[0], out.split('inet ')[1].split()[0]


def test_the_twin_and_its_addresses_outlive_the_dataplane(build, zone_texts, veth):
    s = Suite(build, zone_texts, {}, [SERVER4], 53, veth.serve(), socket_port(TWIN))
    s.forgiven.append('dataplane died: signal 9')
    try:
        s.start()
        ip('-n', veth.server, 'addr', 'add', '198.18.9.1/24', 'dev', TWIN)
        before = address_of(veth.server, TWIN)
        pid = s.pid('dataplane')
        os.kill(pid, signal.SIGKILL)
        wait_for(s, 'the dataplane is not back', lambda: s.pid('dataplane') not in (0, pid))
        assert address_of(veth.server, TWIN) == before
        n = counters(s)['exception_packets_total', 'to-kernel']
        veth.as_client(send_frames, [arp_request(veth)], veth.client_if)
        wait_for(s, 'the twin does not work any more', lambda: counters(s)['exception_packets_total', 'to-kernel'] > n)
        s.stop()
        assert address_of(veth.server, TWIN) == before
    finally:
        s.remove()


def test_checksums_that_were_left_to_hardware_are_made(build, zone_texts, veth):
    """The client's kernel sends TCP over a veth without checksums; the twin's would not believe it."""
    r = subprocess.run(['ip', 'netns', 'exec', veth.client, 'ethtool', '-K', veth.client_if, 'tx', 'on'], capture_output=True, text=True)
    if r.returncode != 0:
        pytest.skip('no checksum offload on veth here: ' + r.stderr)
    s = Suite(build, zone_texts, {}, [SERVER4], 53, veth.serve(), socket_port(TWIN))

    def sniff(interface):
        with packet_socket(interface) as twin:
            twin.settimeout(20)
            veth.as_client(send_tcp, (SERVER4, 53), QUERY)
            while True:
                b = receive(twin)
                if b[12:14] == b'\x08\0' and b[23] == 6 and b[36:38] == b'\0\x35':
                    segment = b[34:14 + struct.unpack('!H', b[16:18])[0]]
                    return checksum(b[26:34] + struct.pack('!BBH', 0, 6, len(segment)) + segment) == 0
    try:
        s.start()
        assert not veth.inside(veth.server, sniff, veth.server_if), 'the checksum was there already: nothing is tested'
        assert veth.inside(veth.server, sniff, TWIN)
    finally:
        s.remove()


# --- BGP

BIRD = '''router id %s;
protocol device { scan time 1; }
protocol static { ipv4; route %s blackhole; }
protocol bgp peer {
    local %s as %d;
    neighbor %s as %d;
    check link; hold time 6; keepalive time 2; connect delay time 1; error wait time 1, 2;
    ipv4 { import all; export all; };
}
'''


class Bird:
    def __init__(self, folder, namespace, mine, number, other, other_number, route):
        self.control = os.path.join(folder, namespace)
        path = self.control + '.conf'
        with open(path, 'w') as f:
            f.write(BIRD % (mine, route, mine, number, other, other_number))
        self.process = subprocess.Popen(['ip', 'netns', 'exec', namespace, shutil.which('bird', path='/usr/sbin:/sbin:/usr/bin'), '-f', '-c', path,
                                         '-s', self.control], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, *command):
        birdc = shutil.which('birdc', path='/usr/sbin:/sbin:/usr/bin')
        return subprocess.run([birdc, '-s', self.control, *command], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL).stdout

    def session(self):
        """When it was established, in seconds of the day, or None. BIRD reckons it anew each time, and not always to the same millisecond."""
        rows = [line.split() for line in self.ask('show', 'protocols', 'peer').splitlines() if line.startswith('peer')]
        if not rows or rows[0][-1] != 'Established':
            return None
        h, m, s = rows[0][4].split(':')
        return 3600 * int(h) + 60 * int(m) + float(s)

    def end(self):
        self.process.terminate()
        self.process.wait()


def test_a_bgp_session_lives_through_dns_load(port):        # noqa: F811
    s, lab = port
    if not shutil.which('bird', path='/usr/sbin:/sbin:/usr/bin'):
        pytest.skip('BIRD is not installed')
    folder = tempfile.mkdtemp(prefix='millrace-bird-')
    birds = []
    try:
        birds.append(Bird(folder, lab.server, SERVER4, 64512, CLIENT4, 64511, '192.0.2.53/32'))
        birds.append(Bird(folder, lab.client, CLIENT4, 64511, SERVER4, 64512, '192.0.2.99/32'))
        wait_for(s, 'no BGP session', lambda: all(b.session() for b in birds), 60)
        wait_for(s, 'the route is not announced', lambda: SERVER4 in birds[1].ask('show', 'route', '192.0.2.53/32'), 30)
        since = [b.session() for b in birds]
        # longer than the hold time: without keepalives both ways the session would end
        end, lost = time.monotonic() + 8, 0
        junk = [lab.server_mac + lab.client_mac + b'\x88\xb5' + bytes(46)] * 8
        while time.monotonic() < end:
            lost += lab.as_client(ask_amid, junk, 200)
        assert lost == 0
        now = [b.session() for b in birds]
        assert all(now) and all(abs(a - b) < 1 for a, b in zip(now, since)), 'the session went down meanwhile'
        assert SERVER4 in birds[1].ask('show', 'route', '192.0.2.53/32')
        if not hasattr(lab, 'cut'):
            return
        # a port without link ends it, for that reason
        lab.cut('down')
        wait_for(s, 'the session is not ended', lambda: 'Link down' in birds[0].ask('show', 'protocols', 'all', 'peer'))
        lab.cut('up')
        wait_for(s, 'no BGP session again', lambda: all(b.session() for b in birds), 60)
    finally:
        for b in birds:
            b.end()
        shutil.rmtree(folder)
