# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests over real packets. `--build DIR` names the build whose programs run."""
import atexit
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import netns  # noqa: E402
import powerdns  # noqa: E402
from suite import Suite  # noqa: E402

# programs that a test starts without the class Suite do not touch the machine's own store
os.environ['STATE_DIRECTORY'] = tempfile.mkdtemp(prefix='millrace-state-')
atexit.register(shutil.rmtree, os.environ['STATE_DIRECTORY'], ignore_errors=True)

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


# what takes longest: begun first, so that nobody is left with it at the end when files run side by side
LONGEST = ('test_upgrade_xdp', 'test_crash', 'test_upgrade', 'test_exception_life', 'test_store_kill', 'test_resources')


def pytest_collection_modifyitems(items):
    rank = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONGEST)))     # stable: else as they were


def pytest_addoption(parser):
    parser.addoption('--build', default=str(ROOT / 'build-test' / 'asan'), help='build directory to test')
    parser.addoption('--conformance-seeds', type=int, default=20, help='random zone sets to compare on')
    parser.addoption('--conformance-max', type=int, default=120, help='queries a category; 0: all')


@pytest.fixture(scope='session')
def build(request):
    path = pathlib.Path(request.config.getoption('--build')).resolve()
    assert (path / 'build.ninja').exists(), '%s is no build directory' % path
    return path


@pytest.fixture(scope='session')
def zone_texts():
    """The zones of tests/wire/zones, by name."""
    return {p.stem: p.read_text() for p in sorted((HERE / 'zones').glob('*.zone'))}


ANSWERS = ['nsid: wire-test', 'version: Millrace test', 'identity: ns-test', 'cookie-secret: "000102030405060708090a0b0c0d0e0f"',
           'cookie-secret-old: "e5e973e5a6b2a43f48e7dc849e37bfcf"']


@pytest.fixture(scope='module')
def suite(build, zone_texts):
    """A suite that serves tests/wire/zones over the kernel's sockets; shared by the tests of a module."""
    s = Suite(build, zone_texts, {'answers': ANSWERS})
    try:
        s.start()
        s.wait_answer('example.')
        yield s
    finally:
        s.remove()


@pytest.fixture
def make_suite(build):
    """make_suite(zones, yaml=...) -> a Suite of the test's own, not yet started."""
    made = []

    def make(*args, **kwargs):
        made.append(Suite(build, *args, **kwargs))
        return made[-1]
    yield make
    errors = []
    for s in made:
        try:
            s.remove()
        except AssertionError as e:
            errors.append(str(e))
    assert not errors, '\n'.join(errors)


@pytest.fixture(scope='module')
def pdns():
    """An empty PowerDNS to send the same requests to; skips where there is none."""
    powerdns.need()
    p = powerdns.PowerDNS()
    try:
        yield p.start()
    finally:
        p.remove()


@pytest.fixture(scope='module')
def lab():
    """Two network namespaces joined by a veth pair; skips where that is not permitted."""
    try:
        n = netns.Lab()
    except (PermissionError, subprocess.CalledProcessError, FileNotFoundError) as e:
        pytest.skip('network namespaces are not permitted here: %s' % netns.reason(e))
    try:
        yield n
    finally:
        n.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """With a failure on a network card goes what the virtual machine's console says (tests/qemu)."""
    report = (yield).get_result()
    suite = getattr(item, 'funcargs', {}).get('suite')
    if report.failed and hasattr(suite, 'guest'):
        report.sections.append(('console', suite.guest.console_end()))
