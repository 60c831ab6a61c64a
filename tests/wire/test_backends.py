# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones of configured backends, on the wire: BIND's named.conf, changes by an editor, options that are wrong, an instance
that does not open."""
import json
import subprocess

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


PRETTY = '''; our zone
$TTL 300
@\tIN\tSOA ns1 host (
\t\t7\t; serial
\t\t1h 10m 1d 5m )
\tNS\tns1
ns1\tA\t192.0.2.1\t; the name server

; the web
www\t60\tIN\tA\t192.0.2.2\t; first
\t60\tIN\tA\t192.0.2.3\t; second
$GENERATE 1-3 h$ A 192.0.2.1$
'''


def patch(s, name, *rrsets):
    return request(s, 'PATCH', '%s/zones/%s' % (BASE, name), json.dumps({'rrsets': list(rrsets)}))


def rrset(name, kind, *content, ttl=60, change='REPLACE', **more):
    return {'name': name, 'type': kind, 'ttl': ttl, 'changetype': change,
            'records': [{'content': c, 'disabled': False, **more} for c in content]}


def test_changes_through_the_api_are_written_back_into_the_file(build):
    s, folder = bind_suite(build, 'zone "one.example" { type master; file "one"; };\n', {'one': PRETTY})
    s.write_zone('own.example', PRETTY)
    try:
        s.start()
        for name, path in ('own.example.', s.zones_dir / 'own.example.zone'), ('one.example.', folder / 'one'):
            s.wait_answer(name, want=serial_is(7))
            status, _, text = patch(s, name, rrset('www.' + name, 'A', '192.0.2.2', '192.0.2.9'), rrset('new.' + name, 'TXT', '"a b"'))
            assert status == 204, text
            serial = s.ask(name, 'SOA').answer[0][0].serial
            assert serial > 7       # served before it was answered
            assert sorted(r.address for r in s.ask('www.' + name).answer[0]) == ['192.0.2.2', '192.0.2.9']
            assert path.read_text() == PRETTY.replace('\t7\t;', '\t%d\t;' % serial).replace('192.0.2.3\t;', '192.0.2.9\t;') + (
                'new\t60\tIN\tTXT\t"a b"\n')
            # what a zone file has no place for, and what another line of it makes, changes nothing
            before = path.read_text()
            status, _, text = patch(s, name, rrset('www.' + name, 'A', '192.0.2.7', disabled=True))
            assert status == 422, text
            status, _, text = patch(s, name, rrset('h2.' + name, 'A', '192.0.2.7'))
            assert status == 422 and '$GENERATE' in text and str(path) in text, text
            status, _, text = patch(s, name, rrset('www.' + name, 'CNAME', 'a.example.'))
            assert status == 422, text
            assert path.read_text() == before and s.ask(name, 'SOA').answer[0][0].serial == serial
    finally:
        s.remove()
