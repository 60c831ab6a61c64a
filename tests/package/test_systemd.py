# SPDX-License-Identifier: GPL-3.0-or-later
"""The package under systemd: a Debian in a virtual machine on which it is installed, started, killed, reloaded, put on network
cards, upgraded and purged. The tests are one operator's day, in this order."""
import json
import pathlib
import re
import shutil
import time

import dns.message
import pytest

import debian
import guest
import initramfs
import kernel as kernels
from suite import send_tcp, send_udp

HERE = pathlib.Path(__file__).resolve().parent
MODULES = ('virtio_pci', 'virtio_blk', 'virtio_net', 'tun', 'vfio_iommu_type1', 'vfio-pci')
SERVICES = ('controlplane', 'dataplane', 'stream')
LONG_S = 120            # a dpkg or a boot in software emulation on a busy machine
SERVER, CLIENT = '198.18.%d.1', '198.18.%d.2'
CONFIG = '/etc/millrace/millrace.yaml'
ZONE = '/etc/millrace/zones/example.com.zone'
ASK = 'kdig +short +retry=0 +time=2 %s @127.0.0.1 -p 5300 %s A'
HUGE_PAGES = 64
REPLACE = '/usr/libexec/millrace/replace-services'
DPKG = 'DEBIAN_FRONTEND=noninteractive dpkg --force-confold --force-unsafe-io '


class Load:
    """A fixed rate of queries in the guest while a test does things there; on tmpfs, where a purge finds nothing of it."""
    # a stall of five seconds fits into a socket's buffer; only what never comes is lost
    COMMAND = '/run/mt-load/millrace-bench --json --rate 100 --flows 16 --timeout 30 --duration 600 --server 127.0.0.1:5300 ' \
              '--query "www.example.com A" --query "nix.example.com A"'

    def __init__(self, machine):
        self.machine = machine

    def __enter__(self):
        self.machine.run('[ -d /run/mt-load ] || { dpkg-deb -x /mnt/bench.deb /run/mt-x && mv /run/mt-x/usr/bin /run/mt-load; }', LONG_S)
        self.machine.run('{ %s; } >/run/mt-load/out 2>&1 & echo $! >/run/mt-load/pid' % ('exec ' + self.COMMAND))
        # it is there, and answered
        self.machine.wait('ss -Hun dst 127.0.0.1:5300 | grep -q .')
        time.sleep(0.5)
        return self

    def __exit__(self, *exception):
        self.machine.run('kill $(cat /run/mt-load/pid)')
        if exception[0] is None:
            self.result = json.loads(self.machine.wait('! kill -0 $(cat /run/mt-load/pid) 2>/dev/null && cat /run/mt-load/out').splitlines()[-1])

    def nothing_lost(self):
        r = self.result
        assert r['sent'] > 50 and r['lost'] == 0 and r['received'] == r['sent'] and r['unexpected'] == 0 and r['invalid'] == 0, r


class Machine(guest.Guest):
    def pid(self, name):
        return int(self.run('systemctl show -P MainPID millrace-%s' % name).output)

    def pids(self):
        out = self.run('systemctl show -P MainPID ' + ' '.join('millrace-' + n for n in SERVICES)).output
        return dict(zip(SERVICES, map(int, out.split())))

    def active(self, *names):
        return self.run('systemctl is-active ' + ' '.join('millrace-' + n for n in names), check=False).output.split()

    def wait_pid(self, name, old):
        """The service has another process, and has said that it is ready."""
        return self.wait('[ $(systemctl show -P MainPID millrace-{0}) != {1} ] && systemctl --quiet is-active millrace-{0}'.format(name, old), LONG_S)

    def wait_answer(self, name='www.example.com', content='192.0.2.80', tcp=False):
        """Asked in the guest, on the first configuration's address."""
        return self.wait(ASK % ('+tcp' if tcp else '+notcp', name) + ' | grep -qxF %s' % content, LONG_S)

    def journal(self, name):
        return self.run('journalctl --no-pager -o cat -n 60 -u millrace-%s' % name, check=False).output

    def restart(self, *names):
        for n in names:
            assert self.run('systemctl restart millrace-' + n, LONG_S, check=False).status == 0, self.journal(n)

    def configure(self, dataplane, more=''):
        self.put(CONFIG, 'zones:\n  directory: zones\ndataplane:\n' + dataplane + more)
        self.run('chown root:millrace %s && chmod 640 %s' % (CONFIG, CONFIG))


def ask_from_outside(machine, wire, address, seconds=LONG_S):
    query = dns.message.make_query('web.example.com', 'A')
    for send in (send_udp, send_tcp):
        end, octets = time.monotonic() + seconds, None
        while not octets:
            octets = wire.run(send, (address, 53), query.to_wire())
            assert octets or time.monotonic() < end, '%s: no answer from %s\n%s' % (send.__name__, address, machine.journal('dataplane'))
        assert '192.0.2.80' in str(dns.message.from_wire(octets).answer), send.__name__


@pytest.fixture(scope='module')
def wire():
    try:
        with guest.Wire() as w:
            yield w
    except guest.Unavailable as e:
        pytest.skip(str(e))


@pytest.fixture(scope='module')
def machine(work, packages, debian_root, wire, tmp_path_factory):
    folder = tmp_path_factory.mktemp('machine')
    try:
        guest.check()
        # where tests/wire/test_nics.py has it already, in tests/run
        release = work.parent / 'release'
        kernel = kernels.fetch((release if release.is_dir() else work) / 'qemu')
        taps = [wire.tap([CLIENT % n + '/24']) for n in (0, 1)]
        disk = debian.image(folder, 'root', debian_root, 1024)
    except guest.Unavailable as e:
        pytest.skip(str(e))
    (folder / 'debs').mkdir()
    shutil.copy(packages['millrace'], folder / 'debs' / 'millrace.deb')
    shutil.copy(packages['millrace-bench'], folder / 'debs' / 'bench.deb')
    debs = debian.image(folder, 'debs', folder / 'debs', 32)
    files = initramfs.base(kernel, MODULES)
    files.write('/init', (HERE / 'init').read_bytes(), 0o755)
    nics = [guest.Nic('virtio', t) for t in taps]
    try:
        with Machine(folder, kernel.image, files.octets(), disks=[disk, debs], nics=nics, cpus=2, memory_mib=1024, boot_s=LONG_S,
                     append='systemd.show_status=0') as m:
            m.run('mount -o ro /dev/vdb /mnt')
            m.wait('systemctl is-active sysinit.target', LONG_S)
            yield m
    finally:
        disk.unlink()
        debs.unlink()


@pytest.fixture(scope='module')
def installed(machine):
    machine.run(DPKG + '-i /mnt/millrace.deb', LONG_S)
    return machine


def test_installed_it_runs_and_answers(installed):
    assert installed.active('controlplane', 'dataplane', 'stream') == ['active'] * 3
    assert installed.run('systemctl is-active millrace.target').output.strip() == 'active'
    installed.wait_answer()
    installed.wait_answer(tcp=True)
    # the status is what the service itself said
    assert 'HTTP API' in installed.run('systemctl show -P StatusText millrace-controlplane').output


def test_each_has_a_user_of_its_own_and_no_capability(installed):
    users = set()
    for name, pid in installed.pids().items():
        user, status = installed.run('stat -c %%U:%%G /proc/%d && cat /proc/%d/task/*/status' % (pid, pid)).output.split('\n', 1)
        users.add(user)
        for field in ('CapPrm', 'CapEff', 'CapInh', 'CapAmb'):
            values = set(re.findall(r'^%s:\s*(\S+)$' % field, status, re.M))
            assert values == {'0' * 16}, '%s of millrace-%s: %s' % (field, name, values)
        assert set(re.findall(r'^NoNewPrivs:\s*(\d)$', status, re.M)) == {'1'}
        assert set(re.findall(r'^Seccomp:\s*(\d)$', status, re.M)) == {'2'}
    assert users == {'millrace-%s:millrace' % n for n in SERVICES}


def test_files_in_the_run_directory_belong_to_who_writes_them(installed):
    out = installed.run('stat -c "%n %U %a" /run/millrace/*').output.replace('/run/millrace/', '')
    owners = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert owners['arena'] == ['millrace-controlplane', '640']
    assert owners['api.sock'] == ['millrace-controlplane', '660']
    assert [n for n, (user, mode) in owners.items() if user == 'root' or int(mode, 8) & 0o007 and not n.endswith('.ready')] == []
    # somebody else of the group may neither replace nor write it
    r = installed.run('setpriv --reuid millrace-stream --regid millrace --clear-groups mv /run/millrace/arena /run/millrace/x', check=False)
    assert r.status != 0
    # and whoever is in the group may ask
    installed.run('setpriv --reuid nobody --regid millrace --clear-groups millracectl status')
    assert installed.run('setpriv --reuid nobody --regid nogroup --clear-groups millracectl status', check=False).status != 0


@pytest.mark.parametrize('name', SERVICES)
def test_one_that_is_killed_is_started_again_and_the_others_do_not_notice(installed, name):
    before = installed.pids()
    installed.run('kill -KILL %d' % before[name])
    installed.wait_pid(name, before[name])
    installed.wait_answer()
    installed.wait_answer(tcp=True)
    after = installed.pids()
    assert {n: after[n] for n in SERVICES if n != name} == {n: before[n] for n in SERVICES if n != name}
    assert after[name] != before[name]


@pytest.mark.parametrize('name', SERVICES)
def test_a_restart_of_one_is_of_one(installed, name):
    before = installed.pids()
    installed.run('systemctl restart millrace-%s' % name, LONG_S)
    after = installed.pids()
    assert [n for n in SERVICES if after[n] != before[n]] == [name]
    installed.wait_answer(tcp=name != 'dataplane')


def test_reload_takes_a_zone_that_changed(installed):
    before = installed.pids()
    installed.run("printf 'added IN A 192.0.2.77\\n' >>%s && systemctl reload millrace-controlplane" % ZONE)
    installed.wait_answer('added.example.com', '192.0.2.77')
    assert installed.pids() == before


def test_reload_of_the_dataplane_hands_over_and_loses_nothing(installed):
    first = installed.pids()
    with Load(installed) as load:
        for _ in range(2):
            before = installed.pid('dataplane')
            installed.run('systemctl reload millrace-dataplane', LONG_S)
            after = installed.pid('dataplane')
            assert after not in (0, before) and installed.active('dataplane') == ['active']
            # of the unit's processes it is the only one, and systemd's own child, whose end is noticed
            assert installed.run('pgrep -x millrace-datapl; ps -o ppid= -p %d' % after).output.split() == [str(after), '1']
        # what cannot be replaced goes on
        good = installed.get(CONFIG)
        installed.run('sed -i s/listen:/hear:/ %s' % CONFIG)
        assert installed.run('systemctl reload millrace-dataplane', LONG_S, check=False).status != 0
        assert "key 'dataplane.hear': unknown key" in installed.journal('dataplane')
        r = installed.run(REPLACE, LONG_S)
        assert 'the old programs go on' in r.output and "'dataplane.hear'" in r.output
        installed.put(CONFIG, good, 0o640)
        installed.run('chown root:millrace ' + CONFIG)
        assert dict(first, dataplane=after) == installed.pids() and installed.active('dataplane') == ['active']
    load.nothing_lost()
    installed.wait_answer(tcp=True)
    test_each_has_a_user_of_its_own_and_no_capability(installed)
    # it is the service: its death is noticed, and so is its end
    test_one_that_is_killed_is_started_again_and_the_others_do_not_notice(installed, 'dataplane')
    assert 'not our child' not in installed.run('journalctl --no-pager -o cat _PID=1').output


def test_a_store_is_restored_as_documented(installed):
    """docs/store.md, by root; the service opens what root put there."""
    for name in ('kept.example', 'later.example'):
        installed.run("printf '@ 60 SOA ns1 host 1 2 3 4 5\\n@ 60 NS ns1\\nns1 60 A 192.0.2.9\\n' >/run/%s.zone && "
                      'millracectl zone import /run/%s.zone' % (name, name), LONG_S)
        if name == 'kept.example':
            installed.run('millracectl store snapshot /run/store.mdb', LONG_S)
    installed.wait_answer('ns1.later.example', '192.0.2.9')
    installed.run('systemctl stop millrace-controlplane && millracectl store restore --yes /run/store.mdb && '
                  'systemctl start millrace-controlplane', LONG_S)
    installed.wait('! millracectl zone show later.example >/dev/null 2>&1 && millracectl zone show kept.example', LONG_S)
    installed.wait_answer('ns1.kept.example', '192.0.2.9')
    installed.run('millracectl zone create made.example', LONG_S)       # it is written to
    assert installed.run('stat -c %U:%G /var/lib/millrace/store.mdb*').output.split() == ['millrace-controlplane:millrace'] * 3


def test_a_mistake_in_the_configuration_is_told_and_mended_without_another_command(installed):
    good = installed.get(CONFIG)
    before = installed.pids()
    installed.run('sed -i s/listen:/lisen:/ %s' % CONFIG)
    assert installed.run('systemctl restart millrace-dataplane', LONG_S, check=False).status != 0
    assert "key 'dataplane.lisen': unknown key; did you mean 'listen'?" in installed.journal('dataplane')
    assert installed.active('controlplane', 'stream') == ['active'] * 2
    installed.put(CONFIG, good, 0o640)
    installed.run('chown root:millrace ' + CONFIG)
    installed.wait('systemctl --quiet is-active millrace-dataplane', LONG_S)
    installed.wait_answer()
    assert {n: p for n, p in installed.pids().items() if n != 'dataplane'} == {n: p for n, p in before.items() if n != 'dataplane'}


def interface(machine):
    """The first NIC, as the kernel has it: its name, with the address on it."""
    eth = machine.wait('ls /sys/bus/pci/devices/%s/virtio*/net' % machine.nics[0].address).strip()
    machine.run('ip address replace %s/24 dev %s && ip link set %s up' % (SERVER % 0, eth, eth))
    return eth


def test_port_53_is_served_to_others(installed, wire):
    interface(installed)
    installed.configure('  listen: [127.0.0.1:5300, %s]\n' % (SERVER % 0))
    installed.restart('dataplane', 'stream')
    ask_from_outside(installed, wire, SERVER % 0)
    test_each_has_a_user_of_its_own_and_no_capability(installed)


def test_af_xdp_works_with_what_its_drop_in_allows(installed, wire):
    eth = interface(installed)
    port = '  listen: [127.0.0.1:5300]\n  ports:\n    - device: net_af_xdp0,iface=%s\n      addresses: [%s]\n' % (eth, SERVER % 0)
    installed.configure(port)
    # not before it is allowed, and the reason is in the journal
    assert installed.run('systemctl restart millrace-dataplane', LONG_S, check=False).status != 0
    installed.run('millrace-host enable af-xdp', LONG_S)
    installed.restart('dataplane', 'stream')
    ask_from_outside(installed, wire, SERVER % 0)
    assert 'xdp' in installed.run('ip link show dev ' + eth).output
    # it has one user at a time: kernel sockets stand in while it changes hands
    before = installed.pids()
    installed.run('systemctl reload millrace-dataplane', LONG_S)
    assert 'kernel sockets stand in for the AF_XDP ports' in installed.journal('dataplane')
    assert installed.pids() == dict(before, dataplane=installed.pid('dataplane')) and installed.pid('dataplane') not in (0, before['dataplane'])
    ask_from_outside(installed, wire, SERVER % 0)
    test_each_has_a_user_of_its_own_and_no_capability(installed)
    # not where the kernel lacks an address, which the reload says
    before = installed.pids()
    installed.configure(port.replace('addresses: [', 'addresses: [192.0.2.99, '))
    assert installed.run('systemctl reload millrace-dataplane', LONG_S, check=False).status != 0
    assert 'cannot be taken over while they are in use: a kernel socket on 192.0.2.99:53' in installed.journal('dataplane')
    assert installed.pids() == before
    ask_from_outside(installed, wire, SERVER % 0)
    installed.configure(port)
    upgrade(installed, 'dataplane')
    assert installed.pids() == dict(before, dataplane=installed.pid('dataplane')) and installed.pid('dataplane') not in (0, before['dataplane'])
    ask_from_outside(installed, wire, SERVER % 0)
    test_each_has_a_user_of_its_own_and_no_capability(installed)


def test_a_network_card_works_with_what_its_drop_in_allows(installed, wire):
    nic = installed.nics[1]
    installed.run('millrace-host enable vfio && millrace-host huge-pages %d' % HUGE_PAGES, LONG_S)
    assert installed.run('cat /etc/sysctl.d/60-millrace.conf').output.split()[-1] == str(HUGE_PAGES)
    installed.bind(nic)
    installed.wait('[ "$(stat -c %U /dev/vfio/[0-9]*)" = millrace-dataplane ]')
    installed.configure('  listen: [127.0.0.1:5300]\n  huge-pages: true\n  ports:\n    - device: "%s"\n      addresses: [%s]\n' % (nic.address, SERVER % 1))
    installed.restart('dataplane')
    wire.neighbour(nic.tap, SERVER % 1)
    query = dns.message.make_query('web.example.com', 'A')
    end, octets = time.monotonic() + LONG_S, None
    while not octets:
        octets = wire.run(send_udp, (SERVER % 1, 53), query.to_wire())
        assert octets or time.monotonic() < end, installed.journal('dataplane')
    assert '192.0.2.80' in str(dns.message.from_wire(octets).answer)
    test_each_has_a_user_of_its_own_and_no_capability(installed)
    installed.configure('  listen: [127.0.0.1:5300]\n')
    installed.run('millrace-host disable vfio af-xdp', LONG_S)
    installed.restart('dataplane', 'stream')
    installed.wait_answer()


def upgrade(machine, names):
    """The end of an upgrade of the package, with these services."""
    machine.run("""sed -i 's/^UPGRADE_RESTARTS=.*/UPGRADE_RESTARTS="%s"/' /etc/default/millrace""" % names)
    machine.run(REPLACE, LONG_S)


def test_an_upgrade_replaces_one_after_another_what_it_is_told_to_and_loses_nothing(installed):
    before = installed.pids()
    with Load(installed) as load:
        installed.run("""sed -i 's/^UPGRADE_RESTARTS=.*/UPGRADE_RESTARTS="controlplane dataplane stream"/' /etc/default/millrace""")
        out = installed.run(DPKG + '-i /mnt/millrace.deb', LONG_S).output
        assert 'hand over' not in out and 'restart' not in out, out
        after = installed.pids()
        assert 0 not in after.values() and set(after.values()).isdisjoint(before.values())
        installed.wait_answer(tcp=True)
    load.nothing_lost()
    # told to leave the dataplane alone, and the stream process not to be there
    installed.run('systemctl disable --quiet --now millrace-stream')
    upgrade(installed, 'controlplane stream')
    last = installed.pids()
    assert last['controlplane'] not in (0, after['controlplane']) and last['dataplane'] == after['dataplane'] and last['stream'] == 0


def test_purged_it_is_gone(installed):
    installed.run(DPKG + '--purge millrace', LONG_S)
    assert installed.run('pgrep -a millrace', check=False).output == ''
    assert installed.run('find / -xdev -name "*millrace*" -not -path "/proc/*" -not -path "/var/lib/dpkg/*"').output == ''
    assert installed.run('ls -d /run/millrace', check=False).status != 0
    assert installed.run('getent passwd millrace-dataplane || getent group millrace', check=False).output == ''
    assert installed.run('systemctl list-units --all --plain --no-legend "millrace*"').output.strip() == ''
