# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite in a guest, on a NIC that DPDK drives: with the methods of tests/wire/suite.py's Suite, so that its tests run here
unchanged. 127.0.0.1 and ::1 as addresses mean the guest's addresses on the NIC."""
import json
import pathlib
import re
import subprocess
import tempfile
import time
import types

import guest
import initramfs
from suite import BAD_LOG, Suite, send_tcp, send_udp

SERVER4, CLIENT4 = '198.18.0.1', '198.18.0.2'
SERVER6, CLIENT6 = 'fd00:6d72::1', 'fd00:6d72::2'
ADDRESSES = {'127.0.0.1': SERVER4, '::1': SERVER6}
CONFIG, LOG, RUN_DIR = '/etc/millrace/millrace.yaml', '/var/log/millrace.log', '/run/millrace'
HUGE = '/sys/kernel/mm/hugepages/hugepages-2048kB/'
HUGE_PAGES = 96
MODULES = ('vfio_iommu_type1', 'vfio-pci', 'tun', 'virtio_pci', 'virtio_net', 'vmxnet3')       # the kernel's own drivers as well: cards come from them
DRIVERS = ('bus_pci', 'bus_vdev', 'mempool_ring', 'net_virtio', 'net_e1000', 'net_vmxnet3', 'net_tap')
PROCESSES = ('controlplane', 'dataplane', 'stream')
START_S = 60


def plugin_folder():
    """Where Debian's DPDK looks for its drivers."""
    folders = sorted(pathlib.Path('/usr/lib/x86_64-linux-gnu/dpdk').glob('pmds-*'))
    if not folders:
        raise guest.Unavailable('DPDK has no folder of drivers in /usr/lib/x86_64-linux-gnu/dpdk')
    return folders[-1]


def add_suite(archive, build):
    """The suite as `meson install` lays it out, with DPDK's drivers and all libraries."""
    with tempfile.TemporaryDirectory() as to:
        subprocess.run(['meson', 'install', '-C', str(build), '--no-rebuild', '--quiet', '--destdir', to], check=True,
                       capture_output=True, stdin=subprocess.DEVNULL)
        for path in sorted(pathlib.Path(to).rglob('*')):
            at = '/' + str(path.relative_to(to))
            if path.is_file():
                if path.read_bytes()[:4] == b'\x7fELF':
                    archive.program(path, at)
                else:
                    archive.copy(path, at)
    drivers = plugin_folder()
    for name in DRIVERS:
        for path in sorted(drivers.glob('librte_%s.so.*' % name)):
            archive.program(path)
    # what ldd does not show: the C library loads it when a thread is cancelled
    archive.copy('/lib/x86_64-linux-gnu/libgcc_s.so.1')


class Box(Suite):
    """One guest with one NIC. yaml: as of Suite; port: more lines of the port's configuration."""

    def __init__(self, build, folder, kernel, zones, model, queues=1, yaml=None, port=(), mtu=1500):
        self.addresses, self.model, self.queues, self.guest = list(ADDRESSES), model, queues, None
        self.wire = guest.Wire()
        try:
            self.tap = self.wire.tap([CLIENT4 + '/24', CLIENT6 + '/64'], queues, mtu)
            files = initramfs.base(kernel, MODULES)
            add_suite(files, build)
            for name, text in zones.items():
                files.write('/etc/millrace/zones/%s.zone' % name, text)
            nic = guest.Nic(model, self.tap)
            self.guest = guest.Guest(folder, kernel.image, files.octets(), nics=[nic], cpus=2)
            self.device = nic.address
            self.guest.run('echo %d >%snr_hugepages && [ $(cat %snr_hugepages) = %d ]' % (HUGE_PAGES, HUGE, HUGE, HUGE_PAGES))
            self.guest.put(CONFIG, self.config(yaml or {}, port))
        except BaseException:
            self.remove()
            raise

    def config(self, yaml, port):
        sections = {
            'zones': ['directory: zones'], 'arena': ['size: 256MiB'],
            'dataplane': ['workers: 2', 'huge-pages: true', 'ports:', '  - device: "%s"' % self.device,
                          '    addresses: ["%s", "%s"]' % (SERVER4, SERVER6)] + ['    ' + line for line in port],
        }
        # a test sends more than any resolver
        out = ['run-dir: ' + RUN_DIR, 'rrl: {enabled: false}']
        for section in sorted(set(sections) | set(yaml)):
            out.append(section + ':')
            out += ['  ' + line for line in sections.get(section, []) + yaml.get(section, [])]
        return '\n'.join(out) + '\n'

    def lab(self):
        """What tests of frames want to know of tests/wire/netns.py's Lab."""
        mac = [bytes.fromhex(m.replace(':', '')) for m in (self.tap.mac, self.tap.guest_mac)]
        return types.SimpleNamespace(as_client=self.wire.run, client_if=self.tap.name, client_mac=mac[0], server_mac=mac[1])

    # --- the card
    def bind(self):
        self.ctl('port', 'bind', self.device)

    def unbind(self):
        self.ctl('port', 'unbind', self.device)

    def driver(self):
        """Who has the card in the guest; '' for nobody."""
        return self.guest.run('basename "$(readlink /sys/bus/pci/devices/%s/driver)"' % self.device).output.strip()

    def twin(self):
        """The card's interface in the guest's kernel, while the suite has the card."""
        return re.search(r"port %s .*the kernel's twin of it is (\S+)" % self.device, self.log_text()).group(1)

    def address_twin(self):
        """Give it the guest's addresses, as an operator does once."""
        self.guest.run('echo 0 >/proc/sys/net/ipv6/conf/{0}/accept_dad; ip addr add {1}/24 dev {0} && ip addr add {2}/64 dev {0}'
                       .format(self.twin(), SERVER4, SERVER6))

    # --- life
    def start(self, wait=True):
        self.launcher = int(self.guest.run('setsid millrace serve --config %s >>%s 2>&1 </dev/null & echo $!' % (CONFIG, LOG)).output)
        if wait:
            self.wait_ready()
        return self

    def pid(self, name):
        """Pid in the guest of a process that is ready, or 0."""
        r = self.guest.run('read -r pid rest <%s/%s.ready && kill -0 "$pid" && echo "$pid"' % (RUN_DIR, name), check=False)
        return int(r.output) if r.status == 0 else 0

    def wait_ready(self, seconds=START_S, processes=PROCESSES):
        Suite.wait_ready(self, seconds, processes)

    def must_run(self):
        assert self.guest.run('kill -0 %d' % self.launcher, check=False).status == 0, 'millrace has ended:\n' + self.log_text()

    def stop(self, seconds=guest.RUN_S):
        """SIGINT, and nothing of it is left."""
        self.guest.run('kill -INT %d' % self.launcher)
        end = time.monotonic() + seconds
        while self.guest.run('kill -0 %d' % self.launcher, check=False).status == 0:
            assert time.monotonic() < end, 'still running %d s after SIGINT:\n%s' % (seconds, self.log_text())
            time.sleep(0.1)
        left = self.guest.run('ps -o pid,comm | grep millrace', check=False).output
        assert not left, 'processes outlive the launcher:\n' + left

    def remove(self):
        if self.guest:
            self.guest.kill()
        self.wire.remove()

    def log_text(self):
        return self.guest.run('cat ' + LOG, check=False).output

    def check_log(self, forgiven=()):
        bad = [line for line in self.log_text().splitlines() if BAD_LOG.search(line) and not any(f in line for f in forgiven)]
        assert not bad, 'in the log: %s\n%s' % (bad[:5], self.log_text())

    # --- talking to it
    def server(self, a=None):
        return (ADDRESSES[a or self.addresses[0]], 53)

    def udp(self, query, a=None, timeout=2.0, tries=2):
        return self.wire.run(send_udp, self.server(a), query if isinstance(query, bytes) else query.to_wire(), timeout, tries)

    def tcp(self, query, a=None, timeout=3.0):
        return self.wire.run(send_tcp, self.server(a), query if isinstance(query, bytes) else query.to_wire(), timeout)

    def ctl(self, *args, check=True, timeout=guest.RUN_S):
        r = self.guest.run('millracectl --config %s %s' % (CONFIG, ' '.join("'%s'" % a for a in args)), timeout, check)
        return subprocess.CompletedProcess(args, r.status, r.output, '')

    def counters(self):
        """{(family, label value): [of each worker]}"""
        return {(r['family'], r['value']): r['workers'] for r in json.loads(self.ctl('stats', '--json', '--all').stdout)['counters']}

    def huge_pages_free(self):
        return int(self.guest.run('cat %sfree_hugepages' % HUGE).output)
