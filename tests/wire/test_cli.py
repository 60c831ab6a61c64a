# SPDX-License-Identifier: GPL-3.0-or-later
"""millracectl's table of verbs: help, man pages, docs/cli.md, and completion in real shells."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from suite import Suite, find_program

ROOT = pathlib.Path(__file__).resolve().parents[2]
ZONE = '$ORIGIN %s\n$TTL 60\n@ SOA ns.%s hostmaster.%s 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n'


@pytest.fixture(scope='module')
def ctl(build):
    program = find_program(build, 'millracectl')

    def run(*args, **kwargs):
        return subprocess.run([program, *args], capture_output=True, text=True, timeout=60, **kwargs)
    run.program = program
    return run


def verbs(ctl):
    """Every (noun, verb) that help knows; a noun that is its own verb has the verb None."""
    found = []
    for line in ctl('--help').stdout.split('Options everywhere')[0].splitlines():
        noun = re.match(r'  ([a-z-]+) ', line)
        if noun:
            words = re.findall(r'^  %s ([a-z-]+)' % noun[1], ctl(noun[1], '--help').stdout, re.M)
            found += [(noun[1], w) for w in words] or [(noun[1], None)]
    return found


# --- help and pages

def test_help_at_every_level_says_the_same(ctl):
    found = verbs(ctl)
    assert ('zone', 'list') in found and ('status', None) in found and ('completion', 'bash') in found
    for noun, verb in found:
        words = [noun] + ([verb] if verb else [])
        r = ctl(*words, '--help')
        assert r.returncode == 0 and r.stdout.startswith('usage: millracectl ' + ' '.join(words)) and '--json' in r.stdout
        assert ctl('help', *words).stdout == r.stdout, words
        assert ctl('--help', *words).stdout == r.stdout, words
    for bad in (['help', 'nothing'], ['help', 'zone', 'nothing'], ['help', 'status', 'surplus'], ['zone', 'candidates']):
        r = ctl(*bad)
        assert r.returncode == 2 and r.stdout == '' and bad[-1] in r.stderr or 'no verb' in r.stderr, bad


def test_docs_cli_is_current(ctl):
    r = ctl('cli-reference')
    assert r.returncode == 0 and r.stdout == (ROOT / 'docs/cli.md').read_text(), \
        'make it anew: build/tools/millracectl cli-reference >docs/cli.md'


def test_man_pages_have_every_verb_and_no_warning(build, ctl):
    pages = sorted(p for s in ('tools/**/*.1', 'tools/**/*.8', 'deploy/*.8') for p in pathlib.Path(build).glob(s))
    assert {'millracectl.1', 'millracectl-zone.1', 'millrace.1', 'millrace-controlplane.8', 'millrace-host.8', 'millrace-drain.8'} <= {p.name for p in pages}
    for page in pages:
        r = subprocess.run(['groff', '-ww', '-man', '-Tutf8', str(page)], capture_output=True, text=True)
        assert r.returncode == 0 and r.stderr == '', page
        plain = re.sub('\x1b\\[[0-9;]*m|.\b', '', r.stdout)         # bold, whichever way
        assert 'NAME' in plain and 'SYNOPSIS' in plain, page
        if page.name == 'millracectl.1':
            for noun, verb in verbs(ctl):
                assert re.search(r'^ +millracectl %s\b' % ' '.join([noun] + ([verb] if verb else [])), plain, re.M), (noun, verb)


def test_every_noun_has_a_man_page(build, ctl):
    nouns = {n for n, _ in verbs(ctl)} - {'help'}
    pages = {p.name for p in pathlib.Path(build).glob('tools/ctl/millracectl-*.1')}
    assert {'millracectl-%s.1' % n for n in nouns} == pages, 'tools/ctl/meson.build lists the nouns'


# --- completion

@pytest.fixture(scope='module')
def served(build):
    s = Suite(build, {n: ZONE % (n + '.', n + '.', n + '.') for n in ('alpha.example', 'alphabet.example', 'beta.example')})
    try:
        s.start()
        s.wait_ready()
        yield s
    finally:
        s.remove()


CASES = [
    ('zo', ['zone']),
    ('zone rel', ['reload']),
    ('zone reload --fo', ['--force']),
    ('zone status alph', ['alpha.example', 'alphabet.example']),
    ('zone status be', ['beta.example']),
    ('acl add 192.0.2.0/24 de', ['deny']),
    ('help zone che', ['check']),
    ('--json zone li', ['list']),
    ('zone check --origin be', ['beta.example']),
    ('config check fil', ['file-one', 'file-two']),
]


def bash(served, line, folder):
    """What bash offers for the last word, by calling what `complete` registered, as readline does."""
    script = '''
        . <(millracectl completion bash)
        spec=$(complete -p millracectl); f=${spec#*-F }; f=${f%% *}
        compopt() { :; }
        COMP_LINE="$1"; COMP_POINT=${#1}; read -ra COMP_WORDS <<<"$1"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "$f" millracectl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
    '''
    env = dict(os.environ, PATH=os.path.dirname(find_program(served.build, 'millracectl')) + ':' + os.environ['PATH'],
               MILLRACE_RUN_DIR=str(served.run_dir))
    return subprocess.run(['bash', '--norc', '-c', script, 'bash', 'millracectl ' + line], env=env, cwd=folder,
                          capture_output=True, text=True, timeout=60)


@pytest.fixture
def folder(tmp_path):
    for name in ('file-one', 'file-two', 'other'):
        (tmp_path / name).write_text('')
    return tmp_path


@pytest.mark.parametrize('line, expected', CASES)
def test_bash_completes(served, folder, line, expected):
    r = bash(served, line, folder)
    assert r.stderr == '' and sorted(r.stdout.split()) == expected


def test_completion_without_a_server_is_silent(build, tmp_path, ctl):
    r = ctl('completion', 'candidates', '--', 'zone', 'status', '', env={'MILLRACE_RUN_DIR': str(tmp_path)})
    assert (r.returncode, r.stdout, r.stderr) == (0, '', '')
    r = ctl('completion', 'candidates', '--', 'zone', 'status', 'x.example', '')
    assert r.stdout == '', 'one argument, and no second'


class Terminal:
    """An interactive shell on a terminal of its own."""

    def __init__(self, command, env, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, env)
        self.text = ''

    def send(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, pattern, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not re.search(pattern, self.text):
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.fd, 65536).decode(errors='replace')
                except OSError:
                    break
        return re.search(pattern, self.text)

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@pytest.mark.parametrize('line, expected', [c for c in CASES if len(c[1]) == 1])
def test_zsh_completes(served, folder, line, expected):
    """In a real zsh on a terminal: the word is completed by Tab, and the shell prints what it has then."""
    if not shutil.which('zsh'):
        pytest.skip('zsh is not installed')
    functions = folder / 'functions'
    functions.mkdir()
    program = find_program(served.build, 'millracectl')
    (functions / '_millracectl').write_text(subprocess.run([program, 'completion', 'zsh'], capture_output=True, text=True).stdout)
    env = dict(os.environ, PATH=os.path.dirname(program) + ':' + os.environ['PATH'], MILLRACE_RUN_DIR=str(served.run_dir), TERM='dumb',
               ZDOTDIR=str(folder))
    (folder / '.zshrc').write_text('fpath=(%s $fpath)\nautoload -U compinit\ncompinit -u -d %s/dump\nPS1="READY> "\nunsetopt zle_bracketed_paste\n'
                                   % (functions, folder))
    t = Terminal(['zsh', '-i'], env, folder)
    try:
        assert t.read_until('READY> '), t.text
        t.send('echo BEGIN; : millracectl\n')
        assert t.read_until('BEGIN\r?\n'), t.text
        t.text = ''
        t.send('millracectl %s\t' % line)
        whole = line.rsplit(' ', 1)[0] + ' ' + expected[0] if ' ' in line else expected[0]
        assert t.read_until(r'millracectl ' + re.escape(whole) + ' '), t.text
    finally:
        t.send('\x03exit\n')
        t.close()


def test_kinds_of_metadata_are_those_of_the_api():
    """The command completes them, the API knows them: two programs, so two lists, which must say the same."""
    source = (ROOT / 'tools/ctl/kinds.c').read_text()
    text = source[source.index('#define METADATA_KINDS'):source.index('static const struct ctl_kind kind_table')]
    ours = ''.join(re.findall(r'"([^"]*)"', text)).split()
    page = (ROOT / 'docs/api-reference.md').read_text()
    theirs = re.findall(r'^\| `([A-Z0-9-]+)` \|', page[page.index('## Kinds of metadata'):], re.M)
    assert len(theirs) > 20 and ours == theirs


def test_the_table_of_pdns_conf_is_that_of_the_configuration():
    """docs/coming-from-powerdns.md names each setting that a key stands for, and no key that there is not."""
    page = (ROOT / 'docs/coming-from-powerdns.md').read_text()
    rows = re.findall(r'^\| (.*) \| (.*) \|$', page[page.index('## Settings of pdns.conf'):], re.M)
    theirs = {name for row in rows for name in re.findall(r'`([^`]*)`', row[0])}
    keys = (ROOT / 'docs/configuration.md').read_text()
    named = {n for line in re.findall(r'^- In PowerDNS: `([^`(]*)`', keys, re.M) for n in line.split(', ')}
    assert len(named) > 25 and named <= theirs, named - theirs
    ours = set(re.findall(r'^### `([^`]*)`', keys, re.M))
    for row in rows:
        for key in re.findall(r'`([a-z-]+\.[a-z-]+)`', row[1]):
            assert key in ours, key


def test_help_tells_which_kinds_of_metadata_are_in_effect(ctl):
    page = (ROOT / 'docs/api-reference.md').read_text()
    rows = re.findall(r'^\| `([A-Z0-9-]+)` \|.*\| (yes|no) \|$', page[page.index('## Kinds of metadata'):], re.M)
    acting = {kind for kind, acts in rows if acts == 'yes'}
    assert acting == {'ALSO-NOTIFY', 'AXFR-MASTER-TSIG', 'AXFR-SOURCE', 'SOA-EDIT', 'SOA-EDIT-API'}
    for verb in ('set', 'add'):
        said = ' '.join(ctl('metadata', verb, '--help').stdout.split())
        sentence = re.search(r'In effect are ([^.]*)\.', said)
        assert sentence and set(re.findall(r'[A-Z][A-Z-]+', sentence[1])) == acting, said
