# SPDX-License-Identifier: GPL-3.0-or-later
"""Millrace must agree with Knot and NSD on every query on which these two agree, over random zone sets
(mkzones.py), save for what expected.py lists with a reason."""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from expected import why_intended  # noqa: E402
from suite import Suite, hold_port, is_free, release_port  # noqa: E402

PYTHON = '/usr/bin/python3'
PEERS = ('knot', 'nsd')
SEEDS_ALL_CATEGORIES = 3        # later ones leave out what does not depend on the zones and waits for silence


def pytest_generate_tests(metafunc):
    if 'seed' in metafunc.fixturenames:
        metafunc.parametrize('seed', range(1, metafunc.config.getoption('--conformance-seeds') + 1))


def run(*command, timeout=600):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


def free_base_port():
    """labctl.py gives each server a fixed distance from a base port."""
    for base in range(15410, 15490, 4):
        if hold_port(base):
            if all(is_free(base + i, ['127.0.0.1']) for i in range(len(PEERS))):
                return base
            release_port(base)
    raise RuntimeError('no free ports for the peers')


@pytest.fixture
def peers(tmp_path):
    """peers(zone set) -> ['knot=127.0.0.1:PORT', ...]; ended afterwards."""
    for program in ('knotd', 'nsd'):
        if not shutil.which(program, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin'):
            pytest.skip('%s is not installed' % program)
    lab = tmp_path / 'lab'
    base = free_base_port()

    def start(zones):
        r = run(PYTHON, HERE / 'labctl.py', 'up', '--zones', zones / 'zones.json', '--servers', ','.join(PEERS),
                '--base-port', base, '--dir', lab)
        lines = r.stdout.split('\n')
        assert 'NOT LOADED' not in r.stdout and 'failed to start' not in r.stdout, r.stdout + r.stderr
        return [line.strip() for line in lines if '=' in line]
    yield start
    run(PYTHON, HERE / 'labctl.py', 'down', '--dir', lab, '--servers', ','.join(PEERS))
    release_port(base)


def zones_yaml(zones):
    listed = json.loads((zones / 'zones.json').read_text())['zones']
    out = ['list:']
    for z in listed:
        out += ['  - zone: %s' % json.dumps(z['name']), '    file: %s' % json.dumps(str(zones / z['file']))]
    return listed, out


def differences(path, candidate):
    """-> (unexplained records, {reason: number})"""
    bad, intended = [], collections.Counter()
    for line in open(path):
        record = json.loads(line)
        if record['server'] != candidate:
            continue
        reason = why_intended(record)
        if reason:
            intended[reason] += 1
        else:
            bad.append(record)
    return bad, intended


def show(records, most=25):
    """The first record of each kind, most frequent first."""
    kinds = collections.defaultdict(list)
    for r in records:
        kinds[r['cat'], r.get('field', 'invariant'), str(r.get('got', r.get('invariant', '')))[:30], str(r.get('want', ''))[:30]].append(r)
    out = []
    for kind, rs in sorted(kinds.items(), key=lambda x: -len(x[1]))[:most]:
        out.append('%4d x %s: %s' % (len(rs), ' '.join(kind), rs[0]['q']))
        for key in ('extra', 'missing'):
            if rs[0].get(key):
                out.append('         %s %s' % (key, rs[0][key][:3]))
    return '\n'.join(out)


def test_agrees_with_knot_and_nsd(build, peers, tmp_path, request, seed):
    zones = tmp_path / 'zones'
    r = run(PYTHON, HERE / 'mkzones.py', '--seed', seed, '--sign', 'none', '--out', zones, *(['--root'] if seed % 5 == 0 else []))
    assert r.returncode == 0, r.stderr
    listed, yaml = zones_yaml(zones)
    refs = peers(zones)
    suite = Suite(build, {}, {'zones': yaml, 'answers': ['udp-payload-max: 4096', 'nsid: millrace', 'version: vers', 'identity: id']}, ['127.0.0.1'])
    try:
        suite.start()
        for z in listed:
            suite.wait_answer(z['name'])
        out = tmp_path / 'differences.jsonl'
        command = [PYTHON, HERE / 'dnsdiff.py', '--zones', zones, '--candidate', 'millrace=127.0.0.1:%d' % suite.port, '--out', out,
                   '--seed', seed, '--max-per-cat', request.config.getoption('--conformance-max'), '--fuzz', 100 if seed <= SEEDS_ALL_CATEGORIES else 30]
        if seed > SEEDS_ALL_CATEGORIES:
            command += ['--skip-cats', 'malformed,opcode,xfr,tcpframe']
        for ref in refs:
            command += ['--ref', ref]
        r = run(*command, timeout=1200)
        assert 'TOTAL' in r.stdout, r.stdout + r.stderr + suite.log_text()
        bad, intended = differences(out, 'millrace')
        print(r.stdout)
        print('intended:', dict(intended))
        assert not bad, '%d differences\n%s' % (len(bad), show(bad))
        suite.stop()
    finally:
        suite.remove()
