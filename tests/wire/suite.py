# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the suite (`millrace serve`) for a test: own run directory, own ports, ended by pid, and its
log searched for crashes and sanitizer reports."""
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

import dns.exception
import dns.message

READY_S = 20.0          # a sanitizer build starts slowly on a busy machine
STOP_S = 1.0            # what Ctrl-C may take
PROCESSES = ('controlplane', 'dataplane', 'stream')
BAD_LOG = re.compile(r'AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|ThreadSanitizer|'
                     r'Assertion .* failed|assert(ion)? failed|killed by signal|\bdied: |core dumped|stack smashing|'
                     r'signal (4|6|7|8|11)\b|SIG(SEGV|ABRT|BUS|ILL|FPE)', re.I)


held_ports = {}         # port: file whose lock says to other runs of these tests that it is taken


def hold_port(port):
    try:
        f = open('/tmp/millrace-test-port-%d' % port, 'w')
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:         # taken, or another user's file
        return False
    held_ports[port] = f
    return True


def release_port(port):
    if port in held_ports:
        held_ports.pop(port).close()


def is_free(port, addresses):
    sockets = []
    try:
        for a in addresses:
            family = socket.AF_INET6 if ':' in a else socket.AF_INET
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                s = socket.socket(family, kind)
                sockets.append(s)
                if kind == socket.SOCK_STREAM:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((a, port))
        return True
    except OSError:
        return False
    finally:
        for s in sockets:
            s.close()


def free_port(addresses=('127.0.0.1', '::1'), first=5400, last=5449):
    """A port that is free for UDP and TCP on all these addresses; ours until release_port() or the end."""
    for port in range(first, last + 1):
        if port not in held_ports and hold_port(port):
            if is_free(port, addresses):
                return port
            release_port(port)
    raise RuntimeError('no free port in %d..%d' % (first, last))


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind(('::1', 0))
        return True
    except OSError:
        return False


def alive(pid):
    try:
        return open('/proc/%d/stat' % pid).read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def address(a, port):
    return '[%s]:%d' % (a, port) if ':' in a else '%s:%d' % (a, port)


def find_program(build, name):
    """A program of the build, wherever its folder is."""
    for path in sorted(pathlib.Path(build).glob('**/' + name)):
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise FileNotFoundError('%s has no %s' % (build, name))


def send_udp(server, wire, timeout=2.0, tries=2, source=None):
    """The first response to this message, or None. Responses with another ID do not count."""
    family = socket.AF_INET6 if ':' in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        if source:
            s.bind(source)
        # not connected: beside an AF_PACKET port the kernel also sees the query, and says "port unreachable"
        for _ in range(tries):
            end = time.monotonic() + timeout
            s.sendto(wire, server)
            while time.monotonic() < end:
                s.settimeout(max(0.001, end - time.monotonic()))
                try:
                    b, peer = s.recvfrom(65535)
                except socket.timeout:
                    break
                if b[:2] == wire[:2] and peer[:2] == server[:2]:
                    return b
    return None


def recv_exactly(s, n):
    b = b''
    while len(b) < n:
        more = s.recv(n - len(b))
        if not more:
            return None
        b += more
    return b


def recv_tcp(s):
    head = recv_exactly(s, 2)
    return recv_exactly(s, struct.unpack('!H', head)[0]) if head else None


def send_tcp(server, wire, timeout=3.0):
    try:
        with socket.create_connection(server, timeout) as s:
            s.sendall(struct.pack('!H', len(wire)) + wire)
            return recv_tcp(s)
    except OSError:
        return None


class Suite:
    """One running suite. zones: {name: zone file text}. yaml: lines added to the configuration, by section."""

    def __init__(self, build, zones, yaml=None, addresses=None, port=None, prefix=(), dataplane=None):
        self.build = str(build)
        options = json.load(open(self.build + '/meson-info/intro-buildoptions.json'))
        self.sanitized = any(o['name'] == 'b_sanitize' and o['value'] != 'none' for o in options)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='millrace-'))
        os.chmod(self.dir, 0o755)
        self.run_dir = self.dir / 'run'
        self.log_path = self.dir / 'log'
        self.store_path = self.dir / 'state' / 'store.mdb'
        self.addresses = addresses or (['127.0.0.1'] + (['::1'] if has_ipv6() else []))
        self.owns_port = port is None
        self.port = port or free_port(self.addresses)
        self.prefix = list(prefix)              # e.g. ip netns exec NAME
        self.yaml = {k: list(v) for k, v in (yaml or {}).items()}
        self.dataplane = dataplane              # replaces the listen lines
        self.process = None
        self.forgiven = []                      # patterns of log lines that the test itself caused
        self.zones_dir = self.dir / 'zones'
        self.zones_dir.mkdir()
        for name, text in zones.items():
            self.write_zone(name, text)
        self.config_path = self.dir / 'millrace.yaml'
        self.write_config()

    # --- files
    def write_zone(self, name, text):
        """Replace a zone file as an editor does: written beside, then renamed."""
        path = self.zones_dir / ((name.rstrip('.') or 'root') + '.zone')
        beside = path.with_suffix('.new')
        beside.write_text(text)
        beside.rename(path)
        return path

    def write_config(self):
        s = {'zones': ['directory: zones'], 'dataplane': self.dataplane}
        if self.dataplane is None:
            s['dataplane'] = ['listen:'] + ['  - "%s"' % address(a, self.port) for a in self.addresses]
        s['arena'] = ['size: 256MiB']
        if 'store' not in self.yaml:    # suites do not meet
            s['store'] = ['path: %s' % self.store_path]
        if 'rrl' not in self.yaml:      # a test sends more than any resolver
            s['rrl'] = ['enabled: false']
        out = ['run-dir: %s' % self.run_dir]
        for section in sorted(set(s) | set(self.yaml)):
            out.append(section + ':')
            out += ['  ' + line for line in s.get(section, []) + self.yaml.get(section, [])]
        self.config_path.write_text('\n'.join(out) + '\n')

    # --- life
    def start(self, wait=True):
        self.log = open(self.log_path, 'ab')
        self.process = subprocess.Popen(self.prefix + [find_program(self.build, 'millrace'), 'serve', '--config', str(self.config_path)],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    def pid(self, name):
        """Pid of a process that is ready, or 0."""
        try:
            pid = int((self.run_dir / (name + '.ready')).read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0
        return pid if alive(pid) else 0

    def wait_ready(self, seconds=READY_S, processes=PROCESSES):
        end = time.monotonic() + seconds
        while not all(self.pid(p) for p in processes):
            self.must_run()
            assert time.monotonic() < end, 'not ready after %d s: %s\n%s' % (
                seconds, [p for p in processes if not self.pid(p)], self.log_text())
            time.sleep(0.02)

    def must_run(self):
        assert self.process.poll() is None, 'millrace ended with status %s:\n%s' % (self.process.returncode, self.log_text())

    def stop(self, how=signal.SIGINT):
        """End it and check that it ended well: in time, everybody, and without a word from a sanitizer."""
        if self.process is None:
            return
        pids = [p for p in map(self.pid, PROCESSES) if p] + [self.process.pid]
        at = time.monotonic()
        try:
            self.must_run()
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                raise AssertionError('still running 10 s after signal %d:\n%s' % (how, self.log_text()))
            took = time.monotonic() - at
            left = [p for p in pids if alive(p)]
            assert not left, 'processes %s outlive the launcher\n%s' % (left, self.log_text())
            # a sanitizer looks for leaks at the end, in each process
            assert took < STOP_S * (3 if self.sanitized else 1), 'stopping took %.2f s' % took
            assert self.process.returncode == 0, 'exit status %d\n%s' % (self.process.returncode, self.log_text())
            self.check_log()
        finally:
            for p in pids:
                if alive(p):
                    os.kill(p, signal.SIGKILL)
            self.process.wait()
            self.process = None
            self.log.close()

    def remove(self):
        try:
            self.stop()
        finally:
            if self.owns_port:
                release_port(self.port)
            shutil.rmtree(self.dir, ignore_errors=True)

    def log_text(self):
        return self.log_path.read_text(errors='replace') if self.log_path.exists() else ''

    def check_log(self):
        bad = [line for line in self.log_text().splitlines() if BAD_LOG.search(line)
               and not any(re.search(p, line) for p in self.forgiven)]
        assert not bad, 'in the log: %s\n%s' % (bad[:5], self.log_text())

    # --- talking to it
    def server(self, a=None):
        return (a or self.addresses[0], self.port)

    def udp(self, query, a=None, timeout=2.0, tries=2):
        """query: octets or dns.message.Message -> octets or None"""
        return send_udp(self.server(a), query if isinstance(query, bytes) else query.to_wire(), timeout, tries)

    def tcp(self, query, a=None, timeout=3.0):
        return send_tcp(self.server(a), query if isinstance(query, bytes) else query.to_wire(), timeout)

    def ask(self, name, qtype='A', rdclass='IN', tcp=False, a=None, **edns):
        """One well-formed question -> dns.message.Message; fails the test when there is no answer."""
        q = dns.message.make_query(name, qtype, rdclass, **edns)
        wire = self.tcp(q, a) if tcp else self.udp(q, a)
        assert wire is not None, 'no answer to %s %s\n%s' % (name, qtype, self.log_text())
        return dns.message.from_wire(wire)

    def wait_answer(self, name, qtype='SOA', seconds=READY_S, want=lambda m: m.rcode() == 0 and m.answer):
        end = time.monotonic() + seconds
        while True:
            wire = self.udp(dns.message.make_query(name, qtype), timeout=0.3, tries=1)
            try:
                if wire and want(dns.message.from_wire(wire)):
                    return dns.message.from_wire(wire)
            except dns.exception.DNSException:
                pass
            self.must_run()
            assert time.monotonic() < end, 'no such answer to %s %s after %d s: %r\n%s' % (name, qtype, seconds, wire, self.log_text())
            time.sleep(0.02)

    def ctl(self, *args, check=True, timeout=20):
        """millracectl with the suite's configuration -> CompletedProcess"""
        r = subprocess.run(self.prefix + [find_program(self.build, 'millracectl'), '--config', str(self.config_path), *args],
                           capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        assert not check or r.returncode == 0, 'millracectl %s: status %d\n%s%s' % (' '.join(args), r.returncode, r.stdout, r.stderr)
        return r
