# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of the Debian packages. `--work DIR` keeps what is worth keeping between runs: the kernel, Debian's
root folder, the compiler's cache."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / 'tests' / 'qemu'), str(ROOT / 'tests' / 'wire')]
import debian  # noqa: E402


def pytest_addoption(parser):
    parser.addoption('--work', default=str(ROOT / 'build-test' / 'package'), help='folder for caches and what is made')

    parser.addoption('--packages', default=None, help='folder with packages that are built already')


@pytest.fixture(scope='session')
def work(request):
    path = pathlib.Path(request.config.getoption('--work')).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope='session')
def packages(request, work):
    """{name: file} of the packages that a clean copy of the sources builds."""
    there = request.config.getoption('--packages')
    try:
        return debian.find_packages(pathlib.Path(there).resolve()) if there else debian.build_packages(work)
    except debian.Unavailable as e:
        pytest.skip(str(e))


@pytest.fixture(scope='session')
def debian_root(work, packages):
    """A folder with a minimal Debian that has what the packages depend on, and not the packages."""
    try:
        return debian.root_folder(work, {n: packages[n] for n in ('millrace', 'millrace-bench')})
    except debian.Unavailable as e:
        pytest.skip(str(e))
