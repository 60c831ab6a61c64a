# SPDX-License-Identifier: GPL-3.0-or-later
"""A new user's first command: tools/quickstart, twice, and the command that stops it; where less is allowed, too. Then what README
shows."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
QUICKSTART = ROOT / 'tools' / 'quickstart'


def run(*args, timeout=600, before=()):
    r = subprocess.run([*before, str(QUICKSTART), *args], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, cwd='/')
    return r.returncode, r.stdout + r.stderr


@pytest.fixture(autouse=True)
def stopped():
    if os.geteuid() != 0:
        pytest.skip('quickstart installs packages and makes a namespace: needs root')
    if not QUICKSTART.exists():
        pytest.skip('there is no tools/quickstart')
    yield
    run('stop')


def check_text(status, text):
    assert status == 0, text
    # one question over UDP and one over TCP, with dig's own words
    assert len(re.findall(r'status: NOERROR', text)) >= 2, text
    assert 'web.example.com.\t300\tIN\tA\t192.0.2.80' in re.sub(r'\t+', '\t', text), text
    assert re.search(r'a question over TCP: dig .*\+tcp', text), text
    assert 'to stop it: ' in text, 'it says how to stop'


def test_quickstart_answers_twice_and_stops():
    for _ in range(2):
        check_text(*run())
    status, text = run('stop')
    assert status == 0, text
    out = subprocess.run(['ps', '-eo', 'args'], capture_output=True, text=True).stdout
    left = [line for line in out.splitlines() if re.match(r'\S*millrace-(dataplane|controlplane|stream)\b', line) and str(ROOT) in line]
    assert not left


# What is taken away: the right to make namespaces and devices (a container's root), or to use them.
WITHOUT = {
    'namespaces': (['setpriv', '--bounding-set', '-sys_admin,-net_admin,-net_raw', '--inh-caps', '-all'], r'network namespaces are not allowed here'),
}


@pytest.mark.parametrize('what', WITHOUT)
def test_where_less_is_allowed_it_says_so_and_uses_the_kernels_sockets(what):
    before, says = WITHOUT[what]
    for _ in range(2):
        status, text = run(before=['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', *before])
        check_text(status, text)
        assert re.search(says, text), text
        assert "on the kernel's sockets at 127.0.0.1 port 5300" in text, text
    status, text = run('stop')
    assert status == 0, text


NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
ELSEWHERE = {'sudo tools/quickstart', 'sudo tests/run', 'meson setup build -Dtests=false && ninja -C build'}  # tested above; this very run; its build
SHOWS = {
    'dig @127.0.0.1 -p 5300 www.example.com': r'web\.example\.com\.\s+300\s+IN\s+A\s+192\.0\.2\.80',
    'dig @127.0.0.1 -p 5300 www.example.net': r'www\.example\.net\.\s+\d+\s+IN\s+A\s+192\.0\.2\.7\b',
    'millracectl zone list': r'example\.com\..*\n.*example\.net\.',
    'millracectl stats --watch': r'queries/s',
}


def commands_of_readme():
    text = (ROOT / 'README.md').read_text()
    shown = [line.split('  #')[0].strip() for block in re.findall(r'```sh\n(.*?)```', text, re.S) for line in block.splitlines()]
    return [c for c in shown + re.findall(r'`(millracectl [^`]+)`', text) if c]


def test_the_commands_of_the_readme_do_what_it_says(build):
    """As a user without privileges, in the order of the page; ports of a network namespace of its own."""
    home = tempfile.mkdtemp(prefix='readme-')
    shutil.copytree(ROOT / 'config', home + '/config')
    (pathlib.Path(home) / 'build').symlink_to(pathlib.Path(build).resolve())
    subprocess.run(['chown', '-R', '65534:65534', home], check=True)
    env = {'HOME': home, 'XDG_RUNTIME_DIR': home, 'PATH': os.environ['PATH'] + ':/usr/sbin:/sbin'}
    if subprocess.run([*NOBODY, 'test', '-x', home + '/build/tools/millrace']).returncode != 0:
        pytest.skip('this build is in a folder that other users cannot read')
    holder = subprocess.Popen(['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec sleep 600'])
    served = None

    def command(line):
        line = re.sub(r'(^| )millracectl ', r'\1build/tools/millracectl ', line)
        return ['nsenter', '--target', str(holder.pid), '--net', *NOBODY, 'bash', '-c', line]
    try:
        wanted = dict(SHOWS)
        time.sleep(0.5)
        for line in commands_of_readme():
            if line in ELSEWHERE:
                continue
            if ' serve ' in line:
                served = subprocess.Popen(command('exec ' + line), cwd=home, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                while 'Ctrl-C stops it' not in (said := served.stdout.readline()):
                    assert said, 'it ended'
                continue
            endless = '--watch' in line
            r = subprocess.run(command('timeout 3 ' + line if endless else line), cwd=home, env=env, capture_output=True, text=True, timeout=60)
            assert r.returncode == (124 if endless else 0) or 'doctor' in line, '%s: %s' % (line, r.stdout + r.stderr)
            assert re.search(wanted.pop(line, ''), r.stdout), '%s: %s' % (line, r.stdout)
        assert not wanted, 'README does not show these'
        begun = time.monotonic()
        served.terminate()
        assert served.wait(10) == 0 and time.monotonic() - begun < 1
    finally:
        if served and served.poll() is None:
            served.kill()
        holder.kill()
        shutil.rmtree(home, ignore_errors=True)
