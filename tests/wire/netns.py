# SPDX-License-Identifier: GPL-3.0-or-later
"""Two network namespaces joined by a veth pair: the suite's DPDK port on one end, a client on the other.
A client is a child process that has entered its namespace (setns), for which root is needed."""
import ctypes
import multiprocessing
import os
import subprocess

SERVER4, CLIENT4 = '198.18.0.1', '198.18.0.2'
SERVER6, CLIENT6 = 'fd00:6d72::1', 'fd00:6d72::2'
CLONE_NEWNET = 0x40000000


def ip(*args):
    subprocess.run(['ip', *args], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def reason(e):
    err = getattr(e, 'stderr', '') or str(e)
    return err.strip().splitlines()[-1] if err.strip() else type(e).__name__


class Lab:
    def __init__(self):
        if os.geteuid() != 0:
            raise PermissionError('needs root')
        self.server, self.client = 'mt-s%d' % os.getpid(), 'mt-c%d' % os.getpid()
        self.server_if, self.client_if = 'mts', 'mtc'
        try:
            for n in (self.server, self.client):
                ip('netns', 'add', n)
                ip('-n', n, 'link', 'set', 'lo', 'up')
            ip('link', 'add', self.server_if, 'netns', self.server, 'type', 'veth', 'peer', 'name', self.client_if, 'netns', self.client)
            for n, i, a4, a6 in ((self.server, self.server_if, SERVER4, SERVER6), (self.client, self.client_if, CLIENT4, CLIENT6)):
                ip('-n', n, 'addr', 'add', a4 + '/24', 'dev', i)
                ip('-n', n, 'addr', 'add', a6 + '/64', 'dev', i, 'nodad')
                ip('-n', n, 'link', 'set', i, 'up')
                # a veth hands over packets whose checksum was left to hardware that is not there
                subprocess.run(['ip', 'netns', 'exec', n, 'ethtool', '-K', i, 'tx', 'off'], capture_output=True)
            self.server_mac = self.mac(self.server, self.server_if)
            self.client_mac = self.mac(self.client, self.client_if)
        except Exception:
            self.remove()
            raise

    @staticmethod
    def mac(namespace, interface):
        out = subprocess.run(['ip', '-n', namespace, '-o', 'link', 'show', interface], check=True, capture_output=True, text=True).stdout
        return bytes.fromhex(out.split('link/ether ')[1].split()[0].replace(':', ''))

    def serve(self):
        """Prefix of a command that runs in the server's namespace."""
        return ['ip', 'netns', 'exec', self.server]

    def as_client(self, function, *args):
        """Result of function(*args), run by a child in the client's namespace."""
        return self.inside(self.client, function, *args)

    @staticmethod
    def inside(namespace, function, *args):
        """The same in any namespace."""
        here, there = multiprocessing.get_context('fork').Pipe(False)

        def child():
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                fd = os.open('/run/netns/' + namespace, os.O_RDONLY)
                if libc.setns(fd, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), 'setns')
                there.send((True, function(*args)))
            except Exception as e:      # carried over to the test
                there.send((False, '%s: %s' % (type(e).__name__, e)))
        p = multiprocessing.get_context('fork').Process(target=child)
        p.start()
        there.close()
        try:
            ok, value = here.recv()
        except EOFError:
            ok, value = False, 'the client process died'
        p.join()
        assert ok, value
        return value

    def remove(self):
        for n in (self.server, self.client):
            subprocess.run(['ip', 'netns', 'delete', n], capture_output=True)
