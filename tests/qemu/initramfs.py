# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's root folder as a cpio archive for the kernel: busybox, this folder's init and agent, kernel
modules, and programs of this machine with the libraries they need. No root, mount or loop device needed."""
import os
import pathlib
import re
import stat
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = '/bin/busybox'
# a distribution with one /usr: the libraries' names say /lib, the files are in /usr/lib
MERGED = ('bin', 'sbin', 'lib', 'lib64')


class Archive:
    """Paths in it are absolute. Folders above an entry come by themselves."""

    def __init__(self):
        self.entries = {}       # path: (mode, octets)
        for name in MERGED:
            self.folder('/usr/' + name)
            self.link('/' + name, 'usr/' + name)
        for path in ('/dev', '/proc', '/sys', '/etc', '/root', '/tmp', '/run', '/var/log'):
            self.folder(path)
        self.link('/var/run', '../run')

    @staticmethod
    def canonical(path):
        top, *below = path.lstrip('/').split('/')
        return '/usr' + path if below and top in MERGED else path

    def add(self, path, mode, octets):
        path = self.canonical(path)
        above = path.rsplit('/', 1)[0]
        if above and above not in self.entries:
            self.folder(above)
        self.entries[path] = (mode, octets)

    def folder(self, path):
        if self.canonical(path) not in self.entries:
            self.add(path, stat.S_IFDIR | 0o755, b'')

    def link(self, path, target):
        self.add(path, stat.S_IFLNK | 0o777, target.encode())

    def write(self, path, octets, mode=0o644):
        self.add(path, stat.S_IFREG | mode, octets if isinstance(octets, bytes) else octets.encode())

    def copy(self, host, path=None):
        """A file of this machine, by default at the same place; a symbolic link is copied with what it points to."""
        host = pathlib.Path(host)
        real = host.parent.resolve() / host.name
        path = path or str(real)
        if real.is_symlink():
            self.link(path, os.readlink(real))
            self.copy(real.parent / os.readlink(real))
        else:
            self.write(path, real.read_bytes(), stat.S_IMODE(real.stat().st_mode))

    def program(self, host, path=None):
        """A program or shared object, and all libraries that the loader will ask for."""
        self.copy(host, path)
        out = subprocess.run(['ldd', str(host)], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
        for library in re.findall(r'(/\S+) \(0x', out):
            self.copy(library)

    def octets(self):
        """As "newc", the format that the kernel reads."""
        out = []
        end = ('TRAILER!!!', (0, b''))
        for n, (path, (mode, data)) in enumerate(sorted(self.entries.items()) + [end], 1):
            name = path.lstrip('/').encode() + b'\0'
            head = b'070701' + b''.join(b'%08X' % x for x in (n, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0))
            for part in (head + name, data):
                out += [part, b'\0' * (-len(part) % 4)]
        return b''.join(out)


def base(kernel, modules):
    """What every guest without a distribution has: init and agent of this folder, busybox, modules (loaded in this order)."""
    a = Archive()
    a.copy(BUSYBOX, '/bin/busybox')
    a.link('/bin/sh', 'busybox')
    a.write('/init', (HERE / 'init').read_bytes(), 0o755)
    a.write('/sbin/mt-agent', (HERE / 'agent').read_bytes(), 0o755)
    order = []
    for path in kernel.load_order(modules):
        a.copy(path, '/lib/modules/' + path.name)
        order.append(path.name)
    a.write('/lib/modules/order', ''.join(name + '\n' for name in order))
    a.write('/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n')
    a.write('/etc/group', 'root:x:0:\n')
    return a
