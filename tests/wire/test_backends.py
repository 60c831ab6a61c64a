# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones of configured backends, on the wire: BIND's named.conf, changes by an editor, options that are wrong, an instance
that does not open."""
import subprocess
import time

from suite import Suite, find_program
from test_control import request, zone

BASE = '/api/v1/servers/localhost'


def bind_suite(build, named_conf, files, more=()):
    s = Suite(build, {'own.example': zone(1)})
    folder = s.dir / 'bind'
    folder.mkdir()
    (folder / 'named.conf').write_text(named_conf)
    for name, text in files.items():
        (folder / name).write_text(text)
    s.yaml['backends'] = ['- name: bind', '  type: zonefile', '  options:',
                          '  - {name: named-conf, value: %s/named.conf}' % folder, *more]
    s.write_config()
    return s, folder


def serial_is(n):
    return lambda m: m.rcode() == 0 and m.answer and m.answer[0][0].serial == n


def test_zones_of_named_conf_are_served_and_followed(build):
    s, folder = bind_suite(build, 'options { directory "."; };\nzone "one.example" { type master; file "one"; };\n', {'one': zone(5)})
    try:
        s.start()
        s.wait_answer('own.example.')
        s.wait_answer('one.example.', want=serial_is(5))
        (folder / 'new').write_text(zone(6))            # as an editor does
        (folder / 'new').rename(folder / 'one')
        s.wait_answer('one.example.', want=serial_is(6))
        (folder / 'two').write_text(zone(7))
        (folder / 'named.conf').write_text('zone "two.example" { type master; file "two"; };\n')
        s.wait_answer('two.example.', want=serial_is(7))
    finally:
        s.remove()


def test_options_that_are_wrong_are_told_with_their_line(build):
    s, folder = bind_suite(build, '', {}, ['  - {name: directroy, value: /tmp}'])
    try:
        r = subprocess.run([find_program(build, 'millrace-controlplane'), '--config', str(s.config_path)],
                           capture_output=True, text=True, timeout=20)
        line = next(i for i, text in enumerate(s.config_path.read_text().splitlines(), 1) if 'directroy' in text)
        assert r.returncode == 78, r.stderr
        assert "%s:%d: key 'backends[0].options[1]': the backend zonefile has no option 'directroy'; there are named-conf, directory" % (
            s.config_path, line) in r.stderr
    finally:
        s.remove()


def test_an_instance_that_does_not_open_keeps_nobody_from_being_served(build):
    s, folder = bind_suite(build, 'zone "one.example" { type master; file "one" }\n', {'one': zone(5)})
    try:
        s.start()
        s.wait_answer('own.example.')
        assert '%s/named.conf:1: ' % folder in s.log_text()
        (folder / 'named.conf').write_text('zone "one.example" { type master; file "one"; };\n')
        s.wait_answer('one.example.', want=serial_is(5), seconds=30)
    finally:
        s.remove()
