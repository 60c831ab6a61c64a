# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages in a plain folder with Debian in it: what a machine without systemd (a container) sees."""
import os
import shutil
import stat
import subprocess
import time

import dns.message
import pytest

import debian
from suite import free_port, send_tcp, send_udp

INSTALL_S = 120
START_S = 60


class Root:
    """A copy of the Debian, and commands in it. Mounts are those of the command's own namespace."""

    def __init__(self, folder):
        self.folder = folder

    def command(self, *command):
        script = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
        return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, str(self.folder)] + list(command)

    def run(self, *command, check=True):
        r = subprocess.run(self.command(*command), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=INSTALL_S,
                           env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND': 'noninteractive', 'LC_ALL': 'C'})
        assert not check or r.returncode == 0, '%s: status %d\n%s%s' % (command, r.returncode, r.stdout, r.stderr)
        return r

    def path(self, name):
        return self.folder / name.lstrip('/')

    def files(self):
        """Everything that dpkg does not keep for itself."""
        skip = ('proc', 'dev', 'sys', 'run/systemd', 'var/lib/dpkg', 'var/log', 'var/cache', 'tmp')
        found = set()
        for top, folders, names in os.walk(self.folder):
            at = os.path.relpath(top, self.folder)
            folders[:] = [f for f in folders if os.path.normpath(os.path.join(at, f)) not in skip]
            found |= {os.path.normpath(os.path.join(at, n)) for n in names + folders}
        return found


@pytest.fixture(scope='module')
def root(work, debian_root):
    folder = work / 'chroot'
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(['cp', '-a', str(debian_root), str(folder)], check=True)
    r = Root(folder)
    if subprocess.run(r.command('true'), capture_output=True).returncode != 0:
        pytest.skip('no mount namespace with a chroot can be made here')
    yield r
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope='module')
def before(root):
    return root.files()


@pytest.fixture(scope='module')
def installed(root, before, packages):
    shutil.copy(packages['millrace'], root.path('/tmp/millrace.deb'))
    root.run('dpkg', '-i', '/tmp/millrace.deb')
    return root


def owner(path):
    s = os.lstat(path)
    return stat.S_IMODE(s.st_mode), s.st_uid, s.st_gid


def test_lintian_finds_no_error(packages):
    if not shutil.which('lintian'):
        pytest.skip('lintian is not installed')
    r = subprocess.run(['lintian', '--fail-on', 'error', '--allow-root'] + [str(packages[n]) for n in ('millrace', 'millrace-bench')],
                       capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert r.returncode == 0, r.stdout + r.stderr


def test_files_have_their_places(installed):
    programs = {n: installed.path(n) for n in (
        '/usr/bin/millrace', '/usr/bin/millracectl', '/usr/bin/millrace-image', '/usr/sbin/millrace-host', '/usr/sbin/millrace-drain',
        '/usr/libexec/millrace/millrace-controlplane', '/usr/libexec/millrace/millrace-dataplane', '/usr/libexec/millrace/millrace-stream')}
    assert [n for n, p in programs.items() if not os.access(p, os.X_OK)] == []
    units = installed.path('/lib/systemd/system')
    for name in ('controlplane', 'dataplane', 'stream'):
        text = (units / ('millrace-%s.service' % name)).read_text()
        assert 'ExecStart=/usr/libexec/millrace/millrace-%s --config /etc/millrace/millrace.yaml\n' % name in text
        assert '@' not in text.replace('@system-service', '').replace('@privileged', '').replace('@resources', ''), text
    assert (units / 'millrace.target').exists()
    assert installed.path('/etc/millrace/zones/example.com.zone').exists()
    assert list(installed.path('/usr/share/millrace/examples').glob('*.yaml'))


def test_users_and_the_configuration_are_theirs(installed):
    accounts = {line.split(':')[0]: line.split(':') for line in installed.path('/etc/passwd').read_text().splitlines()}
    group = {line.split(':')[0]: int(line.split(':')[2]) for line in installed.path('/etc/group').read_text().splitlines()}['millrace']
    users = ['millrace-controlplane', 'millrace-dataplane', 'millrace-stream']
    assert len({accounts[u][2] for u in users}) == 3
    assert {int(accounts[u][3]) for u in users} == {group}
    assert {accounts[u][6] for u in users} == {'/usr/sbin/nologin'}
    assert owner(installed.path('/etc/millrace/millrace.yaml')) == (0o640, 0, group)
    assert owner(installed.path('/run/millrace')) == (0o3770, 0, group)


def test_units_are_enabled(installed):
    wants = installed.path('/etc/systemd/system')
    assert sorted(p.name for p in (wants / 'millrace.target.wants').iterdir()) == [
        'millrace-controlplane.service', 'millrace-dataplane.service', 'millrace-stream.service']
    assert (wants / 'multi-user.target.wants' / 'millrace.target').is_symlink()


@pytest.mark.parametrize('unit', ['millrace-controlplane', 'millrace-dataplane', 'millrace-stream'])
def test_exposure_is_what_the_page_says(installed, unit):
    """systemd's own judgement, in docs/operations.md as "| millrace-x | 1.2 |"; with the drop-ins it may not be worse than 3."""
    r = installed.run('systemd-analyze', 'security', '--offline=yes', '--no-pager', '/lib/systemd/system/%s.service' % unit)
    level = [line for line in r.stdout.splitlines() if 'Overall exposure level' in line][0].split(':')[1].split()[0]
    page = (debian.ROOT / 'docs' / 'operations.md').read_text()
    assert '| %s | %s |' % (unit, level) in page, 'systemd-analyze security says %s for %s' % (level, unit)


def test_units_are_well_formed(installed):
    names = ['/lib/systemd/system/millrace%s' % n for n in ('.target', '-controlplane.service', '-dataplane.service', '-stream.service')]
    r = installed.run('systemd-analyze', 'verify', '--man=no', *names, check=False)
    assert [line for line in (r.stdout + r.stderr).splitlines() if 'millrace' in line] == []


def test_examples_and_the_first_configuration_pass_the_check(installed):
    files = ['/etc/millrace/millrace.yaml'] + sorted(
        '/usr/share/millrace/examples/' + p.name for p in installed.path('/usr/share/millrace/examples').glob('*.yaml'))
    assert len(files) >= 4
    for f in files:
        installed.run('millracectl', 'config', 'check', f)
    installed.run('millracectl', 'zone', 'check', '--origin', 'example.com', '/etc/millrace/zones/example.com.zone')


def test_the_launcher_serves_from_the_installed_tree(installed, tmp_path):
    port = free_port()
    log = open(tmp_path / 'log', 'wb')
    p = subprocess.Popen(installed.command('millrace', 'serve', '--listen', '127.0.0.1:%d' % port, '--run-dir', '/run/millrace-try',
                                           'example.com=/etc/millrace/zones/example.com.zone'), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_S
        while 'answering on' not in (tmp_path / 'log').read_text():
            assert p.poll() is None and time.monotonic() < end, (tmp_path / 'log').read_text()
            time.sleep(0.1)
        for send in (send_udp, send_tcp):
            answer = None
            while not answer or not answer.answer:
                assert time.monotonic() < end, (tmp_path / 'log').read_text()
                octets = send(('127.0.0.1', port), dns.message.make_query('www.example.com', 'A').to_wire())
                answer = dns.message.from_wire(octets) if octets else None
            assert '192.0.2.80' in str(answer.answer[-1])
    finally:
        p.terminate()
        p.wait(20)


def test_host_setup_is_done_and_undone(installed):
    units = installed.path('/etc/systemd/system/millrace-dataplane.service.d')
    r = installed.run('millrace-host', 'enable', 'af-xdp', 'vfio')
    assert '/etc/udev/rules.d/70-millrace.rules' in r.stdout
    assert (units / '50-millrace-af-xdp.conf').is_symlink()
    assert installed.path('/etc/modules-load.d/millrace.conf').read_text().split('\n')[-2] == 'vfio-pci'
    assert [line.split()[:2] for line in installed.run('millrace-host', 'list').stdout.splitlines()[:4]] == [
        ['af-packet', 'disabled'], ['af-xdp', 'enabled'], ['tap', 'disabled'], ['vfio', 'enabled']]
    assert installed.run('millrace-host', 'enable', 'nonsense', check=False).returncode == 64
    assert installed.run('millrace-host', 'huge-pages', 'many', check=False).returncode == 64
    installed.run('millrace-host', 'disable', 'vfio', 'af-xdp')
    assert not units.exists() and not installed.path('/etc/udev/rules.d/70-millrace.rules').exists()
    installed.run('millrace-host', 'enable', 'af-xdp', 'tap', 'vfio')   # for the purge to remove


def test_purge_leaves_nothing(installed, before):
    shutil.rmtree(installed.path('/run/millrace-try'), ignore_errors=True)
    installed.run('dpkg', '--purge', 'millrace')
    left = {f for f in installed.files() - before if 'pycache' not in f}
    # of sysusers, which keeps copies of what was
    left -= {'etc/passwd-', 'etc/group-', 'etc/shadow-', 'etc/gshadow-'}
    assert left == set(), sorted(left)
    for name in ('/etc/passwd', '/etc/group'):
        assert 'millrace' not in installed.path(name).read_text()
