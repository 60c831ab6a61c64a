# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that are compared: how each is told to serve one zone file, on one core, and nothing else."""
import glob
import json
import os
import socket
import subprocess
import time

import lab

ZONE = 'bench.example'
PORTS = {'millrace': 5372, 'knot': 5373, 'nsd': 5374, 'bind': 5375, 'powerdns': 5376}


class Server:
    """One server with its files below `folder`. `address` None: 127.0.0.1 on its own port."""
    name = package = program = None

    def __init__(self, build, folder, zone_file, address=None, port=None, namespace=None, cpu=None):
        self.build, self.zone_file, self.namespace, self.cpu = build, zone_file, namespace, cpu
        self.folder = folder / self.key()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.address = address or '127.0.0.1'
        self.port = port or PORTS[self.key()]

    @classmethod
    def key(cls):
        return cls.__name__.lower()

    @classmethod
    def label(cls):
        return ('%s %s' % (cls.name, lab.version_of(cls.package))).strip()

    @classmethod
    def available(cls):
        return lab.installed(cls.program) is not None

    def __enter__(self):
        self.prepare()
        env = dict(os.environ, RUNTIME_DIRECTORY=str(self.folder))
        self.process = lab.Process(self.command(), self.folder / 'log', self.cpu, self.namespace, env)
        return self

    def __exit__(self, *_):
        self.process.stop()

    def path(self, name):
        return str(self.folder / name)

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return self.path(name)

    def prepare(self):
        pass

    def wait_answer(self, name, address, seconds):
        """Seconds from the start of the process to the first right answer to `name` A."""
        question = lab.query(name)
        want = socket.inet_aton(address)
        end = self.process.started + seconds
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((self.address, self.port))
            s.settimeout(0.02)
            while time.monotonic() < end:
                self.process.must_run()
                try:
                    s.send(question)
                    r = s.recv(4096)
                except OSError:
                    time.sleep(0.005)
                    continue
                # NOERROR, one record or more, and that address in it
                if r[:2] == question[:2] and r[3] & 15 == 0 and r[7] >= 1 and want in r[12:]:
                    return time.monotonic() - self.process.started
                time.sleep(0.005)
        raise RuntimeError('%s: no right answer within %d s:\n%s' % (self.name, seconds, self.process.log()[-2000:]))

    def resident(self):
        """Octets of memory of all its processes."""
        return lab.resident_octets(self.process.pids())[0]


class Millrace(Server):
    name, package, program = 'Millrace', 'millrace', 'millrace'
    device = None           # EAL device arguments instead of a socket,
    eal = ()                # and more arguments of EAL
    workers = 1             # on any CPU, when they are more

    @classmethod
    def available(cls):
        return True

    def command(self):
        return [self.build['millrace'], 'serve', '--config', self.path('millrace.yaml')]

    def prepare(self):
        if self.device:
            listen = '  ports:\n    - device: "%s"\n' % self.device
            listen += '      addresses: ["%s:%d"]\n      exception: none\n' % (self.address, self.port)
        else:
            listen = '  listen: ["%s:%d"]\n' % (self.address, self.port)
        listen += '  eal: %s\n' % json.dumps(list(self.eal)) if self.eal else ''
        pinned = self.cpu is not None and self.workers == 1
        cores = '  workers: %d\n' % self.workers + ('  cores: [%d]\n' % self.cpu if pinned else '')
        self.cpu_of_worker, self.cpu = self.cpu, None       # the worker is pinned, not all threads
        self.write('millrace.yaml', 'run-dir: %s\nstore:\n  path: %s\nlog-level: info\narena:\n  size: 8GiB\nrrl:\n  enabled: false\ndataplane:\n%s%szones:\n  list:\n'
                   '    - zone: %s\n      file: %s\n' % (self.path('run'), self.path('store.mdb'), cores, listen, ZONE, self.zone_file))

    def resident(self):
        pss, shmem = lab.resident_octets(self.process.pids())
        arena = os.path.join(self.path('run'), 'arena')
        # memory of the arena that nobody has mapped at the moment is in use all the same
        backed = os.stat(arena).st_blocks * 512 if os.path.exists(arena) else 0
        return pss + max(0, backed - shmem)


class Knot(Server):
    name, package, program = 'Knot', 'knot', 'knotd'
    interface = None        # AF_XDP on it instead of a socket

    def command(self):
        return [lab.installed('knotd'), '-c', self.path('knot.conf')]

    def prepare(self):
        listen = '    listen: %s@%d\n' % (self.address, self.port)
        xdp = ''
        if self.interface:
            listen, xdp = '', 'xdp:\n    listen: %s@%d\n' % (self.interface, self.port)
        self.write('knot.conf', 'server:\n%s    rundir: %s\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n%s'
                   'database:\n    storage: %s\nlog:\n  - target: stderr\n    any: warning\n'
                   'zone:\n  - domain: %s\n    file: %s\n    zonefile-sync: -1\n    journal-content: none\n    semantic-checks: off\n'
                   % (listen, self.folder, xdp, self.folder, ZONE, self.zone_file))


class Nsd(Server):
    name, package, program = 'NSD', 'nsd', 'nsd'

    def command(self):
        return [lab.installed('nsd'), '-d', '-c', self.path('nsd.conf')]

    def prepare(self):
        self.write('nsd.conf', 'server:\n  ip-address: %s@%d\n  username: ""\n  chroot: ""\n  zonesdir: "%s"\n  database: ""\n'
                   '  pidfile: ""\n  xfrdfile: "%s"\n  xfrdir: "%s"\n  zonelistfile: "%s"\n  server-count: 1\n  verbosity: 0\n'
                   # by default Debian's NSD answers 200 queries a second of a kind and client
                   '  rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\n'
                   'remote-control:\n  control-enable: no\nzone:\n  name: %s\n  zonefile: %s\n' % (
                       self.address, self.port, self.folder, self.path('xfrd.state'), self.folder, self.path('zone.list'),
                       ZONE, self.zone_file))


class Bind(Server):
    name, package, program = 'BIND', 'bind9', 'named'

    def command(self):
        return [lab.installed('named'), '-g', '-n', '1', '-c', self.path('named.conf')]

    def prepare(self):
        self.write('named.conf', 'options { directory "%s"; listen-on port %d { %s; }; listen-on-v6 { none; }; recursion no;\n'
                   '  pid-file none; session-keyfile none; notify no; dnssec-validation no; allow-transfer { none; };\n'
                   '  minimal-responses yes; };\ncontrols { };\nzone "%s" { type primary; file "%s"; };\n' % (
                       self.folder, self.port, self.address, ZONE, self.zone_file))


class PowerDNS(Server):
    name, package, program = 'PowerDNS', 'pdns-server', 'pdns_server'

    @classmethod
    def available(cls):     # reading zone files is a package of its own
        return super().available() and bool(glob.glob('/usr/lib/*/pdns/libbindbackend.so'))

    def command(self):
        return [lab.installed('pdns_server'), '--config-dir=%s' % self.folder, '--socket-dir=%s' % self.folder, '--daemon=no',
                '--guardian=no', '--launch=bind', '--bind-config=%s' % self.path('named.conf'),
                '--local-address=%s' % self.address, '--local-port=%d' % self.port, '--receiver-threads=1',
                '--loglevel=3', '--setuid=', '--setgid=', '--version-string=anonymous', '--security-poll-suffix=']

    def prepare(self):
        self.write('pdns.conf', '')
        self.write('named.conf', 'zone "%s" { type master; file "%s"; };\n' % (ZONE, self.zone_file))


def make_zone(build, path, hosts, delegations, extra=()):
    with open(path, 'wb') as f:
        subprocess.run([build['bench_zonegen'], 'zone', ZONE + '.', str(hosts), str(delegations), '0', '0', *extra], stdout=f, check=True)
    return path


def make_queries(build, path, hosts, delegations, count, extra=(), kind='queries'):
    with open(path, 'wb') as f:
        subprocess.run([build['bench_zonegen'], kind, ZONE + '.', str(hosts), str(delegations), str(count), *extra], stdout=f, check=True)
    return path
