# SPDX-License-Identifier: GPL-3.0-or-later
"""Two network namespaces joined by a port of DPDK, so that all that the client sends passes a poll-mode driver, and what
reaches the server's kernel came through the exception path. With a tap the kernel's end of the suite's port is moved into the
client's namespace; with memif another suite runs there, at the other end of the shared memory, and the client's interface is its twin."""
import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import netns
from netns import CLIENT4, CLIENT6, SERVER4, SERVER6, ip

PORT_IF, TWIN = 'mtx', 'mttwin'
CLIENT_MAC, SERVER_MAC = '02:00:00:00:00:c1', '02:00:00:00:00:51'
PEER4 = '198.18.99.99'     # of the peer's DNS, which nobody asks


class PortLab(netns.Lab):
    numbers = itertools.count()

    def __init__(self):     # no veth: the parent's does not run
        number = next(self.numbers)     # several may be there at a time
        self.server, self.client = ('mt-%s%d-%d' % (side, os.getpid(), number) for side in 'sc')
        self.client_if = PORT_IF
        try:
            for n in (self.server, self.client):
                ip('netns', 'add', n)
                ip('-n', n, 'link', 'set', 'lo', 'up')
        except Exception:
            self.remove()
            raise

    def twin_up(self):
        out = subprocess.run(['ip', '-n', self.server, '-o', 'link', 'show', TWIN], capture_output=True, text=True).stdout
        return 'LOWER_UP' in out

    def address(self, seconds):
        for n, i, a4, a6 in ((self.server, TWIN, SERVER4, SERVER6), (self.client, PORT_IF, CLIENT4, CLIENT6)):
            ip('-n', n, 'addr', 'add', a4 + '/24', 'dev', i)
            ip('-n', n, 'addr', 'add', a6 + '/64', 'dev', i, 'nodad')
            ip('-n', n, 'link', 'set', i, 'up')
        self.server_mac = self.mac(self.server, TWIN)
        self.client_mac = self.mac(self.client, PORT_IF)
        end = time.monotonic() + seconds
        while not self.twin_up():
            assert time.monotonic() < end, 'the twin does not get its carrier'
            time.sleep(0.05)


class TapLab(PortLab):
    peer = None
    device = 'net_tap0,iface=' + PORT_IF

    def connect(self, mtu=1500, seconds=10):
        """After the dataplane has made its port."""
        ip('-n', self.server, 'link', 'set', PORT_IF, 'netns', self.client)
        # net_tap asks for its interface by name whether the link is up: something of that name stands in for it
        ip('-n', self.server, 'link', 'add', PORT_IF, 'type', 'veth', 'peer', 'name', PORT_IF + '-peer')
        for i in (PORT_IF, PORT_IF + '-peer'):
            ip('-n', self.server, 'link', 'set', i, 'up')
        # both ends of net_tap have one MAC address
        ip('-n', self.client, 'link', 'set', PORT_IF, 'address', CLIENT_MAC, 'mtu', str(mtu))
        self.address(seconds)

    def cut(self, state):
        """Take the port's link away (down), or give it back (up)."""
        ip('-n', self.server, 'link', 'set', PORT_IF, state)    # the stand-in that net_tap asks


class MemifLab(PortLab):
    """A file is the meeting place: names of abstract sockets are each namespace's own."""

    def __init__(self, make_peer):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='millrace-memif-'))
        self.make_peer, self.peer = make_peer, None
        super().__init__()
        self.device = self.device_of('server', SERVER_MAC)

    def device_of(self, role, mac):
        return 'net_memif0,role=%s,socket=%s,socket-abstract=no,mac=%s' % (role, self.folder / 's', mac)

    def connect(self, mtu=1500, seconds=10):
        """After the dataplane has made its port."""
        lines = ['ports:', '  - device: "%s"' % self.device_of('client', CLIENT_MAC), '    addresses: ["%s:53"]' % PEER4, '    mtu: %d' % mtu,
                 '    exception: tap', '    exception-interface: %s' % PORT_IF]
        self.peer = self.make_peer(self.client, lines)
        self.peer.start()
        self.address(seconds)

    def remove(self):
        try:
            if self.peer:
                self.peer.remove()
        finally:
            super().remove()
            shutil.rmtree(self.folder, ignore_errors=True)
