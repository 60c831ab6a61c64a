# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the packages as somebody with a fresh clone would, and makes a Debian to install them on: a folder for chroot, and
an image with it for a virtual machine. Needs no loop device and no mount."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import guest
from kernel import Unavailable

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SUITE = 'bookworm'
BUILD_S, ROOT_S = 900, 600
# of the guest's own: an init system, what the tests ask with
INCLUDE = ['systemd-sysv', 'udev', 'dbus', 'kmod', 'iproute2', 'procps', 'knot-dnsutils']
# a minimal root is half documentation otherwise
LEAN = ['--dpkgopt=path-exclude=/usr/share/%s/*' % f for f in ('doc', 'man', 'locale', 'info')] + [
    '--dpkgopt=path-include=/usr/share/doc/millrace*']


def need(*programs):
    for p in programs:
        if not shutil.which(p):
            raise Unavailable('%s is not installed' % p)


def run(command, log, seconds, **kwargs):
    with open(log, 'wb') as f:
        r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT, timeout=seconds, **kwargs)
    if r.returncode != 0:
        end = pathlib.Path(log).read_text(errors='replace').splitlines()[-40:]
        raise AssertionError('status %d of %s\n%s' % (r.returncode, ' '.join(map(str, command)), '\n'.join(end)))


# --- the packages

def sources():
    """The project's files: what a clone would have, changes that are not committed yet included."""
    r = subprocess.run(['git', '-c', 'safe.directory=%s' % ROOT, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
                       cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL)
    if r.returncode != 0:
        raise Unavailable('the sources are no git repository: %s' % r.stderr.decode().strip())
    return [f for f in r.stdout.decode().split('\0') if f and os.path.lexists(ROOT / f)]


def build_packages(work):
    need('git', 'dpkg-buildpackage', 'dh')
    tree = work / 'build' / 'millrace'
    shutil.rmtree(work / 'build', ignore_errors=True)
    for name in sources():
        to = tree / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, to, follow_symlinks=False)
    # debhelper gives the build a home of its own, where ccache would begin with nothing
    run(['dpkg-buildpackage', '-us', '-uc', '-b'], work / 'build.log', BUILD_S, cwd=tree,
        env=dict(os.environ, CCACHE_DIR=str(work / 'ccache')))
    return find_packages(work / 'build')


def find_packages(folder):
    found = {p.name.split('_')[0]: p for p in folder.glob('*.deb')}
    assert {'millrace', 'millrace-bench', 'millrace-pdns-tools', 'millrace-dbgsym'} <= set(found), sorted(found)
    return found


def dependencies(package):
    """Names that it depends on; of alternatives the first."""
    text = subprocess.run(['dpkg-deb', '-f', str(package), 'Depends'], capture_output=True, text=True, check=True).stdout
    return [re.match(r'[a-z0-9.+-]+', part.strip()).group(0) for part in text.split(',') if part.strip()]


# --- a Debian

def root_folder(work, packages):
    """With what these packages depend on. Made once for a list of names."""
    if os.geteuid() != 0:
        raise Unavailable('a root folder for Debian needs root')
    need('mmdebstrap')
    sources_list = '/etc/apt/sources.list.d/debian.sources'
    if not os.path.exists(sources_list):
        sources_list = '/etc/apt/sources.list'
    if not os.path.exists(sources_list):
        raise Unavailable('apt has neither debian.sources nor sources.list')
    needed = {name for file in packages.values() for name in dependencies(file)} - set(packages)
    include = sorted(needed.union(INCLUDE))
    key = hashlib.sha256(repr([SUITE, include, LEAN, pathlib.Path(sources_list).read_text(), guest.agent_files()]).encode()).hexdigest()[:12]
    folder = work / ('root-' + key)
    if folder.exists():
        return folder
    for old in work.glob('root-*'):
        shutil.rmtree(old)
    part = work / 'root.part'
    shutil.rmtree(part, ignore_errors=True)
    try:
        run(['mmdebstrap', '--quiet', '--mode=root', '--variant=minbase', '--include=' + ','.join(include)] + LEAN + [
            '--customize-hook=chroot "$1" passwd -d root', '--customize-hook=rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*',
            SUITE, str(part), sources_list], work / 'root.log', ROOT_S)
    except AssertionError as e:
        shutil.rmtree(part, ignore_errors=True)
        # a mirror that cannot be reached is no fault of the packages
        raise Unavailable('mmdebstrap: ' + str(e).splitlines()[-1])
    # the other end of guest.Guest.run(), should this become a virtual machine
    for at, (text, mode) in guest.agent_files().items():
        to = part / at.lstrip('/')
        to.parent.mkdir(parents=True, exist_ok=True)
        if mode is None:
            to.symlink_to(text)
        else:
            to.write_text(text)
            to.chmod(mode)
    part.rename(folder)
    return folder


def image(work, name, folder, mib):
    """An ext4 image of a folder."""
    need('mkfs.ext4')
    path = work / (name + '.ext4')
    path.unlink(missing_ok=True)
    with open(path, 'wb') as f:
        f.truncate(mib << 20)
    run(['mkfs.ext4', '-q', '-O', '^has_journal', '-d', str(folder), str(path)], work / 'mkfs.log', 120)
    return path
