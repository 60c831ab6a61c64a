# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks need of the machine, and give back: huge pages, network namespaces, processes.
Everything is a context manager, so that an error or Ctrl-C leaves nothing behind."""
import contextlib
import glob
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HUGE = pathlib.Path('/sys/kernel/mm/hugepages/hugepages-2048kB')
STOP_S = 5.0


def note(*text):
    print(*text, file=sys.stderr, flush=True)


def is_root():
    return os.geteuid() == 0


def generator_cpu():
    return sorted(os.sched_getaffinity(0))[0]


def server_cpu():
    return sorted(os.sched_getaffinity(0))[-1]


# --- programs

class Build:
    """Where the programs are."""

    def __init__(self, path):
        self.path = pathlib.Path(path).resolve()

    def __getitem__(self, name):
        for path in sorted(self.path.glob('**/' + name)):
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
        raise SystemExit('%s has no %s: build it with ninja -C %s' % (self.path, name, self.path))


def find_build():
    """build/ of this clone, or that of tests/run."""
    for name in ('build', 'build-test/release'):
        if (ROOT / name / 'build.ninja').exists():
            return ROOT / name
    return ROOT / 'build'


def installed(name):
    return shutil.which(name, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')


def version_of(package):
    r = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', package], capture_output=True, text=True)
    return r.stdout.split('-')[0].split(':')[-1] if r.returncode == 0 else ''


def script(name):
    """The script of that name beside this file, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(pathlib.Path(__file__).resolve().parent / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


# --- results

class Results:
    """Rows (name, value, unit, peer, peer_value, ratio). A ratio above 1 is in our favour."""

    def __init__(self, as_json):
        self.as_json = as_json
        self.rows = []

    def add(self, name, value, unit, peer='', peer_value=0.0, better='more'):
        ratio = 0.0
        if peer_value > 0 and value > 0:
            ratio = value / peer_value if better == 'more' else peer_value / value
        self.take({'name': name, 'value': round(value, 4), 'unit': unit, 'peer': peer,
                   'peer_value': round(peer_value, 4), 'ratio': round(ratio, 3)})

    def take(self, row):
        self.rows.append(row)
        print(json.dumps(row) if self.as_json else line(row), flush=True)


def line(row):
    return '%-52s %11s %-18s %-26s %11s %6s' % (
        row['name'], number(row['value']), row['unit'], row['peer'],
        number(row['peer_value']) if row['peer'] else '', '%.2f' % row['ratio'] if row['ratio'] else '')


def number(v):
    return '%.0f' % v if v >= 1000 else '%.3g' % v if v < 10 else '%.1f' % v


# --- processes

class Process:
    """A child with its own log, on one CPU, in a namespace or not; ended by pid, with what it started."""

    def __init__(self, command, log, cpu=None, namespace=None, env=None, stdin=subprocess.DEVNULL):
        if cpu is not None:
            command = ['taskset', '-c', str(cpu)] + command
        if namespace:
            command = ['ip', 'netns', 'exec', namespace] + command
        self.log_path = pathlib.Path(log)
        self.command = [str(c) for c in command]
        with open(log, 'wb') as f:
            self.started = time.monotonic()
            self.p = subprocess.Popen(self.command, stdin=stdin, stdout=f, stderr=f, env=env, start_new_session=True)

    def log(self):
        return self.log_path.read_text(errors='replace')

    def must_run(self):
        if self.p.poll() is not None:
            raise RuntimeError('%s ended with status %d:\n%s' % (' '.join(self.command), self.p.returncode, self.log()[-2000:]))

    def pids(self):
        """It and its descendants."""
        children = {}
        for path in glob.glob('/proc/[0-9]*/stat'):
            with contextlib.suppress(OSError):
                text = open(path).read()
                fields = text.rsplit(')', 1)[1].split()
                if fields[0] != 'Z':
                    children.setdefault(int(fields[1]), []).append(int(text.split()[0]))
        found, todo = [], [self.p.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo += children.get(pid, [])
        return found

    def stop(self, how=signal.SIGTERM):
        family = self.pids() if self.p.poll() is None else []
        if self.p.poll() is None:
            self.p.send_signal(how)
            try:
                self.p.wait(STOP_S)
            except subprocess.TimeoutExpired:
                note('%s: had to be killed' % self.command)
        for pid in family:
            with contextlib.suppress(OSError):
                # never a stranger that got the number meanwhile: all of ours share our session's child
                if os.getsid(pid) == self.p.pid:
                    os.kill(pid, signal.SIGKILL)
        self.p.wait()


def resident_octets(pids):
    """Proportional share of all pages of these processes, and how much of that is shared memory."""
    pss = shmem = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for text in open('/proc/%d/smaps_rollup' % pid):
                if text.startswith('Pss:'):
                    pss += int(text.split()[1]) * 1024
                elif text.startswith('Pss_Shmem:'):
                    shmem += int(text.split()[1]) * 1024
    return pss, shmem


# --- folders, huge pages, namespaces

@contextlib.contextmanager
def work_folder():
    """On tmpfs: run directories belong there, and no disk takes part in what is measured."""
    path = pathlib.Path(tempfile.mkdtemp(prefix='millrace-bench-', dir='/dev/shm' if os.path.isdir('/dev/shm') else None))
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def huge_pages(megabytes):
    """A private hugetlbfs with so much free, or None where that is not possible. What was set before is set again."""
    if not is_root() or not HUGE.exists():
        note('no huge pages: not root, or the kernel has none')
        yield None
        return
    setting, want = HUGE / 'nr_hugepages', (megabytes + 1) // 2
    before = int(setting.read_text())
    free = int((HUGE / 'free_hugepages').read_text())
    folder = tempfile.mkdtemp(prefix='millrace-huge-')
    mounted = False
    try:
        setting.write_text(str(before + max(0, want - free)))
        if int((HUGE / 'free_hugepages').read_text()) < want:
            note('no huge pages: memory is too small or too fragmented for %d MB of them' % megabytes)
            yield None
            return
        mounted = subprocess.run(['mount', '-t', 'hugetlbfs', '-o', 'pagesize=2M', 'none', folder]).returncode == 0
        yield pathlib.Path(folder) if mounted else None
    finally:
        if mounted:
            subprocess.run(['umount', folder])
        os.rmdir(folder)
        setting.write_text(str(before))


def ip(*args):
    subprocess.run(['ip', *args], check=True, stdin=subprocess.DEVNULL)


class Veth:
    """Two namespaces joined by a veth pair: c0 (generator) and s0 (server), addresses and neighbours set, checksums made by software as an AF_XDP reader needs them."""
    CLIENT, SERVER = '198.18.53.2', '198.18.53.1'

    def __init__(self, queues=1):
        self.queues = str(queues)
        self.client, self.server = 'bench-c%d' % os.getpid(), 'bench-s%d' % os.getpid()

    def __enter__(self):
        try:
            for n in (self.client, self.server):
                ip('netns', 'add', n)
                ip('-n', n, 'link', 'set', 'lo', 'up')
            ip('-n', self.client, 'link', 'add', 'c0', 'numrxqueues', self.queues, 'numtxqueues', self.queues, 'type', 'veth',
               'peer', 'name', 's0', 'netns', self.server, 'numrxqueues', self.queues, 'numtxqueues', self.queues)
            ends = ((self.client, 'c0', self.CLIENT), (self.server, 's0', self.SERVER))
            for n, dev, address in ends:
                self.run(n, 'sysctl', '-qw', 'net.ipv6.conf.%s.disable_ipv6=1' % dev)
                self.run(n, 'ethtool', '-K', dev, 'tx', 'off')
                ip('-n', n, 'addr', 'add', address + '/24', 'dev', dev)
                ip('-n', n, 'link', 'set', dev, 'up')
            self.client_mac, self.server_mac = (self.mac(n, dev) for n, dev, _ in ends)
            ip('-n', self.server, 'neigh', 'replace', self.CLIENT, 'lladdr', self.client_mac, 'dev', 's0', 'nud', 'permanent')
            ip('-n', self.client, 'neigh', 'replace', self.SERVER, 'lladdr', self.server_mac, 'dev', 'c0', 'nud', 'permanent')
        except BaseException:
            self.__exit__()
            raise
        return self

    @staticmethod
    def run(namespace, *command):
        subprocess.run(['ip', 'netns', 'exec', namespace, *command], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def mac(namespace, dev):
        r = subprocess.run(['ip', '-n', namespace, '-j', 'link', 'show', dev], capture_output=True, text=True, check=True)
        return json.loads(r.stdout)[0]['address']

    def __exit__(self, *_):
        for n in (self.client, self.server):
            subprocess.run(['ip', 'netns', 'del', n], stderr=subprocess.DEVNULL)


# --- the machine, for the page of results

def machine():
    cpu = next((t.split(':', 1)[1].strip() for t in open('/proc/cpuinfo') if t.startswith('model name')), 'unknown CPU')
    mhz = next((t.split(':', 1)[1].strip() for t in open('/proc/cpuinfo') if t.startswith('cpu MHz')), '?')
    memory = next(int(t.split()[1]) for t in open('/proc/meminfo') if t.startswith('MemTotal'))
    release = next((t.split('=', 1)[1].strip().strip('"') for t in open('/etc/os-release') if t.startswith('PRETTY_NAME')), '')
    hypervisor = any('hypervisor' in t for t in open('/proc/cpuinfo') if t.startswith('flags'))
    return {
        'CPU': '%s, %s MHz as the kernel sees it, %d cores%s' % (
            cpu, mhz.split('.')[0], len(os.sched_getaffinity(0)), ', virtual machine' if hypervisor else ''),
        'memory': '%.0f GB' % (memory / 1e6),
        'system': '%s, Linux %s' % (release, os.uname().release),
        'DPDK': version_of('dpdk') or version_of('dpdk-dev'),
        'huge pages': '2 MiB, reserved for each run' if is_root() and HUGE.exists() else 'none',
    }


# --- asking a question

def wire_name(name):
    return b''.join(bytes([len(x)]) + x.encode() for x in name.rstrip('.').split('.') if x) + b'\0'


def query(name, qtype=1, ident=0x4d4c):
    return struct.pack('!6H', ident, 0, 1, 0, 0, 0) + wire_name(name) + struct.pack('!2H', qtype, 1)
