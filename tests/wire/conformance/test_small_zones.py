# SPDX-License-Identifier: GPL-3.0-or-later
"""Every name of zones that are made of few labels (small_zones.py), asked of Millrace, Knot and NSD: where these two agree,
Millrace says the same. Left out is what they agree on by chance: chains that leave their zone, which Knot does not follow, and
those of 5 aliases and more, where Knot stops."""
import json
import socket

import dns.flags
import dns.message

import small_zones
from suite import Suite
from test_conformance import peers, zones_yaml  # noqa: F401 (a fixture)

NAMES_ASKED = 300
SEEDS = [8, 11, 18, *(n for n in range(1, 1000) if n not in (8, 11, 18))]        # these have found faults
KNOT_CHAIN_MAX = 5


def pytest_generate_tests(metafunc):
    if 'small_seed' in metafunc.fixturenames:
        metafunc.parametrize('small_seed', SEEDS[:max(1, metafunc.config.getoption('--conformance-seeds') // 4)])


class Asker:
    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(('127.0.0.1', port))

    def ask(self, wire):
        for seconds in (1, 3, 6):
            self.socket.settimeout(seconds)
            self.socket.send(wire)
            try:
                while True:
                    octets = self.socket.recv(65535)
                    if octets[:2] == wire[:2]:
                        return dns.message.from_wire(octets)
            except socket.timeout:
                pass
        raise AssertionError('no answer')


def records(section):
    return sorted(line.lower() for rrset in section for line in rrset.to_text().splitlines())


def seen(m):
    return {'rcode': m.rcode(), 'aa': bool(m.flags & dns.flags.AA), 'tc': bool(m.flags & dns.flags.TC),
            'answer': records(m.answer), 'authority': records(m.authority)}


def is_by_chance(apexes, name, kind, message):
    """The chain of aliases in this answer is one that the peers cut short."""
    links = {}
    for rrset in message.answer:
        if rrset.rdtype == 5:
            links[rrset.name.to_text().lower()] = rrset[0].target.to_text().lower()
    at, zones, steps = small_zones.text(name), set(), 0
    while at is not None and steps <= len(links):
        zones.add(small_zones.zone_of(apexes, tuple(at.rstrip('.').split('.')), kind))
        at, steps = links.get(at), steps + 1
    return len(zones) > 1 or len(links) >= KNOT_CHAIN_MAX


def test_small_zones(build, peers, tmp_path, small_seed):  # noqa: F811
    maker = small_zones.Maker(small_seed)
    zones = tmp_path / 'zones'
    zones.mkdir()
    listed = []
    for apex, lines in maker.zones().items():
        listed.append({'name': small_zones.text(apex), 'file': small_zones.text(apex) + 'zone', 'signed': False})
        (zones / listed[-1]['file']).write_text('\n'.join(['$ORIGIN .', *lines, '']))
    (zones / 'zones.json').write_text(json.dumps({'zones': listed}))
    others = [Asker(int(peer.split(':')[1])) for peer in peers(zones)]
    assert len(others) == 2
    _, yaml = zones_yaml(zones)
    suite = Suite(build, {}, {'zones': yaml, 'answers': ['udp-payload-max: 4096']}, ['127.0.0.1'])
    compared, different = 0, []
    try:
        suite.start()
        for zone in listed:
            suite.wait_answer(zone['name'])
        ours = Asker(suite.port)
        for name in maker.questions(NAMES_ASKED):
            for kind in small_zones.TYPES:
                wire = dns.message.make_query(small_zones.text(name), kind, use_edns=0, payload=4096).to_wire()
                message = ours.ask(wire)
                if is_by_chance(maker.apexes, name, kind, message):
                    continue
                got, one, two = seen(message), *(seen(o.ask(wire)) for o in others)
                wrong = [field for field in got if one[field] == two[field] != got[field]]
                compared += 1
                if wrong:
                    different.append('%s %s: %s' % (small_zones.text(name), kind, {f: (got[f], one[f]) for f in wrong}))
        suite.stop()
    finally:
        suite.remove()
    assert not different, '%d differences from what Knot and NSD agree on\n%s' % (len(different), '\n'.join(different[:20]))
    assert compared > NAMES_ASKED
