# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's kernel for virtual machines, unpacked without being installed: its image and its modules.
It knows nothing of the machine that runs the tests, and the guest needs nothing else of Debian's."""
import os
import pathlib
import re
import shutil
import subprocess

META = 'linux-image-cloud-amd64'
APT_S = 300             # a download of 27 MB, on a slow line


class Unavailable(Exception):
    """The guest cannot run here; the text says why and what would help."""


def output(*command, **kwargs):
    """Standard output of a command; Unavailable, with its last line, when it fails."""
    try:
        r = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=APT_S, **kwargs)
    except FileNotFoundError:
        raise Unavailable('%s is not installed' % command[0])
    except subprocess.TimeoutExpired:
        raise Unavailable('%s: still running after %d s' % (' '.join(command), APT_S))
    if r.returncode != 0:
        said = (r.stderr or r.stdout).strip().splitlines()
        raise Unavailable('%s: %s' % (' '.join(command), said[-1] if said else 'status %d' % r.returncode))
    return r.stdout


class Kernel:
    def __init__(self, tree):
        self.image = next((tree / 'boot').glob('vmlinuz-*'))
        self.modules = next((tree / 'lib' / 'modules').iterdir())

    def module(self, name):
        """File of a module, whatever it writes between the words of its name."""
        pattern = re.sub('[-_]', '[-_]', name) + '.ko'
        for path in self.modules.rglob(pattern):
            return path
        raise FileNotFoundError('%s has no module %s' % (self.modules, name))

    def load_order(self, names):
        """Files of these modules and of all that they depend on, each behind what it needs."""
        order = []

        def visit(name):
            path = self.module(name)
            if path in order:
                return
            depends = re.search(rb'\0depends=([^\0]*)\0', b'\0' + path.read_bytes())
            for d in depends.group(1).decode().split(',') if depends else []:
                if d:
                    visit(d)
            order.append(path)
        for name in names:
            visit(name)
        return order


def download(folder):
    """-> the package's file in folder."""
    depends = re.search(r'Depends: (linux-image-[0-9]\S*)', output('apt-cache', 'depends', META))
    if not depends:
        raise Unavailable('apt knows no package %s' % META)
    # as whoever we are: apt's own user may not write into the folder
    output('apt-get', '-q', '-o', 'APT::Sandbox::User=root', 'download', depends.group(1), cwd=folder)
    return max(folder.glob(depends.group(1) + '_*.deb'))


def fetch(folder):
    """-> Kernel, downloaded to folder (once) from wherever apt gets its packages; Unavailable otherwise."""
    folder = pathlib.Path(folder)
    tree, done = folder / 'kernel', folder / 'kernel.done'
    if not done.exists():
        shutil.rmtree(tree, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            package = download(folder)
        except Unavailable:
            # apt's lists are missing, or name a version that Debian has replaced
            if os.geteuid() != 0:
                raise
            output('apt-get', '-q', '-o', 'DPkg::Lock::Timeout=%d' % APT_S, 'update')
            package = download(folder)
        output('dpkg-deb', '-x', str(package), str(tree))
        package.unlink()
        done.touch()
    return Kernel(tree)
