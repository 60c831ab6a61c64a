# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration file changes while the suite runs: taken over as a whole, or nothing of it."""
import json
import os
import re
import signal
import socket
import threading
import time

import dns.message
import dns.rcode

SECRET = '00112233445566778899aabbccddeeff'
OTHER = 'ffeeddccbbaa99887766554433221100'


def ctl(s, *args, **kwargs):
    """By run directory: the file may be a bad one."""
    return s.ctl('--run-dir', str(s.run_dir), *args, **kwargs)


def zone(address='192.0.2.1'):
    return '$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A %s\n' % address


def rewrite(s, **sections):
    """Replace whole sections of the suite's configuration, and write the file."""
    for k, lines in sections.items():
        s.yaml[k.replace('_', '-')] = lines
    s.write_config()


def top(s, line):
    """A key of the top level, behind what write_config() writes."""
    s.write_config()
    s.config_path.write_text(s.config_path.read_text() + line + '\n')


def version_of(s):
    m = s.ask('version.bind.', 'TXT', 'CH')
    return m.answer[0][0].strings[0].decode() if m.answer else None


def reload(s, *options):
    """-> the answer of a reload that must be taken over"""
    return json.loads(ctl(s, 'config', 'reload', '--json', *options).stdout)


def refused(s, *options):
    """-> what a reload that must be refused says"""
    r = ctl(s, 'config', 'reload', *options, check=False)
    assert r.returncode == 1, r.stdout + r.stderr
    return r.stderr


def changes(answer):
    return {c['key']: (c['before'], c['after']) for c in answer['changes']}


class Asker(threading.Thread):
    """Asks without a pause until told to end; each answer must come and be one of those expected."""

    def __init__(self, s, name, rdtype, rdclass, good):
        super().__init__(daemon=True)
        self.s, self.query, self.good = s, dns.message.make_query(name, rdtype, rdclass), good
        self.ending, self.lost, self.bad, self.n = False, 0, [], 0

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(self.s.server('127.0.0.1'))
            sock.settimeout(10)
            while not self.ending:
                self.n += 1
                self.query.id = self.n & 0xffff
                sock.send(self.query.to_wire())
                try:
                    m = dns.message.from_wire(sock.recv(4096))
                except socket.timeout:
                    self.lost += 1
                    continue
                if m.id != self.query.id or not self.good(m):
                    self.bad.append(m.to_text())


def test_answers_change_under_load_and_no_query_is_lost(make_suite):
    s = make_suite({'z': zone()}, {'answers': ['version: v0']}).start()
    s.wait_answer('z.')
    askers = [Asker(s, 'a.z.', 'A', 'IN', lambda m: m.rcode() == 0 and m.answer[0][0].address == '192.0.2.1'),
              Asker(s, 'version.bind.', 'TXT', 'CH', lambda m: m.rcode() == 0 and m.answer[0][0].strings[0][:1] == b'v')]
    for a in askers:
        a.start()
    try:
        for n in range(1, 21):
            rewrite(s, answers=['version: v%d' % n, 'identity: i%d' % n], stream=['idle-timeout: %ds' % n])
            answer = reload(s)
            assert changes(answer)['answers.version'] == ('v%d' % (n - 1), 'v%d' % n)
            assert all(c['applied'] and c['restart'] == [] for c in answer['changes'])
            assert version_of(s) == 'v%d' % n
    finally:
        for a in askers:
            a.ending = True
        for a in askers:
            a.join()
    for a in askers:
        assert a.lost == 0 and not a.bad and a.n > 20


def test_zones_come_and_go_with_the_list(make_suite, tmp_path):
    s = make_suite({'z': zone()}).start()
    s.wait_answer('z.')
    files = {n: tmp_path / n for n in ('one', 'two')}
    for i, p in enumerate(files.values()):
        p.write_text(zone('192.0.2.1%d' % i))
    asker = Asker(s, 'a.z.', 'A', 'IN', lambda m: m.rcode() == 0 and len(m.answer) == 1)
    asker.start()
    try:
        rewrite(s, zones=['list:', '  - {zone: one.example, file: %s}' % files['one'], '  - {zone: two.example, file: %s}' % files['two']])
        answer = reload(s)
        assert changes(answer) == {'zones.list': ('(none)', '2 entries')}
        assert (answer['added'], answer['removed'], answer['failed']) == (2, 0, 0)
        assert s.ask('a.one.example', 'A').answer[0][0].address == '192.0.2.10'
        # one goes, the other gets another file
        rewrite(s, zones=['list:', '  - {zone: two.example, file: %s}' % files['one']])
        answer = reload(s)
        assert (answer['added'], answer['removed']) == (0, 1)
        assert s.ask('a.one.example', 'A').rcode() == dns.rcode.REFUSED
        assert s.ask('a.two.example', 'A').answer[0][0].address == '192.0.2.10'
        # the folder itself may change, and a zone refused by its file shows in the status
        other = s.dir / 'other'
        other.mkdir()
        (other / 'z.zone').write_text(zone())
        (other / 'bad.zone').write_text('nonsense\n')
        s.write_config()
        s.config_path.write_text(s.config_path.read_text().replace('directory: zones', 'directory: other'))
        r = ctl(s, 'config', 'reload', check=False)
        assert r.returncode == 1 and 'zone bad. refused' in r.stderr and 'zones.directory' in r.stdout
        assert s.ask('a.bad.', 'A').rcode() == dns.rcode.SERVFAIL
    finally:
        asker.ending = True
        asker.join()
    assert asker.lost == 0 and not asker.bad


def test_default_ttl_and_threads_and_watch_change_live(make_suite):
    s = make_suite({'z': 'a A 192.0.2.1\n@ SOA a b 1 2 3 4 5\n@ NS a\n'}).start()
    s.wait_answer('z.')
    assert s.ask('a.z.', 'A').answer[0].ttl == 3600
    rewrite(s, zones=['default-ttl: 77', 'threads: 3', 'watch: true'])
    reload(s)
    assert s.ask('a.z.', 'A').answer[0].ttl == 77
    status = json.loads(ctl(s, 'status', '--json').stdout)
    assert status['zones']['threads'] == 3
    s.write_zone('w', zone('192.0.2.7'))        # nobody says that it is there
    s.wait_answer('a.w.', 'A', want=lambda m: m.answer and m.answer[0][0].address == '192.0.2.7')
    rewrite(s, zones=['threads: 1'])
    reload(s)
    for n in range(20):
        s.write_zone('z%d' % n, zone())
    assert reload(s)['added'] == 20
    assert json.loads(ctl(s, 'status', '--json').stdout)['zones']['threads'] == 1


def test_a_bad_file_is_refused_with_its_line_and_nothing_changes(make_suite):
    s = make_suite({'z': zone()}, {'answers': ['version: good']}).start()
    s.wait_answer('z.')
    before = ctl(s, 'config', 'show').stdout
    s.write_zone('later', zone())
    rewrite(s, answers=['version: bad', 'udp-payload-max: 100'])
    line = s.config_path.read_text().splitlines().index('  udp-payload-max: 100') + 1
    text = refused(s)
    assert '%s:%d: ' % (s.config_path, line) in text
    assert "'answers.udp-payload-max'" in text and 'an integer from 512 to 4096' in text
    assert version_of(s) == 'good' and ctl(s, 'config', 'show').stdout == before
    assert s.ask('later.', 'SOA').rcode() == dns.rcode.REFUSED, 'zones are not looked at either'
    # the signal says the same in the log
    at = len(s.log_text())
    s.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 20
    while '%s:%d: ' % (s.config_path, line) not in s.log_text()[at:]:
        assert time.monotonic() < end, s.log_text()
        time.sleep(0.02)
    assert version_of(s) == 'good'
    # and the file may be gone altogether
    s.config_path.rename(s.dir / 'away')
    r = ctl(s, 'config', 'reload', check=False)
    assert r.returncode == 1 and 'No such file' in r.stderr
    (s.dir / 'away').rename(s.config_path)
    rewrite(s, answers=['version: better'])
    s.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 20
    while version_of(s) != 'better':
        assert time.monotonic() < end, s.log_text()
        time.sleep(0.02)


def test_keys_that_need_a_restart_are_named_and_nothing_changes(make_suite):
    s = make_suite({'z': zone()}, {'answers': ['version: one']}).start()
    s.wait_answer('z.')
    rewrite(s, answers=['version: two'], dataplane=['eal: [--log-level=8]'])
    s.yaml['arena'] = ['path: %s/elsewhere' % s.dir]
    s.write_config()
    diff = json.loads(ctl(s, 'config', 'diff', '--json').stdout)
    restart = {c['key']: c['restart'] for c in diff['changes']}
    assert restart == {'arena.path': ['millrace-dataplane', 'millrace-controlplane'], 'dataplane.eal': ['millrace-dataplane'], 'answers.version': []}
    text = refused(s)
    assert 'arena.path: (not set) -> %s/elsewhere: needs a restart of millrace-dataplane and millrace-controlplane' % s.dir in text
    assert 'dataplane.eal: (none) -> --log-level=8: needs a restart of millrace-dataplane' in text
    assert 'answers.version' not in text
    assert version_of(s) == 'one'
    # the rest, if wanted; and what waits goes on being named
    del s.yaml['arena']
    s.write_config()
    answer = reload(s, '--partial')
    assert {c['key']: c['applied'] for c in answer['changes']} == {'answers.version': True, 'dataplane.eal': False}
    assert version_of(s) == 'two'
    assert 'dataplane.eal' in ctl(s, 'config', 'diff').stdout
    assert 'dataplane.eal' in refused(s)
    # the dataplane was restarted: it has the new file, and nothing is left to wait for
    s.forgiven.append('dataplane died: signal 9')
    os.kill(s.pid('dataplane'), signal.SIGKILL)
    s.wait_ready()
    s.wait_answer('z.')
    assert 'no differences' in ctl(s, 'config', 'diff').stdout
    assert reload(s)['changes'] == []


def test_secrets_are_taken_over_and_never_shown(make_suite):
    s = make_suite({'z': zone()}, {'answers': ['cookie-secret: "%s"' % SECRET]}).start()
    s.wait_answer('z.')

    def cookie():
        opt = dns.edns.GenericOption(10, b'clientid')
        m = s.ask('z.', 'SOA', use_edns=0, options=[opt])
        return bytes(m.options[0].data)[8:]
    said = ctl(s, 'config', 'show').stdout + ctl(s, 'config', 'show', '--json').stdout
    old = cookie()
    rewrite(s, answers=['cookie-secret: "%s"' % OTHER, 'cookie-secret-old: "%s"' % SECRET])
    said += ctl(s, 'config', 'diff').stdout
    r = ctl(s, 'config', 'reload')
    said += r.stdout + r.stderr
    assert 'answers.cookie-secret: (hidden) -> (hidden)' in r.stdout
    assert cookie()[8:] != old[8:]      # the hash; what comes before has the time in it
    rewrite(s, answers=['cookie-secret: "%s"' % SECRET[:-1]])
    said += refused(s)
    rewrite(s, answers=[])
    said += ctl(s, 'config', 'reload').stdout + ctl(s, 'config', 'show').stdout + s.log_text()
    assert SECRET[:-1] not in said.lower() and OTHER not in said.lower()


def test_reloads_at_the_same_time_are_made_one_after_the_other(make_suite):
    s = make_suite({'z': zone()}, {'answers': ['version: v0']}).start()
    s.wait_answer('z.')
    results, lock = [], threading.Lock()

    def one(n):
        r = ctl(s, 'config', 'reload', '--json', timeout=60)
        with lock:
            results.append(json.loads(r.stdout))
    rewrite(s, answers=['version: v1'])
    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    changed = [r for r in results if r['changes']]
    assert len(results) == 8 and len(changed) == 1, 'one of them found the change, the others none'
    assert version_of(s) == 'v1'


def test_reload_while_zones_are_loading(make_suite):
    s = make_suite({'z%d' % n: zone() for n in range(2000)}, {'zones': ['threads: 1']})
    s.start(wait=False)
    end = time.monotonic() + 20
    while not (s.run_dir / 'api.sock').exists():
        assert time.monotonic() < end
        time.sleep(0.005)
    rewrite(s, zones=['threads: 2', 'default-ttl: 5'], answers=['version: early'])
    r = ctl(s, 'config', 'reload', '--json', check=False, timeout=60)
    if r.returncode == 0:       # the socket was bound already
        answer = json.loads(r.stdout)
        assert answer['failed'] == 0 and answer['zones'] == 2000
    s.wait_ready()
    reload(s)
    assert version_of(s) == 'early'
    status = json.loads(ctl(s, 'status', '--json').stdout)
    assert status['zones']['serving'] == 2000 and status['zones']['loaded'] == 2000


def test_limits_of_the_stream_process_and_the_log_level_are_live(make_suite):
    s = make_suite({'z': zone()}, {'stream': ['connections-max: 100']}).start()
    s.wait_answer('z.')
    open_ones = [socket.create_connection(s.server(), 10) for _ in range(4)]
    # all of them closed soon, though they were promised ten seconds
    rewrite(s, stream=['connections-max: 100', 'idle-timeout: 200ms'])
    reload(s)
    for c in open_ones:
        c.settimeout(8)
        assert c.recv(1) == b''
        c.close()
    # fewer connections at a time: those above it are ended
    rewrite(s, stream=['connections-max: 2'])
    reload(s)
    assert s.ask('z.', 'SOA', tcp=True).answer
    open_ones = [socket.create_connection(s.server(), 10) for _ in range(4)]
    ended = 0
    for c in open_ones[:2]:
        c.settimeout(8)
        try:
            ended += c.recv(1) == b''
        except ConnectionResetError:
            ended += 1
    assert ended == 2
    for c in open_ones:
        c.close()
    # more than there is room for needs a restart of it
    rewrite(s, stream=['connections-max: 101'])
    assert 'stream.connections-max: 2 -> 101: needs a restart of millrace-stream' in refused(s)
    rewrite(s, stream=[])
    top(s, 'log-level: error')
    s.config_path.write_text(s.config_path.read_text().replace('stream:', 'stream:\n  connections-max: 100'))
    assert changes(reload(s))['log-level'] == ('info', 'error')
    at = len(s.log_text())
    s.write_zone('quiet', zone())
    reload(s)
    assert not re.search('millrace-controlplane: ', s.log_text()[at:])


def test_show_is_a_configuration_again(make_suite, tmp_path):
    s = make_suite({'z': zone()}, {'answers': ['version: "yes"', 'nsid: 0x00', 'cookie-secret: "%s"' % SECRET]}).start()
    s.wait_answer('z.')
    shown = ctl(s, 'config', 'show').stdout
    path = tmp_path / 'again.yaml'
    path.write_text(shown)
    ctl(s, 'config', 'check', str(path))
    assert 'version: "yes"' in shown and '# cookie-secret: (hidden)' in shown
    # what was shown is what runs, but for the secret
    s.config_path.write_text(shown)
    diff = ctl(s, 'config', 'diff').stdout.splitlines()
    assert [line.split(':')[0] for line in diff if 'huge-pages' not in line] == ['answers.cookie-secret']
