# SPDX-License-Identifier: GPL-3.0-or-later
"""Two network namespaces joined by a DPDK tap port: the suite runs in the server's, and the kernel's end of its port is
moved into the client's. So all that the client sends passes a poll-mode driver, and what reaches the server's kernel came
through the exception path."""
import itertools
import os
import subprocess
import time

import netns
from netns import CLIENT4, CLIENT6, SERVER4, SERVER6, ip

PORT_IF, TWIN = 'mtx', 'mttwin'
CLIENT_MAC = '02:00:00:00:00:c1'


class TapLab(netns.Lab):
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

    def connect(self, mtu=1500, seconds=10):
        """After the dataplane has made its port."""
        ip('-n', self.server, 'link', 'set', PORT_IF, 'netns', self.client)
        # net_tap asks for its interface by name whether the link is up: something of that name stands in for it
        ip('-n', self.server, 'link', 'add', PORT_IF, 'type', 'veth', 'peer', 'name', PORT_IF + '-peer')
        for i in (PORT_IF, PORT_IF + '-peer'):
            ip('-n', self.server, 'link', 'set', i, 'up')
        # both ends of net_tap have one MAC address
        ip('-n', self.client, 'link', 'set', PORT_IF, 'address', CLIENT_MAC, 'mtu', str(mtu))
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
