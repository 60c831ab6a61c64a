# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy/drain with two BIRDs: an anycast address is withdrawn before the dataplane is swapped, and announced after."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

import netns
from suite import find_program, send_udp
from test_crash import ZONE, wait_for

import dns.message

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ANYCAST = '198.51.100.53'
BIRD = '''
router id {me};
log stderr all;
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; interface "lo"; }}
protocol kernel {{ ipv4 {{ export {kernel}; }}; }}
protocol bgp neighbour {{
	local {me} as {my_as};
	neighbor {peer} as {peer_as};
	connect delay time 1;
	connect retry time 1;
	error wait time 1, 1;
	ipv4 {{ import all; export {export}; }};
}}
'''


ASKER = '''
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(1200):
    s.sendto(bytes.fromhex(sys.argv[2]), (sys.argv[1], 53))
    time.sleep(0.05)
'''


@pytest.fixture
def routers(lab, tmp_path):
    """BIRD in both namespaces; the client's puts what it learns into its kernel's table."""
    if not shutil.which('bird') or not shutil.which('birdc'):
        pytest.skip('bird is not installed (package bird2)')
    netns.ip('-n', lab.server, 'addr', 'add', ANYCAST + '/32', 'dev', 'lo')
    running = []
    try:
        for ns, me, peer, my_as, peer_as, kernel, export in (
                (lab.server, netns.SERVER4, netns.CLIENT4, 65001, 65002, 'none', 'where net = %s/32' % ANYCAST),
                (lab.client, netns.CLIENT4, netns.SERVER4, 65002, 65001, 'where net = %s/32' % ANYCAST, 'none')):
            conf = tmp_path / (ns + '.conf')
            conf.write_text(BIRD.format(me=me, peer=peer, my_as=my_as, peer_as=peer_as, kernel=kernel, export=export))
            log = open(tmp_path / (ns + '.log'), 'w')
            running.append(subprocess.Popen(['ip', 'netns', 'exec', ns, 'bird', '-f', '-c', str(conf), '-s', str(tmp_path / (ns + '.ctl')),
                                             '-P', str(tmp_path / (ns + '.pid'))], stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        yield tmp_path / (lab.server + '.ctl')
    finally:
        for p in running:
            p.send_signal(signal.SIGTERM)
            p.wait(20)
        netns.ip('-n', lab.server, 'addr', 'del', ANYCAST + '/32', 'dev', 'lo')


def has_route(lab):
    return ANYCAST in subprocess.run(['ip', '-n', lab.client, 'route', 'show', 'proto', 'bird'], capture_output=True, text=True, check=True).stdout


def drain(suite, control, *command, wait=30):
    env = dict(os.environ, BIRDC='birdc -s %s' % control,
               MILLRACECTL='%s --config %s' % (find_program(suite.build, 'millracectl'), suite.config_path))
    return subprocess.run([str(ROOT / 'deploy' / 'drain'), '--protocol', 'neighbour', '--wait', str(wait), '--quiet-for', '1', '--', *command],
                          capture_output=True, text=True, timeout=120, env=env, stdin=subprocess.DEVNULL)


def test_routes_are_withdrawn_before_and_announced_after(make_suite, lab, routers, tmp_path):
    s = make_suite({'z': ZONE % 1}, addresses=[ANYCAST], port=53, prefix=lab.serve()).start()
    query = dns.message.make_query('a.z', 'A').to_wire()
    wait_for(s, 'BGP does not come up', lambda: has_route(lab), 60)
    wait_for(s, 'no answer', lambda: lab.as_client(send_udp, (ANYCAST, 53), query, 0.5, 1) is not None)

    # the swap: it looks at the client's routes, then has the dataplane replaced
    s.forgiven.append('dataplane died')
    old, seen = s.pid('dataplane'), tmp_path / 'seen'
    script = tmp_path / 'swap'
    script.write_text('#!/bin/sh\nip -n %s route show proto bird >%s\nkill %d\n'
                      'for i in $(seq 300); do p=$(cat %s/dataplane.ready 2>/dev/null || true); [ -n "$p" ] && [ "$p" != %d ] && exit 0; sleep 0.1; done\nexit 1\n'
                      % (lab.client, seen, old, s.run_dir, old))
    script.chmod(0o755)
    r = drain(s, routers, str(script))
    assert r.returncode == 0, r.stdout + r.stderr
    assert ANYCAST not in seen.read_text(), 'it was withdrawn when the swap began'
    assert s.pid('dataplane') not in (0, old)
    wait_for(s, 'the route does not come back', lambda: has_route(lab), 60)
    wait_for(s, 'no answer', lambda: lab.as_client(send_udp, (ANYCAST, 53), query, 0.5, 1) is not None)

    # a swap that fails: nobody is sent here until somebody has looked
    r = drain(s, routers, 'false')
    assert r.returncode == 1 and 'stay withdrawn' in r.stderr, r.stderr
    time.sleep(1)
    assert not has_route(lab)
    r = drain(s, routers, 'true')
    assert r.returncode == 0 and r.stderr == '', r.stderr
    wait_for(s, 'the route does not come back', lambda: has_route(lab), 60)

    # somebody who does not go by routes asks on: it waits as long as it was told, and says so
    asker = subprocess.Popen([*lab.serve(), 'python3', '-c', ASKER, ANYCAST, query.hex()], stdin=subprocess.DEVNULL)
    try:
        r = drain(s, routers, 'true', wait=4)
    finally:
        asker.kill()
        asker.wait()
    assert r.returncode == 0 and 'still asked after 4 s' in r.stderr, r.stderr


def test_it_names_what_is_wrong(tmp_path):
    def run(*args):
        return subprocess.run([str(ROOT / 'deploy' / 'drain'), *args], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, BIRDC='birdc -s %s' % (tmp_path / 'none')))
    assert 'behind --' in run('--protocol', 'x').stderr
    assert '--protocol' in run('--', 'true').stderr
    r = run('--protocol', 'x', '--', 'true')
    assert r.returncode == 1 and 'drain: ' in r.stderr
