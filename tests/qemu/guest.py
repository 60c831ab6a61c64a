# SPDX-License-Identifier: GPL-3.0-or-later
"""A small virtual machine for tests: QEMU in software emulation, booted in seconds, with network cards on taps.

    import guest, initramfs, kernel
    k = kernel.fetch(build / 'qemu')                    # Debian's cloud kernel; kernel.Unavailable: skip the test
    guest.check()                                       # QEMU and busybox are there, and we are root; kernel.Unavailable otherwise
    files = initramfs.base(k, ['vfio-pci', 'vfio_iommu_type1', 'tun'])
    files.program('/usr/bin/something')                 # with its libraries; also write(), copy(), link(), folder()
    with guest.Wire() as wire, guest.Guest(work_folder, k.image, initrd=files.octets(), cpus=2,
                                           nics=[guest.Nic('virtio', wire.tap(queues=2))]) as g:
        g.run('uname -r').output                        # a shell command in the guest: status and output, with a timeout
        g.run('ls /nowhere', check=False).status
        g.put('/etc/thing', 'text'); g.get('/etc/thing')        # small files; large ones belong in the initrd or on a disk
        g.bind(g.nics[0])                               # the NIC to vfio-pci
        wire.run(function, argument)                    # a Python function in the clients' network namespace
        g.shutdown()                                    # sync, power off, wait for QEMU; leaving the `with` block ends it anyhow

A guest with a distribution of its own: Guest(folder, image, initrd=octets or path, disks=[path], append='root=/dev/vda1');
its root holds the files of agent_files() (path: (text, mode)), which start the agent under systemd. Every wait
has an end; GuestError carries the end of the console's log. PCI addresses of NICs: g.nics[i].address."""
import base64
import collections
import concurrent.futures
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'wire'))
import netns  # noqa: E402
from kernel import Unavailable  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
QEMU = 'qemu-system-x86_64'
BOOT_S = 180            # three on a quiet machine, a minute on one with ten busy neighbours
SHUTDOWN_S = 30
RUN_S = 60              # of one command; they take some milliseconds
GRACE_S = 10            # that an answer may come after the command's own time
CHUNK = 2048            # octets of a file in one order: a serial port has no flow control worth the name
FIRST_SLOT = 4          # of the NICs on the PCI bus
CONSOLE_LINES = 60

# What the notes of the tests say about each: virtio-net bypasses the IOMMU unless told not to; romfile: no boot program.
MODELS = {
    'virtio': 'virtio-net-pci,disable-legacy=on,iommu_platform=on',
    'e1000e': 'e1000e',
    'vmxnet3': 'vmxnet3',
}

Result = collections.namedtuple('Result', 'status output')


class GuestError(Exception):
    pass


def check():
    for program in (QEMU, 'busybox'):
        if not shutil.which(program):
            raise Unavailable('%s is not installed' % program)
    if os.geteuid() != 0:
        raise Unavailable('network namespaces need root')


def agent_files():
    """{path: (text, mode)} to put into a distribution's root, so that systemd starts the agent. Mode None: a link to text."""
    unit = '\n'.join(['[Unit]', 'Description=agent of the tests', 'DefaultDependencies=no', 'After=local-fs.target',
                      '[Service]', 'ExecStart=/usr/local/sbin/mt-agent', 'Restart=always', 'StandardOutput=journal',
                      '[Install]', 'WantedBy=multi-user.target', ''])
    return {
        '/usr/local/sbin/mt-agent': ((HERE / 'agent').read_text(), 0o755),
        '/etc/systemd/system/mt-agent.service': (unit, 0o644),
        '/etc/systemd/system/multi-user.target.wants/mt-agent.service': ('../mt-agent.service', None),
    }


def die_with_parent():
    """In the child: SIGKILL when the tests end, however they do."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Nic:
    """An emulated network card on a tap of a Wire. model: a key of MODELS."""

    def __init__(self, model, tap):
        self.model, self.tap = model, tap
        self.address = None     # set by Guest

    def arguments(self, slot):
        self.address = '0000:00:%02x.0' % slot
        net = 'tap,id=net%d,ifname=%s,script=no,downscript=no' % (slot, self.tap.name)
        device = '%s,netdev=net%d,mac=%s,addr=%#x,romfile=' % (MODELS[self.model], slot, self.tap.guest_mac, slot)
        if self.tap.queues > 1:
            net += ',queues=%d' % self.tap.queues
            device += ',mq=on,vectors=%d,rss=on,hash=on' % (2 * self.tap.queues + 2)
        return ['-netdev', net, '-device', device]


Tap = collections.namedtuple('Tap', 'namespace name mac guest_mac queues')


class Wire:
    """A network namespace in which QEMU and the clients are: a guest's NICs are taps here."""
    count = 0

    def __init__(self):
        Wire.count += 1
        self.namespace = 'mt-q%d-%d' % (os.getpid(), Wire.count)
        self.taps = []
        self.thread = concurrent.futures.ThreadPoolExecutor(1, initializer=self.enter)
        try:
            netns.ip('netns', 'add', self.namespace)
            netns.ip('-n', self.namespace, 'link', 'set', 'lo', 'up')
        except (subprocess.CalledProcessError, FileNotFoundError) as e:
            raise Unavailable('network namespaces are not permitted here: %s' % netns.reason(e))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()

    def tap(self, addresses=(), queues=1, mtu=1500):
        """A new tap with these addresses ("198.18.0.2/24") on the clients' side; queues: pairs, more than one for virtio only."""
        n = len(self.taps)
        tap = Tap(self.namespace, 'mtq%d' % n, '02:6d:72:00:%02x:01' % n, '02:6d:72:00:%02x:02' % n, queues)
        try:
            netns.ip('-n', self.namespace, 'tuntap', 'add', 'dev', tap.name, 'mode', 'tap', 'vnet_hdr', *(['multi_queue'] if queues > 1 else []))
        except subprocess.CalledProcessError as e:
            raise Unavailable('no tap can be made here: %s' % netns.reason(e))
        netns.ip('-n', self.namespace, 'link', 'set', tap.name, 'address', tap.mac, 'mtu', str(mtu), 'txqueuelen', '10000')
        for a in addresses:
            netns.ip('-n', self.namespace, 'addr', 'add', a, 'dev', tap.name, *(['nodad'] if ':' in a else []))
        netns.ip('-n', self.namespace, 'link', 'set', tap.name, 'up')
        self.taps.append(tap)
        return tap

    def neighbour(self, tap, address):
        """Tell the clients where an address is, as ARP would."""
        netns.ip('-n', self.namespace, 'neigh', 'replace', address, 'lladdr', tap.guest_mac, 'dev', tap.name, 'nud', 'permanent')

    def forget(self, tap, address):
        """Let the clients find out by themselves."""
        subprocess.run(['ip', '-n', self.namespace, 'neigh', 'del', address, 'dev', tap.name], capture_output=True)

    def enter(self):
        """The calling thread's sockets are in the namespace from here on."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open('/run/netns/' + self.namespace) as f:
            if libc.setns(f.fileno(), netns.CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), 'setns')

    def run(self, function, *args):
        """Result of function(*args), run by a thread in the namespace."""
        return self.thread.submit(function, *args).result()

    def remove(self):
        self.thread.shutdown()
        subprocess.run(['ip', 'netns', 'delete', self.namespace], capture_output=True)


class Guest:
    """A virtual machine, booted by its constructor. folder: for its log and socket, made if it is not there."""

    def __init__(self, folder, kernel, initrd=None, append='', nics=(), disks=(), cpus=1, memory_mib=512, boot_s=BOOT_S):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.nics, self.log_path, self.process, self.order, self.rest = list(nics), folder / 'console.log', None, 0, b''
        self.log_path.write_bytes(b'')
        if isinstance(initrd, bytes):
            (folder / 'initrd').write_bytes(initrd)
            initrd = folder / 'initrd'
        # the kernel names this socket at most 108 octets
        listener = socket.socket(socket.AF_UNIX)
        name = '/tmp/mt-qemu-%d-%x' % (os.getpid(), id(self))
        listener.bind(name)
        listener.listen(1)
        try:
            self.start(kernel, initrd, 'console=ttyS0 quiet panic=-1 ' + append, disks, cpus, memory_mib, name)
            end = time.monotonic() + boot_s
            self.agent = self.accept(listener, end)
            if self.line(end) != b'ready':
                raise GuestError('the agent in the guest says something else than "ready"' + self.console_end())
        except BaseException:
            self.kill()
            raise
        finally:
            listener.close()
            os.unlink(name)

    def start(self, kernel, initrd, append, disks, cpus, memory_mib, agent):
        prefix = ['ip', 'netns', 'exec', self.namespace()] if self.nics else []
        command = prefix + [
            QEMU, '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-M', 'q35',
            # never KVM: where it is there it may be of a kind that runs no ordinary kernel (shared/qemu/NOTES.md 1)
            '-accel', 'tcg,thread=multi', '-cpu', 'max,la57=off', '-smp', str(cpus), '-m', str(memory_mib),
            '-kernel', str(kernel), '-append', append, '-device', 'intel-iommu,intremap=on',
            '-chardev', 'file,id=console,path=%s' % self.log_path, '-serial', 'chardev:console',
            '-chardev', 'socket,id=agent,path=%s,server=off' % agent, '-serial', 'chardev:agent']
        if initrd:
            command += ['-initrd', str(initrd)]
        for i, disk in enumerate(disks):
            command += ['-drive', 'file=%s,if=virtio,index=%d,format=%s' % (disk, i, 'qcow2' if str(disk).endswith('.qcow2') else 'raw')]
        for i, nic in enumerate(self.nics):
            command += nic.arguments(FIRST_SLOT + i)
        self.qemu_log = open(str(self.log_path) + '.qemu', 'wb')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.qemu_log, stderr=self.qemu_log,
                                        preexec_fn=die_with_parent)

    def namespace(self):
        return self.nics[0].tap.namespace

    # --- the agent's line
    def accept(self, listener, end):
        while True:
            listener.settimeout(0.5)
            try:
                return listener.accept()[0]
            except socket.timeout:
                self.must_run()
                if time.monotonic() > end:
                    raise GuestError('QEMU does not start' + self.console_end())

    def line(self, end):
        while b'\n' not in self.rest:
            self.agent.settimeout(max(0.001, end - time.monotonic()))
            try:
                more = self.agent.recv(65536)
            except socket.timeout:
                raise GuestError('the guest does not answer in time' + self.console_end())
            if not more:
                raise GuestError('the guest has ended' + self.console_end())
            self.rest += more
        line, self.rest = self.rest.split(b'\n', 1)
        return line.strip(b'\r')

    def run(self, command, timeout=RUN_S, check=True):
        """A shell command in the guest -> Result(status, output); what it prints to stderr is in output as well."""
        self.order += 1
        end = time.monotonic() + timeout + GRACE_S
        text = base64.b64encode(command.encode())
        self.agent.settimeout(timeout + GRACE_S)
        try:
            self.agent.sendall(b'%d %d %s\n' % (self.order, timeout, text))
        except OSError as e:
            raise GuestError('no order reaches the guest: %s%s' % (e, self.console_end()))
        # the answer to an order that was given up may still come
        while True:
            words = self.line(end).split(b' ')
            if words[0] == b'%d' % self.order:
                break
        result = Result(int(words[1]), base64.b64decode(words[2] if len(words) > 2 else b'').decode(errors='replace'))
        if check and result.status != 0:
            raise GuestError('in the guest: status %d of: %s\n%s' % (result.status, command, result.output))
        return result

    def put(self, path, octets, mode=0o644):
        octets = octets.encode() if isinstance(octets, str) else octets
        self.run('mkdir -p "$(dirname \'%s\')" && : >\'%s.part\'' % (path, path))
        for at in range(0, len(octets), CHUNK):
            part = base64.b64encode(octets[at:at + CHUNK]).decode()
            self.run("echo %s | base64 -d >>'%s.part'" % (part, path))
        self.run("chmod %o '%s.part' && mv '%s.part' '%s'" % (mode, path, path, path))

    def get(self, path, timeout=RUN_S):
        return base64.b64decode(self.run("base64 '%s'" % path, timeout).output)

    def wait(self, command, seconds=RUN_S):
        """Until a command in the guest succeeds -> its output."""
        end = time.monotonic() + seconds
        while True:
            r = self.run(command, check=False)
            if r.status == 0:
                return r.output
            if time.monotonic() > end:
                raise GuestError('in the guest, still after %d s: status %d of: %s\n%s' % (seconds, r.status, command, r.output))
            time.sleep(0.1)

    def bind(self, nic, driver='vfio-pci'):
        """Hand a NIC to a driver of the guest."""
        device = '/sys/bus/pci/devices/' + nic.address
        self.run('[ ! -e {0}/driver ] || echo {1} >{0}/driver/unbind; echo {2} >{0}/driver_override; echo {1} >/sys/bus/pci/drivers_probe; '
                 '[ "$(basename "$(readlink {0}/driver)")" = {2} ]'.format(device, nic.address, driver))

    # --- its life
    def must_run(self):
        if self.process.poll() is not None:
            raise GuestError('QEMU ended with status %d%s' % (self.process.returncode, self.console_end()))

    def console_end(self, lines=CONSOLE_LINES):
        """The end of what the kernel, init and QEMU itself said."""
        text = ''
        for path in (self.log_path, pathlib.Path(str(self.log_path) + '.qemu')):
            if path.exists():
                text += '\n'.join(path.read_text(errors='replace').splitlines()[-lines:]) + '\n'
        return '\n---- the guest\'s console:\n' + text

    def shutdown(self, command='sync; poweroff -f', seconds=SHUTDOWN_S):
        """Power the guest off and wait until QEMU has ended by itself."""
        self.order += 1
        self.agent.sendall(b'%d %d %s\n' % (self.order, seconds, base64.b64encode(command.encode())))
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise GuestError('still running %d s after: %s%s' % (seconds, command, self.console_end()))
        if self.process.returncode != 0:
            raise GuestError('QEMU ended with status %d%s' % (self.process.returncode, self.console_end()))

    def kill(self):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.qemu_log.close()
        if getattr(self, 'agent', None):
            self.agent.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.kill()
