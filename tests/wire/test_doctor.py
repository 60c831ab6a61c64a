# SPDX-License-Identifier: GPL-3.0-or-later
"""millracectl doctor and port: on this machine, and on a machine that is a folder of files like those of /sys and
/proc. That a card really changes its driver is seen in the QEMU guest (tests/qemu)."""
import json
import os
import pathlib
import subprocess

import pytest

from suite import find_program

CARD = '0000:81:00.0'
VF = '0000:81:10.0'


class Machine:
    """/sys and /proc of two sockets, a card on the second one, and what the test changes."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.put('proc/sys/kernel/osrelease', '6.1.0-18-amd64\n')
        self.put('proc/cpuinfo', 'processor\t: 0\nflags\t\t: fpu sse sse2 sse4_1 sse4_2 avx\n')
        self.put('proc/swaps', 'Filename\tType\tSize\tUsed\tPriority\n')
        self.put('proc/net/route', 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n')
        self.put('sys/devices/system/cpu/online', '0-7\n')
        self.put('sys/devices/system/cpu/isolated', '4-7\n')
        for cpu in range(8):
            c = 'sys/devices/system/cpu/cpu%d/' % cpu
            self.put(c + 'cpufreq/scaling_governor', 'performance\n')
            self.put(c + 'topology/thread_siblings_list', '%d\n' % cpu)
            self.put(c + 'cpuidle/state0/latency', '2\n')
            self.put(c + 'cpuidle/state0/disable', '0\n')
        for node, cpus in ((0, '0-3'), (1, '4-7')):
            self.put('sys/devices/system/node/node%d/cpulist' % node, cpus + '\n')
            self.put('sys/devices/system/node/node%d/hugepages/hugepages-2048kB/free_hugepages' % node, '512\n')
        self.put('sys/devices/system/clocksource/clocksource0/current_clocksource', 'tsc\n')
        self.put('sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', '1024\n')
        self.put('sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages', '1024\n')
        self.put('sys/kernel/iommu_groups/42/x', '')
        self.put('dev/vfio/42', '')
        for name in ('vfio-pci', 'ixgbe', 'ixgbevf'):
            self.put('sys/bus/pci/drivers/%s/unbind' % name, '')
        self.put('sys/bus/pci/drivers_probe', '')
        self.card(CARD, 'ixgbe', 'eth1', 1)

    def put(self, path, text):
        p = self.root / path
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_text(text)

    def link(self, path, target):
        p = self.root / path
        p.parent.mkdir(parents=True, exist_ok=True)
        if p.is_symlink():
            p.unlink()
        p.symlink_to(target)

    def card(self, address, driver, interface, node):
        d = 'sys/bus/pci/devices/%s/' % address
        for name, value in (('class', '0x020000'), ('vendor', '0x8086'), ('device', '0x10fb'), ('numa_node', str(node)),
                            ('current_link_width', '8'), ('max_link_width', '8'), ('driver_override', '(null)'),
                            ('current_link_speed', '8.0 GT/s PCIe'), ('max_link_speed', '8.0 GT/s PCIe')):
            self.put(d + name, value + '\n')
        self.link(d + 'iommu_group', '../../../kernel/iommu_groups/42')
        if driver:
            self.link(d + 'driver', '../../../bus/pci/drivers/' + driver)
        if interface:
            self.put(d + 'net/%s/mtu' % interface, '1500\n')
            self.put('sys/class/net/%s/mtu' % interface, '1500\n')
            self.put('sys/class/net/%s/operstate' % interface, 'up\n')


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path / 'root')


@pytest.fixture
def ctl(build):
    program = find_program(build, 'millracectl')

    def run(*args):
        return subprocess.run([program, *args], capture_output=True, text=True, timeout=60)
    return run


@pytest.fixture
def config(tmp_path):
    def write(text):
        p = tmp_path / 'millrace.yaml'
        p.write_text('run-dir: %s\n' % (tmp_path / 'run') + text)
        return str(p)
    return write


PCI = '''dataplane:
  workers: 2
  cores: [4, 5]
  ports:
    - device: %s
''' % CARD


def findings(ctl, machine, config_path, *more):
    r = ctl('doctor', '--json', '--root', str(machine.root), *(['--config', config_path] if config_path else []), *more)
    assert r.stderr == '', r.stderr
    found = json.loads(r.stdout)['findings']
    assert (r.returncode == 1) == any(f['level'] == 'bad' for f in found)
    return found


def of(found, check, level=None):
    return [f for f in found if f['check'] == check and level in (None, f['level'])]


def test_a_well_set_up_machine_has_nothing_to_mend(ctl, machine, config):
    machine.link('sys/bus/pci/devices/%s/driver' % CARD, '../../../bus/pci/drivers/vfio-pci')
    found = findings(ctl, machine, config(PCI))
    assert [f for f in found if f['level'] in ('bad', 'slow') and f['check'] != 'user'] == []
    assert of(found, 'driver', 'ok') and of(found, 'iommu', 'ok') and of(found, 'numa', 'ok') and of(found, 'isolated', 'ok')


def test_a_path_may_have_any_octets(ctl, machine, tmp_path):
    path = os.fsencode(tmp_path) + b'/\xff.yaml'
    with open(path, 'w') as f:
        f.write('run-dir: %s\n' % (tmp_path / 'run'))
    r = ctl('doctor', '--json', '--root', str(machine.root), '--config', path)
    assert r.returncode in (0, 1) and json.loads(r.stdout)['config'] == str(tmp_path) + '/?.yaml', r.stderr


def sick(name, change, check, level, *words, yaml=PCI):
    return pytest.param(change, check, level, words, yaml, id=name)


def cpu(n, path):
    return 'sys/devices/system/cpu/cpu%d/%s' % (n, path)


@pytest.mark.parametrize('change,check,level,words,yaml', [
    sick('card with the kernel', lambda m: None, 'driver', 'bad', 'ixgbe', 'millracectl port bind ' + CARD),
    sick('no such card', lambda m: None, 'driver', 'bad', '0000:99:00.0', yaml=PCI.replace(CARD, '0000:99:00.0')),
    sick('a Mellanox card', lambda m: m.link('sys/bus/pci/devices/%s/driver' % CARD, '../../../bus/pci/drivers/mlx5_core'), 'driver', 'bad',
         'not supported as DPDK ports yet', 'net_af_xdp0,iface=eth1'),
    sick('no iommu', lambda m: (m.root / 'sys/kernel/iommu_groups/42/x').unlink() or
         (m.root / 'sys/kernel/iommu_groups/42').rmdir(), 'iommu', 'bad', 'intel_iommu=on'),
    sick('no huge pages', lambda m: m.put('sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages', '3\n'),
         'huge-pages', 'bad', 'echo 1057 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages'),
    sick('workers far from the card', lambda m: None, 'numa', 'slow', CARD, 'node 1', 'CPU 0-1', '4-7',
         yaml=PCI.replace('[4, 5]', '[0, 1]')),
    sick('huge pages on the wrong node', lambda m: m.put(
        'sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages', '0\n'), 'numa', 'slow', 'node1'),
    sick('cpu that is not there', lambda m: None, 'cpu', 'bad', 'CPU 9', yaml=PCI.replace('[4, 5]', '[4, 9]')),
    sick('cpu that is off', lambda m: m.put(cpu(9, 'online'), '0\n'), 'cpu', 'bad', 'CPU 9', 'echo 1 > /sys/devices/system/cpu/cpu9/online',
         yaml=PCI.replace('[4, 5]', '[4, 9]')),
    sick('old cpu', lambda m: m.put('proc/cpuinfo', 'flags\t\t: fpu sse sse2\n'), 'cpu', 'bad', 'SSE4.2'),
    sick('powersave', lambda m: m.put(cpu(5, 'cpufreq/scaling_governor'), 'powersave\n'), 'governor', 'slow', 'CPU 5',
         'cpupower -c 5 frequency-set -g performance'),
    sick('deep sleep', lambda m: m.put(cpu(4, 'cpuidle/state1/latency'), '133\n'), 'c-states', 'slow', '133 us', 'idle-set'),
    sick('not isolated', lambda m: m.put('sys/devices/system/cpu/isolated', '5\n'), 'isolated', 'slow', 'CPU 4',
         'isolcpus=4-5'),
    sick('two threads of a core', lambda m: [m.put(cpu(n, 'topology/thread_siblings_list'), '4-5\n') for n in (4, 5)],
         'siblings', 'slow', 'CPU 4-5'),
    sick('slow clock', lambda m: m.put('sys/devices/system/clocksource/clocksource0/current_clocksource', 'hpet\n'),
         'clock', 'slow', 'hpet'),
    sick('narrow slot', lambda m: m.put('sys/bus/pci/devices/%s/current_link_width' % CARD, '4\n'), 'pcie', 'slow', '4 of its 8'),
    sick('slow slot', lambda m: m.put('sys/bus/pci/devices/%s/current_link_speed' % CARD, '2.5 GT/s PCIe\n'), 'pcie', 'slow',
         '2.5 GT/s'),
    sick('swap', lambda m: m.put('proc/swaps', 'Filename\tType\n/dev/sda2\tpartition\t1\t0\t-2\n'), 'swap', 'slow', 'swapoff'),
    sick('xdp on no interface', lambda m: None, 'interface', 'bad', 'eth7',
         yaml='dataplane:\n  ports:\n    - device: net_af_xdp0,iface=eth7\n'),
    sick('xdp on jumbo', lambda m: m.put('sys/class/net/eth1/mtu', '9000\n'), 'interface', 'bad', 'ip link set dev eth1 mtu 1500',
         yaml='dataplane:\n  ports:\n    - device: net_af_xdp0,iface=eth1\n'),
    sick('xdp on an interface that is down', lambda m: m.put('sys/class/net/eth1/operstate', 'down\n'), 'interface', 'bad',
         'ip link set dev eth1 up', yaml='dataplane:\n  ports:\n    - device: net_af_xdp0,iface=eth1\n'),
    sick('old kernel', lambda m: m.put('proc/sys/kernel/osrelease', '4.19.0\n'), 'kernel', 'bad', '5.10',
         yaml='dataplane:\n  ports:\n    - device: net_af_xdp0,iface=eth1\n'),
    sick('conntrack full', lambda m: [m.put('proc/sys/net/netfilter/nf_conntrack_' + n, v) for n, v in
                                      (('count', '250000\n'), ('max', '262144\n'))], 'conntrack', 'bad', 'udp dport { 5300 } notrack',
         yaml='dataplane:\n  listen: ["127.0.0.1:5300"]\n'),
    sick('address taken', lambda m: m.put('proc/net/udp', '  sl  local_address rem_address\n   1: 0100007F:14B4 00000000:0000 07\n'),
         'listen', 'bad', '127.0.0.1:5300', "ss -lunp 'sport = :5300'", yaml='dataplane:\n  listen: ["127.0.0.1:5300"]\n'),
])
def test_what_ails_a_machine_is_said_with_its_cure(ctl, machine, config, change, check, level, words, yaml):
    change(machine)
    found = of(findings(ctl, machine, config(yaml)), check, level)
    assert found, 'nothing %s was said of %s' % (level, check)
    assert all(f['mend'] for f in found), 'each failure has its cure'
    text = ' '.join(f['text'] + ' ' + f['mend'] for f in found)
    for w in words:
        assert w in text, text


def test_doctor_runs_on_this_machine_and_a_bad_configuration_is_named(ctl, config):
    r = ctl('doctor', '--config', config('dataplane:\n  listen: ["127.0.0.1:5399"]\n'))
    lines = r.stdout.splitlines()
    assert r.stderr == '' and any(line.startswith('ok ') for line in lines)
    assert all(len(line) > 0 for line in lines[2:]), 'one line each'
    r = ctl('doctor', '--config', config('dataplane:\n  listne: []\n'))
    assert r.returncode == 1 and 'millrace.yaml:3' in r.stderr and "did you mean 'listen'" in r.stderr


def test_port_list_shows_cards_drivers_and_the_default_route(ctl, machine):
    machine.card(VF, 'vfio-pci', None, 1)
    machine.put('sys/bus/pci/devices/%s/physfn/x' % VF, '')
    machine.put('sys/bus/pci/devices/0000:00:1f.2/class', '0x010601\n')     # a disk controller
    machine.put('proc/net/route', 'Iface\tDestination\n'
                'eth1\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n')
    cards = json.loads(ctl('port', 'list', '--json', '--root', str(machine.root)).stdout)
    assert [(c['address'], c['driver'], c['interfaces'], c['default_route'], c['virtual_function']) for c in cards] == [
        (CARD, 'ixgbe', ['eth1'], True, False), (VF, 'vfio-pci', [], False, True)]
    assert 'default route' in ctl('port', 'list', '--root', str(machine.root)).stdout


def test_a_mellanox_card_is_not_bound(ctl, machine):
    """Its driver must stay for DPDK, and the suite has no way yet to use it so."""
    machine.link('sys/bus/pci/devices/%s/driver' % CARD, '../../../bus/pci/drivers/mlx5_core')
    r = ctl('port', 'bind', CARD, '--root', str(machine.root))
    assert r.returncode == 1 and r.stdout == '' and 'not supported' in r.stderr and 'AF_XDP' in r.stderr, r
    assert (machine.root / 'sys/bus/pci/devices' / CARD / 'driver_override').read_text() == '(null)\n'
    assert 'not supported' in ctl('port', 'list', '--root', str(machine.root)).stdout


def test_the_card_with_the_default_route_is_not_taken_unless_told_twice(ctl, machine):
    machine.put('proc/net/ipv6_route', '%s 00 %s 00 %s 00000400 00000001 00000000 00000003     eth1\n' % ('0' * 32, '0' * 32, '0' * 32))
    override = machine.root / 'sys/bus/pci/devices' / CARD / 'driver_override'
    for force in ([], ['--force']):
        r = ctl('port', 'bind', 'eth1', '--root', str(machine.root), *force)
        assert r.returncode == 1 and 'default route' in r.stderr and ('--force --force' if force else '--force twice') in r.stderr
        assert override.read_text() == '(null)\n' and not (machine.root / 'run/millrace-ports').exists()
    (machine.root / 'run').mkdir()
    ctl('port', 'bind', 'eth1', '--root', str(machine.root), '--force', '--force')
    assert (machine.root / 'sys/bus/pci/drivers/ixgbe/unbind').read_text() == CARD


def test_a_card_that_the_driver_does_not_take_is_given_back(ctl, machine):
    (machine.root / 'run').mkdir()
    r = ctl('port', 'bind', CARD, '--root', str(machine.root))      # nobody moves the link: the "kernel" did not bind
    assert r.returncode == 1 and 'vfio-pci does not take ' + CARD in r.stderr
    assert not (machine.root / 'run/millrace-ports' / CARD).exists(), 'nothing is remembered of what did not happen'
    assert (machine.root / 'sys/bus/pci/devices' / CARD / 'driver_override').read_text().startswith('\n'), 'any driver may have it again'
    r = ctl('port', 'bind', CARD, '--root', str(machine.root), '--driver', 'uio_pci_generic')
    assert r.returncode == 1 and 'modprobe uio_pci_generic' in r.stderr
    r = ctl('port', 'bind', CARD, '--root', str(machine.root), '--driver', 'ixgbe')
    assert r.returncode == 2 and 'vfio-pci' in r.stderr
    r = ctl('port', 'bind', '0000:12:00.0', '--root', str(machine.root))
    assert r.returncode == 1 and 'no network card 0000:12:00.0' in r.stderr


def test_unbind_of_a_card_that_the_kernel_has_changes_nothing(ctl, machine):
    r = ctl('port', 'unbind', 'eth1', '--root', str(machine.root))
    assert r.returncode == 0 and 'ixgbe already' in r.stdout
    assert (machine.root / 'sys/bus/pci/devices' / CARD / 'driver_override').read_text() == '(null)\n'
